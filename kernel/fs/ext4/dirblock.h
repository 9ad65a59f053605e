// SPDX-License-Identifier: MIT
// One block of directory entries, as data. PURE: nothing outside of [data, data + end) is touched,
// whatever the bytes are.
//
// Entries fill the block: each one's rec_len leads to the next, the last one's to `end`. What an
// entry does not need is slack, where a new one may be put; a removed one becomes slack of the one
// before it.
#pragma once
#include "fs/ext4/ondisk.h"

#define DIR_DOT_SIZE 12U // bytes that "." takes at the start of a directory; then comes ".."

struct dirblock {
    u8 *data;
    u32 end; // bytes of entries: without a checksum's tail
};

static inline u32 dirent_size(u32 name_length) // bytes that an entry needs
{
    return ALIGN_UP(offsetof(struct ext4_dirent, name) + name_length, 4U);
}

static inline bool dirent_is_dots(const struct ext4_dirent *e) // "." or ".."
{
    return e->name[0] == '.' && (e->name_len == 1 || (e->name_len == 2 && e->name[1] == '.'));
}

// The entry at `offset` if it is a sound one, else NULL (and at the end).
struct ext4_dirent *dirblock_at(const struct dirblock *b, u32 offset);
// The first used entry at *offset or after it, whose place is put there; 0, -ENOENT, -EUCLEAN.
int dirblock_next(const struct dirblock *b, u32 *offset, struct ext4_dirent **out);
int dirblock_check(const struct dirblock *b); // 0 or -EUCLEAN
int dirblock_find(const struct dirblock *b, const char *name, u32 length,
                  u32 *offset); // 0, -ENOENT, -EUCLEAN
// The first place where a name of that length fits: 0, -ENOSPC, -EUCLEAN.
int dirblock_room(const struct dirblock *b, u32 length, u32 *offset);
// Puts an entry there.
void dirblock_put(const struct dirblock *b, u32 offset, const char *name, u32 length, u32 ino,
                  u8 type);
// The place of the entry before the one at `offset`; `offset` itself for the first one. -EUCLEAN:
// there is none.
int dirblock_before(const struct dirblock *b, u32 offset, u32 *before);
void dirblock_remove(const struct dirblock *b, u32 before, u32 offset);
void dirblock_init(const struct dirblock *b); // without any used entry
