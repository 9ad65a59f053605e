// SPDX-License-Identifier: MIT
// A regular file's data moves from inside the inode to a block.
//
// As all data it is written before anything refers to it; then one handle enters the block, and
// empties the inode.
#include "block/batch.h"
#include "fs/ext4/data.h"
#include "fs/ext4/namei.h"
#include "lib/string.h"
#include "mm/slab.h"

struct moving {
    struct inode *inode;
    u8 *bytes;    // a block
    u32 head[15]; // what is in place of the map
    u64 block;    // picked; 0: the file is empty
    bool journaled;
};

static int pick(struct moving *m)
{
    struct ext4 *fs = ext4_of(m->inode);
    u32 count = 1;
    int err = ext4_reserve(fs, 1);

    if (err)
        return err;
    err = ext4_blocks_pick(fs, ext4_i(m->inode)->goal, &count, &m->block);
    ext4_unreserve(fs, 1);
    return err;
}

static int write_bytes(const struct moving *m)
{
    struct ext4 *fs = ext4_of(m->inode);
    struct block_batch batch;

    block_batch_begin(&batch, fs->cache->device, BLOCK_WRITE, 0);
    block_batch_add(&batch, m->block << (fs->block_shift - SECTOR_SHIFT), m->bytes, fs->block_size);
    return block_batch_wait(&batch);
}

static int journal_bytes(struct handle *h, const struct moving *m)
{
    struct ext4 *fs = ext4_of(m->inode);
    struct buf *b;
    int err = buf_get(fs->cache, m->block, &b);

    if (err)
        return err;
    err = journal_get_create(h, b);
    if (!err) {
        buf_lock(b);
        memcpy(b->data, m->bytes, fs->block_size);
        buf_unlock(b);
        journal_dirty(h, b);
    }
    buf_put(b);
    return err;
}

// The inode's block map instead of the data, with the block in it.
static int map_block(struct handle *h, const struct moving *m)
{
    struct ext4_map map = {.physical = m->block, .count = 1};
    struct ext4_inode *e = ext4_i(m->inode);
    int err = 0;

    write_lock(&e->map_lock);
    e->flags &= ~EXT4_INLINE_DATA_FL;
    ext4_map_init(e);
    if (m->block)
        err = ext4_map_insert(h, e, &map);
    write_unlock(&e->map_lock);
    return err;
}

static void unmap(const struct moving *m, u64 blocks)
{
    struct ext4_inode *e = ext4_i(m->inode);

    write_lock(&e->map_lock);
    e->flags = (e->flags & ~EXT4_EXTENTS_FL) | EXT4_INLINE_DATA_FL;
    memcpy(e->block, m->head, sizeof(e->block));
    e->blocks = blocks;
    write_unlock(&e->map_lock);
}

static int enter(struct handle *h, const struct moving *m)
{
    struct ext4_inode *e = ext4_i(m->inode);
    u64 blocks = e->blocks;
    int err = m->journaled && m->block ? journal_bytes(h, m) : 0;

    if (err)
        return err;
    err = map_block(h, m) ?: ext4_inline_drop(h, m->inode);
    if (err) {
        unmap(m, blocks);
        return err;
    }
    store_relaxed(&e->data_tid, journal_handle_tid(h));
    return ext4_inode_write(h, m->inode);
}

static int claim_and_enter(struct handle *h, struct moving *m)
{
    struct ext4 *fs = ext4_of(m->inode);
    int err = ext4_name_hold(h, m->inode);

    if (!err && m->block)
        err = ext4_blocks_claim(h, fs, m->block, 1);
    if (err) {
        if (m->block)
            ext4_blocks_unpick(fs, m->block, 1);
        return err;
    }
    err = enter(h, m);
    if (err && m->block)
        ext4_blocks_free(h, ext4_i(m->inode), m->block, 1, m->journaled);
    return err;
}

static int switch_over(struct moving *m)
{
    struct ext4_inode *e = ext4_i(m->inode);
    u32 credits = 2 + EXT4_ALLOC_CREDITS + ext4_map_credits(e, 1);
    struct handle *h;
    int err = journal_begin(ext4_of(m->inode)->journal, credits, &h), end;

    if (err) {
        if (m->block)
            ext4_blocks_unpick(ext4_of(m->inode), m->block, 1);
        return err;
    }
    err = claim_and_enter(h, m);
    end = journal_end(h);
    return err ? err : end;
}

static int move_once(struct moving *m)
{
    int err = m->inode->size ? pick(m) : 0;

    if (!err && m->block && !m->journaled) {
        err = write_bytes(m);
        if (err)
            ext4_blocks_unpick(ext4_of(m->inode), m->block, 1);
    }
    return err ? err : switch_over(m);
}

static int move(struct moving *m)
{
    struct vm_object *o = &m->inode->object;
    int err;

    do {
        m->block = 0;
        mutex_lock(&o->write_lock);
        mutex_lock(&o->fill_lock);
        err = move_once(m);
        mutex_unlock(&o->fill_lock);
        mutex_unlock(&o->write_lock);
    } while (err == -ENOSPC && ext4_freed_wait(ext4_of(m->inode)));
    return err;
}

int ext4_inline_convert(struct inode *i)
{
    struct ext4 *fs = ext4_of(i);
    struct moving m = {.inode = i, .journaled = ext4_is_journal_data(i)};
    int err;

    if (i->size > fs->block_size)
        return ext4_corrupt(fs, i->ino, 0, "the size of data inside an inode");
    m.bytes = kmalloc(PAGE_SIZE, ALLOC_ZERO);
    if (!m.bytes)
        return -ENOMEM;
    err = ext4_inline_read(i, m.bytes, 0, i->size);
    memcpy(m.head, ext4_i(i)->block, sizeof(m.head));
    if (!err)
        err = move(&m);
    kfree(m.bytes);
    return err;
}
