// SPDX-License-Identifier: MIT
// What every unit test shares: cmocka and a seeded random source.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/types.h"

static u64 unit_state;

// xorshift64*: repeatable from the printed seed.
static inline u64 unit_random(void)
{
    unit_state ^= unit_state >> 12;
    unit_state ^= unit_state << 25;
    unit_state ^= unit_state >> 27;
    return unit_state * 0x2545f4914f6cdd1dUL;
}

static inline u64 unit_below(u64 n)
{
    return (unit_random() >> 16) % n;
}

// The environment's SEED, or a fixed one.
static inline int unit_seed(void **state)
{
    const char *s = getenv("SEED");

    unit_state = s ? strtoul(s, NULL, 0) : 20240229;
    printf("seed %lu\n", unit_state);
    unit_state |= 1UL << 63;
    return 0;
}

// Damages a few random bytes of `copy` (first set to `good`), and returns a random length to which
// it is cut: all of it, as often as not.
static inline size_t unit_mutate(u8 *copy, const u8 *good, size_t size)
{
    u64 changes = unit_below(4);

    memcpy(copy, good, size);
    while (changes--)
        copy[unit_below(size)] = unit_below(2) ? unit_random() >> 32 : 0xff << unit_below(9);
    return unit_below(2) ? size : unit_below(size + 1);
}

#define UNIT_MAIN(tests)                                       \
    int main(void)                                             \
    {                                                          \
        return cmocka_run_group_tests(tests, unit_seed, NULL); \
    }
