// SPDX-License-Identifier: MIT
// What the operations on names share. All inodes are locked for writing.
#pragma once
#include "fs/ext4/dir.h"

// The entry, which has to lead to `inode`. Put place->block.b.
int ext4_name_find(struct inode *dir, const struct name *name, const struct inode *inode,
                   struct ext4_dir_place *place);
bool ext4_dir_links_full(const struct inode *dir);             // no more subdirectories
void ext4_dir_link(struct inode *dir);                         // counts a subdirectory that came
void ext4_dir_unlink(struct inode *dir);                       // that went
int ext4_name_may_drop(struct inode *victim);                  // -ENOTEMPTY
int ext4_inode_discard(struct handle *h, struct inode *inode); // it gets no name after all
// One link less, in memory; without any, it is an orphan. undrop: back to `links`.
int ext4_name_drop(struct handle *h, struct inode *victim);
void ext4_name_undrop(struct handle *h, struct inode *victim, u32 links);

int ext4_rename(struct inode *old_dir, const struct name *old_name, struct inode *moved,
                struct inode *new_dir, const struct name *new_name, struct inode *victim,
                u32 flags);
