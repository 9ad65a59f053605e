// SPDX-License-Identifier: MIT
// A device's memory object: its pages are read and written here, for whoever changed them.
//
// A page of the device may hold several blocks, each with a buffer or without. What of a changed
// page is written:
//
//     FRAME_F_TAKEN (changed through /dev)   every block but those in a transaction
//     else                                   the blocks whose buffers are dirty
//
// The journal must not have a block written in place before its commit record is durable, and both
// look at the other with a full barrier between:
//
//     write-back                             journal_get_write
//     set FRAME_F_WRITING                    set BUF_JOURNAL
//     fence                                  fence
//     BUF_JOURNAL set? leave the block out   FRAME_F_WRITING set? wait until it is clear
#include "abi/errno.h"
#include "base/panic.h"
#include "block/batch.h"
#include "buf/buf_private.h"
#include "lib/string.h"

#define RUN 64 // pages written together

/* Reading */

// The bytes of the page that the device has; its last page may be cut.
static u32 page_bytes(const struct buf_cache *c, u64 index)
{
    u64 size = load_relaxed(&c->device->sectors) << SECTOR_SHIFT, at = index << PAGE_SHIFT;

    return at < size ? MIN(size - at, (u64)PAGE_SIZE) : 0;
}

static int device_fill(struct vm_object *o, u64 index, struct frame **frames, unsigned n)
{
    struct buf_cache *c = o->owner;
    struct block_batch batch;

    block_batch_begin(&batch, c->device, BLOCK_READ, 0);
    for (unsigned i = 0; i < n; i++) {
        u32 bytes = page_bytes(c, index + i);
        u8 *data = frame_address(frames[i]);

        memset(data + bytes, 0, PAGE_SIZE - bytes);
        if (bytes)
            block_batch_add(&batch, (index + i) << (PAGE_SHIFT - SECTOR_SHIFT), data, bytes);
    }
    return block_batch_wait(&batch);
}

/* Writing */

static void frame_flag_set(struct vm_object *o, struct frame *f, u16 flag)
{
    spin_lock(&o->pages_lock);
    f->flags |= flag;
    spin_unlock(&o->pages_lock);
}

static void frame_flag_clear(struct vm_object *o, struct frame *f, u16 flag)
{
    spin_lock(&o->pages_lock);
    f->flags &= ~flag;
    spin_unlock(&o->pages_lock);
}

static void add_block(struct buf_cache *c, struct block_batch *batch, u64 block, u8 *data,
                      u32 bytes, bool raw)
{
    struct buf *b = buf_find(c, block);
    u32 flags = b ? load_acquire(&b->flags) : 0;

    if (!(flags & BUF_JOURNAL) && (raw || flags & BUF_DIRTY)) {
        if (b)
            buf_clear_flags(b, BUF_DIRTY);
        block_batch_add(batch, block << (c->block_shift - SECTOR_SHIFT), data, bytes);
    }
    buf_put(b);
}

static void add_page(struct buf_cache *c, struct block_batch *batch, struct frame *f, u64 index)
{
    bool raw = load_relaxed(&f->flags) & FRAME_F_TAKEN;
    u32 bytes = page_bytes(c, index);
    u64 first = index << (PAGE_SHIFT - c->block_shift);

    frame_flag_set(&c->object, f, FRAME_F_WRITING);
    smp_mb();
    for (u32 at = 0; at < bytes; at += c->block_size) // the device may end within the last block
        add_block(c, batch, first + (at >> c->block_shift), (u8 *)frame_address(f) + at,
                  MIN(c->block_size, bytes - at), raw);
}

static int device_write_back(struct vm_object *o, u64 first, u64 last)
{
    struct buf_cache *c = o->owner;
    struct frame *frames[RUN];
    int err = 0;
    unsigned n;

    while ((n = vm_object_take_dirty(o, &first, last, frames, RUN))) {
        struct block_batch batch;
        int one;

        block_batch_begin(&batch, c->device, BLOCK_WRITE, 0);
        for (unsigned i = 0; i < n; i++)
            add_page(c, &batch, frames[i], first + i);
        one = block_batch_wait(&batch);
        store_relaxed(&c->written, true);
        err = err ? err : one;
        for (unsigned i = 0; i < n; i++) {
            frame_flag_clear(o, frames[i], FRAME_F_WRITING);
            frame_put(frames[i]);
        }
        wake_all(&c->writing_wait);
        first += n;
    }
    return err;
}

void buf_wait_not_written(struct buf *b)
{
    wait_event(&b->cache->writing_wait, !(load_acquire(&b->frame->flags) & FRAME_F_WRITING),
               WAIT_UNINTERRUPTIBLE, NS_NEVER);
}

static void device_shrink(struct vm_object *o)
{
    buf_shrink(o->owner);
}

const struct vm_object_ops buf_device_object_ops = {
    .fill = device_fill,
    .write_back = device_write_back,
    .shrink = device_shrink,
};
