// SPDX-License-Identifier: MIT
// Eight bytes a step, with tables in memory that is given.
//
// A CRC is linear: that of 64 bits is the exclusive or of what each bit makes of it. A table has
// the sums for all values of 11 adjacent bits, so that six lookups do. More bits in a table would
// be fewer lookups, but tables that do not stay in a cache.
#include "lib/crc32.h"
#include "lib/macro.h"

#define POLYNOMIAL 0x82f63b78U

#define SLICE  11 // bits
#define TABLES CRC32C_TABLES
static_assert(TABLES == DIV_ROUND_UP(64, SLICE), "every bit has a table");
static_assert(CRC32C_TABLE_SIZE == sizeof(u32) << SLICE, "and every value a place");

#define ZEROES_MIN  128 // bytes of zeroes for which multiplying is faster
#define ZEROES_MAX  (1 << 16)
#define ZEROES_STEP 32

static u32 *table[TABLES]; // (c) once given; [k][v]: the eight bytes v << (k * SLICE)
static u32 given;          // (callers')
static u32 shifts[2][256]; // (c) x^(8n) and x^(2048n) modulo the polynomial

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
    u32 crc = 1;

    for (int bit = 63; bit >= 0; bit--) {
        crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        table[bit / SLICE][1 << bit % SLICE] = crc;
    }
    for (u32 k = 0; k < TABLES; k++) {
        table[k][0] = 0;
        for (u32 v = 1; v < 1 << SLICE; v++)
            table[k][v] = table[k][v & (v - 1)] ^ table[k][v & -v];
    }
    shifts_make();
}

bool crc32c_ready(void)
{
    return given == TABLES;
}

void crc32c_give(void *memory)
{
    table[given++] = memory;
    if (crc32c_ready())
        table_make();
}

// The part of slice k, for eight bytes.
static inline u32 part(u64 bytes, u32 k)
{
    u64 at = k ? bytes >> (k * SLICE - 2) : bytes << 2; // in bytes of the table

    return *(const u32 *)((const u8 *)table[k] + (at & ((1 << SLICE) - 1) << 2));
}

// Four bytes, or one, are the end of eight that begin with zeroes.
static u32 step_word(u32 crc, u32 word)
{
    u64 bytes = (u64)(crc ^ word) << 32;

    return part(bytes, 2) ^ part(bytes, 3) ^ part(bytes, 4) ^ part(bytes, 5);
}

static u32 step_byte(u32 crc, u8 byte)
{
    return crc >> 8 ^ part((u64)(crc ^ byte) << 56, 5);
}

static u32 step_bytes(u32 crc, const u8 *b, size_t n)
{
    for (; n && (u64)b & 3; n--)
        crc = step_byte(crc, *b++);
    if (n >= 4 && (u64)b & 4) {
        crc = step_word(crc, *(const u32 *)(const void *)b);
        b += 4;
        n -= 4;
    }
    for (; n >= 8; n -= 8, b += 8) {
        u64 bytes = *(const u64 *)(const void *)b ^ crc;

        crc = part(bytes, 0) ^ part(bytes, 1) ^ part(bytes, 2) ^ part(bytes, 3) ^ part(bytes, 4) ^
              part(bytes, 5);
    }
    if (n >= 4) {
        crc = step_word(crc, *(const u32 *)(const void *)b);
        b += 4;
        n -= 4;
    }
    while (n--)
        crc = step_byte(crc, *b++);
    return crc;
}

static u32 step_zeroes(u32 crc, size_t n)
{
    crc = product(crc, shifts[0][n & 255]);
    return n >> 8 ? product(crc, shifts[1][n >> 8]) : crc;
}

// How many zeroes the bytes end in, in steps of ZEROES_STEP.
static size_t zeroes_at_end(const u8 *p, size_t n)
{
    const u64 *end = (const u64 *)(const void *)(p + n), *at = end;

    while ((u64)(at - ZEROES_STEP / sizeof(*at)) >= (u64)p && !(at[-1] | at[-2] | at[-3] | at[-4]))
        at -= ZEROES_STEP / sizeof(*at);
    return (u64)end - (u64)at;
}

// Blocks of a journal and of directories are mostly zeroes.
u32 crc32c(u32 crc, const void *p, size_t n)
{
    size_t zeroes = 0;

    if (n < ZEROES_MAX && !(((u64)p + n) & 7))
        zeroes = zeroes_at_end(p, n);
    if (zeroes < ZEROES_MIN)
        return step_bytes(crc, p, n);
    return step_zeroes(step_bytes(crc, p, n - zeroes), zeroes);
}

// A CRC is linear: what a change does to it depends on the change alone, and is that of the changed
// bytes followed by zeroes.
u32 crc32c_patch(u32 crc, const void *change, size_t n, size_t after)
{
    return crc ^ step_zeroes(crc32c(0, change, n), after);
}
