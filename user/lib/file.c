// SPDX-License-Identifier: MIT
// xv6's file calls: open flags and stat translated, errors turned into -1.
#include "kernel/stat.h"
#include "lib/dirread.h"
#include "lib/linux.h"
#include "lib/result.h"
#include "lib/xv6.h"
#include "user/user.h"

int open(const char *path, int flags)
{
    int linux_flags = flags & XV6_O_ACCESS;

    linux_flags |= flags & XV6_O_CREATE ? O_CREAT : 0;
    linux_flags |= flags & XV6_O_TRUNC ? O_TRUNC : 0;
    linux_flags |= flags & XV6_O_NOFOLLOW ? O_NOFOLLOW : 0;
    int fd = sys_open(path, linux_flags, 0666);
    // xv6 opens the link itself, so that fstat() can look at it.
    if (fd == -ELOOP && flags & XV6_O_NOFOLLOW)
        fd = sys_open(path, O_PATH | O_NOFOLLOW, 0);
    return xv6_result(fd);
}

int read(int fd, void *buf, int n)
{
    long got = sys_read(fd, buf, n < 0 ? 0 : n);

    if (got == -EISDIR)
        return xv6_result(directory_read(fd, buf, n));
    return xv6_result(got);
}

int write(int fd, const void *buf, int n)
{
    return n < 0 ? -1 : xv6_result(sys_write(fd, buf, n));
}

int close(int fd)
{
    return xv6_result(sys_close(fd));
}

int dup(int fd)
{
    return xv6_result(sys_dup(fd));
}

int pipe(int *fds)
{
    return xv6_result(sys_pipe2(fds, 0));
}

int chdir(const char *path)
{
    return xv6_result(sys_chdir(path));
}

int mkdir(const char *path)
{
    return xv6_result(ecall3(SYS_mkdirat, AT_FDCWD, (long)path, 0777));
}

int mknod(const char *path, short major, short minor)
{
    uint64 dev = makedev((ushort)major, (ushort)minor);

    return xv6_result(ecall4(SYS_mknodat, AT_FDCWD, (long)path, S_IFCHR | 0666, dev));
}

int unlink(const char *path)
{
    long result = ecall3(SYS_unlinkat, AT_FDCWD, (long)path, 0);

    if (result == -EISDIR)
        result = ecall3(SYS_unlinkat, AT_FDCWD, (long)path, AT_REMOVEDIR);
    return xv6_result(result);
}

int link(const char *old, const char *new)
{
    return xv6_result(ecall5(SYS_linkat, AT_FDCWD, (long)old, AT_FDCWD, (long)new, 0));
}

int symlink(const char *target, const char *path)
{
    return xv6_result(ecall3(SYS_symlinkat, (long)target, AT_FDCWD, (long)path));
}

static short type_of_mode(uint mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return T_DIR;
    case S_IFCHR:
    case S_IFBLK:
        return T_DEVICE;
    case S_IFLNK:
        return T_SYMLINK;
    default:
        return T_FILE;
    }
}

static int stat_convert(int result, const struct linux_stat *from, struct stat *to)
{
    if (result < 0)
        return -1;
    to->dev = from->st_dev;
    to->ino = from->st_ino;
    to->type = type_of_mode(from->st_mode);
    to->nlink = from->st_nlink;
    to->size = from->st_size;
    return 0;
}

int fstat(int fd, struct stat *st)
{
    struct linux_stat buf;

    return stat_convert(sys_fstat(fd, &buf), &buf, st);
}

int stat(const char *path, struct stat *st)
{
    struct linux_stat buf;

    return stat_convert(sys_stat(path, &buf, 0), &buf, st);
}
