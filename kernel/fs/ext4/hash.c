// SPDX-License-Identifier: MIT
// Hashes of names, by which an indexed directory is ordered. PURE.
//
// Three families, each over signed or unsigned characters (which matters for bytes above 127 only;
// the superblock says which its maker's machine had). Bit 0 of the major hash is free for the
// index's use, and the highest value means "the end" there.
#include "abi/errno.h"
#include "fs/ext4/items.h"

#define HASH_END 0xfffffffeU

static inline int character(const char *name, u32 i, bool is_unsigned)
{
    return is_unsigned ? (int)(u8)name[i] : (int)(signed char)name[i];
}

static u32 legacy_hash(const char *name, u32 length, bool is_unsigned)
{
    u32 last = 0x37abe8f9, hash = 0x12a3fe2d;

    for (u32 i = 0; i < length; i++) {
        u32 next = last + (hash ^ (u32)(character(name, i, is_unsigned) * 7152373));

        if (next & 0x80000000)
            next -= 0x7fffffff;
        last = hash;
        hash = next;
    }
    return hash << 1;
}

// Packs characters into words, the first ones highest; what is left is filled with the length.
static void pack(const char *name, u32 length, u32 *words, u32 count, bool is_unsigned)
{
    u32 fill = length | length << 8, used = MIN(length, count * 4), word, at = 0;

    fill |= fill << 16;
    word = fill;
    for (u32 i = 0; i < used; i++) {
        word = character(name, i, is_unsigned) + (word << 8);
        if (i % 4 == 3) {
            words[at++] = word;
            word = fill;
        }
    }
    if (at < count)
        words[at++] = word;
    while (at < count)
        words[at++] = fill;
}

static inline u32 rotate(u32 x, u32 n)
{
    return x << n | x >> (32 - n);
}

static inline u32 md4_mix(u32 round, u32 x, u32 y, u32 z)
{
    if (round == 0)
        return z ^ (x & (y ^ z));
    return round == 1 ? (x & y) + ((x ^ y) & z) : x ^ y ^ z;
}

// One round: a word of the input is added to one of the four, which are used in turn.
static inline void md4_round(u32 s[4], const u32 in[8], u32 round, u32 constant, const u8 order[8],
                             const u8 shifts[4])
{
#pragma GCC unroll 8
    for (u32 i = 0; i < 8; i++) {
        u32 *a = &s[-i & 3];

        *a += md4_mix(round, s[(1 - i) & 3], s[(2 - i) & 3], s[(3 - i) & 3]);
        *a = rotate(*a + in[order[i]] + constant, shifts[i & 3]);
    }
}

static void md4_step(u32 state[4], const u32 in[8])
{
    static const u8 orders[3][8] = {
        {0, 1, 2, 3, 4, 5, 6, 7}, {1, 3, 5, 7, 0, 2, 4, 6}, {3, 7, 2, 6, 1, 5, 0, 4}};
    static const u8 shifts[3][4] = {{3, 7, 11, 19}, {3, 5, 9, 13}, {3, 9, 11, 15}};
    u32 s[4] = {state[0], state[1], state[2], state[3]};

    md4_round(s, in, 0, 0, orders[0], shifts[0]);
    md4_round(s, in, 1, 0x5a827999, orders[1], shifts[1]);
    md4_round(s, in, 2, 0x6ed9eba1, orders[2], shifts[2]);
    for (u32 i = 0; i < 4; i++)
        state[i] += s[i];
}

static void tea_step(u32 state[4], const u32 in[4])
{
    u32 sum = 0, x = state[0], y = state[1];

    for (u32 i = 0; i < 16; i++) {
        sum += 0x9e3779b9;
        x += ((y << 4) + in[0]) ^ (y + sum) ^ ((y >> 5) + in[1]);
        y += ((x << 4) + in[2]) ^ (x + sum) ^ ((x >> 5) + in[3]);
    }
    state[0] += x;
    state[1] += y;
}

static void block_hash(u32 state[4], const char *name, u32 length, bool tea, bool is_unsigned)
{
    u32 words = tea ? 4 : 8, in[8];

    for (u32 at = 0; at < length; at += words * 4) {
        pack(name + at, length - at, in, words, is_unsigned);
        if (tea)
            tea_step(state, in);
        else
            md4_step(state, in);
    }
}

int ext4_name_hash(const u32 seed[4], u32 version, const char *name, u32 length, u32 *major,
                   u32 *minor)
{
    bool is_unsigned = version >= EXT4_HASH_LEGACY_UNSIGNED;
    bool seeded = seed[0] | seed[1] | seed[2] | seed[3];
    u32 state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}, hash, low = 0;

    if (version > EXT4_HASH_TEA_UNSIGNED)
        return -EOPNOTSUPP;
    for (u32 i = 0; seeded && i < 4; i++)
        state[i] = seed[i];
    version %= EXT4_HASH_LEGACY_UNSIGNED;
    if (version == EXT4_HASH_LEGACY) {
        hash = legacy_hash(name, length, is_unsigned);
    } else {
        block_hash(state, name, length, version == EXT4_HASH_TEA, is_unsigned);
        hash = version == EXT4_HASH_TEA ? state[0] : state[1];
        low = version == EXT4_HASH_TEA ? state[1] : state[2];
    }
    hash &= ~1U;
    *major = hash == HASH_END ? HASH_END - 2 : hash;
    if (minor)
        *minor = low;
    return 0;
}
