// SPDX-License-Identifier: MIT
// What the files of ext4 share.
//
// Writing file data. A write(2) or a store into a mapping only reserves: blocks are chosen when
// dirty pages are written back. Write-back picks free blocks that nothing on disk refers to yet
// (they wait in `in_flight`), writes the data, and when it is on the device, in one handle, marks
// the blocks used, inserts the extents and moves the size on disk. So metadata never points at
// data that is not there, and a commit never waits for data: ordered mode by construction.
//
// Blocks that a transaction frees stay out of use until it is durable (`freed`).
//
// Lock order: inode->lock, object write_lock and fill_lock, journal handle, map_lock, group locks,
// buffers, then spinlocks.
#pragma once
#include "abi/errno.h"
#include "buf/journal.h"
#include "fs/ext4/ondisk.h"
#include "vfs/inode.h"

#define EXT4_MAP_FAIL (~0UL)

struct ext4_group {
    struct ext4_group_desc desc; // (lock) a copy of what the descriptor's block holds
    struct mutex lock;           // RANK_GROUP: bitmaps and counts of the group
    struct buf *desc_buf;        // (c) referenced: where the descriptor is
    u32 desc_offset;             // (c)
    u32 largest_free;            // (a) a hint: no free run is longer; blocks
    bool checked[2];             // (lock) the bitmap of blocks, of inodes, was verified
    bool bad[2];                 // (lock) and is wrong: nothing is allocated here
};

enum ext4_data_mode { EXT4_DATA_ORDERED, EXT4_DATA_WRITEBACK, EXT4_DATA_JOURNAL };

struct ext4 {
    struct superblock *sb;       // (c)
    const char *name;            // (c) the device's
    struct block_device *device; // (c)
    struct buf_cache *cache;     // (c)
    struct journal *journal;     // (c) NULL without
    struct buf *super_buf;       // (c) referenced; journaled like any block
    struct ext4_super *super;    // (super_lock) in super_buf
    u64 super_block;             // (c) the block it is in
    struct mutex super_lock;     // RANK_SUPER: orphan list, counts kept there
    u32 super_balance;           // (super_lock) see csum.c: as long as s_checksum is
    u32 super_checksum;          // (super_lock) this
    struct inode *journal_inode; // (c) only while mounting

    u32 block_size, block_shift, inode_size;                          // (c) bytes
    u32 inodes_per_group, blocks_per_group, first_block, group_count; // (c)
    u32 narrow_groups;                                                // (c) of blocks < 2^32 - 1
    u32 cluster_shift;                                                // (c) of BIGALLOC, else 0
    u32 desc_size, desc_per_block;                                    // (c)
    u32 inode_count, first_ino;                                       // (c)
    u32 compat, incompat, ro_compat;                                  // (c)
    u64 block_count;                                                  // (c)
    u32 csum_seed;                  // (c) crc32c of the uuid, or as stored
    u32 hash_seed[4];               // (c)
    u8 hash_default, hash_unsigned; // (c) see htree.c
    enum ext4_data_mode data_mode;  // (c)
    u16 errors;                     // (c) EXT4_ERRORS_*
    bool read_only;                 // (a) asked for, needed, or after an error
    bool noload;                    // (c) the journal is left alone
    bool writing;                   // (mount, remount) the superblock says that it is in use
    u16 mount_state;                // (mount, remount) s_state as it was then
    u32 error_count;                // (a) of damage found since the superblock was last written
    ino_t error_ino;                // (a) the last one's
    u64 error_block;                // (a)

    struct ext4_group **groups; // (c) in chunks, see ext4_group()
    u64 free_blocks;            // (ranges_lock) that could be picked now, see balloc.c
    u64 reserved_blocks;        // (ranges_lock) promised to delayed writes
    u64 root_blocks;            // (c) only for root
    u64 slack_blocks;           // (c) kept for the maps of delayed writes
    u64 overhead_blocks;        // (c) metadata, for statfs
    u32 free_inodes, dirs;      // (a)
    u32 next_generation;        // (a) of the next inode made: any number to start with

