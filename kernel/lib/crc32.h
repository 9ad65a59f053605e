// SPDX-License-Identifier: MIT
// CRC-32 of IEEE 802.3 (reflected, polynomial 0xedb88320), as GPT headers and gzip have it, and
// CRC-32C (Castagnoli, 0x82f63b78), as ext4 and its journal have it.
#pragma once

#include "lib/types.h"

// `crc` is 0, or the result for the bytes before.
u32 crc32(u32 crc, const void *p, size_t n);
// The CRC-32C takes tables, which only some machines ever use: before the first sum they are given
// memory, CRC32C_TABLES times CRC32C_TABLE_SIZE bytes, for good. One caller at a time.
#define CRC32C_TABLES     6
#define CRC32C_TABLE_SIZE 8192
void crc32c_give(void *memory);
bool crc32c_ready(void); // all are given

// Without inversion at either end: `crc` is a seed, mostly ~0, or the result for the bytes before.
u32 crc32c(u32 crc, const void *p, size_t n);
// The CRC-32C of bytes of which n were changed, `after` bytes (below 64 KiB) before their end, from
// what it was before: `change` is the exclusive or of the old bytes and the new.
u32 crc32c_patch(u32 crc, const void *change, size_t n, size_t after);
// CRC-16 (reflected, polynomial 0xa001), as group descriptors of ext4 without metadata_csum have
// it; without inversion.
u16 crc16(u16 crc, const void *p, size_t n);
