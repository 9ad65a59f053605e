// SPDX-License-Identifier: MIT
// What the files about directories share.
//
// All functions: the directory's lock is held, for writing if there is a handle.
#pragma once
#include "fs/ext4/dirblock.h"
#include "fs/ext4/ext4.h"
#include "vfs/file.h"

struct ext4_new_entry {
    const struct name *name;
    u32 ino;
    u8 type;
};

static inline u64 ext4_dir_blocks(const struct inode *dir)
{
    return dir->size >> ((struct ext4 *)dir->sb->private)->block_shift;
}
static inline bool ext4_dir_is_indexed(const struct inode *dir)
{
    const struct ext4 *fs = dir->sb->private;

    return EXT4_HAS_COMPAT(fs, DIR_INDEX) &&
           ((const struct ext4_inode *)dir)->flags & EXT4_INDEX_FL;
}

/* dir.c */

// A block of the directory, checked, and a view of its entries (of an index's block: none, or
// "." and ".."). -EUCLEAN, -EIO, ...
int ext4_dir_block(struct inode *dir, u64 logical, struct buf **out, struct dirblock *view);
struct dirblock ext4_dir_view(const struct inode *dir, u64 logical, struct buf *b);
int ext4_dir_parent(struct inode *dir, u32 *ino); // ".."; dir's lock need not be held

/* diredit.c */

// A change of a block: `change`, then the bytes, then `changed`, which sets the checksum. Of
// several blocks: only the first `change` of each can fail.
int ext4_dir_change(struct handle *h, struct buf *b);
void ext4_dir_changed(struct handle *h, struct inode *dir, struct buf *b, bool index);
// A new block at the end: a leaf without entries.
int ext4_dir_append(struct handle *h, struct inode *dir, u64 *logical, struct buf **out,
                    struct dirblock *view);
// Puts an entry into a leaf: 0, -ENOSPC, -EUCLEAN, ...
int ext4_dir_put(struct handle *h, struct inode *dir, struct buf *b, const struct dirblock *view,
                 const struct ext4_new_entry *e);
u8 ext4_dirent_type(const struct ext4 *fs, u8 type); // what an entry says of it

/* htree.c */

u32 ext4_hash_version(const struct ext4 *fs, u32 stored);
int ext4_htree_find(struct inode *dir, const struct name *name, struct ext4_dir_place *place);
#define EXT4_ROOT_INFO_AT    24 // bytes
#define EXT4_ROOT_ENTRIES_AT (EXT4_ROOT_INFO_AT + sizeof(struct ext4_dx_root_info))
#define EXT4_NODE_ENTRIES_AT offsetof(struct ext4_dirent, name)
#define EXT4_INDEX_LEVELS    3 // the root included
struct ext4_index_node {
    struct buf *b;
    struct ext4_dx_entry *entries;
    u32 limit, count, at;
};
struct ext4_index_path {
    struct ext4_index_node node[EXT4_INDEX_LEVELS]; // from the root
    u32 opened;                                     // of node[]
    u32 levels, version;
    u64 steps; // taken by ext4_index_next, which are bounded
};
static inline u32 ext4_index_max_levels(const struct ext4 *fs)
{
    return EXT4_HAS_INCOMPAT(fs, LARGEDIR) ? 3 : 2;
}
// Opens the root (close the path unless it fails). -EUCLEAN: damaged; -EOPNOTSUPP: hashes of a kind
// that is not known.
int ext4_index_open(struct inode *dir, struct ext4_index_path *p);
void ext4_index_close(struct ext4_index_path *p);
// To the first leaf that may hold `hash`.
int ext4_index_seek(struct inode *dir, struct ext4_index_path *p, u32 hash);
u64 ext4_index_leaf(const struct ext4_index_path *p);
int ext4_index_leaf_block(struct inode *dir, const struct ext4_index_path *p, struct buf **out,
                          struct dirblock *view);
// To the next leaf; *hash is the lowest in it, with bit 0 set if the leaf before may hold it too.
// -ENOENT: there is none.
int ext4_index_next(struct inode *dir, struct ext4_index_path *p, u32 *hash);

u32 ext4_index_limit(const struct ext4 *fs, bool root); // how many entries a node has room for
// The only block of the directory becomes the root of an index.
int ext4_htree_make(struct handle *h, struct inode *dir);
int ext4_htree_add(struct handle *h, struct inode *dir,
                   const struct ext4_new_entry *e); // htree_add.c

/* inline.c: a directory inside the inode */

int ext4_inline_drop(struct handle *h,
                     struct inode *i); // removes what is behind the first 60 bytes

int ext4_inline_dir_find(struct inode *dir, const struct name *name, struct ext4_dir_place *place,
                         u32 *ino, u8 *type);
int ext4_inline_dir_add(struct handle *h, struct inode *dir,
                        const struct ext4_new_entry *e); // -ENOSPC
int ext4_inline_dir_remove(struct handle *h, struct inode *dir, const struct ext4_dir_place *place);
int ext4_inline_dir_replace(struct handle *h, struct inode *dir, const struct ext4_dir_place *place,
                            u32 ino, u8 type);
int ext4_inline_dir_empty(struct inode *dir);
// Its entries: the bytes in fresh memory (kfree *bytes), and two views.
int ext4_inline_dir_read(struct inode *dir, u8 **bytes, struct dirblock views[2]);
// To blocks.
int ext4_inline_dir_convert(struct handle *h, struct inode *dir);
