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

ssize_t generic_file_read(struct file *f, struct uio *u, loff_t *pos)
{
    struct inode *i = f->inode;
    u64 size = load_relaxed(&i->size);
    ssize_t done = 0;

    if (!(f->flags & O_NOATIME))
        inode_touch_atime(i);
    while (u->left && *pos < size) {
        ssize_t n = vm_object_read(&i->object, u, *pos, MIN(u->left, size - *pos));

        if (n == -EFAULT || n == 0)
            n = uio_prefault(u, ACCESS_WRITE);
        if (n < 0)
            return done ? done : n;
        *pos += n;
        done += n;
    }
    return done;
}

static u64 no_limit(void)
{
    return INT64_MAX;
}

u64 (*file_size_limit_hook)(void) = no_limit;

static ssize_t write_locked(struct file *f, struct uio *u, loff_t *pos, u64 limit)
{
    struct inode *i = f->inode;
    ssize_t n;

    n = vm_object_write(&i->object, u, *pos, MIN(u->left, limit - *pos));
    if (n <= 0)
        return n;
    *pos += n;
    if (*pos > i->size) {
        store_relaxed(&i->object.size, *pos);
        store_relaxed(&i->size, *pos);
    }
    inode_drop_set_id(i);
    inode_touch_mtime(i);
    return n;
}

ssize_t generic_file_write(struct file *f, struct uio *u, loff_t *pos)
{
    struct inode *i = f->inode;
    u64 limit = MIN(file_size_limit_hook(), (u64)INT64_MAX);
    ssize_t done = 0, n;

    while (u->left) {
        write_lock(&i->lock);
        if (f->flags & O_APPEND)
            *pos = i->size;
        n = (u64)*pos >= limit ? -EFBIG : write_locked(f, u, pos, limit);
        write_unlock(&i->lock);
        if (n == -EFAULT || n == 0)
            n = uio_prefault(u, ACCESS_READ);
        if (n < 0)
            return done ? done : n;
        done += n;
    }
    return done;
}

int generic_file_mmap(struct file *f, struct vm_object **out)
{
    *out = &f->inode->object;
    return 0;
}

// The first page at or after `pos` that exists (or does not, for SEEK_HOLE), by byte.
static loff_t seek_data(struct inode *i, loff_t pos, bool hole)
{
    struct vm_object *o = &i->object;
    loff_t size = load_relaxed(&i->size);
    u64 index = pos >> PAGE_SHIFT, found = index;

    if (pos >= size || pos < 0)
        return -ENXIO;
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
        base = seek_data(f->inode, offset, whence == SEEK_HOLE);
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
