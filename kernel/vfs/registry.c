// SPDX-License-Identifier: MIT
// The registry: character and block devices by number.
#include "vfs/registry.h"
#include "abi/errno.h"
#include "vfs/internal.h"

static struct spinlock registry_lock = SPINLOCK_INIT(RANK_DCACHE); // writers; nothing is removed
static struct list devices = LIST_INIT(devices);
void (*device_added_hook)(struct device *d);

/* Devices */

struct device *device_find(dev_t dev, bool block)
{
    struct device *d;

    LIST_FOR_EACH (d, &devices, link)
        if (d->dev == dev && S_ISBLK(d->mode) == block)
            return d;
    return NULL;
}

int device_register(struct device *d)
{
    bool exists;

    spin_lock(&registry_lock);
    exists = device_find(d->dev, S_ISBLK(d->mode));
    if (!exists)
        list_insert_tail(&devices, &d->link);
    spin_unlock(&registry_lock);
    if (exists)
        return -EEXIST;
    if (device_added_hook)
        device_added_hook(d);
    return 0;
}

void device_each(void (*fn)(struct device *d))
{
    struct device *d;

    LIST_FOR_EACH (d, &devices, link)
        fn(d);
}
