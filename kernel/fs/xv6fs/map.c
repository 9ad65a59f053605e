// SPDX-License-Identifier: MIT
// The block map of a file: 11 blocks in the inode, 256 through one indirect block, 65,536 through
// two levels of them.
//
// Block numbers are checked whenever they are read, and the depth is fixed: whatever an indirect
// block holds, nothing but data blocks is touched, and each walk ends.
#include "fs/xv6fs/internal.h"

static int block_read(struct inode *i, u32 block, struct buf **out)
{
    struct xv6fs *fs = xv6fs_of(i);

    if (!xv6fs_is_data(&fs->layout, block))
        return xv6fs_damaged(fs, i->ino, "a block outside of the data area is mapped");
    return buf_read(fs->cache, block, out);
}

/* Finding and making */

// The block that a slot of `table` leads to, made if it is a hole and that is wanted; NULL: a hole.
static int step(struct inode *i, struct buf *table, u32 *slot, bool make, struct buf **out)
{
    struct xv6fs *fs = xv6fs_of(i);
    int err;

    *out = NULL;
    if (*slot)
        return block_read(i, *slot, out);
    if (!make)
        return 0;
    err = xv6fs_block_alloc(fs, out);
    if (!err) {
        xv6fs_op_change(fs, table);
        *slot = (*out)->block;
    }
    return err;
}

static int walk(struct inode *i, u64 block, bool make, struct buf **out)
{
    struct xv6fs_inode *x = xv6fs_i(i);
    u32 path[3];
    int depth = xv6fs_path(block, path), err;

    if (depth < 0)
        return depth;
    err = step(i, x->buf, &x->disk->addrs[path[0]], make, out);
    for (int level = 1; !err && level <= depth && *out; level++) {
        struct buf *table = *out;

        err = step(i, table, (u32 *)table->data + path[level], make, out);
        buf_put(table);
    }
    return err;
}

int xv6fs_map_read(struct inode *i, u64 block, struct buf **out)
{
    int err;

    read_lock(&xv6fs_of(i)->map_lock);
    err = walk(i, block, false, out);
    read_unlock(&xv6fs_of(i)->map_lock);
    return err;
}

int xv6fs_map_get(struct inode *i, u64 block, struct buf **out)
{
    int err;

    write_lock(&xv6fs_of(i)->map_lock);
    err = walk(i, block, true, out);
    write_unlock(&xv6fs_of(i)->map_lock);
    return err;
}

/* Freeing */

#define NO_ROOM 1 // instead of an error: the operation is full

static int free_slot(struct xv6fs *fs, struct buf *table, u32 *slot)
{
    int err;

    if (xv6fs_op_room(fs) < 2)
        return NO_ROOM;
    err = xv6fs_block_free(fs, *slot);
    if (!err) {
        xv6fs_op_change(fs, table);
        *slot = 0;
    }
    return err;
}

// Frees what lies below a slot from the subtree's block `first` on; `level` tables are between.
static int free_tree(struct inode *i, struct buf *table, u32 *slot, int level, u32 first)
{
    u32 span = level == 2 ? XV6FS_SLOTS : 1;
    struct buf *b;
    int err = 0;

    if (!*slot)
        return 0;
    if (level) {
        err = block_read(i, *slot, &b);
        if (err)
            return err;
        for (u32 n = first / span; n < XV6FS_SLOTS && !err; n++)
            err = free_tree(i, b, (u32 *)b->data + n, level - 1,
                            n == first / span ? first % span : 0);
        buf_put(b);
    }
    return err || first ? err : free_slot(xv6fs_of(i), table, slot);
}

static int trim_some(struct inode *i, u32 first)
{
    struct xv6fs_inode *x = xv6fs_i(i);
    u32 base = 0, span = 1;
    int err = 0;

    for (u32 n = 0; n < ARRAY_SIZE(x->disk->addrs) && !err; n++, base += span) {
        int level = n < XV6FS_DIRECT ? 0 : n - XV6FS_DIRECT + 1;

        span = level == 2 ? XV6FS_SLOTS * XV6FS_SLOTS : level ? XV6FS_SLOTS : 1;
        if (first < base + span)
            err = free_tree(i, x->buf, &x->disk->addrs[n], level, first > base ? first - base : 0);
    }
    return err;
}

int xv6fs_map_trim(struct inode *i, u32 first)
{
    struct xv6fs *fs = xv6fs_of(i);
    int err, some;

    do {
        err = xv6fs_op_begin(fs);
        if (err)
            return err;
        write_lock(&fs->map_lock);
        some = trim_some(i, first);
        err = some == NO_ROOM ? 0 : some;
        write_unlock(&fs->map_lock);
        err = xv6fs_op_end(fs, err);
    } while (!err && some == NO_ROOM);
    return err;
}
