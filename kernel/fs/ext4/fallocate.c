// SPDX-License-Identifier: MIT
// fallocate(2): blocks before they are written, holes, ranges taken out and put in.
//
// All hold the inode's lock and write_lock. Where blocks go, fill_lock is held from before the
// pages are dropped until the map is changed, so that nobody reads what is going away.
#include "fs/ext4/data.h"
#include "fs/ext4/map.h"
#include "vfs/file.h"

static u64 block_of(const struct inode *i, u64 bytes)
{
    const struct ext4 *fs = i->sb->private;

    return bytes >> fs->block_shift;
}

/* Unwritten blocks in holes */

static int enter_unwritten(struct inode *i, const struct ext4_map *m)
{
    struct ext4_inode *e = ext4_i(i);
    struct handle *h;
    int err = ext4_map_begin(i, 1 + EXT4_ALLOC_CREDITS + ext4_map_credits(e, 1), &h);

    if (err) {
        ext4_blocks_unpick(ext4_of(i), m->physical, m->count);
        return err;
    }
    e->goal = m->physical + m->count;
    return ext4_map_end(h, i, ext4_map_enter(h, e, m));
}

static int reserve(struct ext4 *fs, u64 count)
{
    struct ext4_retry retry = {0};
    int err;

    do
        err = ext4_reserve(fs, count);
    while (ext4_again(fs, err, &retry));
    return err;
}

static int allocate_some(struct inode *i, u64 *at, u64 end)
{
    struct ext4_inode *e = ext4_i(i);
    struct ext4 *fs = ext4_of(i);
    struct ext4_map m = {.logical = *at, .count = end - *at};
    u32 wanted, count;
    int err;

    read_lock(&e->map_lock);
    err = ext4_map_find(e, &m);
    read_unlock(&e->map_lock);
    if (err || m.physical != EXT4_MAP_FAIL) {
        *at += m.count;
        return err;
    }
    wanted = count = MIN(m.count, ext4_map_max_run(e));
    err = reserve(fs, wanted);
    if (err)
        return err;
    err = ext4_blocks_pick(e, &count, &m.physical);
    if (!err) {
        m.count = count;
        m.unwritten = true;
        err = enter_unwritten(i, &m);
    }
    ext4_unreserve(fs, wanted);
    *at += count;
    return err;
}

static int allocate(struct inode *i, u64 offset, u64 end)
{
    u64 at = block_of(i, offset), stop = block_of(i, end + ext4_of(i)->block_size - 1);
    int err = 0;

    mutex_lock(&i->object.write_lock);
    while (!err && at < stop)
        err = allocate_some(i, &at, stop);
    mutex_unlock(&i->object.write_lock);
    return err;
}

/* Holes */

#define CUT_BLOCKS (EXT4_EXTENT_DEPTH_MAX + 1) // that nodes may take when an extent is cut

// How many are promised now, after waiting for them. Without any it is worth trying: mostly a cut
// needs none.
static u64 reserve_cut(struct ext4 *fs)
{
    return reserve(fs, CUT_BLOCKS) ? 0 : CUT_BLOCKS;
}

// Pages [start, end) and the promises to them are gone.
static void pages_drop(struct inode *i, u64 start, u64 end)
{
    vm_object_punch(&i->object, start, end);
    ext4_delayed_drop(ext4_i(i), block_of(i, start), block_of(i, end));
}

// Whole blocks.
static int punch_blocks(struct inode *i, u64 low, u64 high)
{
    struct ext4_inode *e = ext4_i(i);
    struct handle *h;
    int err = ext4_change_begin(i, 1 + ext4_map_credits(e, 1), &h);

    if (err)
        return err;
    pages_drop(i, low, high);
    e->disk_size = MAX(e->disk_size, MIN(i->size, high));
    err = ext4_map_remove(h, e, block_of(i, low), block_of(i, high) - 1, 1);
    return ext4_change_end(h, i, err);
}

static int punch(struct inode *i, u64 offset, u64 end)
{
    struct ext4 *fs = ext4_of(i);
    u64 low = ALIGN_UP(offset, fs->block_size), high = ALIGN_DOWN(end, fs->block_size), reserved;
    int err;

    if (low > high)
        return ext4_zero(i, offset, end);
    err = ext4_zero(i, offset, low) ?: ext4_zero(i, high, end) ?: ext4_size_settle(i, high);
    if (err || low == high)
        return err;
    reserved = reserve_cut(fs);
    err = punch_blocks(i, low, high);
    ext4_unreserve(fs, reserved);
    return err;
}

