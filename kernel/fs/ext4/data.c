// SPDX-License-Identifier: MIT
// File data from the device into pages.
//
// fill_lock keeps a block that is being read here from being freed: truncation and punching hold it
// while they drop pages and take blocks out of the map.
#include "fs/ext4/data.h"
#include "block/batch.h"
#include "lib/string.h"

void ext4_span_piece(const struct ext4_span *s, u64 block, u64 count, u8 **data, u32 *bytes)
{
    u64 at = block << s->fs->block_shift, within = at & ~PAGE_MASK;

    *data = (u8 *)frame_address(s->frames[(at >> PAGE_SHIFT) - s->index]) + within;
    *bytes = MIN(count << s->fs->block_shift, PAGE_SIZE - within);
}

void ext4_span_add(const struct ext4_span *s, struct block_batch *batch, u64 logical, u64 physical,
                   u64 count)
{
    u8 shift = s->fs->block_shift;
    u32 bytes;

    for (u64 n = 0; n < count; n += bytes >> shift) {
        u8 *data;

        ext4_span_piece(s, logical + n, count - n, &data, &bytes);
        block_batch_add(batch, (physical + n) << (shift - SECTOR_SHIFT), data, bytes);
    }
}

static void span_zero(const struct ext4_span *s, u64 logical, u64 count)
{
    u32 bytes;

    for (u64 n = 0; n < count; n += bytes >> s->fs->block_shift) {
        u8 *data;

        ext4_span_piece(s, logical + n, count - n, &data, &bytes);
        memset(data, 0, bytes);
    }
}

// What is in a transaction is newer than the device: journaled data is read through buffers.
static int span_copy(const struct ext4_span *s, u64 logical, u64 physical, u64 count)
{
    for (u64 n = 0; n < count; n++) {
        struct buf *b;
        u8 *data;
        u32 bytes;
        int err = buf_read(s->fs->cache, physical + n, &b);

        if (err)
            return err;
        ext4_span_piece(s, logical + n, 1, &data, &bytes);
        memcpy(data, b->data, bytes);
        buf_put(b);
    }
    return 0;
}

// Blocks [first, stop) of the span, into `batch`, which is waited for by the caller.
static int fill_blocks(struct inode *i, const struct ext4_span *s, u64 first, u64 stop,
                       struct block_batch *batch)
{
    bool journaled = ext4_is_journal_data(i);
    int err = 0;

    read_lock(&ext4_i(i)->map_lock);
    for (u64 at = first; !err && at < stop;) {
        struct ext4_map m = {.logical = at, .count = stop - at};

        err = ext4_map_find(ext4_i(i), &m);
        if (err)
            break;
        if (m.physical == EXT4_MAP_FAIL || m.unwritten)
            span_zero(s, at, m.count);
        else if (journaled)
            err = span_copy(s, at, m.physical, m.count);
        else
            ext4_span_add(s, batch, at, m.physical, m.count);
        at += m.count;
    }
    read_unlock(&ext4_i(i)->map_lock);
    return err;
}

static int fill_inline(struct inode *i, const struct ext4_span *s, unsigned n, u64 size)
{
    for (unsigned page = 0; page < n; page++)
        memset(frame_address(s->frames[page]), 0, PAGE_SIZE);
    if (s->index)
        return 0;
    return ext4_inline_read(i, frame_address(s->frames[0]), 0, MIN(size, (u64)PAGE_SIZE));
}

int ext4_fill(struct vm_object *o, u64 index, struct frame **frames, unsigned n)
{
    struct inode *i = o->owner;
    struct ext4 *fs = ext4_of(i);
    struct ext4_span s = {fs, frames, index};
    u32 shift = PAGE_SHIFT - fs->block_shift;
    u64 size = load_relaxed(&o->size), first = index << shift, end = (index + n) << shift, stop;
    struct block_batch batch;
    int err, io;

    if (ext4_has_inline(i))
        return fill_inline(i, &s, n, size);
    stop = MAX(first, MIN(end, DIV_ROUND_UP(size, fs->block_size)));
    block_batch_begin(&batch, fs->cache->device, BLOCK_READ, 0);
    err = fill_blocks(i, &s, first, stop, &batch);
    io = block_batch_wait(&batch);
    span_zero(&s, stop, end - stop);
    if (size < stop << fs->block_shift && size >> PAGE_SHIFT >= index)
        memset((u8 *)frame_address(frames[(size >> PAGE_SHIFT) - index]) + (size & ~PAGE_MASK), 0,
               PAGE_SIZE - (size & ~PAGE_MASK));
    return err ? err : io;
}
