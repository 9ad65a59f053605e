// SPDX-License-Identifier: MIT
// Reader of cpio "newc" archives in memory (magic 070701), the format of an initramfs.
#pragma once

#include "lib/types.h"

struct cpio {
    const u8 *data;
    size_t size;
    size_t offset; // of the next header
};

// `name` (zero-terminated) and `data` point into the archive.
struct cpio_entry {
    const char *name;
    const u8 *data;
    u64 size;
    u32 ino; // with dev, equal for the names of one file
    u32 mode, uid, gid, nlink;
    u32 mtime; // seconds since 1970
    u32 dev_major, dev_minor, rdev_major, rdev_minor;
};

void cpio_init(struct cpio *c, const void *data, size_t size);

// 1: *e is the next entry. 0: end (the trailer). -EINVAL: corrupt or cut short; then for good.
int cpio_next(struct cpio *c, struct cpio_entry *e);
