// SPDX-License-Identifier: MIT
// File data: pages, and the blocks that go through the log.
//
// write(2) puts a block's bytes into the page and, in the same operation, into the log. The copy
// from user memory does not wait, and comes after everything that may fail: so either some bytes
// are in both, or the operation is undone. Stores through a mapping find the blocks allocated
// (make_writable), and reach the log when the page is written back.
//
// What a block holds past the file's size is zero. Truncation holds fill_lock until the blocks are
// free: a page that is being read meanwhile would show what they held, or will hold.
#include "abi/errno.h"
#include "fs/xv6fs/internal.h"
#include "lib/string.h"

#define PER_PAGE (PAGE_SIZE / XV6FS_BLOCK)
#define RUN      16 // pages taken to be written at once

/* Pages */

static int fill_block(struct inode *i, u64 block, u8 *to)
{
    u64 size = load_relaxed(&i->size), start = block << XV6FS_SHIFT;
    struct buf *b = NULL;
    u32 n;
    int err = start < size ? xv6fs_map_read(i, block, &b) : 0;

    if (err)
        return err;
    n = b ? MIN(size - start, (u64)XV6FS_BLOCK) : 0;
    if (b)
        memcpy(to, b->data, n);
    memset(to + n, 0, XV6FS_BLOCK - n);
    buf_put(b);
    return 0;
}

static int file_fill(struct vm_object *o, u64 index, struct frame **frames, unsigned n)
{
    int err = 0;

    for (u64 k = 0; k < n * PER_PAGE && !err; k++) {
        u8 *page = frame_address(frames[k / PER_PAGE]);

        err = fill_block(o->owner, index * PER_PAGE + k, page + k % PER_PAGE * XV6FS_BLOCK);
    }
    return err;
}

// The file may be cut meanwhile.
static int make_block_locked(struct inode *i, u64 block, struct buf **out)
{
    return block << XV6FS_SHIFT < xv6fs_i(i)->disk->size ? xv6fs_map_get(i, block, out) : 0;
}

static int make_block(struct inode *i, u64 block)
{
    struct xv6fs *fs = xv6fs_of(i);
    struct buf *b;
    int err = xv6fs_map_read(i, block, &b);

    if (!err && !b) {
        err = xv6fs_op_begin(fs);
        if (!err)
            err = xv6fs_op_end(fs, make_block_locked(i, block, &b));
    }
    if (!err)
        buf_put(b);
    return err;
}

static int file_make_writable(struct vm_object *o, u64 index)
{
    struct inode *i = o->owner;
    u64 block = index * PER_PAGE, end = DIV_ROUND_UP(load_relaxed(&i->size), XV6FS_BLOCK);
    int err = 0;

    for (end = MIN(end, block + PER_PAGE); block < end && !err; block++)
        err = make_block(i, block);
    return err;
}

/* Writing back what mappings changed */

// In an operation that has changed the block: sets all of it.
static void put_block(struct buf *b, const u8 *from, u64 block, u64 size)
{
    u64 start = block << XV6FS_SHIFT, n = MIN(size - start, (u64)XV6FS_BLOCK);

    memcpy(b->data, from, n);
    memset(b->data + n, 0, XV6FS_BLOCK - n);
}

static int write_back_locked(struct inode *i, u64 block, const u8 *from)
{
    u64 size = xv6fs_i(i)->disk->size;
    struct buf *b;
    int err;

    if (block << XV6FS_SHIFT >= size)
        return 0;
    err = xv6fs_map_get(i, block, &b);
    if (err)
        return err;
    xv6fs_op_change(xv6fs_of(i), b);
    put_block(b, from, block, size);
    buf_put(b);
    return 0;
}

static int write_back_block(struct inode *i, u64 block, const u8 *from)
{
    struct xv6fs *fs = xv6fs_of(i);
    int err = xv6fs_op_begin(fs);

    return err ? err : xv6fs_op_end(fs, write_back_locked(i, block, from));
}

static int write_back_page(struct vm_object *o, u64 index, struct frame *f)
{
    int err = 0;

    for (u64 k = 0; k < PER_PAGE; k++) {
        const u8 *from = (u8 *)frame_address(f) + k * XV6FS_BLOCK;
        int one = write_back_block(o->owner, index * PER_PAGE + k, from);

        if (one == -ENOMEM)
            vm_object_mark_dirty(o, f);
        err = err ? err : one;
    }
    return err;
}

static int file_write_back(struct vm_object *o, u64 first, u64 last)
{
    struct frame *frames[RUN];
    unsigned n;
    int err = 0;

    while ((n = vm_object_take_dirty(o, &first, last, frames, RUN))) {
        for (unsigned k = 0; k < n; k++, first++) {
            int one = write_back_page(o, first, frames[k]);

            frame_put(frames[k]);
            err = vm_write_back_join(o, err, one);
        }
    }
    return err;
}

