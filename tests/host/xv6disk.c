// SPDX-License-Identifier: MIT
// See xv6disk.h.
#include "xv6disk.h"
#include "xv6image.h"

struct disk *xv6_disk_create(const char *name, u32 blocks, u32 inodes, u32 log)
{
    struct disk *d = world_disk_create(name, blocks << 10);

    xv6_make(d->image, blocks, inodes, log);
    return d;
}

int xv6_mount(const char *source)
{
    return world_mount(source, "xv6fs", 0, NULL);
}

void xv6_image_check(const struct disk *d, bool crashed)
{
    const char *bad = xv6_check(d->image, crashed);

    if (bad)
        panic("%s: %s", d->block.name, bad);
}
