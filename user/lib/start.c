// SPDX-License-Identifier: MIT
// Takes the start-up block apart, runs main, and ends the process with its result.
#include "lib/environ.h"
#include "lib/trace.h"
#include "user/user.h"

char **environ;

int main(int argc, char **argv);
void start(long *block) __attribute__((noreturn));

void start(long *block)
{
    int argc = block[0];
    char **argv = (char **)(block + 1);

    environ = argv + argc + 1;
    trace_resume(argc);
    exit(main(argc, argv));
}
