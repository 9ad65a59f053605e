// SPDX-License-Identifier: MIT
// Free blocks, in the bitmap on disk, and free inode numbers, in a bitmap in memory.
//
// A number is taken before its inode is written, and given back when the old inode is gone from the
// inode cache: so nobody makes an inode there while the old one is still being evicted.
#include "fs/xv6fs/internal.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/slab.h"

#define BITS_PER_BLOCK (8 * XV6FS_BLOCK)

// How many bits of bitmap block n are of blocks that the disk has.
static u32 bits_of(const struct xv6fs *fs, u32 n)
{
    return MIN(fs->layout.size - n * BITS_PER_BLOCK, (u32)BITS_PER_BLOCK);
}

static u32 bitmap_blocks(const struct xv6fs *fs)
{
    return DIV_ROUND_UP((u64)fs->layout.size, BITS_PER_BLOCK);
}

/* Blocks */

// A free block of bitmap block n, marked; 0: none.
static int take_bit(struct xv6fs *fs, u32 n, u32 *block)
{
    u32 bits = bits_of(fs, n), base = n * BITS_PER_BLOCK, from, bit;
    struct buf *b;
    int err = buf_read(fs->cache, fs->layout.bitmap_start + n, &b);

    if (err)
        return err;
    from = MAX(fs->block_hint, fs->layout.data_start);
    bit = bitmap_find_zero((u64 *)b->data, bits, from > base ? from - base : 0);
    *block = 0;
    if (bit < bits) {
        xv6fs_op_change(fs, b);
        bitmap_set((u64 *)b->data, bit);
        *block = base + bit;
        fs->block_hint = *block + 1;
        store_relaxed(&fs->free_blocks, fs->free_blocks - 1);
    }
    buf_put(b);
    return 0;
}

int xv6fs_block_alloc(struct xv6fs *fs, struct buf **out)
{
    u32 block = 0, n = MAX(fs->block_hint, fs->layout.data_start) / BITS_PER_BLOCK;
    int err = 0;

    for (; n < bitmap_blocks(fs) && !block && !err; n++)
        err = take_bit(fs, n, &block);
    if (!err && !block)
        err = -ENOSPC;
    err = err ? err : buf_get(fs->cache, block, out);
    if (err)
        return err;
    xv6fs_op_change(fs, *out);
    memset((*out)->data, 0, XV6FS_BLOCK);
    return 0;
}

int xv6fs_block_free(struct xv6fs *fs, u32 block)
{
    struct buf *b;
    int err;

    if (!xv6fs_is_data(&fs->layout, block))
        return xv6fs_damaged(fs, 0, "a block outside of the disk is freed");
    err = buf_read(fs->cache, fs->layout.bitmap_start + block / BITS_PER_BLOCK, &b);
    if (err)
        return err;
    if (bitmap_test((u64 *)b->data, block % BITS_PER_BLOCK)) {
        xv6fs_op_change(fs, b);
        bitmap_clear((u64 *)b->data, block % BITS_PER_BLOCK);
        fs->block_hint = MIN(fs->block_hint, block);
        store_relaxed(&fs->free_blocks, fs->free_blocks + 1);
    } else {
        err = xv6fs_damaged(fs, 0, "a free block is freed");
    }
    buf_put(b);
    return err;
}

/* Inode numbers */

u32 xv6fs_ino_alloc(struct xv6fs *fs)
{
    u32 ino;

    spin_lock(&fs->ino_lock);
    ino = bitmap_find_zero(fs->inodes, fs->layout.inodes, 0);
    if (ino < fs->layout.inodes) {
        bitmap_set(fs->inodes, ino);
        fs->free_inodes--;
    } else {
        ino = 0;
    }
    spin_unlock(&fs->ino_lock);
    return ino;
}

void xv6fs_ino_free(struct xv6fs *fs, u32 ino)
{
    spin_lock(&fs->ino_lock);
    bitmap_clear(fs->inodes, ino);
    fs->free_inodes++;
    spin_unlock(&fs->ino_lock);
}

/* Counting */

static int count_blocks(struct xv6fs *fs, u32 n)
{
    u32 base = n * BITS_PER_BLOCK, bit;
    struct buf *b;
    int err = buf_read(fs->cache, fs->layout.bitmap_start + n, &b);

    if (err)
        return err;
    for (bit = fs->layout.data_start > base ? fs->layout.data_start - base : 0;
         bit < bits_of(fs, n); bit++)
        fs->free_blocks += !bitmap_test((u64 *)b->data, bit);
    buf_put(b);
    return 0;
}

static int count_inodes(struct xv6fs *fs, u32 n)
{
    u32 first = n * XV6FS_INODES_PER_BLOCK;
    struct buf *b;
    int err = buf_read(fs->cache, fs->layout.inode_start + n, &b);

    if (err)
        return err;
    for (u32 i = 0; i < XV6FS_INODES_PER_BLOCK && first + i < fs->layout.inodes; i++) {
        if (((struct xv6fs_dinode *)b->data)[i].type || first + i == 0)
            bitmap_set(fs->inodes, first + i);
        else
            fs->free_inodes++;
    }
    buf_put(b);
    return 0;
}

int xv6fs_alloc_open(struct xv6fs *fs)
{
    int err = 0;

    spin_init(&fs->ino_lock, RANK_BLOCKS);
    fs->inodes = kmalloc(BITMAP_WORDS(fs->layout.inodes) * sizeof(u64), ALLOC_ZERO);
    if (!fs->inodes)
        return -ENOMEM;
    for (u32 n = 0; n < bitmap_blocks(fs) && !err; n++)
        err = count_blocks(fs, n);
    for (u32 n = 0; n * XV6FS_INODES_PER_BLOCK < fs->layout.inodes && !err; n++)
        err = count_inodes(fs, n);
    return err;
}
