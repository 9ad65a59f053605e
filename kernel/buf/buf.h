// SPDX-License-Identifier: MIT
// The buffer cache: blocks of a device, as views of the device's memory object.
//
// A block's bytes live in one place, the page of the device's object that covers them; /dev/vda,
// the file system and its journal all see that page. A buffer says what the block is (valid, dirty,
// in a transaction) and is found by number through a hash table with a lock per bucket.
//
//     err = buf_read(cache, block, &b);      // valid contents, one reference
//     buf_lock(b); change b->data; buf_mark_dirty(b); buf_unlock(b);
//     buf_put(b);
//
// Who changes a journaled block calls journal_get_write() before and journal_dirty() after instead
// of buf_mark_dirty(); the journal then decides when the block may be written in place.
#pragma once
#include "block/block.h"
#include "lib/hlist.h"
#include "sync/mutex.h"
#include "vm/object.h"

enum {                // buf.flags
    BUF_UPTODATE = 1, // data is what the device holds, or newer
    BUF_DIRTY = 2,    // newer than the device, to be written by anyone
    BUF_WRITING = 4,  // a write of it is under way
    BUF_JOURNAL = 8,  // in a transaction: written in place only by the journal's checkpoint
    BUF_WRITE_ERROR = 16,
};

struct buf_cache;

struct buf {
    struct hnode hash;       // (bucket)
    struct ref refs;         // (a) users; 0: kept as long as memory is plentiful
    struct buf_cache *cache; // (c)
    u64 block;               // (c) in units of cache->block_size
    u8 *data;                // (c) in a page of cache->object
    u32 flags;               // (a) BUF_*
    struct mutex lock;       // RANK_BUFFER: contents while they are read in or changed
    void *journal;           // the journal's record of it, see buf/journal.c
    struct list link;        // (cache's lock) dirty list, or list of the unused
};

// One for each block device in use, and one block size at a time.
struct buf_cache {
    struct block_device *device; // (c)
    struct vm_object object;     // the device's pages
    u32 block_size;              // (c) while anything is mounted: 512..4096, a power of two
    u32 block_shift;
    u32 error_seq; // (a) counts write errors
    struct buf_cache_state *state;
};

// The device's cache, made at first use; never destroyed. -ENOMEM.
int buf_cache_get(struct block_device *d, struct buf_cache **out);
// Forgets all clean buffers and sets the size; -EBUSY while buffers are in use or dirty ones cannot
// be written, -EINVAL.
int buf_cache_set_block_size(struct buf_cache *c, u32 size);
u64 buf_cache_blocks(const struct buf_cache *c);

// The block with valid contents (0, -EIO, -ENOMEM), or with whatever is there, to be overwritten
// as a whole (then mark it: BUF_UPTODATE).
int buf_read(struct buf_cache *c, u64 block, struct buf **out);
int buf_get(struct buf_cache *c, u64 block, struct buf **out);
struct buf *buf_find(struct buf_cache *c, u64 block);           // NULL if not cached; referenced
void buf_read_ahead(struct buf_cache *c, u64 block, u32 count); // a hint; does not wait
static inline void buf_ref(struct buf *b)
{
    ref_get(&b->refs);
}
void buf_put(struct buf *b); // NULL: nothing
void buf_lock(struct buf *b);
void buf_unlock(struct buf *b);

void buf_mark_dirty(struct buf *b);
// Starts a write of what is valid and dirty (nothing otherwise) and waits: 0, -EIO. Any BUF_JOURNAL
// block is refused (an assertion): the journal uses buf_write_now.
int buf_write(struct buf *b);
int buf_write_now(struct buf *b, u32 block_flags);
// Writes all of a list of buffers, sorted and in flight together; waits. First error.
int buf_write_many(struct buf **bufs, unsigned n, u32 block_flags);
// Drops what is cached of freed blocks: never written any more. Not for BUF_JOURNAL ones.
void buf_forget(struct buf_cache *c, u64 block, u64 count);
// All dirty blocks not in a transaction, and dirty pages of the device's object; then a flush.
int buf_cache_sync(struct buf_cache *c);
void buf_cache_check(struct buf_cache *c);
