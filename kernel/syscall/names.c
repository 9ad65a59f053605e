// SPDX-License-Identifier: MIT
// Calls on the names in directories.

#include "abi/capability.h"
#include "abi/dirent.h"
#include "abi/limits.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "syscall/args.h"
#include "vfs/inotify.h"

/* Listing */

#define LIST_CHUNK (16UL << 10) // most bytes that one getdents64 returns

struct list_sink {
    struct dir_sink sink;
    u8 *buf;
    size_t size, used;
    bool full; // an entry did not fit
};

static bool list_emit(struct dir_sink *sink, const char *name, size_t length, ino_t ino, u8 type,
                      loff_t next_pos)
{
    struct list_sink *l = container_of(sink, struct list_sink, sink);
    size_t head = offsetof(struct linux_dirent64, d_name);
    size_t n = ALIGN_UP(head + length + 1, 8);
    struct linux_dirent64 *e = (struct linux_dirent64 *)(l->buf + l->used);

    if (n > l->size - l->used) {
        l->full = true;
        return false;
    }
    e->d_ino = ino;
    e->d_off = next_pos;
    e->d_reclen = n;
    e->d_type = type;
    memcpy(e->d_name, name, length);
    memset(e->d_name + length, 0, n - head - length);
    l->used += n;
    return true;
}

// Entries are gathered in kernel memory: no user page may be faulted in under the directory's lock.
static s64 list_entries(struct file *f, struct list_sink *l, uaddr_t dst)
{
    loff_t start;
    int err;

    mutex_lock(&f->pos_lock);
    start = f->pos;
    err = f->inode->nlink ? f->ops->readdir(f, &l->sink) : -ENOENT;
    if (!err && !l->used && l->full)
        err = -EINVAL;
    if (l->used) { // an error met later is found again by the next call
        err = copy_to_user(dst, l->buf, l->used);
        if (err)
            f->pos = start;
    }
    mutex_unlock(&f->pos_lock);
    return err ? err : l->used;
}

s64 sys_getdents64(u64 fd, u64 dst, u64 size)
{
    struct list_sink l = {.sink.emit = list_emit, .size = MIN((u32)size, LIST_CHUNK)};
    struct file *f SCOPED(file_end) = fd_get((int)fd);
    s64 n;

    if (!f)
        return -EBADF;
    if (!f->ops->readdir)
        return -ENOTDIR;
    l.buf = kmalloc(MAX(l.size, 1UL), 0);
    n = l.buf ? list_entries(f, &l, dst) : -ENOMEM;
    kfree(l.buf);
    if (n >= 0 && !(f->flags & O_NOATIME))
        inode_touch_atime(&f->path, f->inode);
    notify_file(f, IN_ACCESS);
    return n;
}

/* Making */

s64 sys_mknodat(u64 dirfd, u64 name, u64 mode, u64 dev)
{
    struct path_arg a SCOPED(path_arg_fini);
    u32 type = mode & S_IFMT;
    int err = path_arg_init(&a, dirfd, name, false);

    if (type == S_IFDIR)
        return -EPERM;
    if (type && type != S_IFREG && type != S_IFCHR && type != S_IFBLK && type != S_IFIFO &&
        type != S_IFSOCK)
        return -EINVAL;
    return err ?: vfs_mknod(path_arg_start(&a), a.name, mode & (S_IFMT | S_IALLUGO), (u32)dev);
}

s64 sys_mkdirat(u64 dirfd, u64 name, u64 mode)
{
    struct path_arg a SCOPED(path_arg_fini);

    return path_arg_init(&a, dirfd, name, false) ?: vfs_mkdir(path_arg_start(&a), a.name, mode);
}

s64 sys_symlinkat(u64 target, u64 dirfd, u64 name)
{
    struct path_arg a SCOPED(path_arg_fini);
    char *text SCOPED(memory_end) = NULL;

    return path_arg_init(&a, dirfd, name, false)
               ?: string_arg(target, &text) ?: vfs_symlink(text, path_arg_start(&a), a.name);
}

s64 sys_linkat(u64 old_dirfd, u64 old_name, u64 dirfd, u64 name, u64 flags)
{
    struct path_arg a SCOPED(path_arg_fini) = {.name = a.fast};
    struct path old SCOPED(path_end) = {0};
    u32 at_flags = flags & AT_EMPTY_PATH;

    if ((u32)flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (at_flags && !cred_capable(thread_self()->cred, CAP_DAC_READ_SEARCH))
        return -ENOENT;
    if (!(flags & AT_SYMLINK_FOLLOW))
        at_flags |= AT_SYMLINK_NOFOLLOW;
    return path_arg_lookup(old_dirfd, old_name, at_flags, &old)
               ?: path_arg_init(&a, dirfd, name, false)
               ?: vfs_link(&old, path_arg_start(&a), a.name);
}

/* Taking away, moving */

s64 sys_unlinkat(u64 dirfd, u64 name, u64 flags)
{
    struct path_arg a SCOPED(path_arg_fini);
    int err = path_arg_init(&a, dirfd, name, false);

    if ((u32)flags & ~AT_REMOVEDIR)
        return -EINVAL;
    return err ?: vfs_unlink(path_arg_start(&a), a.name, flags & AT_REMOVEDIR);
}

s64 sys_renameat2(u64 old_dirfd, u64 old_name, u64 dirfd, u64 name, u64 flags)
{
    struct path_arg from SCOPED(path_arg_fini), to SCOPED(path_arg_fini);
    int err = path_arg_init(&from, old_dirfd, old_name, false);
    int to_err = path_arg_init(&to, dirfd, name, false);
    u32 how = (u32)flags;

    if (how & ~(RENAME_NOREPLACE | RENAME_EXCHANGE) || how == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    return err ?: to_err
               ?: vfs_rename(path_arg_start(&from), from.name, path_arg_start(&to), to.name, how);
}

/* Reading a link */

static s64 readlink_result(const struct path *p, uaddr_t dst, u64 size)
{
    char *text SCOPED(memory_end) = kmalloc(PATH_MAX, 0);
    s64 n = text ? vfs_readlink(p, text, PATH_MAX) : -ENOMEM;

    n = MIN(n, (s64)size);
    return n > 0 && copy_to_user(dst, text, n) ? -EFAULT : n;
}

s64 sys_readlinkat(u64 dirfd, u64 name, u64 dst, u64 size)
{
    struct path_arg a SCOPED(path_arg_fini);
    struct path p SCOPED(path_end) = {0};
    s64 err = path_arg_init(&a, dirfd, name, true);

    if ((int)size <= 0)
        return -EINVAL;
    if (!err)
        err = path_lookup(path_arg_start(&a), a.name, WALK_EMPTY, &p);
    if (err)
        return err;
    if (S_ISLNK(path_inode(&p)->mode))
        return readlink_result(&p, dst, (u32)size);
    return *a.name ? -EINVAL : -ENOENT;
}
