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
#include "base/panic.h"
#include "block/block.h"
#include "lib/hlist.h"
#include "sync/mutex.h"
#include "vm/object.h"

enum {                // buf.flags
    BUF_UPTODATE = 1, // data is what the device holds, or newer
    BUF_DIRTY = 2,    // newer than the device, to be written by anyone
    BUF_JOURNAL = 4,  // in a transaction: written in place only by the journal, with buf_write_many
    BUF_USED = 8,     // found since shrinking last passed by
    BUF_CHECKED = 16, // its file system has found the contents valid, or made them
};

struct buf_bucket;

struct buf {
    struct hnode hash;       // (bucket)
    struct ref refs;         // (a) users; 0: kept as long as memory is plentiful
    u32 flags;               // (a) BUF_*
    struct buf_cache *cache; // (c)
    u64 block;               // (c) in units of cache->block_size
    u8 *data;                // (lock) in `frame`
    struct frame *frame;     // (c) a page of cache->object, referenced
    struct mutex lock;       // RANK_BUFFER: contents while they are changed
    void *journal;           // the journal's record of it, see journal.c
    struct list link;        // (cache->lock) all buffers, in clock order
};

// One for each block device in use, with one block size at a time.
struct buf_cache {
    struct block_device *device; // (c)
    struct vm_object object;     // the device's pages
    u32 block_size;              // (c) while buffers exist: 512..4096, a power of two
    u32 block_shift;
    struct buf_bucket *buckets;     // (c)
    u32 bucket_count;               // (c)
    struct wait_queue writing_wait; // for the end of a write-back of pages
    struct mutex close_lock;        // RANK_NONE: closing
    bool written;                   // (a) since the last flush
    struct spinlock lock;           // RANK_BUFFERS
    struct list bufs;               // (l) clock order
    u64 count;                      // (l) of bufs
};

// The device's cache, made at first use; never destroyed. -ENOMEM.
int buf_cache_get(struct block_device *d, struct buf_cache **out);
// Writes everything, forgets all buffers, and sets the size. -EBUSY while any is in use, -EINVAL,
// -EIO.
int buf_cache_set_block_size(struct buf_cache *c, u32 size);
u64 buf_cache_blocks(const struct buf_cache *c);

// The block with valid contents (0, -EIO, -ENOMEM; past the end -EIO).
int buf_read(struct buf_cache *c, u64 block, struct buf **out);
// The same for a block that the caller is going to overwrite as a whole: its contents are anything.
int buf_get(struct buf_cache *c, u64 block, struct buf **out);
struct buf *buf_find(struct buf_cache *c, u64 block); // NULL if there is no buffer; referenced
static inline void buf_ref(struct buf *b)
{
    ref_get(&b->refs);
}
static inline void buf_put(struct buf *b) // NULL: nothing
{
    if (!b)
        return;
    assert(ref_read(&b->refs));
    ref_put(&b->refs);
}
static inline void buf_lock(struct buf *b)
{
    mutex_lock(&b->lock);
}
static inline void buf_unlock(struct buf *b)
{
    mutex_unlock(&b->lock);
}

void buf_set_flags(struct buf *b, u32 flags);
void buf_clear_flags(struct buf *b, u32 flags);
void buf_mark_dirty(struct buf *b);
// Until no write-back of the block's page is under way: after BUF_JOURNAL was set, see device.c.
void buf_wait_not_written(struct buf *b);
// Writes blocks in place now, in flight together, in whatever state they are, and waits: 0 or the
// first error. Their BUF_DIRTY goes. block_flags: BLOCK_FUA...
int buf_write_many(struct buf **bufs, unsigned n, u32 block_flags);
int buf_write(struct buf *b, u32 block_flags);
// Blocks were freed: what is cached of them is not written any more, nor is a write of them still
// under way afterwards; but those that are BUF_JOURNAL. Cost: O(count).
void buf_forget(struct buf_cache *c, u64 block, u64 count);
// Everything that is dirty and not in a transaction, then a flush of the device.
int buf_cache_sync(struct buf_cache *c);
// The same; then everything that nobody uses is forgotten, and read again when it is wanted.
int buf_cache_forget(struct buf_cache *c);
// The device's size, or that of its blocks, has changed; nothing of it is cached.
void buf_device_resized(struct block_device *d);
int buf_sync_all(void); // all devices, of which those written to are flushed
// A user of the device: a file of its node, or a mount. The last one's close writes and forgets
// everything: the device may change behind the cache then. -ENXIO: no medium.
int buf_device_open(struct block_device *d);
void buf_device_close(struct block_device *d);
void buf_cache_check(struct buf_cache *c);
void buf_init(void);