    struct spinlock ranges_lock; // RANK_BLOCKS
    u32 freed_epoch;             // (ranges_lock) blocks came back so often
    struct ranges in_flight;     // (ranges_lock) chosen, not yet in the bitmap
    struct ranges freed[2];      // (ranges_lock) free in the bitmap, not yet durable: by tid & 1
    u32 freed_tid[2];            // (ranges_lock)
    struct ranges system;        // (c) blocks of the groups' metadata: never a file's

    struct list orphans;        // (super_lock) of ext4_inode.orphan, in disk order
    u32 orphan_file_inum;       // (c)
    struct inode *orphan_file;  // (c) referenced, or NULL
    u32 orphan_file_blocks;     // (c)
    u64 *orphan_places;         // (c) where they are
    u32 orphan_hint;            // (super_lock) block of the file that had a free slot
    u32 orphan_slots;           // (super_lock) of the file that are used
    ns_t commit_interval;       // (c)
    struct ext4_mmp_watch *mmp; // (c) NULL: no multiple mount protection
    struct list link;           // (mount.c's mount_lock) all mounted ones
};

struct ext4_inode {
    struct inode inode;     // first
    u32 flags;              // (inode.lock) EXT4_*_FL
    u32 generation;         // (c)
    u32 block[15];          // (map_lock) i_block as on disk
    u64 blocks;             // (map_lock) file system blocks used, tree blocks too
    u64 acl_block;          // (inode.lock) i_file_acl
    u32 dtime;              // deletion time, or next orphan
    u16 extra_isize;        // (c)
    struct rwlock map_lock; // RANK_MAP: the block map
    u64 disk_size;          // (map_lock) i_size on disk: never past data that was written
    struct ranges delayed;  // (map_lock) logical blocks reserved, not yet mapped
    u32 writing;            // (a) a write(2) is under way, see ext4_delayed_settle
    u64 goal;               // (map_lock) next physical block wanted; 0: none
    u32 times_changed;      // (a) by a write: the write-back of its pages stores them
    u32 tid, data_tid;      // (a) last transactions with any change, with one fdatasync needs
    struct list orphan;     // (super_lock) empty: not an orphan
    u32 orphan_slot;        // (super_lock) in the orphan file, or ~0
};

static inline struct ext4_inode *ext4_i(struct inode *i)
{
    return (struct ext4_inode *)i;
}
static inline struct ext4 *ext4_of(struct inode *i)
{
    return i->sb->private;
}
#define EXT4_HAS_COMPAT(fs, bit)   (((fs)->compat & EXT4_COMPAT_##bit) != 0)
#define EXT4_HAS_INCOMPAT(fs, bit) (((fs)->incompat & EXT4_INCOMPAT_##bit) != 0)
#define EXT4_HAS_RO(fs, bit)       (((fs)->ro_compat & EXT4_RO_##bit) != 0)

static inline bool ext4_has_group_sums(const struct ext4 *fs)
{
    return fs->ro_compat & (EXT4_RO_METADATA_CSUM | EXT4_RO_GDT_CSUM);
}

/* super.c */

// A damaged structure was found: logs one line, marks the file system, acts on errors=. -EUCLEAN.
// With any locks held.
int ext4_corrupt(struct ext4 *fs, ino_t ino, u64 block, const char *what);
int ext4_check_writable(struct ext4 *fs); // 0, -EROFS
// A whole operation: one handle, in which `op` runs, if the file system may be written.
int ext4_operate(struct ext4 *fs, u32 credits, int (*op)(struct handle *h, void *arg), void *arg);
bool ext4_is_journal_data(const struct inode *i);
// Around changes of fs->super; super_lock is held. One credit.
int ext4_super_change(struct handle *h, struct ext4 *fs);
void ext4_super_dirty(struct handle *h, struct ext4 *fs);
extern const struct superblock_ops ext4_super_ops;

/* csum.c (PURE): crc32c seeds and sums of each structure; verify answers true without the feature
 */

