// SPDX-License-Identifier: MIT
// What the files about directories share.
//
// All functions: the directory's lock is held, for writing if there is a handle.
#pragma once
#include "fs/ext4/dirblock.h"
#include "fs/ext4/ext4.h"
#include "vfs/file.h"

// A directory is a row of blocks of entries. One inside its inode has two: what is in place of the
// block map (0), and the attribute that has the rest (1); they have no "." and "..".
struct ext4_dir_block {
    struct inode *dir;
    u64 logical;
    struct buf *b;        // referenced; NULL: in place of the map
    struct dirblock view; // its entries; of an index's block: none, or "." and ".."
};

struct ext4_dir_place { // where an entry is; buf_put(block.b)
    struct ext4_dir_block block;
    u32 offset, ino;
};

struct ext4_new_entry {
    const struct name *name;
    u32 ino;
    u8 type;
};

static inline u32 ext4_dir_tail(const struct ext4 *fs) // bytes of a leaf's checksum
{
    return EXT4_HAS_RO(fs, METADATA_CSUM) ? sizeof(struct ext4_dir_tail) : 0;
}

/* dir.c */

u64 ext4_dir_blocks(const struct inode *dir);
bool ext4_dir_is_indexed(const struct inode *dir);
int ext4_dir_block(struct inode *dir, u64 logical, struct ext4_dir_block *k); // checked
bool ext4_dir_is_index(const struct ext4_dir_block *k);                       // a block of one
int ext4_dir_find(struct inode *dir, const struct name *name, struct ext4_dir_place *place);
int ext4_dir_find_in(struct inode *dir, u64 logical, const struct name *name,
                     struct ext4_dir_place *place);
int ext4_dir_empty(struct inode *dir);            // 1, 0, or an error
int ext4_dir_parent(struct inode *dir, u32 *ino); // ".."; dir's lock need not be held

/* diredit.c */

// After an error the directory may have grown; it has been written then.
int ext4_dir_add(struct handle *h, struct inode *dir, const struct name *name,
                 const struct inode *inode);
int ext4_dir_remove(struct handle *h, struct ext4_dir_place *place);
int ext4_dir_replace(struct handle *h, struct ext4_dir_place *place, const struct inode *inode);
// The first block of one without any: "." and "..", and then the entries of n chains.
int ext4_dir_init(struct handle *h, struct inode *dir, u32 parent_ino,
                  const struct dirblock *chains, unsigned n);
int ext4_dir_set_parent(struct handle *h, struct inode *dir, u32 parent_ino); // ".."
u32 ext4_dir_add_credits(const struct inode *dir);
// A change of a block: `change`, then the bytes, then `changed`, which sets the checksum. Of
// several blocks: only the first `change` of each can fail.
int ext4_dir_change(struct handle *h, const struct ext4_dir_block *k);
void ext4_dir_changed(struct handle *h, const struct ext4_dir_block *k);
// A new block at the end: a leaf without entries.
int ext4_dir_append(struct handle *h, struct inode *dir, struct ext4_dir_block *k);
// Puts an entry into a leaf: 0, -ENOSPC, -EUCLEAN, ...
int ext4_dir_put(struct handle *h, const struct ext4_dir_block *k, const struct ext4_new_entry *e);
void ext4_dir_put_dots(const struct dirblock *view, const struct inode *dir, u32 parent_ino);

/* htree.c */

u32 ext4_hash_version(const struct ext4 *fs, u32 stored);
int ext4_htree_find(struct inode *dir, const struct name *name, struct ext4_dir_place *place);
#define EXT4_ROOT_INFO_AT    24 // bytes
#define EXT4_ROOT_ENTRIES_AT (EXT4_ROOT_INFO_AT + sizeof(struct ext4_dx_root_info))
#define EXT4_NODE_ENTRIES_AT offsetof(struct ext4_dirent, name)
#define EXT4_INDEX_LEVELS    3 // the root included
struct ext4_index_node {
    struct ext4_dir_block block;
    struct ext4_dx_entry *entries;
    u32 limit, count, at;
};
struct ext4_index_path {
    struct ext4_index_node node[EXT4_INDEX_LEVELS]; // from the root
    u32 opened;                                     // of node[]
    u32 levels, version;
    u64 steps; // taken by ext4_index_next, which are bounded
};
static inline struct ext4_dx_countlimit *ext4_index_counts(struct ext4_dx_entry *entries)
{
    return (struct ext4_dx_countlimit *)entries;
}
static inline u32 ext4_index_max_levels(const struct ext4 *fs)
{
    return EXT4_HAS_INCOMPAT(fs, LARGEDIR) ? 3 : 2;
}
// Opens the root (close the path unless it fails). -EUCLEAN: damaged; -EOPNOTSUPP: hashes of a kind
// that is not known.
int ext4_index_open(struct inode *dir, struct ext4_index_path *p);
void ext4_index_close(struct ext4_index_path *p);
// To the first leaf that may hold `hash`, or the name, whose hash it is.
int ext4_index_seek(struct ext4_index_path *p, u32 hash);
int ext4_index_seek_name(struct ext4_index_path *p, const struct name *name, u32 *hash);
u64 ext4_index_leaf(const struct ext4_index_path *p);
// To the next leaf; *hash is the lowest in it, with bit 0 set if the leaf before may hold it too.
// -ENOENT: there is none.
int ext4_index_next(struct ext4_index_path *p, u32 *hash);

u32 ext4_index_limit(const struct ext4 *fs, bool root); // how many entries a node has room for
// The only block of the directory becomes the root of an index.
int ext4_htree_make(struct handle *h, struct inode *dir);
int ext4_htree_add(struct handle *h, struct inode *dir,
                   const struct ext4_new_entry *e); // htree_add.c

/* inline.c */

int ext4_inline_drop(struct handle *h, struct inode *i); // what is behind the first 60 bytes
int ext4_inline_dir_block(struct ext4_dir_block *k);     // dir and logical are set
int ext4_inline_dir_convert(struct handle *h, struct inode *dir); // to blocks
