// SPDX-License-Identifier: MIT
// trace MASK CMD...: runs a command of which each call whose bit is set in MASK makes a line.
#include "kernel/types.h"
#include "user/user.h"

int main(int argc, char **argv)
{
    if (argc < 3 || argv[1][0] < '0' || argv[1][0] > '9') {
        fprintf(2, "usage: trace MASK CMD...\n");
        exit(1);
    }
    if (trace(atoi(argv[1])) < 0) {
        fprintf(2, "trace: refused\n");
        exit(1);
    }
    exec(argv[2], argv + 2);
    fprintf(2, "trace: cannot run %s\n", argv[2]);
    exit(127);
}
