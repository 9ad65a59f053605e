// SPDX-License-Identifier: MIT
// A regular file's data moves from inside the inode to a block.
//
// As all data it is written before anything refers to it; then one handle enters the block, and
// empties the inode. It is written through the block's buffer, where journaled data is read.
#include "fs/ext4/data.h"
#include "fs/ext4/namei.h"
#include "lib/string.h"

// A block with the data, picked and written, that nothing refers to yet.
static int data_write(struct inode *i, struct ext4_map *m)
{
    struct ext4 *fs = ext4_of(i);
    u32 count = 1;
    struct buf *b;
    int err = ext4_blocks_pick(ext4_i(i), &count, &m->physical);

    if (err)
        return err;
    err = buf_get(fs->cache, m->physical, &b);
    if (!err) {
        memset(b->data, 0, fs->block_size);
        err = ext4_inline_read(i, b->data, 0, i->size) ?: buf_write(b, 0);
        buf_put(b);
    }
    if (err)
        ext4_blocks_unpick(fs, m->physical, 1);
    return err;
}

// In the change of the inode's map: the map instead of the data, with the block if there is one.
static int enter(struct handle *h, struct inode *i, const struct ext4_map *m)
{
    struct ext4_inode *e = ext4_i(i);
    bool any = m->physical;
    u64 blocks = e->blocks;
    u32 head[ARRAY_SIZE(e->block)];
    int err;

    memcpy(head, e->block, sizeof(head));
    e->flags &= ~EXT4_INLINE_DATA_FL;
    ext4_map_init(e);
    err = any ? ext4_map_enter(h, e, m) : 0;
    if (!err) {
        err = ext4_inline_drop(h, i);
        if (err && any)
            err = ext4_blocks_free(h, e, m->physical, 1, false) ?: err;
    }
    if (err) {
        e->flags = (e->flags & ~EXT4_EXTENTS_FL) | EXT4_INLINE_DATA_FL;
        memcpy(e->block, head, sizeof(head));
        e->blocks = blocks;
    }
    return err;
}

static int move(struct inode *i)
{
    struct ext4 *fs = ext4_of(i);
    struct ext4_map m = {.count = 1};
    struct handle *h;
    int err = i->size ? ext4_reserve(fs, 1) : 0;

    if (err)
        return err;
    if (i->size) {
        err = data_write(i, &m);
        ext4_unreserve(fs, 1);
    }
    if (err)
        return err;
    err = ext4_change_begin(i, 2 + EXT4_ALLOC_CREDITS + ext4_map_credits(ext4_i(i), 1), &h);
    if (!err)
        return ext4_change_end(h, i, enter(h, i, &m));
    if (m.physical)
        ext4_blocks_unpick(fs, m.physical, 1);
    return err;
}

int ext4_inline_convert(struct inode *i)
{
    struct ext4 *fs = ext4_of(i);
    struct ext4_retry retry = {0};
    int err;

    if (i->size > fs->block_size)
        return ext4_corrupt(fs, i->ino, 0, "the size of data inside an inode");
    do
        err = move(i);
    while (ext4_again(fs, err, &retry));
    return err;
}
