// SPDX-License-Identifier: MIT
// Hashes of names, and the entries of blocks sorted by them. PURE.
#pragma once
#include "fs/ext4/dirblock.h"

// -EOPNOTSUPP: no such version (ondisk.h). *minor may be NULL.
int ext4_name_hash(const u32 seed[4], u32 version, const char *name, u32 length, u32 *major,
                   u32 *minor);

// A hash as a position: the major half, which orders the index, above the minor one.
#define HASH_KEY_ORDINALS 64 // keys are multiples of this: entries of one key are told apart by it
#define HASH_KEY_END      (0x7fffffffUL << 32)
static inline u32 ext4_key_hash(u64 key)
{
    return key >> 32 << 1;
}
static inline u64 ext4_hash_key(u32 hash)
{
    return (u64)(hash >> 1) << 32;
}

struct dir_item {
    u64 key;
    u32 logical; // block of the directory
    u16 offset, size;
};

// All used entries but "." and "..", by offset; at most end / 12. How many, or -EUCLEAN,
// -EOPNOTSUPP.
int ext4_items_of(const u32 seed[4], u32 version, const struct dirblock *view, u64 logical,
                  struct dir_item *items);
void ext4_items_sort(struct dir_item *items, u32 n);
// Of 2 or more: how many of the first ones are about half of all in size, and not all.
u32 ext4_items_half(const struct dir_item *items, u32 n);
// Fills a block with the entries, which are in `from`: a block that is not this one.
void ext4_items_pack(const struct dirblock *to, const u8 *from, const struct dir_item *items,
                     u32 n);
