// SPDX-License-Identifier: MIT
// What map.c shares with the two kinds of maps, extent.c and indirect.c. map_lock is held: for
// writing by whoever has a handle. i->blocks is kept by them; the inode itself is written by the
// caller, in the same handle.
#pragma once
#include "fs/ext4/ext4.h"

int extent_find(struct ext4_inode *i, struct ext4_map *m);
int extent_change(struct handle *h, struct ext4_inode *i, const struct ext4_map *m, bool mapped);
u32 extent_credits(const struct ext4_inode *i, u32 runs);

int indirect_find(struct ext4_inode *i, struct ext4_map *m);
int indirect_change(struct handle *h, struct ext4_inode *i, const struct ext4_map *m);
u64 indirect_max_blocks(const struct ext4 *fs);
u32 indirect_credits(u32 runs);

// Asked for on top of what the next step needs, so that not every step restarts.
#define EXT4_BATCH_CREDITS 32
// Writes the inode and goes on in a handle with `credits`; map_lock is let go of meanwhile.
int ext4_map_restart(struct handle *h, struct ext4_inode *i, u32 credits);
// A new block for the map or the like: zeroes, in the transaction, referenced.
int ext4_block_create(struct handle *h, struct ext4_inode *i, struct buf **out);
