// SPDX-License-Identifier: MIT
// What the files of xv6fs share.
//
// Every change is part of an operation, and operations run one at a time:
//
//     err = xv6fs_op_begin(fs);
//     xv6fs_op_change(fs, b);        before the first change of a block in the operation
//     change b->data;
//     err = xv6fs_op_end(fs, err);   an error undoes all that it changed
//
// The transaction collects the blocks of many operations; log.c writes it. File data goes through
// the log like everything else, so after a crash the disk is as it was between two operations.
//
// An inode on disk is changed in its buffer, `disk`, which therefore is undone too; xv6fs_refresh
// then tells the struct inode. A file's pages are clean after write(2), which puts the bytes into
// page and block; only stores through mappings make them dirty.
//
// Lock order: inode->lock, object.write_lock, object.fill_lock, an operation, map_lock, buffers of
// the device.
#pragma once
#include "abi/errno.h"
#include "buf/buf.h"
#include "fs/xv6fs/ondisk.h"
#include "fs/xv6fs/xv6fs.h"
#include "vfs/file.h"

struct xv6fs_log {
    struct mutex lock;                   // RANK_MAP: held from begin to end
    u32 room;                            // (c) blocks of a transaction at most
    u32 count;                           // (l) blocks of the transaction
    struct buf **home;                   // (l) they, referenced, BUF_JOURNAL
    struct buf **copies;                 // (c) the log's blocks, referenced
    struct buf *header;                  // (c) referenced
    u32 changed;                         // (l) blocks of the operation
    struct buf *change[XV6FS_OP_BLOCKS]; // (l) they
    u8 *before;                          // (l) what they held before it
    u32 free_before, hint_before;        // (l) the allocator's state then
    int error;                           // (a) writing failed: no operation begins any more
    bool stop;                           // (a) the thread is to end
    struct wait_queue wait;              // of the thread, for a transaction
    struct completion gone;              // the thread has ended
};

struct xv6fs {
    struct superblock *sb;       // (c)
    struct block_device *device; // (c) opened
    struct buf_cache *cache;     // (c)
    struct xv6fs_layout layout;  // (c)
    struct xv6fs_log log;
    struct rwlock map_lock;   // RANK_GROUP: block maps, against readers outside of operations
    u32 free_blocks;          // (log.lock)
    u32 block_hint;           // (log.lock) no block below is free
    struct spinlock ino_lock; // RANK_BLOCKS
    u64 *inodes;              // (ino_lock) a bit for each number that is taken
    u32 free_inodes;          // (ino_lock)
    ns_t mounted;             // (c) what the times of inodes say that did not change since
    u32 damaged;              // (a) damage has been found and told
    struct list link;         // (super.c's mount_lock) all mounted ones
};

struct xv6fs_inode {
    struct inode inode;        // first
    struct buf *buf;           // (c) its block of the inode table, referenced
    struct xv6fs_dinode *disk; // (c) in that block; (log.lock) contents, addrs also (map_lock)
    u32 entry;    // (a) directories: its name's place in the parent; 0: not looked up yet
    bool trimmed; // (inode lock) no block past the size is mapped
};

static inline struct xv6fs_inode *xv6fs_i(struct inode *i)
{
    return (struct xv6fs_inode *)i;
}
static inline struct xv6fs *xv6fs_of(const struct inode *i)
{
    return i->sb->private;
}

/* super.c */

// Damage was found: says so once. -EUCLEAN.
int xv6fs_damaged(struct xv6fs *fs, ino_t ino, const char *what);
int xv6fs_sync(struct superblock *sb);
int xv6fs_fsync(struct file *f, bool data_only);

/* log.c */

int xv6fs_log_open(struct xv6fs *fs); // replays what is in it. -EUCLEAN, -EROFS, -EIO, -ENOMEM
void xv6fs_log_close(struct xv6fs *fs);
int xv6fs_op_begin(struct xv6fs *fs); // -EROFS after an error, -EIO
void xv6fs_op_change(struct xv6fs *fs, struct buf *b);
int xv6fs_op_end(struct xv6fs *fs, int err); // err
u32 xv6fs_op_room(const struct xv6fs *fs);   // blocks that may still be changed
int xv6fs_commit(struct xv6fs *fs);          // what has ended is on the disk

/* alloc.c */

int xv6fs_alloc_open(struct xv6fs *fs); // counts what is free
// In an operation: a block of zeroes, part of the operation. Changes two blocks. -ENOSPC, -EIO.
int xv6fs_block_alloc(struct xv6fs *fs, struct buf **out);
int xv6fs_block_free(struct xv6fs *fs, u32 block); // in an operation; changes one
u32 xv6fs_ino_alloc(struct xv6fs *fs);             // 0: none is free
void xv6fs_ino_free(struct xv6fs *fs, u32 ino);

/* map.c */

// The block, with valid contents; NULL: a hole. -EUCLEAN, -EFBIG, -EIO, -ENOMEM. map_lock is not
// held.
int xv6fs_map_read(struct inode *i, u64 block, struct buf **out);
// In an operation: the block, made if it is a hole. Changes at most 7 blocks, itself included.
int xv6fs_map_get(struct inode *i, u64 block, struct buf **out);
// Frees what is mapped from block `first` on, in as many operations as it takes.
int xv6fs_map_trim(struct inode *i, u32 first);

/* inode.c */

int xv6fs_inode_get(struct superblock *sb, u32 ino, struct inode **out); // referenced. -EUCLEAN
// One that is not in the cache, over its place on disk, whatever is there; discard or publish it.
int xv6fs_inode_load(struct superblock *sb, u32 ino, struct inode **out);
int xv6fs_inode_setup(struct inode *i); // operations and fields, by `disk`. -EUCLEAN
void xv6fs_inode_discard(struct inode *i);
struct inode *xv6fs_inode_publish(struct inode *i); // or who was faster
void xv6fs_inode_evict(struct inode *i);
void xv6fs_refresh(struct inode *i); // size and links, after an operation
int xv6fs_getattr(struct inode *i, struct linux_stat *out);
int xv6fs_dirty(struct inode *i); // superblock_ops.dirty: the mode is as ever
int xv6fs_setattr(struct inode *i, const struct attr *a);
int xv6fs_inode_peek(struct xv6fs *fs, u32 ino, struct xv6fs_dinode *out); // what the disk says
void xv6fs_inodes_init(void);

/* file.c, dir.c */

extern const struct vm_object_ops xv6fs_object_ops;
extern const struct file_ops xv6fs_file_ops, xv6fs_dir_ops;
extern const struct inode_ops xv6fs_dir_inode_ops;
int xv6fs_truncate(struct inode *i, u64 size); // inode lock held
int xv6fs_dir_parent(struct inode *dir, u32 *ino);
