// SPDX-License-Identifier: MIT
// What the test programs share. A check that fails prints what was expected and what was seen; the
// program goes on, and check_end() says how it went.
#pragma once

#include "kernel/types.h"
#include "user/user.h"

#define KILLED (-1) // status of a process that was killed

static int check_failures;

static inline void check(const char *what, long expected, long seen)
{
    if (expected == seen)
        return;
    fprintf(2, "%s: expected %ld (0x%lx), saw %ld (0x%lx)\n", what, expected, expected, seen, seen);
    check_failures++;
}

static inline void check_range(const char *what, long low, long high, long seen)
{
    if (low <= seen && seen <= high)
        return;
    fprintf(2, "%s: expected %ld to %ld, saw %ld\n", what, low, high, seen);
    check_failures++;
}

// Runs `body` in a child, which ends with the number of checks that failed there.
static inline void check_child(const char *what, int expected, void (*body)(uint64),
                               uint64 argument)
{
    int status = 0, pid = fork();

    if (pid == 0) {
        check_failures = 0;
        body(argument);
        exit(check_failures);
    }
    check("fork", 1, pid > 0);
    check(what, pid, wait(&status));
    check(what, expected, status);
}

static inline int check_end(const char *program)
{
    if (check_failures == 0)
        printf("%s: OK\n", program);
    return check_failures != 0;
}
