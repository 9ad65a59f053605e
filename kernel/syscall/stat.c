// SPDX-License-Identifier: MIT
// Calls that tell what a file or a file system is.

#include "abi/mount.h"
#include "syscall/at.h"

#define STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)

static int stat_file_find(struct at_file *a, u64 dirfd, uaddr_t name, u32 flags)
{
    if (flags & ~STAT_FLAGS)
        return -EINVAL;
    if (!name && flags & AT_EMPTY_PATH && (int)dirfd >= 0)
        return at_file_of_fd(a, dirfd, true);
    return at_file_find(a, dirfd, name, flags);
}

static s64 stat_result(struct inode *inode, uaddr_t out)
{
    struct linux_stat st;

    return inode_stat(inode, &st) ?: copy_to_user(out, &st, sizeof(st));
}

s64 sys_newfstatat(u64 dirfd, u64 name, u64 out, u64 flags)
{
    struct at_file a;

    return stat_file_find(&a, dirfd, name, (u32)flags)
               ?: at_file_end(&a, stat_result(a.inode, out));
}

s64 sys_fstat(u64 fd, u64 out)
{
    struct at_file a;

    return at_file_of_fd(&a, fd, true) ?: at_file_end(&a, stat_result(a.inode, out));
}

/* statx */

static struct statx_timestamp statx_time(s64 seconds, u64 nanoseconds)
{
    return (struct statx_timestamp){.tv_sec = seconds, .tv_nsec = nanoseconds};
}

static void statx_from_stat(struct statx *x, const struct linux_stat *st)
{
    *x = (struct statx){
        .stx_mask = STATX_BASIC_STATS,
        .stx_blksize = st->st_blksize,
        .stx_nlink = st->st_nlink,
        .stx_uid = st->st_uid,
        .stx_gid = st->st_gid,
        .stx_mode = st->st_mode,
        .stx_ino = st->st_ino,
        .stx_size = st->st_size,
        .stx_blocks = st->st_blocks,
        .stx_attributes_mask = STATX_ATTR_MOUNT_ROOT,
        .stx_atime = statx_time(st->st_atime, st->st_atime_nsec),
        .stx_mtime = statx_time(st->st_mtime, st->st_mtime_nsec),
        .stx_ctime = statx_time(st->st_ctime, st->st_ctime_nsec),
        .stx_rdev_major = dev_major(st->st_rdev),
        .stx_rdev_minor = dev_minor(st->st_rdev),
        .stx_dev_major = dev_major(st->st_dev),
        .stx_dev_minor = dev_minor(st->st_dev),
    };
}

// What struct stat has no room for.
static void statx_extend(struct statx *x, const struct at_file *a, u32 mask)
{
    ns_t born = a->inode->btime;
    s64 seconds;
    u64 ns;

    if (mask & STATX_BTIME && born) {
        seconds = file_time_split(born, &ns);
        x->stx_btime = statx_time(seconds, ns);
        x->stx_mask |= STATX_BTIME;
    }
    if (!a->path.mount)
        return;
    if (a->path.dentry == a->path.mount->root)
        x->stx_attributes |= STATX_ATTR_MOUNT_ROOT;
    x->stx_mnt_id = a->path.mount->id;
    x->stx_mask |= STATX_MNT_ID;
}

s64 sys_statx(u64 dirfd, u64 name, u64 flags, u64 mask, u64 out)
{
    struct linux_stat st;
    struct statx x;
    struct at_file a;
    s64 err;

    if (mask & STATX__RESERVED || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
        return -EINVAL;
    err = stat_file_find(&a, dirfd, name, (u32)flags);
    if (err)
        return err;
    err = inode_stat(a.inode, &st);
    if (!err) {
        statx_from_stat(&x, &st);
        statx_extend(&x, &a, (u32)mask);
    }
    at_file_end(&a, 0);
    return err ? err : copy_to_user(out, &x, sizeof(x));
}

/* File systems */

static u32 statfs_flags(u32 mount_flags)
{
    u32 same = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME;

    static_assert(ST_NOEXEC == MS_NOEXEC && ST_NOATIME == MS_NOATIME &&
                      ST_NODIRATIME == MS_NODIRATIME && ST_NODEV == MS_NODEV,
                  "mount flags that statfs reports unchanged");
    return ST_VALID | (mount_flags & same) | (mount_flags & MS_NOATIME ? 0 : ST_RELATIME);
}

static s64 statfs_result(const struct at_file *a, uaddr_t out)
{
    struct superblock *sb = a->inode->sb;
    struct statfs64 st;
    int err = superblock_statfs(sb, &st);

    if (err)
        return err;
    st.f_flags = statfs_flags((sb->flags & MS_RDONLY) | (a->path.mount ? a->path.mount->flags : 0));
    return copy_to_user(out, &st, sizeof(st));
}

s64 sys_statfs(u64 name, u64 out)
{
    struct at_file a;

    return at_file_find(&a, AT_FDCWD, name, 0) ?: at_file_end(&a, statfs_result(&a, out));
}

s64 sys_fstatfs(u64 fd, u64 out)
{
    struct at_file a;

    return at_file_of_fd(&a, fd, true) ?: at_file_end(&a, statfs_result(&a, out));
}
