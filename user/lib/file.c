// SPDX-License-Identifier: MIT
// xv6's file calls: open flags and stat translated, errors turned into -1.
#include <stdbool.h>

#include "kernel/stat.h"
#include "lib/dirread.h"
#include "lib/linux.h"
#include "lib/path.h"
#include "lib/probe.h"
#include "lib/trace.h"
#include "lib/xv6.h"
#include "user/user.h"

#define CONSOLE  1
#define MODE_ALL 0777 // xv6 has no permissions: what can be read can be run

#define LINKS_MAX 10 // that open() follows
#define LINK_PATH 256

// Large frames are kept out of functions that seldom need them: a program's stack is one page.

// How many symbolic links the last name of `path` leads through; over LINKS_MAX for too many.
__attribute__((noinline)) static int links_of(const char *path)
{
    char at[LINK_PATH], target[LINK_PATH];
    int links = 0;

    if (strlen(path) >= sizeof(at))
        return 0;
    strcpy(at, path);
    for (; links <= LINKS_MAX; links++) {
        int n = sys_readlink(at, target, sizeof(target) - 1), dir = 0;

        if (n < 0)
            break;
        target[n] = 0;
        for (int i = 0; target[0] != '/' && at[i]; i++)
            dir = at[i] == '/' ? i + 1 : dir;
        if (dir + n >= (int)sizeof(at))
            break;
        strcpy(at + dir, target);
    }
    return links;
}

// A link itself with O_NOFOLLOW, so that fstat() can look at it.
static int open_link(const char *path, int xv6_flags, int linux_flags)
{
    if (xv6_flags & XV6_O_NOFOLLOW)
        return sys_open(path, O_PATH | O_NOFOLLOW, 0);
    if (links_of(path) > LINKS_MAX)
        return -ELOOP;
    return sys_open(path, linux_flags, MODE_ALL);
}

int open(const char *path, int flags)
{
    int linux_flags = flags & XV6_O_ACCESS;
    char name[MAXPATH];

    path = path_take(name, path);
    linux_flags |= flags & XV6_O_CREATE ? O_CREAT : 0;
    linux_flags |= flags & XV6_O_TRUNC ? O_TRUNC : 0;
    int fd = sys_open(path, linux_flags | O_NOFOLLOW, MODE_ALL);
    if (fd == -ELOOP)
        fd = open_link(path, flags, linux_flags);
    return xv6_result(XV6_SYS_open, fd);
}

int read(int fd, void *buf, int n)
{
    long got = n < 0 ? -EINVAL : sys_read(fd, buf, n);

    if (got == -EISDIR)
        return xv6_result(XV6_SYS_read, directory_read(fd, buf, n));
    return xv6_result(XV6_SYS_read, got);
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

// Whether a write would leave a hole, which xv6's files cannot have: somebody has cut the file.
__attribute__((noinline)) static bool behind_end(int fd)
{
    struct linux_stat st;
    long at = path_limited ? sys_lseek(fd, 0, SEEK_CUR) : 0;

    return at > 0 && sys_fstat(fd, &st) == 0 && type_of_mode(st.st_mode) == T_FILE &&
           at > st.st_size;
}

int write(int fd, const void *buf, int n)
{
    bool refused = n < 0 || behind_end(fd);

    return xv6_result(XV6_SYS_write, refused ? -EINVAL : sys_write(fd, buf, n));
}

int close(int fd)
{
    return xv6_result(XV6_SYS_close, sys_close(fd));
}

int dup(int fd)
{
    return xv6_result(XV6_SYS_dup, sys_dup(fd));
}

int pipe(int *fds)
{
    return xv6_result(XV6_SYS_pipe, sys_pipe2(fds, 0));
}

int chdir(const char *path)
{
    char name[MAXPATH];

    return xv6_result(XV6_SYS_chdir, sys_chdir(path_take(name, path)));
}

int mkdir(const char *path)
{
    char name[MAXPATH];

    path = path_take(name, path);
    return xv6_result(XV6_SYS_mkdir, ecall3(SYS_mkdirat, AT_FDCWD, (long)path, MODE_ALL));
}

// xv6's one device is the console, 1; here it is /dev/console's 5:1.
int mknod(const char *path, short major, short minor)
{
    bool console = major == CONSOLE && minor < 2;
    uint64 dev = console ? makedev(5, 1) : makedev((ushort)major, (ushort)minor);
    char name[MAXPATH];

    path = path_take(name, path);
    return xv6_result(XV6_SYS_mknod,
                      ecall4(SYS_mknodat, AT_FDCWD, (long)path, S_IFCHR | 0666, dev));
}

int unlink(const char *path)
{
    char name[MAXPATH];
    long result;

    path = path_take(name, path);
    result = ecall3(SYS_unlinkat, AT_FDCWD, (long)path, 0);
    if (result == -EISDIR)
        result = ecall3(SYS_unlinkat, AT_FDCWD, (long)path, AT_REMOVEDIR);
    return xv6_result(XV6_SYS_unlink, result);
}

int link(const char *old, const char *new)
{
    char old_name[MAXPATH], new_name[MAXPATH];

    old = path_take(old_name, old);
    new = path_take(new_name, new);
    return xv6_result(XV6_SYS_link,
                      ecall5(SYS_linkat, AT_FDCWD, (long)old, AT_FDCWD, (long)new, 0));
}

int symlink(const char *target, const char *path)
{
    char to[MAXPATH], name[MAXPATH];

    target = path_take(to, target);
    path = path_take(name, path);
    return xv6_result(XV6_SYS_symlink, ecall3(SYS_symlinkat, (long)target, AT_FDCWD, (long)path));
}

static void stat_convert(const struct linux_stat *from, struct stat *to)
{
    to->dev = from->st_dev;
    to->ino = from->st_ino;
    to->type = type_of_mode(from->st_mode);
    to->nlink = from->st_nlink;
    to->size = from->st_size;
}

int fstat(int fd, struct stat *st)
{
    struct linux_stat buf;
    int result = probe_write(st, sizeof(*st)) ? sys_fstat(fd, &buf) : -EFAULT;

    if (result == 0)
        stat_convert(&buf, st);
    return xv6_result(XV6_SYS_fstat, result);
}

// As xv6's library has it: open() and fstat(), which trace() shows.
int stat(const char *path, struct stat *st)
{
    int fd = open(path, 0);

    if (fd < 0)
        return -1;
    int result = fstat(fd, st);
    close(fd);
    return result;
}
