// SPDX-License-Identifier: MIT
// xv6 directory entries made from getdents64's. No state is kept between calls: entries that were
// fetched and do not fit are given back by seeking to the last one that did. Short names never make
// more entries than fit, so that processes which read one descriptor at once share them out.
#include "lib/dirread.h"

#include <stdbool.h>

#include "abi/dirent.h"
#include "kernel/fs.h"
#include "lib/linux.h"
#include "lib/path.h"
#include "lib/probe.h"
#include "user/user.h"

#define ENTRY_MAX  280 // a linux_dirent64 with the longest name
#define ENTRY_MIN  24
#define ENTRY_XV6  40  // with a name of DIRSIZ
#define BUFFER_MAX 288 // little: it lies on the stack, which has one page

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

__attribute__((noinline)) static uint64 device_of(int fd)
{
    struct linux_stat st;

    return sys_fstat(fd, &st) == 0 ? st.st_dev : 0;
}

// Whether another file system is mounted there: xv6 has one, and its programs walk all of it.
__attribute__((noinline)) static bool entry_hidden(int fd, uint64 device,
                                                   const struct linux_dirent64 *entry)
{
    struct linux_stat st;

    if (entry->d_type != DT_DIR || !device || strcmp(entry->d_name, "..") == 0)
        return false;
    return ecall4(SYS_newfstatat, fd, (long)entry->d_name, (long)&st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_dev != device;
}

static int entries_get(int fd, char *raw, int fit)
{
    long want = ENTRY_XV6 + (long)(fit - 1) * ENTRY_MIN;
    int got = sys_getdents64(fd, raw, want < BUFFER_MAX ? want : BUFFER_MAX);

    return got == -EINVAL ? sys_getdents64(fd, raw, ENTRY_MAX) : got;
}

// How many of the `got` bytes' entries are in `out` then.
static int entries_convert(int fd, uint64 device, const char *raw, int got, struct dirent *out,
                           int fit)
{
    const struct linux_dirent64 *entry = 0;
    int at = 0, filled = 0;

    for (; at < got && filled < fit; at += entry->d_reclen) {
        entry = (const struct linux_dirent64 *)(raw + at);
        if (!entry_hidden(fd, device, entry))
            entry_convert(&out[filled++], entry);
    }
    if (at < got)
        sys_lseek(fd, entry->d_off, SEEK_SET);
    return filled;
}

int directory_read(int fd, void *buf, int n)
{
    char raw[BUFFER_MAX] __attribute__((aligned(8)));
    struct dirent *out = buf;
    int fit = n / (int)sizeof(*out), filled = 0, got = 0;

    if (fit <= 0)
        return -EINVAL;
    if (!probe_write(buf, fit * sizeof(*out)))
        return -EFAULT;
    uint64 device = path_limited ? device_of(fd) : 0;
    while (filled < fit && (got = entries_get(fd, raw, fit - filled)) > 0)
        filled += entries_convert(fd, device, raw, got, out + filled, fit - filled);
    return filled > 0 ? filled * (int)sizeof(*out) : got;
}
