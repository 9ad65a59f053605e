// SPDX-License-Identifier: MIT
// CRC-32C a byte at a time.
#include "lib/crc32c.h"

// A CRC is linear: the effect of a byte is the sum (exclusive or) of the effects of its bits. These
// eight are 0x01, 0x02 ... 0x80 divided by the reflected polynomial 0x82f63b78; the table follows.
#define CRC_BIT(i, bit, effect) (((i) >> (bit)&1) ? (effect) : 0)
#define CRC1(i)                                                                             \
    (CRC_BIT(i, 0, 0xf26b8303U) ^ CRC_BIT(i, 1, 0xe13b70f7U) ^ CRC_BIT(i, 2, 0xc79a971fU) ^ \
     CRC_BIT(i, 3, 0x8ad958cfU) ^ CRC_BIT(i, 4, 0x105ec76fU) ^ CRC_BIT(i, 5, 0x20bd8edeU) ^ \
     CRC_BIT(i, 6, 0x417b1dbcU) ^ CRC_BIT(i, 7, 0x82f63b78U))
#define CRC4(i)  CRC1(i), CRC1((i) + 1), CRC1((i) + 2), CRC1((i) + 3)
#define CRC16(i) CRC4(i), CRC4((i) + 4), CRC4((i) + 8), CRC4((i) + 12)
#define CRC64(i) CRC16(i), CRC16((i) + 16), CRC16((i) + 32), CRC16((i) + 48)

static const u32 crc32c_table[256] = {CRC64(0), CRC64(64), CRC64(128), CRC64(192)};

u32 crc32c(u32 crc, const void *p, size_t n)
{
    const u8 *s = p, *end = s + n;

    while (s < end)
        crc = crc >> 8 ^ crc32c_table[(u8)(crc ^ *s++)];
    return crc;
}
