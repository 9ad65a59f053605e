// SPDX-License-Identifier: MIT
// Calls on descriptors and open files: dup, fcntl, flock, ioctl.

#include "abi/ioctl.h"
#include "abi/socket.h"
#include "fs/tmpfs/tmpfs.h"
#include "ipc/pipe.h"
#include "proc/sigio.h"
#include "syscall/args.h"
#include "syscall/filelock.h"
#include "vfs/socket.h"

/* dup */

s64 sys_dup(u64 fd)
{
    struct file *f = fd_get_any((int)fd);

    return f ? fd_add(f, false) : -EBADF;
}

s64 sys_dup3(u64 fd, u64 to, u64 flags)
{
    u64 limit = process_limit(RLIMIT_NOFILE);
    struct file *f;
    s64 new;

    if ((u32)flags & ~O_CLOEXEC || (int)fd == (int)to)
        return -EINVAL;
    f = (u32)to < limit ? fd_get_any((int)fd) : NULL;
    if (!f)
        return -EBADF;
    new = fd_dup_to(f, (int)to, limit, flags & O_CLOEXEC);
    if (new < 0)
        file_put(f);
    return new;
}

/* fcntl */

static s64 fcntl_dup(struct file *f, u64 from, bool cloexec)
{
    u64 limit = process_limit(RLIMIT_NOFILE);
    int fd = (u32)from < limit ? fd_reserve((u32)from, limit, cloexec) : -EINVAL;

    if (fd >= 0) {
        file_get(f);
        fd_install(fd, f);
    }
    return fd;
}

static s64 fcntl_is_dup(struct file *f, int fd)
{
    struct file *other SCOPED(file_end) = fd_get_any(fd);

    return other ? other == f : -EBADF;
}

static s64 fcntl_set_flags(struct file *f, int fd, u32 flags)
{
    const u32 changeable = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;
    int err;

    if (flags & ~f->flags & O_NOATIME && inode_check_owner(f->inode))
        return -EPERM;
    if (flags & O_DIRECT && S_ISFIFO(f->inode->mode)) // packet mode
        return -EINVAL;
    if ((flags ^ f->flags) & O_ASYNC) {
        err = sigio_set_async(f, fd, flags & O_ASYNC);
        if (err && err != -ENOTTY)
            return err;
    }
    file_flags_change(f, changeable, flags & changeable);
    return 0;
}

// What an O_PATH descriptor can do, too.
static s64 fcntl_descriptor(struct file *f, int fd, u32 command, u64 arg)
{
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return fcntl_dup(f, arg, command == F_DUPFD_CLOEXEC);
    case F_DUPFD_QUERY:
        return fcntl_is_dup(f, (int)arg);
    case F_GETFD:
        return fd_get_cloexec(fd) ? FD_CLOEXEC : 0;
    case F_SETFD:
        fd_set_cloexec(fd, arg & FD_CLOEXEC);
        return 0;
    case F_GETFL:
        return load_relaxed(&f->flags);
    default:
        return f->mode & FILE_F_PATH ? -EBADF : -EINVAL;
    }
}

static s64 fcntl_file(struct file *f, int fd, u32 command, u64 arg)
{
    switch (command) {
    case F_SETFL:
        return fcntl_set_flags(f, fd, (u32)arg);
    case F_GETLK:
    case F_OFD_GETLK:
        return filelock_get(f, command, arg);
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return restartable(filelock_set(f, fd, command, arg));
    case F_SETOWN:
    case F_GETOWN:
    case F_SETOWN_EX:
    case F_GETOWN_EX:
    case F_SETSIG:
    case F_GETSIG:
        return sigio_fcntl(f, command, arg);
    case F_GETPIPE_SZ:
        return pipe_get_size(f);
    case F_SETPIPE_SZ:
        return pipe_set_size(f, (u32)arg);
    case F_ADD_SEALS:
        return tmpfs_seals_add(f, (u32)arg);
    case F_GET_SEALS:
        return tmpfs_seals_get(f);
    default:
        return fcntl_descriptor(f, fd, command, arg);
    }
}

s64 sys_fcntl(u64 fd, u64 command, u64 arg)
{
    struct file *f SCOPED(file_end) = fd_get_any((int)fd);

    if (!f)
        return -EBADF;
    return f->mode & FILE_F_PATH ? fcntl_descriptor(f, (int)fd, (u32)command, arg)
                                 : fcntl_file(f, (int)fd, (u32)command, arg);
}

s64 sys_flock(u64 fd, u64 operation)
{
    u32 kind = (u32)operation & ~LOCK_NB;
    struct file *f SCOPED(file_end) = fd_get((int)fd);

    if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN)
        return -EINVAL;
    if (!f || (kind != LOCK_UN && !(f->mode & (FILE_F_READ | FILE_F_WRITE))))
        return -EBADF;
    return restartable(file_flock(f, (int)operation, process_self()->pid->id));
}

/* ioctl */

// Those that take an int.
static s64 ioctl_set(struct file *f, int fd, u32 command, uaddr_t arg)
{
    u32 value;

    if (get_user_u32(&value, arg))
        return -EFAULT;
    if (command == FIOASYNC)
        return !value == !(f->flags & O_ASYNC) ? 0 : sigio_set_async(f, fd, value);
    if (command != FIONBIO)
        return sigio_fcntl(f, F_SETOWN, value);
    file_flags_change(f, O_NONBLOCK, value ? O_NONBLOCK : 0);
    return 0;
}

static s64 ioctl_file(struct file *f, int fd, u32 command, u64 arg)
{
    struct inode *i = f->inode;

    switch (command) {
    case FIOCLEX:
    case FIONCLEX:
        fd_set_cloexec(fd, command == FIOCLEX);
        return 0;
    case FIONBIO:
    case FIOASYNC:
        return ioctl_set(f, fd, command, arg);
    case FIOSETOWN:
    case SIOCSPGRP:
        return file_socket(f) ? ioctl_set(f, fd, command, arg) : -ENOTTY;
    case FIOGETOWN:
    case SIOCGPGRP:
        return file_socket(f) ? put_user_u32(arg, sigio_fcntl(f, F_GETOWN, 0)) : -ENOTTY;
    case FIGETBSZ:
        return put_user_u32(arg, i->sb->block_size);
    default:
        if (f->ops->ioctl)
            return f->ops->ioctl(f, command, arg);
        if (!S_ISREG(i->mode))
            return -ENOTTY;
    }
    if (command == FIONREAD)
        return put_user_u32(arg, load_relaxed(&i->size) - f->pos);
    return command == FICLONE ? -EOPNOTSUPP : -ENOTTY;
}

s64 sys_ioctl(u64 fd, u64 command, u64 arg)
{
    struct file *f SCOPED(file_end) = fd_get((int)fd);

    return f ? restartable(ioctl_file(f, (int)fd, (u32)command, arg)) : -EBADF;
}
