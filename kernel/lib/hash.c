// SPDX-License-Identifier: MIT
// Hash of a string of bytes: FNV-1a, then a mix, since its low bits alone are weak.
#include "lib/hash.h"

#define FNV_OFFSET 0x811c9dc5U
#define FNV_PRIME  0x01000193U

u32 hash_bytes(const void *p, size_t n, u32 seed)
{
    const u8 *s = p, *end = s + n;
    u32 h = FNV_OFFSET ^ seed;

    while (s < end)
        h = (h ^ *s++) * FNV_PRIME;
    h ^= h >> 15;
    h *= 0x2c1b3c6dU;
    return h ^ h >> 13;
}
