// SPDX-License-Identifier: MIT
// Calls on the directories that a process starts from, and on mounts.

#include "abi/capability.h"
#include "abi/limits.h"
#include "abi/mount.h"
#include "mm/slab.h"
#include "syscall/args.h"

/* Working directory and root */

static int directory_check(struct inode *inode)
{
    return S_ISDIR(inode->mode) ? inode_permission(inode, MAY_EXEC) : -ENOTDIR;
}

static int directory_arg(uaddr_t name, struct path *out)
{
    return path_arg_lookup(AT_FDCWD, name, 0, out) ?: directory_check(path_inode(out));
}

s64 sys_chdir(u64 name)
{
    struct path p SCOPED(path_end) = {0};
    int err = directory_arg(name, &p);

    if (!err)
        fs_context_set_cwd(thread_self()->fs, &p);
    return err;
}

s64 sys_fchdir(u64 fd)
{
    struct file *f SCOPED(file_end) = fd_get_any((int)fd);
    int err = f ? directory_check(f->inode) : -EBADF;

    if (!err)
        fs_context_set_cwd(thread_self()->fs, &f->path);
    return err;
}

s64 sys_chroot(u64 name)
{
    struct path p SCOPED(path_end) = {0};
    int err = directory_arg(name, &p);

    if (!err && !cred_capable(thread_self()->cred, CAP_SYS_CHROOT))
        err = -EPERM;
    if (!err)
        fs_context_set_root(thread_self()->fs, &p);
    return err;
}

static s64 path_result(const struct path *p, uaddr_t dst, u64 size)
{
    char *text SCOPED(memory_end) = kmalloc(PATH_MAX, 0);
    s64 n = text ? path_to_text(p, text, PATH_MAX) : -ENOMEM;

    if (n < 0)
        return n;
    n++;
    return n > size ? -ERANGE : copy_to_user(dst, text, n) ?: n;
}

s64 sys_getcwd(u64 dst, u64 size)
{
    struct path cwd SCOPED(path_end);

    fs_cwd_get(&cwd);
    return dentry_is_unlinked(cwd.dentry) ? -ENOENT : path_result(&cwd, dst, size);
}

/* Mounts */

// A string that may be absent (*out NULL).
static int mount_string_arg(uaddr_t src, char **out)
{
    int err = src ? string_arg(src, out) : 0;

    return err == -ENAMETOOLONG ? -EINVAL : err;
}

s64 sys_mount(u64 source, u64 target, u64 type, u64 flags, u64 options)
{
    char *source_text SCOPED(memory_end) = NULL, *type_text SCOPED(memory_end) = NULL;
    char *options_text SCOPED(memory_end) = NULL;
    struct path at SCOPED(path_end) = {0};

    if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
        flags &= ~(u64)MS_MGC_MSK;
    return mount_string_arg(type, &type_text)
               ?: mount_string_arg(source, &source_text)
               ?: mount_string_arg(options, &options_text)
               ?: path_arg_lookup(AT_FDCWD, target, 0, &at)
               ?: vfs_mount(source_text, &at, type_text, (u32)flags, options_text);
}

s64 sys_umount2(u64 target, u64 flags)
{
    u32 at_flags = flags & UMOUNT_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
    struct path at SCOPED(path_end) = {0};

    if ((u32)flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
        return -EINVAL;
    return path_arg_lookup(AT_FDCWD, target, at_flags, &at) ?: mount_detach(&at, (int)flags);
}

s64 sys_pivot_root(u64 new, u64 put_old)
{
    struct path to SCOPED(path_end) = {0}, old SCOPED(path_end) = {0};
    int err;

    if (!cred_capable(thread_self()->cred, CAP_SYS_ADMIN))
        return -EPERM;
    err = path_arg_lookup(AT_FDCWD, new, 0, &to) ?: path_arg_lookup(AT_FDCWD, put_old, 0, &old);
    if (err)
        return err;
    if (!S_ISDIR(path_inode(&to)->mode) || !S_ISDIR(path_inode(&old)->mode))
        return -ENOTDIR;
    return mount_pivot(&to, &old);
}
