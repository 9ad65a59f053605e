// SPDX-License-Identifier: MIT
// Reading, writing and seeking on open files.
//
// The position is guarded by pos_lock only if somebody else can use the file: the descriptor
// table is shared, or more than this thread's two references (table and call) exist. Only the
// running thread could change either meanwhile, but for pidfd_getfd: who takes a file from a
// process that is reading it may move the position at the same time. Streams do not look at it and
// take no lock.
#include "abi/errno.h"
#include "vfs/internal.h"

typedef ssize_t io_fn(struct file *f, struct uio *u, loff_t *pos);

static ssize_t no_io(struct file *f)
{
    return S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
}

static inline bool pos_is_shared(struct file *f)
{
    struct fdtable *t = thread_self()->files;

    return !t || !ref_is_last(&t->refs) || ref_read(&f->refs) > 2;
}

static ssize_t io_at_pos(struct file *f, struct uio *u, io_fn *fn)
{
    bool shared = pos_is_shared(f);
    ssize_t n;

    if (unlikely(shared))
        mutex_lock(&f->pos_lock);
    n = fn(f, u, &f->pos);
    if (unlikely(shared))
        mutex_unlock(&f->pos_lock);
    return n;
}

static inline ssize_t file_io(struct file *f, struct uio *u, u32 mode, io_fn *fn)
{
    if (unlikely(!(f->mode & mode)))
        return -EBADF;
    if (unlikely(!fn))
        return no_io(f);
    return f->mode & FILE_F_SEEKABLE ? io_at_pos(f, u, fn) : fn(f, u, &f->pos);
}

ssize_t file_read(struct file *f, struct uio *u)
{
    return file_io(f, u, FILE_F_READ, f->ops->read);
}

ssize_t file_write(struct file *f, struct uio *u)
{
    return file_io(f, u, FILE_F_WRITE, f->ops->write);
}

static ssize_t io_at(struct file *f, struct uio *u, loff_t pos, io_fn *fn)
{
    if (!(f->mode & FILE_F_SEEKABLE) && !f->ops->seek)
        return -ESPIPE;
    if (pos < 0)
        return -EINVAL;
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
    notify_file(f, IN_ACCESS);
    return f->ops->read ? f->ops->read(f, &u, &pos) : no_io(f);
}

ssize_t file_write_kernel(struct file *f, const void *buf, size_t n, loff_t pos)
{
    struct uio u;

    uio_init_kernel(&u, (void *)buf, n);
    return f->ops->write ? f->ops->write(f, &u, &pos) : no_io(f);
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

int file_fsync(struct file *f, bool data_only)
{
    unsigned tries = 0;
    int err, earlier;

    if (!f->ops->fsync)
        return -EINVAL;
    do
        err = f->ops->fsync(f, data_only);
    while (vm_try_again(err, &tries));
    earlier = write_errors_since(&f->object->errors, &f->error_seen);
    return earlier ? earlier : err;
}

int file_syncfs(struct file *f)
{
    struct superblock *sb = f->inode->sb;
    int err = sb && sb->ops->sync ? sb->ops->sync(sb) : 0;
    int earlier = sb ? write_errors_since(&sb->errors, &f->sb_error_seen) : 0;

    return earlier ? earlier : err;
}
