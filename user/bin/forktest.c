// SPDX-License-Identifier: MIT
// forktest [MAX]: forks until the system refuses or MAX children live at once, then checks that
// exactly those children, and no others, are there to be waited for.
#include "user/user.h"

#define DEFAULT_MAX 1000

static int fork_many(int max)
{
    int n;

    for (n = 0; n < max; n++) {
        int pid = fork();
        if (pid < 0)
            break;
        if (pid == 0)
            exit(0);
    }
    return n;
}

int main(int argc, char **argv)
{
    int status, n = fork_many(argc > 1 ? atoi(argv[1]) : DEFAULT_MAX);

    for (int i = 0; i < n; i++) {
        if (wait(&status) < 0 || status != 0) {
            fprintf(2, "forktest: child %d of %d is missing or failed\n", i + 1, n);
            return 1;
        }
    }
    if (wait(0) != -1) {
        fprintf(2, "forktest: a child too many\n");
        return 1;
    }
    printf("forktest: %d children: OK\n", n);
    return n == 0;
}
