// SPDX-License-Identifier: MIT
// Four bits a step.
#include "lib/crc32.h"

u16 crc16(u16 crc, const void *p, size_t n)
{
    static const u16 table[16] = {0x0000, 0xcc01, 0xd801, 0x1400, 0xf001, 0x3c00, 0x2800, 0xe401,
                                  0xa001, 0x6c00, 0x7800, 0xb401, 0x5000, 0x9c01, 0x8801, 0x4400};
    const u8 *b = p;

    while (n--) {
        crc ^= *b++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}