const struct vm_object_ops xv6fs_object_ops = {
    .fill = file_fill,
    .make_writable = file_make_writable,
    .write_back = file_write_back,
    .hold = inode_object_hold,
    .release = inode_object_release,
};

/* Growing and shrinking; the inode is locked */

// Before the size grows: nothing past it is to be seen. Blocks are mapped there only where a crash
// or an error ended a truncation.
static int prepare_growth(struct inode *i)
{
    struct xv6fs_inode *x = xv6fs_i(i);
    int err = 0;

    if (!x->trimmed)
        err = xv6fs_map_trim(i, DIV_ROUND_UP(i->size, XV6FS_BLOCK));
    x->trimmed = !err;
    return err;
}

// In an operation.
static int set_size(struct inode *i, u64 size)
{
    struct xv6fs_inode *x = xv6fs_i(i);
    u32 rest = size % XV6FS_BLOCK;
    struct buf *b = NULL;
    int err = rest && size < i->size ? xv6fs_map_read(i, size >> XV6FS_SHIFT, &b) : 0;

    if (err)
        return err;
    if (b) {
        xv6fs_op_change(xv6fs_of(i), b);
        memset(b->data + rest, 0, XV6FS_BLOCK - rest);
        buf_put(b);
    }
    xv6fs_op_change(xv6fs_of(i), x->buf);
    x->disk->size = size;
    return 0;
}

// fill_lock is held.
static int cut(struct inode *i, u64 size)
{
    struct xv6fs *fs = xv6fs_of(i);
    u64 old = i->size;
    int err = xv6fs_op_begin(fs);

    err = err ? err : xv6fs_op_end(fs, set_size(i, size));
    if (err)
        return err;
    xv6fs_refresh(i);
    vm_object_truncate(&i->object, size);
    if (size < old) {
        xv6fs_i(i)->trimmed = false;
        err = prepare_growth(i);
    }
    return err;
}

static int truncate_locked(struct inode *i, u64 size)
{
    int err = size > i->size ? prepare_growth(i) ?: vm_object_clear_tail(&i->object) : 0;

    if (err)
        return err;
    mutex_lock(&i->object.fill_lock);
    err = cut(i, size);
    mutex_unlock(&i->object.fill_lock);
    return err;
}

int xv6fs_truncate(struct inode *i, u64 size)
{
    int err;

    if (size > XV6FS_MAX_SIZE)
        return -EFBIG;
    mutex_lock(&i->object.write_lock);
    err = truncate_locked(i, size);
    mutex_unlock(&i->object.write_lock);
    return err;
}

/* write(2) */

// In an operation: n bytes that lie in one block. How many came.
static ssize_t copy_block(struct inode *i, struct uio *u, u64 pos, size_t n, u8 *page)
{
    struct xv6fs_inode *x = xv6fs_i(i);
    u64 block = pos >> XV6FS_SHIFT, within = pos & ~PAGE_MASK;
    struct buf *b;
    int err = xv6fs_map_get(i, block, &b);

    if (err)
        return err;
    n = uio_get_nofault(u, page + within, n);
    if (n) {
        xv6fs_op_change(xv6fs_of(i), b);
        if (pos + n > x->disk->size) {
            xv6fs_op_change(xv6fs_of(i), x->buf);
            x->disk->size = pos + n;
        }
        put_block(b, page + (within & ~(u64)(XV6FS_BLOCK - 1)), block, x->disk->size);
    }
    buf_put(b);
    return n ? (ssize_t)n : -EFAULT;
}

static ssize_t write_block(struct file *f, struct uio *u, loff_t *pos, u64 limit)
{
    struct inode *i = f->inode;
    size_t n = MIN(u->left, MIN(XV6FS_BLOCK - *pos % XV6FS_BLOCK, limit - *pos));
    struct frame *page;
    ssize_t moved;
    int err = *pos + n > i->size ? prepare_growth(i) : 0;

    if (!err && (u64)*pos > i->size)
        err = vm_object_clear_tail(&i->object);
    err = err ? err : vm_object_page(&i->object, *pos >> PAGE_SHIFT, &page);
    if (err)
        return err;
    moved = xv6fs_op_begin(xv6fs_of(i));
    if (!moved) {
        moved = copy_block(i, u, *pos, n, frame_address(page));
        xv6fs_op_end(xv6fs_of(i), moved < 0 ? moved : 0);
    }
    frame_put(page);
    if (moved > 0) {
        *pos += moved;
        xv6fs_refresh(i);
        store_relaxed(&i->object.size, i->size);
        inode_touch_mtime(i);
    }
    return moved;
}

static ssize_t file_write_blocks(struct file *f, struct uio *u, loff_t *pos)
{
    return generic_file_write_by(f, u, pos, XV6FS_MAX_SIZE, write_block);
}

const struct file_ops xv6fs_file_ops = {
    .read = generic_file_read,
    .write = file_write_blocks,
    .mmap = generic_file_mmap,
    .fsync = xv6fs_fsync,
};
