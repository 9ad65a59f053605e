// SPDX-License-Identifier: MIT
// Bit operations that the compiler calls where the instruction set lacks them.
#include "lib/types.h"

int __ctzdi2(u64 x);
int __clzdi2(u64 x);
int __popcountdi2(u64 x);

// `x` has at least one bit set. A de Bruijn sequence: every 6-bit window is different.
int __ctzdi2(u64 x)
{
    static const u8 place[64] = {
        0,  1,  2,  7,  3,  13, 8,  19, 4,  25, 14, 28, 9,  34, 20, 40, 5,  17, 26, 38, 15, 46,
        29, 48, 10, 31, 35, 54, 21, 50, 41, 57, 63, 6,  12, 18, 24, 27, 33, 39, 16, 37, 45, 47,
        30, 53, 49, 56, 62, 11, 23, 32, 36, 44, 52, 55, 61, 22, 43, 51, 60, 42, 59, 58,
    };

    return place[(x & -x) * 0x0218a392cd3d5dbfUL >> 58];
}

int __clzdi2(u64 x)
{
    int n = 63;

    for (unsigned step = 32; step; step /= 2) {
        if (x >> step) {
            x >>= step;
            n -= (int)step;
        }
    }
    return n;
}

int __popcountdi2(u64 x)
{
    x -= x >> 1 & 0x5555555555555555UL;
    x = (x & 0x3333333333333333UL) + (x >> 2 & 0x3333333333333333UL);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fUL;
    return (int)(x * 0x0101010101010101UL >> 56);
}
