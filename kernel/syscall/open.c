// SPDX-License-Identifier: MIT
// Calls that make and close descriptors.

#include "abi/eventfd.h"
#include "ipc/eventfd.h"
#include "ipc/pipe.h"
#include "proc/process.h"
#include "syscall/args.h"

#define TMPFILE_BIT (O_TMPFILE & ~O_DIRECTORY)
#define OPEN_FLAGS                                                                         \
    (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |  \
     O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | \
     O_PATH | O_TMPFILE)
#define OPEN_PATH_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)

/* open */

static int open_flags_check(u32 flags)
{
    if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
        return -EINVAL;
    if (flags & TMPFILE_BIT && (!(flags & O_DIRECTORY) || (flags & O_ACCMODE) == O_RDONLY))
        return -EINVAL;
    return 0;
}

// The descriptor is set aside first: a file must not be made and then found to have no place.
static s64 open_reserved(struct path_arg *a, u32 flags, u32 mode)
{
    int fd = fd_reserve(0, process_limit(RLIMIT_NOFILE), flags & O_CLOEXEC);
    struct file *f;
    int err;

    if (fd < 0)
        return fd;
    err = file_open(path_arg_start(a), a->name, flags, mode, 0, &f);
    if (err) {
        fd_unreserve(fd);
        return restartable(err);
    }
    fd_install(fd, f);
    return fd;
}

s64 sys_openat(u64 dirfd, u64 name, u64 flags, u64 mode)
{
    struct path_arg a SCOPED(path_arg_fini);
    u32 wanted = ((u32)flags & OPEN_FLAGS) | O_LARGEFILE;
    s64 err = path_arg_init(&a, dirfd, name, false);

    if (wanted & O_PATH)
        wanted &= OPEN_PATH_FLAGS;
    return open_flags_check(wanted) ?: err ?: open_reserved(&a, wanted, mode & S_IALLUGO);
}

/* close */

s64 sys_close(u64 fd)
{
    return fd_close((int)fd);
}

s64 sys_close_range(u64 first, u64 last, u64 flags)
{
    int err;

    if ((u32)first > (u32)last || (u32)flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
        return -EINVAL;
    err = flags & CLOSE_RANGE_UNSHARE ? files_unshare() : 0;
    if (!err)
        fd_close_range((u32)first, (u32)last, flags & CLOSE_RANGE_CLOEXEC);
    return err;
}

/* Files without a name */

s64 publish_pair(struct file *first, struct file *second, bool cloexec, uaddr_t out)
{
    u64 limit = process_limit(RLIMIT_NOFILE);
    int fds[2], err;

    fds[0] = fd_reserve(0, limit, cloexec);
    fds[1] = fds[0] < 0 ? fds[0] : fd_reserve(0, limit, cloexec);
    err = fds[1] < 0 ? fds[1] : copy_to_user(out, fds, sizeof(fds));
    for (int i = 0; i < 2; i++) {
        if (!err)
            fd_install(fds[i], i ? second : first);
        else if (fds[i] >= 0)
            fd_unreserve(fds[i]);
    }
    return err;
}

s64 sys_pipe2(u64 fds, u64 flags)
{
    struct file *reader, *writer;
    s64 err;

    if ((u32)flags & ~(O_CLOEXEC | O_NONBLOCK)) // packet mode (O_DIRECT) is refused, too
        return -EINVAL;
    err = pipe_create(&reader, &writer, flags & O_NONBLOCK);
    if (err)
        return err;
    err = publish_pair(reader, writer, flags & O_CLOEXEC, fds);
    if (err) {
        file_put(reader);
        file_put(writer);
    }
    return err;
}

s64 sys_eventfd2(u64 count, u64 flags)
{
    struct file *f;
    int err;

    if ((u32)flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE))
        return -EINVAL;
    err = eventfd_create((u32)count, (u32)flags & ~EFD_CLOEXEC, &f);
    return err ?: fd_add(f, flags & EFD_CLOEXEC);
}
