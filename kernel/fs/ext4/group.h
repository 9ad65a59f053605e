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

u64 ext4_group_block_bitmap(const struct ext4_group *g);
u64 ext4_group_inode_bitmap(const struct ext4_group *g);
u64 ext4_group_inode_table(const struct ext4_group *g);
u32 ext4_group_free_blocks(const struct ext4_group *g);
u32 ext4_group_free_inodes(const struct ext4_group *g);
u32 ext4_group_dirs(const struct ext4_group *g);

// The group's lock is held for these. A bitmap, verified; -EUCLEAN: nothing can be allocated here.
int ext4_group_bitmap(struct ext4 *fs, u32 n, bool inodes, struct buf **out);
// The changed copy goes to its block. One credit.
int ext4_group_write(struct handle *h, struct ext4 *fs, u32 n);
