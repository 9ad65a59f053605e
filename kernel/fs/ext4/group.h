// SPDX-License-Identifier: MIT
// Block groups, for the allocators and the mount.
#pragma once
#include "base/panic.h"
#include "fs/ext4/ext4.h"

#define EXT4_GROUPS_PER_CHUNK 16 // of the table of groups

struct ext4_group *ext4_group(const struct ext4 *fs, u32 group);
// Copies the descriptors as they are, so that the journal's inode can be found; groups_read checks
// them when the journal is replayed. -EIO, -ENOMEM; close in any case.
int ext4_groups_open(struct ext4 *fs);
void ext4_groups_close(struct ext4 *fs);

u64 ext4_group_inode_table(const struct ext4_group *g);
u32 ext4_group_free(const struct ext4_group *g, bool inodes);
u32 ext4_group_dirs(const struct ext4_group *g);
void ext4_group_dirs_add(struct ext4 *fs, struct ext4_group *g, int step);

// The group's lock is held. A bitmap, verified; -EUCLEAN: nothing can be allocated here.
int ext4_group_bitmap(struct ext4 *fs, u32 n, bool inodes, struct buf **out);

// A change of a bitmap of blocks or inodes, and with it of its group's descriptor. Two credits.
struct ext4_bits {
    struct ext4_group *group;
    u32 number; // of the group
    bool inodes;
    struct buf *b;
    u64 *map;
};
// Locks the group, and readies everything that can fail; `end` in any case.
int ext4_bits_begin(struct handle *h, struct ext4 *fs, u32 n, bool inodes, struct ext4_bits *c);
bool ext4_bits_are(const struct ext4_bits *c, bool used, u32 from, u32 count); // all of them
void ext4_bits_flip(struct handle *h, struct ext4 *fs, struct ext4_bits *c, bool use, u32 from,
                    u32 count);
void ext4_bits_end(struct ext4_bits *c);
