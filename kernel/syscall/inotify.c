// SPDX-License-Identifier: MIT
// The calls of inotify(7).
#include "vfs/inotify.h"
#include "syscall/args.h"

#define MASK_BITS                                                                            \
    (IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW | \
     IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR | IN_ONESHOT)

s64 sys_inotify_init1(u64 flags)
{
    struct file *f = NULL;
    int err = (u32)flags & ~(IN_CLOEXEC | IN_NONBLOCK) ? -EINVAL : inotify_create((u32)flags, &f);

    return err ?: fd_add(f, flags & IN_CLOEXEC);
}

static int watch_path(struct file *f, uaddr_t name, u32 mask)
{
    struct path_arg a SCOPED(path_arg_fini) = {.name = a.fast};
    struct path p SCOPED(path_end) = {0};
    u32 walk = (mask & IN_DONT_FOLLOW ? 0 : WALK_FOLLOW) | (mask & IN_ONLYDIR ? WALK_DIRECTORY : 0);

    return path_arg_init(&a, AT_FDCWD, name, false)
               ?: path_lookup(path_arg_start(&a), a.name, walk, &p)
               ?: inotify_add(f, path_inode(&p), mask);
}

s64 sys_inotify_add_watch(u64 fd, u64 name, u64 mask)
{
    const u32 both = IN_MASK_ADD | IN_MASK_CREATE;

    if ((u32)mask & ~MASK_BITS || !(u32)mask)
        return -EINVAL;

    struct file *f SCOPED(file_end) = fd_get((int)fd);

    if (!f)
        return -EBADF;
    if (((u32)mask & both) == both || !file_is_inotify(f))
        return -EINVAL;
    return watch_path(f, name, (u32)mask);
}

s64 sys_inotify_rm_watch(u64 fd, u64 wd)
{
    struct file *f SCOPED(file_end) = fd_get((int)fd);

    if (!f)
        return -EBADF;
    return file_is_inotify(f) ? inotify_remove(f, (int)wd) : -EINVAL;
}
