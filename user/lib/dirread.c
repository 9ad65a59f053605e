// SPDX-License-Identifier: MIT
// xv6 directory entries made from getdents64's. No state is kept between calls: entries that were
// fetched and do not fit are given back by seeking to the last one that did.
#include "lib/dirread.h"

#include "abi/dirent.h"
#include "kernel/fs.h"
#include "lib/linux.h"
#include "lib/probe.h"
#include "user/user.h"

#define ENTRY_MAX     280 // a linux_dirent64 with the longest name
#define ENTRY_TYPICAL 32
#define BUFFER_MAX    512 // little: it lies on the stack

// xv6 has 16 bits for an inode number, and 0 means a free entry.
static ushort inum_fold(uint64 ino)
{
    return ino ? (ino - 1) % 65535 + 1 : 1;
}

static void entry_convert(struct dirent *to, const struct linux_dirent64 *from)
{
    uint len = strlen(from->d_name);

    memset(to, 0, sizeof(*to));
    to->inum = inum_fold(from->d_ino);
    memcpy(to->name, from->d_name, len < DIRSIZ ? len : DIRSIZ);
}

int directory_read(int fd, void *buf, int n)
{
    char raw[BUFFER_MAX] __attribute__((aligned(8)));
    struct dirent *out = buf;
    int fit = n / (int)sizeof(*out), filled = 0;

    if (fit <= 0)
        return -EINVAL;
    if (!probe_write(buf, fit * sizeof(*out)))
        return -EFAULT;
    long want = ENTRY_MAX + (long)(fit - 1) * ENTRY_TYPICAL;
    int got = sys_getdents64(fd, raw, want < BUFFER_MAX ? want : BUFFER_MAX);
    if (got < 0)
        return got;

    const struct linux_dirent64 *entry = 0;
    int at = 0;
    while (at < got && filled < fit) {
        entry = (const struct linux_dirent64 *)(raw + at);
        entry_convert(&out[filled++], entry);
        at += entry->d_reclen;
    }
    if (at < got)
        sys_lseek(fd, entry->d_off, SEEK_SET);
    return filled * sizeof(*out);
}
