// SPDX-License-Identifier: MIT
// Calls that make and close descriptors.

#include "abi/eventfd.h"
#include "abi/openat2.h"
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
static s64 open_reserved(struct path_arg *a, u32 flags, u32 mode, u32 walk)
{
    int fd = fd_reserve(0, process_limit(RLIMIT_NOFILE), flags & O_CLOEXEC);
    struct file *f;
    int err;

    if (fd < 0)
        return fd;
    err = file_open(path_arg_start(a), a->name, flags, mode, walk, &f);
    if (err) {
        fd_unreserve(fd);
        return restartable(err);
    }
    fd_install(fd, f);
    return fd;
}

#define RESOLVE_KNOWN                                                                  \
    (RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | \
     RESOLVE_IN_ROOT | RESOLVE_CACHED)
static_assert(RESOLVE_NO_XDEV << WALK_RESOLVE_SHIFT == WALK_NO_XDEV &&
                  RESOLVE_CACHED << WALK_RESOLVE_SHIFT == WALK_CACHED,
              "walk flags are openat2's");

// What openat(2) overlooks is an error here.
static int open_how_check(const struct open_how *how)
{
    u64 scopes = RESOLVE_BENEATH | RESOLVE_IN_ROOT;
    u64 allowed = how->flags & (O_CREAT | TMPFILE_BIT) ? S_IALLUGO : 0;

    if (how->flags & ~(u64)OPEN_FLAGS || how->resolve & ~(u64)RESOLVE_KNOWN ||
        (how->resolve & scopes) == scopes || how->mode & ~allowed ||
        (how->flags & O_PATH && how->flags & ~(u64)OPEN_PATH_FLAGS))
        return -EINVAL;
    return open_flags_check((u32)how->flags);
}

// Where the walk starts, as far as `resolve` has a say in it.
static int open_resolve_start(struct path_arg *a, u64 dirfd, u64 resolve)
{
    if (*a->name != '/')
        return 0;
    if (resolve & RESOLVE_IN_ROOT)
        return fd_start_path((int)dirfd, ".", &a->start);
    return resolve & RESOLVE_BENEATH ? -EXDEV : 0;
}

s64 sys_openat2(u64 dirfd, u64 name, u64 uhow, u64 size)
{
    struct path_arg a SCOPED(path_arg_fini) = {.name = a.fast};
    struct open_how how;
    u32 flags;
    s64 err = struct_arg(&how, sizeof(how), uhow, size, sizeof(how)) ?: open_how_check(&how);

    if (err)
        return err;
    flags = (u32)how.flags;
    if (how.resolve & RESOLVE_CACHED && flags & (O_CREAT | O_TRUNC | TMPFILE_BIT))
        return -EAGAIN;
    return path_arg_init(&a, dirfd, name, false) ?: open_resolve_start(&a, dirfd, how.resolve)
               ?: open_reserved(&a, flags & O_PATH ? flags : flags | O_LARGEFILE, how.mode,
                                how.resolve << WALK_RESOLVE_SHIFT);
}

s64 sys_openat(u64 dirfd, u64 name, u64 flags, u64 mode)
{
    struct path_arg a SCOPED(path_arg_fini);
    u32 wanted = ((u32)flags & OPEN_FLAGS) | O_LARGEFILE;
    s64 err = path_arg_init(&a, dirfd, name, false);

    if (wanted & O_PATH)
        wanted &= OPEN_PATH_FLAGS;
    return open_flags_check(wanted) ?: err ?: open_reserved(&a, wanted, mode & S_IALLUGO, 0);
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
