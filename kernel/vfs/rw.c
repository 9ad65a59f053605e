// SPDX-License-Identifier: MIT
// Reading, writing and seeking on open files.
//
// The position is guarded by pos_lock only if somebody else can use the file: the descriptor
// table is shared, or more than this thread's two references (table and call) exist. Only the
// running thread could change either meanwhile. Streams have no position and take no lock.
#include "abi/errno.h"
#include "abi/limits.h"
#include "vfs/internal.h"

typedef ssize_t io_fn(struct file *f, struct uio *u, loff_t *pos);

static ssize_t no_io(struct file *f)
{
    return S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
}

static bool pos_is_shared(struct file *f)
{
    struct fdtable *t = thread_self()->files;

    return !t || ref_read(&t->refs) != 1 || ref_read(&f->refs) > 2;
}

static ssize_t io_at_pos(struct file *f, struct uio *u, io_fn *fn)
{
    bool shared;
    ssize_t n;

    if (unlikely(u->left > MAX_RW_COUNT))
        u->left = MAX_RW_COUNT;
    if (!(f->mode & FILE_F_SEEKABLE)) {
        loff_t none = 0;

        return fn(f, u, &none);
    }
    shared = pos_is_shared(f);
    if (unlikely(shared))
        mutex_lock(&f->pos_lock);
    n = fn(f, u, &f->pos);
    if (unlikely(shared))
        mutex_unlock(&f->pos_lock);
    return n;
}

ssize_t file_read(struct file *f, struct uio *u)
{
    if (unlikely(!(f->mode & FILE_F_READ)))
        return -EBADF;
    if (unlikely(!f->ops->read))
        return no_io(f);
    return io_at_pos(f, u, f->ops->read);
}

ssize_t file_write(struct file *f, struct uio *u)
{
    if (unlikely(!(f->mode & FILE_F_WRITE)))
        return -EBADF;
    if (unlikely(!f->ops->write))
        return no_io(f);
    return io_at_pos(f, u, f->ops->write);
}

static ssize_t io_at(struct file *f, struct uio *u, loff_t pos, io_fn *fn)
{
    if (!(f->mode & FILE_F_SEEKABLE) && !S_ISCHR(f->inode->mode))
        return -ESPIPE;
    if (pos < 0)
        return -EINVAL;
    if (u->left > MAX_RW_COUNT)
        u->left = MAX_RW_COUNT;
    return fn ? fn(f, u, &pos) : no_io(f);
}

ssize_t file_pread(struct file *f, struct uio *u, loff_t pos)
{
    return f->mode & FILE_F_READ ? io_at(f, u, pos, f->ops->read) : -EBADF;
}

ssize_t file_pwrite(struct file *f, struct uio *u, loff_t pos)
{
    return f->mode & FILE_F_WRITE ? io_at(f, u, pos, f->ops->write) : -EBADF;
}

ssize_t file_read_kernel(struct file *f, void *buf, size_t n, loff_t pos)
{
    struct uio u;

    uio_init_kernel(&u, buf, n);
    return f->ops->read ? f->ops->read(f, &u, &pos) : no_io(f);
}

loff_t file_seek(struct file *f, loff_t offset, int whence)
{
    bool shared = pos_is_shared(f);
    loff_t pos;

    if (!f->ops->seek && !(f->mode & FILE_F_SEEKABLE))
        return -ESPIPE;
    if (shared)
        mutex_lock(&f->pos_lock);
    pos = (f->ops->seek ? f->ops->seek : generic_file_seek)(f, offset, whence);
    if (shared)
        mutex_unlock(&f->pos_lock);
    return pos;
}
