// SPDX-License-Identifier: MIT
// ls [PATH...]: lists files and directories: type, inode number, links, size, name. The kernel's
// own calls are used, because an xv6 directory entry has room for 14 bytes of a name only.
#include "abi/dirent.h"
#include "lib/linux.h"
#include "user/user.h"

#define BUFFER_SIZE 4096
#define PATH_SIZE   4096

static char path[PATH_SIZE];

static char type_letter(uint mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return 'd';
    case S_IFCHR:
        return 'c';
    case S_IFBLK:
        return 'b';
    case S_IFLNK:
        return 'l';
    case S_IFIFO:
        return 'p';
    case S_IFSOCK:
        return 's';
    default:
        return '-';
    }
}

static int complain(const char *what, int error)
{
    fprintf(2, "ls: %s: %s\n", what, error_text(error));
    return 1;
}

static int show(const char *file, const char *name)
{
    struct linux_stat st;
    char target[256];
    int n = 0, error = sys_stat(file, &st, AT_SYMLINK_NOFOLLOW);

    if (error < 0)
        return complain(file, error);
    if ((st.st_mode & S_IFMT) == S_IFLNK)
        n = sys_readlink(file, target, sizeof(target) - 1);
    target[n > 0 ? n : 0] = 0;
    printf("%c %6lu %3lu %9lu %s%s%s\n", type_letter(st.st_mode), (uint64)st.st_ino,
           (uint64)st.st_nlink, (uint64)st.st_size, name, n > 0 ? " -> " : "", target);
    return 0;
}

static int show_entries(int fd, char *end)
{
    char buf[BUFFER_SIZE] __attribute__((aligned(8)));
    int failed = 0, n;

    while ((n = sys_getdents64(fd, buf, sizeof(buf))) > 0) {
        struct linux_dirent64 *entry;
        for (int at = 0; at < n; at += entry->d_reclen) {
            entry = (struct linux_dirent64 *)(buf + at);
            if (end + strlen(entry->d_name) >= path + PATH_SIZE)
                continue;
            strcpy(end, entry->d_name);
            failed |= show(path, entry->d_name);
        }
    }
    return n < 0 ? complain("directory", n) : failed;
}

static int list(const char *name)
{
    struct linux_stat st;
    uint len = strlen(name);

    if (sys_stat(name, &st, 0) < 0 || (st.st_mode & S_IFMT) != S_IFDIR || len + 2 > PATH_SIZE)
        return show(name, name);
    int fd = sys_open(name, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return complain(name, fd);
    strcpy(path, name);
    path[len] = '/';
    int failed = show_entries(fd, path + len + 1);
    sys_close(fd);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;

    if (argc < 2)
        return list(".");
    for (int i = 1; i < argc; i++)
        failed |= list(argv[i]);
    return failed;
}
