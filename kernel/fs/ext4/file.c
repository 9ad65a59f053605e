// SPDX-License-Identifier: MIT
// Operations on regular files, and fsync.
#include "vfs/file.h"
#include "fs/ext4/data.h"

// Data inside the inode is only read there: who may change the file moves it to a block first.
static int move_out(struct inode *i)
{
    int err = 0;

    if (!ext4_has_inline(i))
        return 0;
    write_lock(&i->lock);
    if (ext4_has_inline(i))
        err = ext4_check_writable(ext4_of(i)) ?: ext4_inline_convert(i);
    write_unlock(&i->lock);
    return err;
}

// The times are stored when the pages are. If by now they have been, nobody may come any more.
static ssize_t write_pages(struct file *f, struct uio *u, loff_t *pos, u64 limit)
{
    struct inode *i = f->inode;
    ssize_t n;

    store_relaxed(&ext4_i(i)->writing, true);
    n = generic_write_pages(f, u, pos, limit);
    store_release(&ext4_i(i)->writing, false);
    if (n > 0)
        store_relaxed(&ext4_i(i)->times_changed, 1);
    smp_mb();
    if (vm_object_is_dirty(&i->object))
        return n;
    ext4_delayed_settle(i);
    if (n > 0)
        inode_changed(i);
    return n;
}

static ssize_t regular_write(struct file *f, struct uio *u, loff_t *pos)
{
    int err = move_out(f->inode);

    return err ? err : generic_file_write_by(f, u, pos, ext4_size_max(f->inode), write_pages);
}

static int regular_mmap(struct file *f, struct vm_object **out)
{
    int err = f->mode & FILE_F_WRITE ? move_out(f->inode) : 0;

    return err ? err : generic_file_mmap(f, out);
}

static int regular_setattr(struct inode *i, const struct attr *a)
{
    return a->valid & ATTR_SIZE ? ext4_truncate(i, a->size) : 0;
}

int ext4_fsync(struct file *f, bool data_only)
{
    struct inode *i = f->inode;
    struct ext4 *fs = ext4_of(i);
    int err = S_ISREG(i->mode) ? ext4_data_flush(i) : 0, one;
    bool data = data_only && S_ISREG(i->mode);
    u32 tid = load_relaxed(data ? &ext4_i(i)->data_tid : &ext4_i(i)->tid);
    bool flush;

    if (!fs->journal) {
        one = buf_cache_sync(fs->cache);
        return err ? err : one;
    }
    flush = !journal_will_flush(fs->journal, tid);
    one = journal_commit_wait(fs->journal, tid);
    if (!one && flush)
        one = block_flush(fs->cache->device);
    return err ? err : one;
}

/* SEEK_DATA and SEEK_HOLE */

// The first byte from `pos` on that is in a hole or is not. What has changed is written first, so
// that the map knows of it.
static loff_t seek_block(struct inode *i, loff_t pos, bool hole)
{
    u32 shift = ext4_of(i)->block_shift;
    u64 size = load_relaxed(&i->size), end = DIV_ROUND_UP(size, 1UL << shift);
    u64 at = (u64)pos >> shift;
    bool found = false;
    int err = ext4_data_flush(i);

    read_lock(&ext4_i(i)->map_lock);
    while (!err && !found && at < end) {
        struct ext4_map m = {.logical = at, .count = end - at};

        err = ext4_map_find(ext4_i(i), &m);
        found = (m.physical == EXT4_MAP_FAIL || m.unwritten) == hole;
        at += found ? 0 : m.count;
    }
    read_unlock(&ext4_i(i)->map_lock);
    if (err)
        return err;
    if (at >= end)
        return hole ? (loff_t)size : -ENXIO;
    return MAX(pos, (loff_t)(at << shift));
}

static loff_t regular_seek(struct file *f, loff_t offset, int whence)
{
    struct inode *i = f->inode;

    if ((whence != SEEK_DATA && whence != SEEK_HOLE) || ext4_has_inline(i))
        return generic_file_seek(f, offset, whence);
    if (offset < 0 || (u64)offset >= load_relaxed(&i->size))
        return -ENXIO;
    offset = seek_block(i, offset, whence == SEEK_HOLE);
    return offset < 0 ? offset : generic_file_seek(f, offset, SEEK_SET);
}

const struct vm_object_ops ext4_object_ops = {
    .fill = ext4_fill,
    .make_writable = ext4_make_writable,
    .write_back = ext4_write_back,
    .write_back_many = ext4_write_back_many,
    .hold = inode_object_hold,
    .release = inode_object_release,
};

const struct inode_ops ext4_file_inode_ops = {
    .setattr = regular_setattr,
    .getattr = ext4_inode_getattr,
    .xattr = &ext4_xattr_ops,
};

const struct file_ops ext4_file_ops = {
    .read = generic_file_read,
    .write = regular_write,
    .seek = regular_seek,
    .mmap = regular_mmap,
    .fsync = ext4_fsync,
    .fallocate = ext4_file_fallocate,
};
