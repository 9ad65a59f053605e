// SPDX-License-Identifier: MIT
// A set of extended attributes, as data: in the space behind an inode's fields, or in a block.
// PURE: nothing outside of the set's bytes is touched, whatever they are.
//
// Entries grow from the front and end with a zero word; values are packed at the back in any order.
#pragma once
#include "fs/ext4/ondisk.h"

enum { // e_name_index: what stands before the name
    EXT4_XATTR_USER = 1,
    EXT4_XATTR_ACL_ACCESS = 2,
    EXT4_XATTR_ACL_DEFAULT = 3,
    EXT4_XATTR_TRUSTED = 4,
    EXT4_XATTR_SECURITY = 6,
    EXT4_XATTR_SYSTEM = 7,
};

struct xattr_set {
    u8 *base;  // value offsets count from here
    u32 first; // offset of the first entry
    u32 end;   // bytes from base
};

struct xattr_key {
    u8 index;
    u8 length; // of name; 0 for the two ACLs
    const char *name;
};

// The set behind an inode's fields, of which `extra` bytes are past the first 128: false if there
// is none (*set could be used to make one, if it has room at all).
bool xattr_set_of_inode(struct ext4_dinode *d, u32 inode_size, u32 extra, struct xattr_set *set);
static inline struct xattr_set xattr_set_of_block(u8 *block, u32 block_size)
{
    return (struct xattr_set){block, sizeof(struct ext4_xattr_header), block_size};
}

int xattr_set_check(const struct xattr_set *s); // 0 or -EUCLEAN; the others only after it
struct ext4_xattr_entry *xattr_set_first(const struct xattr_set *s); // NULL at the end
struct ext4_xattr_entry *xattr_set_next(const struct xattr_set *s,
                                        const struct ext4_xattr_entry *e);
struct ext4_xattr_entry *xattr_set_find(const struct xattr_set *s, const struct xattr_key *key);
static inline u8 *xattr_value(const struct xattr_set *s, const struct ext4_xattr_entry *e)
{
    return s->base + e->e_value_offs;
}

/* Changing them in place */

void xattr_set_init(const struct xattr_set *s); // empties it, all bytes from the first entry on
struct xattr_item {
    struct xattr_key key;
    const void *value; // NULL: in the inode `inum`
    u32 size, inum;
    u32 inum_hash; // of the value in that inode
};
u32 xattr_item_size(const struct xattr_item *item); // bytes that it needs
// Bytes for items; `without` (NULL: none) counts as gone.
u32 xattr_set_room(const struct xattr_set *s, const struct ext4_xattr_entry *without);
// In its place by name; there is room. With `hashed`, as in blocks, the entry's hash is set.
void xattr_set_add(const struct xattr_set *s, const struct xattr_item *item, bool hashed);
void xattr_set_remove(const struct xattr_set *s, struct ext4_xattr_entry *e);
u32 xattr_set_hash(const struct xattr_set *s); // of a block, for its header; 0: not to be shared