bool ext4_super_verify(const struct ext4_super *s);
void ext4_super_sealed(struct ext4 *fs, const struct ext4_super *s); // it is, on disk
void ext4_super_seal(struct ext4 *fs);
// What the sum should be; without the feature: what it is.
u16 ext4_group_sum(const struct ext4 *fs, u32 group, const struct ext4_group_desc *d);
u32 ext4_extent_sum(const struct ext4_inode *i, const void *node, const u32 *tail);
u32 ext4_xattr_sum(const struct ext4 *fs, u64 block, const struct ext4_xattr_header *h);
u32 ext4_orphan_sum(const struct ext4_inode *i, u64 block, const void *data,
                    const struct ext4_orphan_tail *tail);
bool ext4_bitmap_verify(const struct ext4 *fs, const struct ext4_group_desc *d, const void *bits,
                        bool inodes);
void ext4_bitmap_seal(const struct ext4 *fs, struct ext4_group_desc *d, const void *bits,
                      bool inodes);
// As seal, from the sum that was right before the bits [first, first + count) changed, each of
// them.
void ext4_bitmap_flipped(const struct ext4 *fs, struct ext4_group_desc *d, const void *bits,
                         bool inodes, u32 first, u32 count);
bool ext4_dinode_verify(const struct ext4 *fs, u32 ino, const struct ext4_dinode *d);
void ext4_dinode_seal(const struct ext4 *fs, u32 ino, struct ext4_dinode *d);
bool ext4_dir_verify(const struct ext4_inode *dir, const void *block); // leaf
void ext4_dir_seal(const struct ext4_inode *dir, void *block);
// As seal, from the sum that was right before the n bytes at `from` changed; `change` is the
// exclusive or of what they were and are.
void ext4_dir_reseal(const struct ext4_inode *dir, void *block, const void *change, u32 from,
                     u32 n);
bool ext4_index_verify(const struct ext4_inode *dir, const void *block); // index node or root
void ext4_index_seal(const struct ext4_inode *dir, void *block);
bool ext4_mmp_verify(const struct ext4 *fs, const struct ext4_mmp *m);
// What it is before a change is what sealing needs.
u32 ext4_mmp_balance(const struct ext4 *fs, const struct ext4_mmp *m);
void ext4_mmp_seal(const struct ext4 *fs, struct ext4_mmp *m, u32 balance);

/* group.c, balloc.c, ialloc.c */

int ext4_groups_read(struct ext4 *fs); // all descriptors; checks where they point. -EUCLEAN, ...
u64 ext4_group_first(const struct ext4 *fs, u32 group);
u32 ext4_group_blocks(const struct ext4 *fs, u32 group); // the last may be shorter
// [block, block + count) lies in the data area of the device: no metadata of any group.
bool ext4_blocks_valid(const struct ext4 *fs, u64 block, u64 count);

// Delayed allocation: promises `count` blocks (and what their map may need).
int ext4_reserve(struct ext4 *fs, u64 count);
// What is tried again; zeroes first.
struct ext4_retry {
    u64 most;  // free blocks after any try
    u32 epoch; // of blocks that came back, at the last
    u32 tries; // since `most` grew
};
// Whether what came to `err` is to be tried again: there is no space, but blocks came back since,
// or do so when a commit ends, for which it waits (nothing but an inode lock is held). Not for
// ever: they may be what the attempt itself had taken.
bool ext4_again(struct ext4 *fs, int err, struct ext4_retry *r);
void ext4_unreserve(struct ext4 *fs, u64 count);
// Chooses up to *count contiguous free blocks near i->goal and puts them in flight; *count is what
// was found (>= 1). For a block map they have numbers of 32 bits. No handle needed. -ENOSPC, -EIO,
// -EUCLEAN.
int ext4_blocks_pick(const struct ext4_inode *i, u32 *count, u64 *block);
void ext4_blocks_unpick(struct ext4 *fs, u64 block, u32 count); // they were not used after all
// In a handle: marks picked blocks used in bitmap and counts, and takes them out of flight (after
// an error they are unpicked).
// Credits: EXT4_ALLOC_CREDITS (bitmap, descriptor, for runs within one group).
int ext4_blocks_claim(struct handle *h, struct ext4 *fs, u64 block, u32 count);
// pick and claim one metadata block. What is promised to delayed writes may be taken: who is not
// writing back reserves one meanwhile.
int ext4_block_new(struct handle *h, const struct ext4_inode *i, u64 *block);
// In a handle: readies the bitmaps for the next, which then fails in the midst no more; frees;
// metadata blocks are revoked too. Ranges may cross groups.
int ext4_blocks_hold(struct handle *h, struct ext4 *fs, u64 block, u64 count);
int ext4_blocks_free(struct handle *h, struct ext4_inode *i, u64 block, u64 count, bool metadata);
// Whether the inode's contents may be in the journal, which must know when they are freed.
bool ext4_blocks_revoked(const struct ext4_inode *i);
void ext4_freed_durable(struct ext4 *fs, u32 tid); // journal_config.committed
#define EXT4_ALLOC_CREDITS 2