// Nothing past the end of the file is touched.
static int punch_hole(struct inode *i, u64 offset, u64 end)
{
    return offset < i->size ? punch(i, offset, MIN(end, ALIGN_UP(i->size, PAGE_SIZE))) : 0;
}

/* Ranges taken out and put in */

// Moves what follows the range, or begins with it, by its length; nothing of that is cached.
static int shift_blocks(struct inode *i, u64 offset, u64 end, bool out)
{
    struct ext4_inode *e = ext4_i(i);
    u64 length = end - offset, size = i->size, first = block_of(i, offset), known;
    s64 delta = out ? -(s64)length : (s64)length;
    struct handle *h;
    int err = ext4_map_begin(i, 1 + ext4_map_credits(e, 1) + EXT4_BATCH_CREDITS, &h);

    if (err)
        return err;
    ext4_delayed_drop(e, block_of(i, ALIGN_DOWN(offset, PAGE_SIZE)), ~0UL);
    known = e->disk_size;
    if (out) {
        err = ext4_map_remove(h, e, first, block_of(i, end) - 1, ext4_map_credits(e, 1) + 1);
        first = block_of(i, end);
    }
    if (!err)
        err = ext4_map_shift(h, e, first, delta >> ext4_of(i)->block_shift);
    if (!err)
        ext4_size_set(i, size + delta, MIN(known + (out ? 0 : delta), size + delta));
    return ext4_map_end(h, i, err);
}

static int shift_closed(struct inode *i, u64 offset, u64 end, bool out)
{
    int err = vm_object_close(&i->object, offset >> PAGE_SHIFT);

    if (err)
        return err;
    err = shift_blocks(i, offset, end, out);
    vm_object_open(&i->object);
    return err;
}

static int shift(struct inode *i, u64 offset, u64 end, bool out)
{
    unsigned tries = 0;
    u64 reserved;
    int err;

    if ((offset | end) & (ext4_of(i)->block_size - 1) || (out ? end : offset) >= i->size)
        return -EINVAL;
    if (!out && i->size + end - offset > ext4_size_max(i))
        return -EFBIG;
    reserved = reserve_cut(ext4_of(i));
    if (!out && !reserved)
        return -ENOSPC;
    do
        err = shift_closed(i, offset, end, out);
    while (ext4_memory_may_come(err, &tries));
    ext4_unreserve(ext4_of(i), reserved);
    return err;
}

/* The call */

static int grow(struct inode *i, int mode, u64 end)
{
    return mode & FALLOC_FL_KEEP_SIZE || end <= i->size ? 0 : ext4_size_grow(i, end);
}

static int fallocate_locked(struct inode *i, int mode, u64 offset, u64 end)
{
    bool punching = mode & FALLOC_FL_PUNCH_HOLE;
    bool longer = !(mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE));
    int err = ext4_check_writable(ext4_of(i));

    if (!err && ext4_has_inline(i))
        err = ext4_inline_convert(i);
    if (!err && !punching && !(ext4_i(i)->flags & EXT4_EXTENTS_FL))
        err = -EOPNOTSUPP;
    if (!err && longer && end > ext4_size_max(i))
        err = -EFBIG;
    if (err)
        return err;
    switch (mode) {
    case 0:
    case FALLOC_FL_KEEP_SIZE:
        return allocate(i, offset, end) ?: grow(i, mode, end);
    case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
        return punch_hole(i, offset, end);
    case FALLOC_FL_ZERO_RANGE:
    case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
        return punch(i, offset, end) ?: allocate(i, offset, end) ?: grow(i, mode, end);
    case FALLOC_FL_COLLAPSE_RANGE:
    case FALLOC_FL_INSERT_RANGE:
        return shift(i, offset, end, mode == FALLOC_FL_COLLAPSE_RANGE);
    default:
        return -EOPNOTSUPP;
    }
}

int ext4_file_fallocate(struct file *f, int mode, loff_t offset, loff_t length)
{
    struct inode *i = f->inode;
    int err;

    write_lock(&i->lock);
    err = fallocate_locked(i, mode, offset, (u64)offset + length);
    if (!err) {
        inode_touch_mtime(i);
        err = inode_changed(i);
    }
    write_unlock(&i->lock);
    if (!err && f->flags & O_DSYNC)
        err = file_fsync(f, (f->flags & O_SYNC) != O_SYNC);
    return err;
}
