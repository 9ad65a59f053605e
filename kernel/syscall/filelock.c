// SPDX-License-Identifier: MIT
// fcntl's record locks: decoding of struct flock.

#include "syscall/filelock.h"
#include "syscall/args.h"

static bool is_ofd(u32 command)
{
    return command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW;
}

static const void *lock_owner(struct file *f, u32 command)
{
    return is_ofd(command) ? (const void *)f : thread_self()->files;
}

// Where offsets count from.
static int range_base(struct file *f, int whence, s64 *base)
{
    if (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END)
        return -EINVAL;
    *base = whence == SEEK_CUR ? f->pos : whence == SEEK_END ? load_relaxed(&f->inode->size) : 0;
    return 0;
}

// A negative length means the bytes before the start; 0 all from it on.
static int range_decode(struct file *f, const struct flock *l, struct file_range *out)
{
    s64 start;
    int err = range_base(f, l->l_whence, &start);

    if (err)
        return err;
    if (__builtin_add_overflow(start, l->l_start, &start))
        return -EOVERFLOW;
    if (start < 0)
        return -EINVAL;
    out->start = start;
    out->end = INT64_MAX;
    if (l->l_len > 0 && __builtin_add_overflow(start, l->l_len - 1, &out->end))
        return -EOVERFLOW;
    if (l->l_len < 0) {
        out->start = start + l->l_len;
        out->end = start - 1;
    }
    return out->start < 0 ? -EINVAL : 0;
}

static int filelock_arg(struct file *f, u32 command, uaddr_t at, struct flock *l,
                        struct file_range *range)
{
    if (copy_from_user(l, at, sizeof(*l)))
        return -EFAULT;
    if (is_ofd(command) && l->l_pid)
        return -EINVAL;
    if (l->l_type != F_RDLCK && l->l_type != F_WRLCK && l->l_type != F_UNLCK)
        return -EINVAL;
    range->type = l->l_type;
    range->pid = is_ofd(command) ? -1 : process_self()->pid->id;
    return range_decode(f, l, range);
}

s64 filelock_get(struct file *f, u32 command, uaddr_t at)
{
    struct file_range range;
    struct flock l;
    int err = filelock_arg(f, command, at, &l, &range);

    if (!err && range.type == F_UNLCK)
        err = -EINVAL;
    if (err)
        return err;
    file_lock_get(f, lock_owner(f, command), &range);
    l.l_type = range.type;
    if (range.type != F_UNLCK) {
        l.l_whence = SEEK_SET;
        l.l_start = range.start;
        l.l_len = range.end == INT64_MAX ? 0 : range.end - range.start + 1;
        l.l_pid = range.pid;
    }
    return copy_to_user(at, &l, sizeof(l));
}

// A lock that came when another thread had closed the descriptor would be nobody's. Cutting a part
// out of one may take memory; without any all locks go, as by that close.
static int lock_keep(struct file *f, int fd, struct file_range *range)
{
    struct file *now SCOPED(file_end) = fd_get(fd);

    if (now == f)
        return 0;
    range->type = F_UNLCK;
    if (file_lock_set(f, thread_self()->files, range, false))
        file_locks_close(f, thread_self()->files);
    return -EBADF;
}

s64 filelock_set(struct file *f, int fd, u32 command, uaddr_t at)
{
    bool wait = command == F_SETLKW || command == F_OFD_SETLKW;
    struct file_range range;
    struct flock l;
    int err = filelock_arg(f, command, at, &l, &range);

    if (err)
        return err;
    if ((range.type == F_RDLCK && !(f->mode & FILE_F_READ)) ||
        (range.type == F_WRLCK && !(f->mode & FILE_F_WRITE)))
        return -EBADF;
    err = file_lock_set(f, lock_owner(f, command), &range, wait);
    if (!err && range.type != F_UNLCK && lock_owner(f, command) != f)
        err = lock_keep(f, fd, &range);
    return err;
}
