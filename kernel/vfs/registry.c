// SPDX-License-Identifier: MIT
// The registry: character and block devices by number, text files of /proc, and growing texts.
#include "vfs/registry.h"
#include "abi/errno.h"
#include "lib/format.h"
#include "lib/hash.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/internal.h"

#define DEVICE_BUCKETS 64

static struct spinlock registry_lock = SPINLOCK_INIT(RANK_DCACHE); // writers; nothing is removed
static struct hlist device_hash[DEVICE_BUCKETS];
static struct list devices = LIST_INIT(devices);
static struct list proc_files = LIST_INIT(proc_files);
void (*device_added_hook)(struct device *d);
const struct procfs_source *procfs_source;
void (*system_names_get)(struct utsname *out);
void (*system_host_set)(const char *name);

/* Devices */

struct device *device_find(dev_t dev, bool block)
{
    struct device *d;

    HLIST_FOR_EACH (d, &device_hash[hash_u64(dev) % DEVICE_BUCKETS], hash_node)
        if (d->dev == dev && S_ISBLK(d->mode) == block)
            return d;
    return NULL;
}

int device_register(struct device *d)
{
    bool exists;

    spin_lock(&registry_lock);
    exists = device_find(d->dev, S_ISBLK(d->mode));
    if (!exists) {
        hlist_insert(&device_hash[hash_u64(d->dev) % DEVICE_BUCKETS], &d->hash_node);
        list_insert_tail(&devices, &d->link);
    }
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

/* Files of /proc */

void proc_register(struct proc_file *f)
{
    spin_lock(&registry_lock);
    list_insert_tail(&proc_files, &f->link);
    spin_unlock(&registry_lock);
}

void proc_each(void (*fn)(struct proc_file *f, void *arg), void *arg)
{
    struct proc_file *f;

    LIST_FOR_EACH (f, &proc_files, link)
        fn(f, arg);
}

/* Texts */

// Room for n more bytes and a NUL.
static bool text_reserve(struct text *t, size_t n)
{
    size_t capacity = MAX(t->capacity, (size_t)256);
    char *data;

    if (t->error)
        return false;
    if (t->length + n < t->capacity)
        return true;
    while (capacity <= t->length + n)
        capacity *= 2;
    data = kmalloc(capacity, 0);
    if (!data) {
        t->error = -ENOMEM;
        return false;
    }
    if (t->data)
        memcpy(data, t->data, t->length);
    kfree(t->data);
    t->data = data;
    t->capacity = capacity;
    return true;
}

void text_append(struct text *t, const char *s, size_t n)
{
    if (!text_reserve(t, n))
        return;
    memcpy(t->data + t->length, s, n);
    t->length += n;
}

void text_printf(struct text *t, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnformat(NULL, 0, fmt, args);
    va_end(args);
    if (!text_reserve(t, n))
        return;
    va_start(args, fmt);
    vsnformat(t->data + t->length, n + 1, fmt, args);
    va_end(args);
    t->length += n;
}
