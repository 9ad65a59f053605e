// SPDX-License-Identifier: MIT
// File operations for regular files whose bytes are the pages of inode->object.
//
// Reads take no inode lock: the size is read once, each page is referenced while it is copied; a
// read that meets a write or a truncation sees some mixture, as on other systems. Writes hold the
// inode's lock, which may not be held while user memory is faulted in: so the copy stops at a
// page that is not ready, the lock is dropped, the page fetched, and the write goes on. One
// write of many pages is therefore not atomic against another when its buffer is not resident; one
// that appends goes on at the end.
#include "abi/errno.h"
#include "abi/limits.h"
#include "vfs/internal.h"

// O_DIRECT of files: the pages are the way to the device and back, but do not stay. Before a read
// what is cached goes there, and after a write.
static int direct_exchange(struct file *f, loff_t pos, size_t n)
{
    u64 first = (u64)pos >> PAGE_SHIFT, last = (pos + n - 1) >> PAGE_SHIFT;
    int err = vm_object_sync(f->object, first, last);

    vm_object_drop_clean(f->object, first, last);
    return err;
}

static int direct_check(struct file *f, struct uio *u, loff_t pos)
{
    return f->object->ops->fill && (pos | u->left) & 511 ? -EINVAL : 0;
}

ssize_t generic_file_read(struct file *f, struct uio *u, loff_t *pos)
{
    struct inode *i = f->inode;
    u64 size = load_relaxed(&i->size);
    ssize_t done = 0;
    int err = 0;

    if (unlikely(f->flags & O_DIRECT) && u->left && *pos < size)
        err = direct_check(f, u, *pos) ?: direct_exchange(f, *pos, MIN(u->left, size - *pos));
    if (err)
        return err;
    if (!(f->flags & O_NOATIME))
        inode_touch_atime(&f->path, i);
    while (u->left && *pos < size) {
        ssize_t n = vm_object_read(&i->object, u, *pos, MIN(u->left, size - *pos));

        if (n <= 0)
            n = uio_try_again(u, n, ACCESS_WRITE);
        if (n < 0)
            return done ? done : n;
        *pos += n;
        done += n;
        if (u->left && *pos < size && wait_interrupted(WAIT_KILLABLE))
            return done ? done : -EINTR;
    }
    return done;
}

static u64 no_limit(void)
{
    return INT64_MAX;
}

u64 (*file_size_limit_hook)(void) = no_limit;

static ssize_t write_round(struct file *f, struct uio *u, loff_t *pos, u64 limit)
{
    struct inode *i = f->inode;
    ssize_t n = 0;

    if ((u64)*pos > i->size)
        n = vm_object_clear_tail(&i->object);
    if (!n)
        n = vm_object_write(&i->object, u, *pos, MIN(UIO_ROUND, limit - *pos));
    if (n <= 0)
        return n;
    *pos += n;
    if (*pos > i->size)
        store_relaxed(&i->size, *pos);
    inode_drop_set_id(i);
    inode_touch_mtime(i);
    return n;
}

// In rounds, so that who is killed ends; the inode stays locked for all of them.
ssize_t generic_write_pages(struct file *f, struct uio *u, loff_t *pos, u64 limit)
{
    ssize_t done = 0, n;

    do {
        n = done && wait_interrupted(WAIT_KILLABLE) ? -EINTR : write_round(f, u, pos, limit);
        done += MAX(n, 0L);
    } while (n == UIO_ROUND && u->left && (u64)*pos < limit);
    return done ? done : n;
}

static ssize_t write_locked(struct file *f, struct uio *u, loff_t *pos, u64 limit)
{
    ssize_t n = generic_write_pages(f, u, pos, limit);

    if (n > 0)
        inode_changed(f->inode);
    return n;
}

// After a write up to `end`: what O_DIRECT, O_SYNC and O_DSYNC promise, and a brake on who makes
// pages dirty too fast.
static ssize_t write_done(struct file *f, ssize_t done, loff_t end)
{
    int err = 0, earlier = 0;

    if (done <= 0)
        return done;
    if (unlikely(f->flags & O_DIRECT)) {
        err = direct_exchange(f, end - done, done);
        earlier = write_errors_since(&f->object->errors, &f->error_seen);
    }
    if (f->flags & O_DSYNC && !err)
        err = file_fsync(f, (f->flags & O_SYNC) != O_SYNC);
    vm_dirty_throttle(f->object);
    return earlier ? earlier : err ? err : done;
}

ssize_t generic_file_write_by(struct file *f, struct uio *u, loff_t *pos, u64 max,
                              file_write_fn *fn)
{
    struct inode *i = f->inode;
    u64 limit = MIN(file_size_limit_hook(), max);
    ssize_t done = 0, n;

    if (unlikely(f->flags & O_DIRECT) && direct_check(f, u, *pos))
        return -EINVAL;
    while (u->left) {
        write_lock(&i->lock);
        if (f->flags & O_APPEND || u->flags & RWF_APPEND)
            *pos = i->size;
        n = (u64)*pos >= limit ? -EFBIG : fn(f, u, pos, limit);
        write_unlock(&i->lock);
        if (n <= 0)
            n = uio_try_again(u, n, ACCESS_READ);
        if (n >= 0) {
            done += n;
            n = u->left && wait_interrupted(WAIT_KILLABLE) ? -EINTR : 0;
        }
        if (n < 0)
            return write_done(f, done ? done : n, *pos);
    }
    return write_done(f, done, *pos);
}

ssize_t generic_file_write(struct file *f, struct uio *u, loff_t *pos)
{
    return generic_file_write_by(f, u, pos, INT64_MAX, write_locked);
}

int generic_file_mmap(struct file *f, struct vm_object **out)
{
    *out = &f->inode->object;
    return 0;
}

// The first page at or after `pos` that exists (or does not, for SEEK_HOLE), by byte. Pages that
// are filled from elsewhere, or are not what is read, say nothing of holes: all is data.
static loff_t seek_data(const struct file *f, loff_t pos, bool hole)
{
    struct vm_object *o = &f->inode->object;
    loff_t size = load_relaxed(&f->inode->size);
    u64 index = pos >> PAGE_SHIFT, found = index;

    if (pos >= size || pos < 0)
        return -ENXIO;
    if (o->ops->fill || f->ops->read != generic_file_read)
        return hole ? size : pos;
    spin_lock(&o->pages_lock);
    if (!hole && !radix_next(&o->pages, &found))
        found = size;
    for (; hole && found << PAGE_SHIFT < size && radix_find(&o->pages, found); found++)
        ;
    spin_unlock(&o->pages_lock);
    if (found == index)
        return pos;
    if (found >= DIV_ROUND_UP(size, PAGE_SIZE))
        return hole ? size : -ENXIO;
    return found << PAGE_SHIFT;
}

loff_t generic_file_seek(struct file *f, loff_t offset, int whence)
{
    loff_t base = 0, to;

    switch (whence) {
    case SEEK_SET:
        break;
    case SEEK_CUR:
        base = f->pos;
        break;
    case SEEK_END:
        base = load_relaxed(&f->inode->size);
        break;
    case SEEK_DATA:
    case SEEK_HOLE:
        base = seek_data(f, offset, whence == SEEK_HOLE);
        if (base < 0)
            return base;
        offset = 0;
        break;
    default:
        return -EINVAL;
    }
    if (__builtin_add_overflow(base, offset, &to))
        return -EOVERFLOW;
    if (to < 0)
        return -EINVAL;
    f->pos = to;
    return to;
}
