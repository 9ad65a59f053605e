// SPDX-License-Identifier: MIT
// The ChaCha20 block function (RFC 8439, sections 2.1 to 2.3).
#include "base/chacha.h"

static inline u32 rotate(u32 x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static inline __attribute__((always_inline)) void quarter_round(u32 *s, unsigned a, unsigned b,
                                                                unsigned c, unsigned d)
{
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 7);
}

void chacha20_block(u32 out[16], const u32 key[8], u32 counter, const u32 nonce[3])
{
    u32 s[16], start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}; // "expand 32-byte k"

    for (unsigned i = 0; i < 8; i++)
        start[4 + i] = key[i];
    start[12] = counter;
    for (unsigned i = 0; i < 3; i++)
        start[13 + i] = nonce[i];
#pragma GCC unroll 16
    for (unsigned i = 0; i < 16; i++)
        s[i] = start[i];
    // Unrolled, so that the state stays in registers.
    for (unsigned round = 0; round < 10; round++) {
#pragma GCC unroll 4
        for (unsigned i = 0; i < 4; i++)
            quarter_round(s, i, 4 + i, 8 + i, 12 + i);
#pragma GCC unroll 4
        for (unsigned i = 0; i < 4; i++)
            quarter_round(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
    }
#pragma GCC unroll 16
    for (unsigned i = 0; i < 16; i++)
        out[i] = s[i] + start[i];
}
