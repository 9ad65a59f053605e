// SPDX-License-Identifier: MIT
// Finding the file that a call on attributes means.

#include "syscall/at.h"

int at_file_of_fd(struct at_file *a, u64 fd, bool any)
{
    a->file = any ? fd_get_any((int)fd) : fd_get((int)fd);
    if (!a->file)
        return -EBADF;
    a->inode = a->file->inode;
    a->path = a->file->path;
    return 0;
}

int at_file_find(struct at_file *a, u64 dirfd, uaddr_t name, u32 at_flags)
{
    char first;
    int err;

    if (at_flags & AT_EMPTY_PATH && (int)dirfd >= 0) {
        if (copy_from_user(&first, name, 1))
            return -EFAULT;
        if (!first)
            return at_file_of_fd(a, dirfd, true);
    }
    err = path_arg_lookup(dirfd, name, at_flags, &a->path);
    if (!err) {
        a->inode = path_inode(&a->path);
        a->file = NULL;
    }
    return err;
}

s64 at_file_end(struct at_file *a, s64 result)
{
    if (a->file)
        file_put(a->file);
    else
        path_put(&a->path);
    return result;
}

int at_file_may_write(const struct at_file *a)
{
    return a->path.mount ? path_may_write(&a->path) : 0;
}
