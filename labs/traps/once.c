// SPDX-License-Identifier: MIT
// once: after some CPU time, sigalarm() calls the function, which ends the program.
#include "kernel/types.h"
#include "user/user.h"

#define TICKS    2
#define PATIENCE 600 // ticks

static void called(void)
{
    printf("the function was called\n");
    exit(0);
}

int main(void)
{
    int end = uptime() + PATIENCE;

    if (sigalarm(TICKS, called) < 0) {
        printf("sigalarm is refused\n");
        exit(1);
    }
    while (uptime() < end)
        ;
    printf("the function was not called\n");
    exit(1);
}
