// SPDX-License-Identifier: MIT
// Calls that change what a file is: mode, owner, times; and the mode that new files do not get.

#include "abi/capability.h"
#include "syscall/at.h"
#include "vfs/inotify.h"

#define AT_KEEP (~0U) // an owner of -1: leave as it is

/* Mode */

static int chmod_permitted(struct inode *inode, struct attr *attr)
{
    const struct cred *c = thread_self()->cred;
    int err = inode_check_owner(inode);

    if (err)
        return err;
    if (!cred_in_group(c, inode->gid) && !cred_capable(c, CAP_FSETID))
        attr->mode &= ~S_ISGID;
    return S_ISLNK(inode->mode) ? -EOPNOTSUPP : 0;
}

static s64 chmod_file(const struct at_file *a, u32 mode)
{
    struct attr attr = {.valid = ATTR_MODE, .mode = mode & S_IALLUGO, .permitted = chmod_permitted};

    return at_file_may_write(a) ?: inode_setattr_at(&a->path, a->inode, &attr);
}

static s64 chmod_at(u64 dirfd, uaddr_t name, u32 mode, u32 flags)
{
    struct at_file a;

    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    return at_file_find(&a, dirfd, name, flags) ?: at_file_end(&a, chmod_file(&a, mode));
}

s64 sys_fchmod(u64 fd, u64 mode)
{
    struct at_file a;

    return at_file_of_fd(&a, fd, false) ?: at_file_end(&a, chmod_file(&a, (u32)mode));
}

s64 sys_fchmodat(u64 dirfd, u64 name, u64 mode)
{
    return chmod_at(dirfd, name, (u32)mode, 0);
}

s64 sys_fchmodat2(u64 dirfd, u64 name, u64 mode, u64 flags)
{
    return chmod_at(dirfd, name, (u32)mode, (u32)flags);
}

s64 sys_umask(u64 mask)
{
    struct fs_context *fs = thread_self()->fs;
    u32 old;

    spin_lock(&fs->lock);
    old = fs->umask;
    fs->umask = mask & S_IRWXUGO;
    spin_unlock(&fs->lock);
    return old;
}

/* Owner */

// The owner may give the file to one of their groups; all else takes CAP_CHOWN.
static int chown_permitted(struct inode *inode, struct attr *a)
{
    const struct cred *c = thread_self()->cred;
    bool owner = c->fsuid == inode->uid;

    if (cred_capable(c, CAP_CHOWN))
        return 0;
    if (a->valid & ATTR_UID && !(owner && a->uid == inode->uid))
        return -EPERM;
    if (a->valid & ATTR_GID && !(owner && (a->gid == inode->gid || cred_in_group(c, a->gid))))
        return -EPERM;
    return 0;
}

static s64 chown_file(const struct at_file *a, u32 uid, u32 gid)
{
    struct attr attr = {.uid = uid, .gid = gid, .permitted = chown_permitted};

    attr.valid = (uid != AT_KEEP ? ATTR_UID : 0) | (gid != AT_KEEP ? ATTR_GID : 0);
    return at_file_may_write(a) ?: inode_setattr_at(&a->path, a->inode, &attr);
}

s64 sys_fchown(u64 fd, u64 uid, u64 gid)
{
    struct at_file a;

    return at_file_of_fd(&a, fd, false) ?: at_file_end(&a, chown_file(&a, (u32)uid, (u32)gid));
}

s64 sys_fchownat(u64 dirfd, u64 name, u64 uid, u64 gid, u64 flags)
{
    struct at_file a;

    if ((u32)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    return at_file_find(&a, dirfd, name, (u32)flags)
               ?: at_file_end(&a, chown_file(&a, (u32)uid, (u32)gid));
}

/* Times */

static bool utime_valid(const struct timespec *t)
{
    return (u64)t->tv_nsec < NS_PER_SEC || t->tv_nsec == UTIME_NOW || t->tv_nsec == UTIME_OMIT;
}

// Earlier and later times than the file system can hold become its first and its last second.
static ns_t utime_ns(const struct timespec *t, ns_t now, const struct superblock *sb)
{
    s64 last = sb->whole_seconds ? INT32_MAX : FILE_TIME_LAST;

    if (t->tv_nsec == UTIME_NOW)
        return now;
    if (t->tv_sec <= FILE_TIME_FIRST)
        return file_time(FILE_TIME_FIRST, 0);
    if (t->tv_sec >= last)
        return file_time(last, 0);
    return file_time(t->tv_sec, sb->whole_seconds ? 0 : t->tv_nsec);
}

static int utime_permitted(struct inode *inode, struct attr *unused)
{
    return inode_check_owner(inode);
}

// Setting both to now takes write permission; anything else takes ownership.
static int touch_permitted(struct inode *inode, struct attr *unused)
{
    return inode_check_owner(inode) ? inode_permission(inode, MAY_WRITE) : 0;
}

static s64 utime_file(const struct at_file *a, const struct timespec t[2])
{
    bool both_now = t[0].tv_nsec == UTIME_NOW && t[1].tv_nsec == UTIME_NOW;
    ns_t now = clock_realtime();
    struct superblock *sb = a->inode->sb;
    struct attr attr = {.atime = utime_ns(&t[0], now, sb), .mtime = utime_ns(&t[1], now, sb)};

    attr.valid = (t[0].tv_nsec != UTIME_OMIT ? ATTR_ATIME : 0) |
                 (t[1].tv_nsec != UTIME_OMIT ? ATTR_MTIME : 0);
    attr.permitted = both_now ? touch_permitted : utime_permitted;
    return at_file_may_write(a) ?: inode_setattr_at(&a->path, a->inode, &attr);
}

s64 sys_utimensat(u64 dirfd, u64 name, u64 times, u64 flags)
{
    struct timespec t[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    struct at_file a;
    s64 err;

    if (times && copy_from_user(t, times, sizeof(t)))
        return -EFAULT;
    if (t[0].tv_nsec == UTIME_OMIT && t[1].tv_nsec == UTIME_OMIT)
        return 0;
    if ((u32)flags & ~(name ? AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH : 0))
        return -EINVAL;
    if (name || (int)dirfd == AT_FDCWD)
        err = at_file_find(&a, dirfd, name, (u32)flags);
    else
        err = at_file_of_fd(&a, dirfd, false);
    if (err)
        return err;
    return at_file_end(&a, utime_valid(&t[0]) && utime_valid(&t[1]) ? utime_file(&a, t) : -EINVAL);
}
