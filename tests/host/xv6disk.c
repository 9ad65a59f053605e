// SPDX-License-Identifier: MIT
// See xv6disk.h.
#include "xv6disk.h"
#include "buf/buf.h"
#include "xv6image.h"

struct disk *xv6_disk_create(const char *name, u32 blocks, u32 inodes, u32 log)
{
    struct disk *d = disk_create(name, blocks * 2, SECTOR_SIZE);
    struct buf_cache *c;

    xv6_make(d->image, blocks, inodes, log);
    verify(!buf_cache_get(&d->block, &c));
    return d;
}

int xv6_mount(const char *source)
{
    struct path at;
    int err = path_lookup(NULL, "/m", 0, &at);

    if (err)
        return err;
    err = vfs_mount(source, &at, "xv6fs", 0, NULL);
    path_put(&at);
    return err;
}

void xv6_unmount(void)
{
    struct path at;
    int err;

    do
        err = path_lookup(NULL, "/m", WALK_FOLLOW, &at);
    while (err == -ENOMEM);
    host_expect(err, 0);
    host_expect(mount_detach(&at, 0), 0);
    path_put(&at);
}

void xv6_image_check(const struct disk *d, bool crashed)
{
    const char *bad = xv6_check(d->image, crashed);

    if (bad)
        panic("%s: %s", d->block.name, bad);
}
