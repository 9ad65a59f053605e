// SPDX-License-Identifier: MIT
// Four bytes a step, with tables that are made at first use: whoever makes them, they are the same.
#include "lib/atomic.h"
#include "lib/crc32.h"

#define POLYNOMIAL 0x82f63b78U

static u32 table[4][256];  // [k][b]: byte b followed by k zero bytes
static u32 shifts[2][256]; // x^(8n) and x^(2048n) modulo the polynomial
static u32 table_ready;    // (a)

// The product of two polynomials modulo POLYNOMIAL; bit 31 is the constant term.
static u32 product(u32 a, u32 b)
{
    u32 sum = 0;

    for (; a; a <<= 1) {
        sum ^= -(a >> 31) & b;
        b = b >> 1 ^ (-(b & 1) & POLYNOMIAL);
    }
    return sum;
}

static void shifts_make(void)
{
    u32 byte = 1U << 23; // x^8

    for (u32 k = 0; k < 2; k++) {
        shifts[k][0] = 1U << 31;
        for (u32 n = 1; n < 256; n++)
            shifts[k][n] = product(shifts[k][n - 1], byte);
        byte = product(shifts[k][255], byte);
    }
}

static void table_make(void)
{
    for (u32 b = 0; b < 256; b++) {
        u32 crc = b;

        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        table[0][b] = crc;
    }
    for (u32 k = 1; k < 4; k++)
        for (u32 b = 0; b < 256; b++)
            table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 255];
    shifts_make();
    store_release(&table_ready, 1);
}

static u32 step(u32 crc, u8 byte)
{
    return crc >> 8 ^ table[0][(crc ^ byte) & 255];
}

u32 crc32c(u32 crc, const void *p, size_t n)
{
    const u8 *b = p;

    if (!load_acquire(&table_ready))
        table_make();
    for (; n && (u64)b & 3; n--)
        crc = step(crc, *b++);
    for (; n >= 4; n -= 4, b += 4) {
        crc ^= *(const u32 *)(const void *)b;
        crc = table[3][crc & 255] ^ table[2][crc >> 8 & 255] ^ table[1][crc >> 16 & 255] ^
              table[0][crc >> 24];
    }
    while (n--)
        crc = step(crc, *b++);
    return crc;
}

// A CRC is linear: what a change does to it depends on the change alone, and is that of the changed
// bytes followed by zeroes.
u32 crc32c_patch(u32 crc, const void *change, size_t n, size_t after)
{
    u32 difference = crc32c(0, change, n);

    difference = product(difference, shifts[0][after & 255]);
    if (after >> 8)
        difference = product(difference, shifts[1][after >> 8]);
    return crc ^ difference;
}
