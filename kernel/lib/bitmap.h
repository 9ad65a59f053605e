// SPDX-License-Identifier: MIT
// Bit operations on a u64 and on maps of u64 words. Not atomic: the owner locks.
//
// The base instruction set has no bit counting, and the compiler's built-ins would call a support
// library; these are used instead.
#pragma once

#include "lib/macro.h"

extern const u8 bit_lowest_table[64];

// Position of the lowest set bit, 0..63; x is not 0.
static inline u32 bit_lowest(u64 x)
{
    return bit_lowest_table[((x & -x) * 0x03f79d71b4cb0a89UL) >> 58];
}

// Position of the highest set bit, 0..63; x is not 0.
u32 bit_highest(u64 x);

// Words needed for `nbits` bits.
#define BITMAP_WORDS(nbits) (((nbits) + 63) / 64)

static inline void bitmap_set(u64 *map, size_t n)
{
    map[n / 64] |= BIT(n % 64);
}

static inline void bitmap_clear(u64 *map, size_t n)
{
    map[n / 64] &= ~BIT(n % 64);
}

static inline bool bitmap_test(const u64 *map, size_t n)
{
    return map[n / 64] >> (n % 64) & 1;
}

// The first clear (set) bit at or after `from`; `nbits` if there is none. 64 bits a step.
size_t bitmap_find_zero(const u64 *map, size_t nbits, size_t from);
size_t bitmap_find_set(const u64 *map, size_t nbits, size_t from);

#define BITMAP_FOR_EACH(i, map, nbits) \
    for (i = bitmap_find_set(map, nbits, 0); i < (nbits); i = bitmap_find_set(map, nbits, i + 1))