// A free inode number, marked used, near its directory (directories spread; Orlov). -ENOSPC.
// Credits: EXT4_INODE_NEW_CREDITS.
int ext4_ino_new(struct handle *h, struct inode *dir, bool directory, u32 *ino);
int ext4_ino_free(struct handle *h, struct ext4 *fs, u32 ino, bool directory);
#define EXT4_INODE_NEW_CREDITS 3

/* inode.c */

void ext4_inode_init(void);
// From the cache or from disk. An inode that a directory may name: -EUCLEAN for others.
int ext4_inode_get(struct superblock *sb, u32 ino, struct inode **out);
int ext4_inode_get_special(struct superblock *sb, u32 ino, struct inode **out); // any
// A new inode with its number allocated, in the cache, written in h. Not in any directory yet.
int ext4_inode_new(struct handle *h, struct inode *dir, const struct create_args *args,
                   struct inode **out);
// An inode's place in the inode table: its block, referenced, and where it is in the block. What is
// behind its fixed fields (xattr.c) is changed there, under the inode's lock.
int ext4_inode_place(struct ext4 *fs, u32 ino, struct buf **out, struct ext4_dinode **d);
// Around a change there in a handle: the block is locked meanwhile; buf_put it. One credit.
int ext4_dinode_change(struct handle *h, struct ext4 *fs, u32 ino, struct buf **out,
                       struct ext4_dinode **d);
void ext4_dinode_changed(struct handle *h, struct ext4 *fs, u32 ino, struct buf *b);
// Takes hold of it: writing the inode in this handle cannot fail any more. One credit.
int ext4_name_hold(struct handle *h, struct inode *i);
// Copies the attributes into the inode table's block in h. One credit. Takes map_lock.
int ext4_inode_write(struct handle *h, struct inode *i);
// Writes the inode and ends the handle of an operation that came to `err`; the first error.
int ext4_inode_finish(struct handle *h, struct inode *i, int err);
// Whether what came to `err` is to be tried again: for want of memory, for which it waits a bit.
// *tries: 0 first.
bool ext4_memory_may_come(int err, unsigned *tries);
int ext4_inode_update(struct inode *i); // ext4_inode_write, in a handle of its own
// ops->evict, and ops->dirty: the attributes changed outside of a handle. Both wait for memory.
void ext4_inode_evict(struct inode *i);
int ext4_inode_dirty(struct inode *i);
int ext4_inode_getattr(struct inode *i, struct linux_stat *out); // for all inode_ops

/* orphan.c: inodes to be deleted or truncated at the next mount */

int ext4_orphan_add(struct handle *h, struct inode *i); // also if it is one already
int ext4_orphan_remove(struct handle *h, struct inode *i);
void ext4_orphan_forget(struct ext4_inode *i); // at its end; it stays one on disk
int ext4_orphan_file_open(struct ext4 *fs);
int ext4_orphans_recover(struct ext4 *fs);
#define EXT4_ORPHAN_CREDITS 3

/* map.c over extent.c and indirect.c: logical to physical blocks; map_lock held. They keep
   i->blocks, and the caller writes the inode in the same handle */

