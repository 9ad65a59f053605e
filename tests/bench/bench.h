// SPDX-License-Identifier: MIT
// What the benchmark programs share.
#pragma once
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline uint64_t ticks(void)
{
    uint64_t t;

    __asm__ volatile("rdtime %0" : "=r"(t)::"memory");
    return t;
}

// Ends the program if what it did failed: a figure would mean nothing.
static inline void check(int good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
    exit(1);
}

static inline int cost_compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

// Sorts what loops cost; the median.
static inline uint64_t costs_sort(uint64_t *cost, int loops)
{
    qsort(cost, loops, sizeof(cost[0]), cost_compare);
    return cost[loops / 2];
}

// The end of a row's line.
static inline void costs_print(const uint64_t *cost, int loops)
{
    for (int i = 0; i < loops; i++)
        printf(" %lu", cost[i]);
    printf("\n");
    fflush(stdout);
}

// Whether a row is in the list, or the list empty.
static inline int wanted(const char *name, char **list)
{
    if (!*list)
        return 1;
    while (*list)
        if (strcmp(*list++, name) == 0)
            return 1;
    return 0;
}
