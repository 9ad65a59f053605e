// SPDX-License-Identifier: MIT
// The bit operation that the compiler calls because the instruction set lacks it.
#include "lib/types.h"

int __ctzdi2(u64 x);

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