struct ext4_map {
    u64 logical;    // in
    u64 physical;   // out; EXT4_MAP_FAIL: hole
    u64 count;      // in: wanted; out: how many are alike from `logical` on (holes too)
    bool unwritten; // out: allocated, reads as zeroes
};
int ext4_map_find(struct ext4_inode *i, struct ext4_map *m);
// Makes the map say what m says. The blocks were a hole, or (`mapped`) a part of one mapping, which
// can become a hole or written. All or nothing, but for -EIO and damage; ext4_map_credits tells
// what it may need.
int ext4_map_change(struct handle *h, struct ext4_inode *i, const struct ext4_map *m, bool mapped);
// Frees the blocks of [first, last], restarting the handle as needed (with at least `credits` left
// afterwards); everything is consistent at each restart, for which the inode is written and
// map_lock let go of.
int ext4_map_remove(struct handle *h, struct ext4_inode *i, u64 first, u64 last, u32 credits);
// Moves all mappings from `first` on by `delta` blocks (collapse, insert range). Extents only;
// there is a hole to move into; disk_size moves upwards with the first. Restarts as ext4_map_remove
// does. After an error nothing has moved, or nothing can be written any more. -EFBIG.
int ext4_map_shift(struct handle *h, struct ext4_inode *i, u64 first, s64 delta);
u32 ext4_map_credits(const struct ext4_inode *i, u32 runs);
void ext4_map_init(
    struct ext4_inode *i); // an empty map in i->block, extents or not by the features
u64 ext4_map_max_blocks(const struct ext4_inode *i); // logical blocks a map can reach
u64 ext4_map_max_run(const struct ext4_inode *i);    // blocks of one insertion
// For small metadata files (directories, the orphan file): a block of the file. -ENOENT: a hole.
// map_lock is not held.
int ext4_file_block(struct inode *i, u64 logical, struct buf **out);
// In a handle: a new block there, locked; fill all of it, then journal_changed and buf_put.
int ext4_file_block_new(struct handle *h, struct inode *i, u64 logical, struct buf **out);
// The same, with n bytes and then zeroes in it.
int ext4_file_block_write(struct handle *h, struct inode *i, u64 logical, const void *from, u32 n);

/* data.c, file.c, fallocate.c */

extern const struct vm_object_ops ext4_object_ops;
extern const struct file_ops ext4_file_ops;
extern const struct inode_ops ext4_file_inode_ops;
int ext4_data_flush(struct inode *i);         // writes all dirty pages and inserts their extents
int ext4_truncate(struct inode *i, u64 size); // inode lock held; pages and blocks; sizes both ways
// At eviction with no links: frees the blocks, restarting the handle, with `credits` left.
int ext4_delete_contents(struct handle *h, struct inode *i, u32 credits);
bool ext4_has_map(const struct inode *i); // not data, a device number, or nothing in its place
int ext4_file_fallocate(struct file *f, int mode, loff_t offset, loff_t length);
int ext4_fsync(struct file *f, bool data_only); // also directories

/* inline.c: small files and directories inside the inode; new ones are not made there */

#define EXT4_INLINE_IN_BLOCK 60U // bytes in place of the block map; the rest is an attribute
bool ext4_has_inline(const struct inode *i);
int ext4_inline_read(struct inode *i, void *out, u64 pos, size_t n); // bytes
// inline_file.c: a regular file's data moves to a block. Its inode is locked, no handle is open.
int ext4_inline_convert(struct inode *i);

/* dir*.c, readdir.c */

extern const struct file_ops ext4_dir_ops; // readdir: position = hash where indexed, else offset
u8 ext4_file_type(mode_t mode);

/* namei.c, link.c, xattr.c */

bool ext4_is_fast_link(const struct inode *i); // its text is in place of the block map
int ext4_link_init(struct handle *h, struct inode *i, const char *target); // a new link

extern const struct inode_ops ext4_dir_inode_ops, ext4_link_inode_ops, ext4_special_inode_ops;
extern const struct xattr_ops ext4_xattr_ops;
#define EXT4_XATTR_FREE_CREDITS (1 + EXT4_ALLOC_CREDITS)
// At deletion: what has inodes of its own, before the handle; then the block.
int ext4_xattr_drop_values(struct inode *i);
int ext4_xattr_free(struct handle *h, struct inode *i);

void ext4_init(void); // registers ext4, ext3, ext2
