// SPDX-License-Identifier: MIT
// The ChaCha20 block function (RFC 8439, section 2.3).
#pragma once
#include "lib/types.h"

#define CHACHA_KEY_SIZE 32

// 64 bytes of key stream for a key of 8 and a nonce of 3 little-endian words.
void chacha20_block(u32 out[16], const u32 key[8], u32 counter, const u32 nonce[3]);
