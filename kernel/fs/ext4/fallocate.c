// SPDX-License-Identifier: MIT
// fallocate(2): blocks before they are written, holes, ranges taken out and put in.
//
// All hold the inode's lock and write_lock. Where blocks go, fill_lock is held from before the
// pages are dropped until the map is changed, so that nobody reads what is going away.
#include "fs/ext4/data.h"
#include "fs/ext4/map.h"
#include "lib/string.h"
#include "vfs/file.h"

static u64 block_down(const struct inode *i, u64 bytes)
{
    const struct ext4 *fs = i->sb->private;

    return bytes >> fs->block_shift;
}

static u64 block_up(const struct inode *i, u64 bytes)
{
    const struct ext4 *fs = i->sb->private;

    return DIV_ROUND_UP(bytes, fs->block_size);
}

/* Unwritten blocks in holes */

static int enter_unwritten(struct inode *i, const struct ext4_map *m)
{
    struct ext4_inode *e = ext4_i(i);
    struct ext4 *fs = ext4_of(i);
    bool claimed = false;
    struct handle *h;
    int err = journal_begin(fs->journal, 1 + EXT4_ALLOC_CREDITS + ext4_map_credits(e, 1), &h), end;

    if (!err) {
        write_lock(&e->map_lock);
        err = ext4_blocks_claim(h, fs, m->physical, m->count);
        claimed = !err;
        if (!err)
            err = ext4_map_insert(h, e, m);
        if (err && claimed)
            ext4_blocks_free(h, e, m->physical, m->count, false);
        if (!err)
            ext4_delayed_drop(e, m->logical, m->logical + m->count);
        e->goal = m->physical + m->count;
        write_unlock(&e->map_lock);
        store_relaxed(&e->data_tid, journal_handle_tid(h));
        end = ext4_inode_write(h, i);
        err = err ? err : end;
        end = journal_end(h);
        err = err ? err : end;
    }
    if (!claimed)
        ext4_blocks_unpick(fs, m->physical, m->count);
    return err;
}

static int reserve(struct ext4 *fs, u64 count)
{
    int err;

    do
        err = ext4_reserve(fs, count);
    while (err == -ENOSPC && ext4_freed_wait(fs));
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
    err = ext4_blocks_pick(fs, e->goal, &count, &m.physical);
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
    u64 at = block_down(i, offset), stop = block_up(i, end);
    int err = 0;

    mutex_lock(&i->object.write_lock);
    while (!err && at < stop)
        err = allocate_some(i, &at, stop);
    mutex_unlock(&i->object.write_lock);
    return err;
}

/* Holes */

// Zeroes bytes of one block, unless it is a hole.
static int zero_bytes(struct inode *i, u64 start, u64 end)
{
    struct ext4_inode *e = ext4_i(i);
    struct ext4_map m = {.logical = block_down(i, start), .count = 1};
    struct frame *f;
    bool promised;
    int err;

    if (start >= end)
        return 0;
    read_lock(&e->map_lock);
    promised = ext4_delayed_run(e, m.logical, &m.count);
    err = ext4_map_find(e, &m);
    read_unlock(&e->map_lock);
    if (err || (m.physical == EXT4_MAP_FAIL && !promised))
        return err;
    err = ext4_make_writable(&i->object, start >> PAGE_SHIFT)
              ?: vm_object_page(&i->object, start >> PAGE_SHIFT, &f);
    if (err)
        return err;
    memset((u8 *)frame_address(f) + (start & ~PAGE_MASK), 0, end - start);
    vm_object_mark_dirty(&i->object, f);
    frame_put(f);
    return 0;
}

// Begins a change of the map after which pages [start, end) are not what they were: they go.
// change_end() ends it.
static int change_begin(struct inode *i, u64 start, u64 end, u32 credits, struct handle **h)
{
    struct vm_object *o = &i->object;
    struct ext4_inode *e = ext4_i(i);
    int err;

    mutex_lock(&o->write_lock);
    mutex_lock(&o->fill_lock);
    err = journal_begin(ext4_of(i)->journal, credits, h);
    if (err) {
        mutex_unlock(&o->fill_lock);
        mutex_unlock(&o->write_lock);
        return err;
    }
    vm_object_punch(o, start, end);
    write_lock(&e->map_lock);
    ext4_delayed_drop(e, block_down(i, start), block_down(i, end));
    return 0;
}

static int change_end(struct inode *i, struct handle *h, int err)
{
    struct ext4_inode *e = ext4_i(i);
    int end;

    write_unlock(&e->map_lock);
    store_relaxed(&e->data_tid, journal_handle_tid(h));
    end = ext4_inode_write(h, i);
    err = err ? err : end;
    end = journal_end(h);
    mutex_unlock(&i->object.fill_lock);
    mutex_unlock(&i->object.write_lock);
    return err ? err : end;
}

static u32 change_credits(const struct inode *i)
{
    return 1 + ext4_map_credits((const struct ext4_inode *)i, 1) + EXT4_BATCH_CREDITS;
}

