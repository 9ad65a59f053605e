// SPDX-License-Identifier: MIT
// The registry: character and block devices by number.
#include "vfs/registry.h"
#include "abi/errno.h"
#include "vfs/internal.h"

static struct mutex registry_lock =
    MUTEX_INIT(registry_lock, RANK_NONE); // writers; nothing is removed
static struct list devices = LIST_INIT(devices);
static void (*watcher)(struct device *d); // (registry_lock)

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

    mutex_lock(&registry_lock);
    exists = device_find(d->dev, S_ISBLK(d->mode));
    if (!exists)
        list_insert_tail(&devices, &d->link);
    if (!exists && watcher)
        watcher(d);
    mutex_unlock(&registry_lock);
    return exists ? -EEXIST : 0;
}

void device_watch(void (*fn)(struct device *d))
{
    struct device *d;

    mutex_lock(&registry_lock);
    watcher = fn;
    LIST_FOR_EACH (d, &devices, link)
        fn(d);
    mutex_unlock(&registry_lock);
}
