// SPDX-License-Identifier: MIT
// Searches over maps of bits.
#include "lib/bitmap.h"

// Indexed by the top six bits of (lowest bit * de Bruijn sequence), which differ for each position.
const u8 bit_lowest_table[64] = {0,  1,  48, 2,  57, 49, 28, 3,  61, 58, 50, 42, 38, 29, 17, 4,
                                 62, 55, 59, 36, 53, 51, 43, 22, 45, 39, 33, 30, 24, 18, 12, 5,
                                 63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21, 44, 32, 23, 11,
                                 46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9,  13, 8,  7,  6};

u32 bit_highest(u64 x)
{
    u32 n = 0;

    for (u32 half = 32; half; half /= 2) {
        if (x >> half) {
            x >>= half;
            n += half;
        }
    }
    return n;
}

// The first bit at or after `from` that is set in (map ^ flip).
static size_t bitmap_find(const u64 *map, size_t nbits, size_t from, u64 flip)
{
    size_t i = from / 64;
    u64 word;

    if (from >= nbits)
        return nbits;
    word = (map[i] ^ flip) & (~0UL << (from % 64));
    while (!word) {
        if (++i * 64 >= nbits)
            return nbits;
        word = map[i] ^ flip;
    }
    i = i * 64 + bit_lowest(word);
    return i < nbits ? i : nbits;
}

size_t bitmap_find_zero(const u64 *map, size_t nbits, size_t from)
{
    return bitmap_find(map, nbits, from, ~0UL);
}

size_t bitmap_find_set(const u64 *map, size_t nbits, size_t from)
{
    return bitmap_find(map, nbits, from, 0);
}
