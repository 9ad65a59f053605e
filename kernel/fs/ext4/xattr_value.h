// SPDX-License-Identifier: MIT
// Attribute values in inodes of their own (the feature ea_inode), with counted references.
#pragma once
#include "fs/ext4/ext4.h"
#include "fs/ext4/xattr_set.h"

// The inode of an entry's value, referenced. Not in a handle. -EUCLEAN: it is none.
int ext4_value_get(struct inode *i, const struct ext4_xattr_entry *e, struct inode **out);
int ext4_value_read(struct inode *value, u8 *to); // all of its size

// In a handle. `new` makes one with one reference; put it, as what get has found, after the handle.
u32 ext4_value_credits(const struct ext4 *fs, u32 size);
int ext4_value_new(struct handle *h, struct inode *i, const void *bytes, u32 size,
                   struct inode **out, u32 *hash);
int ext4_value_share(struct handle *h, struct ext4 *fs, u32 ino); // one reference more
int ext4_value_unshare(struct handle *h, struct inode *value);    // one less; the last deletes it
#define EXT4_VALUE_UNSHARE_CREDITS (1 + EXT4_ORPHAN_CREDITS)