static int punch(struct inode *i, u64 offset, u64 end)
{
    u32 size = ext4_of(i)->block_size;
    u64 low = ALIGN_UP(offset, size), high = ALIGN_DOWN(end, size);
    struct ext4_inode *e = ext4_i(i);
    struct handle *h;
    int err;

    if (low > high)
        return zero_bytes(i, offset, end);
    err = zero_bytes(i, offset, low) ?: zero_bytes(i, high, end) ?: ext4_size_settle(i, high);
    if (err || low == high)
        return err;
    err = change_begin(i, low, high, change_credits(i), &h);
    if (err)
        return err;
    e->disk_size = MAX(e->disk_size, MIN(i->size, high));
    err = ext4_map_remove(h, e, block_down(i, low), block_down(i, high) - 1, 1);
    return change_end(i, h, err);
}

// Nothing past the end of the file is touched.
static int punch_hole(struct inode *i, u64 offset, u64 end)
{
    return offset < i->size ? punch(i, offset, MIN(end, ALIGN_UP(i->size, PAGE_SIZE))) : 0;
}

/* Ranges taken out and put in */

// What is cached from `offset` on is written, and dropped at the begin of the change.
static int shift_begin(struct inode *i, u64 offset, struct handle **h)
{
    u64 page = ALIGN_DOWN(offset, PAGE_SIZE), end = ALIGN_DOWN(INT64_MAX, PAGE_SIZE);
    int err = vm_object_sync(&i->object, page >> PAGE_SHIFT, ~0UL);

    return err ? err : change_begin(i, page, end, change_credits(i), h);
}

static void sizes_set(struct inode *i, u64 size, u64 disk_size)
{
    store_relaxed(&i->size, size);
    vm_object_truncate(&i->object, size);
    ext4_i(i)->disk_size = disk_size;
}

static int collapse(struct inode *i, u64 offset, u64 end)
{
    struct ext4_inode *e = ext4_i(i);
    u64 first = block_down(i, offset), after = block_down(i, end), size = i->size;
    struct handle *h;
    int err;

    if ((offset | end) & (ext4_of(i)->block_size - 1) || end >= size)
        return -EINVAL;
    err = shift_begin(i, offset, &h);
    if (err)
        return err;
    err = ext4_map_remove(h, e, first, after - 1, ext4_map_credits(e, 1) + 1);
    if (!err)
        err = ext4_map_shift(h, e, after, (s64)(first - after));
    if (!err)
        sizes_set(i, size - (end - offset), MIN(e->disk_size, size - (end - offset)));
    return change_end(i, h, err);
}

static int insert(struct inode *i, u64 offset, u64 end)
{
    struct ext4_inode *e = ext4_i(i);
    u64 first = block_down(i, offset), delta = end - offset, size = i->size, known;
    struct handle *h;
    int err;

    if ((offset | end) & (ext4_of(i)->block_size - 1) || offset >= size)
        return -EINVAL;
    if (size + delta > ext4_size_max(i))
        return -EFBIG;
    err = shift_begin(i, offset, &h);
    if (err)
        return err;
    known = e->disk_size; // nothing written may lie past it meanwhile
    e->disk_size = known + delta;
    err = ext4_map_shift(h, e, first, (s64)block_down(i, delta));
    if (err == -EFBIG)
        e->disk_size = known;
    if (!err)
        sizes_set(i, size + delta, known + delta);
    return change_end(i, h, err);
}

/* The call */

static int grow(struct inode *i, int mode, u64 end)
{
    return mode & FALLOC_FL_KEEP_SIZE || end <= i->size ? 0 : ext4_size_grow(i, end);
}

static int fallocate_locked(struct inode *i, int mode, u64 offset, u64 end)
{
    int change = mode & ~FALLOC_FL_KEEP_SIZE;
    int err = ext4_check_writable(ext4_of(i));

    if (!err && ext4_has_inline(i))
        err = ext4_inline_convert(i);
    if (!err && change != FALLOC_FL_PUNCH_HOLE && !(ext4_i(i)->flags & EXT4_EXTENTS_FL))
        err = -EOPNOTSUPP;
    if (!err && (!change || change == FALLOC_FL_ZERO_RANGE) && end > ext4_size_max(i))
        err = -EFBIG;
    if (err)
        return err;
    switch (change) {
    case 0:
        return allocate(i, offset, end) ?: grow(i, mode, end);
    case FALLOC_FL_PUNCH_HOLE:
        return punch_hole(i, offset, end);
    case FALLOC_FL_ZERO_RANGE:
        return punch(i, offset, end) ?: allocate(i, offset, end) ?: grow(i, mode, end);
    case FALLOC_FL_COLLAPSE_RANGE:
        return collapse(i, offset, end);
    default:
        return insert(i, offset, end);
    }
}

static bool mode_known(int mode)
{
    return !(mode & ~FALLOC_FL_KEEP_SIZE) || mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE) ||
           (mode & ~FALLOC_FL_KEEP_SIZE) == FALLOC_FL_ZERO_RANGE ||
           mode == FALLOC_FL_COLLAPSE_RANGE || mode == FALLOC_FL_INSERT_RANGE;
}

int ext4_file_fallocate(struct file *f, int mode, loff_t offset, loff_t length)
{
    struct inode *i = f->inode;
    int err;

    if (!mode_known(mode))
        return -EOPNOTSUPP;
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
