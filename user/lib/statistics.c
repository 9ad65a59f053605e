// SPDX-License-Identifier: MIT
// statistics(): what the kernel counts of its locks.
#include "kernel/fcntl.h"
#include "user/user.h"

int statistics(void *buf, int n)
{
    int fd = open("/proc/lockstat", O_RDONLY), used = 0, got = 0;

    if (fd < 0)
        return -1;
    while (used < n && (got = read(fd, (char *)buf + used, n - used)) > 0)
        used += got;
    close(fd);
    return got < 0 ? -1 : used;
}
