// SPDX-License-Identifier: MIT
// What the files about file data share: data.c (reading), writeback.c, truncate.c, fallocate.c.
//
// For changes of a file's map and pages together: object.write_lock, then, while pages go or blocks
// are freed, object.fill_lock; then a handle; then map_lock. Nobody who has a handle takes either
// of a file's object.
#pragma once
#include "fs/ext4/ext4.h"

struct block_batch;

// Adjacent pages, of which `frames` has the first at `index`; addressed by logical blocks.
struct ext4_span {
    struct ext4 *fs;
    struct frame **frames;
    u64 index;
};

// The bytes of a block and of what follows it, up to `count` blocks, in the same page.
void ext4_span_piece(const struct ext4_span *s, u64 block, u64 count, u8 **data, u32 *bytes);
void ext4_span_add(const struct ext4_span *s, struct block_batch *batch, u64 logical, u64 physical,
                   u64 count);

int ext4_fill(struct vm_object *o, u64 index, struct frame **frames, unsigned n);
int ext4_write_back(struct vm_object *o, u64 first, u64 last);
void ext4_write_back_many(struct vm_object **objects, int *errors, unsigned n);

// Promises of blocks; map_lock held for writing (ext4_delayed_run: or reading).

int ext4_make_writable(struct vm_object *o, u64 index);
// Whether `logical` was promised; *count is cut to how far that is so, or is not.
bool ext4_delayed_run(const struct ext4_inode *i, u64 logical, u64 *count);
int ext4_delayed_promise(struct ext4_inode *i, u64 logical, u64 count); // -ENOSPC, -ENOMEM
void ext4_delayed_drop(struct ext4_inode *i, u64 first, u64 end);       // [first, end)
// What was promised past the end of the file is given back, unless a write is under way: then who
// writes sees to it, by this or by pages that are still to be written. map_lock is not held.
void ext4_delayed_settle(struct inode *i);

// Claims the picked blocks of m, which the promises made to [logical, ...) were for, and enters
// them. In any case they are not in flight afterwards, and only after -ENOMEM still promised.
int ext4_map_enter(struct handle *h, struct ext4_inode *i, const struct ext4_map *m);

/* truncate.c */

// Around changes of a file's map: a handle, and map_lock. The end notes the transaction for
// fdatasync, writes the inode, and answers `err` or the first error of its own.
int ext4_map_begin(struct inode *i, u32 credits, struct handle **h);
int ext4_map_end(struct handle *h, struct inode *i, int err);
// Around a change of a file's map, size, or both, for which pages go: write_lock and fill_lock, a
// handle, map_lock.
int ext4_change_begin(struct inode *i, u32 credits, struct handle **h);
int ext4_change_end(struct handle *h, struct inode *i, int err);
void ext4_size_set(struct inode *i, u64 size, u64 disk_size); // in a change; drops pages
u64 ext4_size_max(const struct inode *i);                     // bytes
// Bytes of one page become zeroes, to be written, unless the block of the first is a hole.
int ext4_zero(struct inode *i, u64 start, u64 end);
int ext4_size_grow(struct inode *i, u64 size); // inode lock held
// The size on disk is about to move towards `size`, past what was not written yet. After a crash
// that may read as zeroes; but the rest of the block where the file ends on disk has to be written.
int ext4_size_settle(struct inode *i, u64 size);
