// SPDX-License-Identifier: MIT
// The block devices there are: whole ones, and partitions as their children.
#include "abi/errno.h"
#include "abi/stat.h"
#include "base/log.h"
#include "base/spinlock.h"
#include "block/partition.h"
#include "block/queue.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"

#define MAJOR_EXTENDED 259 // of devices without numbers of their own
#define NS_PER_MS      1000000

static struct spinlock devices_lock = SPINLOCK_INIT(RANK_DEVICE); // list's writers; opening
// Grows only; a partition after its device. Read without the lock: see add.
static struct list devices = LIST_INIT(devices);
static u32 extended_minors; // (a) numbers given out
void (*block_added_hook)(struct block_device *d);

void block_each(void (*fn)(struct block_device *d, void *arg), void *arg)
{
    struct block_device *d;

    LIST_FOR_EACH (d, &devices, link)
        fn(d, arg);
}

struct block_device *block_find(dev_t dev)
{
    struct block_device *d;

    LIST_FOR_EACH (d, &devices, link)
        if (d->dev == dev)
            return d;
    return NULL;
}

struct block_device *block_find_name(const char *name)
{
    struct block_device *d;

    LIST_FOR_EACH (d, &devices, link)
        if (!strcmp(d->name, name))
            return d;
    return NULL;
}

// With the lock, under which a partition that is not open loses its place.
int block_open(struct block_device *d)
{
    irqflags_t irq = spin_lock_irqsave(&devices_lock);
    bool there = load_acquire(&d->sectors) || (d->ops && d->ops->ioctl);

    if (there)
        atomic_fetch_add(&d->opens, 1);
    spin_unlock_irqrestore(&devices_lock, irq);
    return there ? 0 : -ENXIO;
}

void block_close(struct block_device *d)
{
    atomic_fetch_sub(&d->opens, 1);
}

u32 block_users(struct block_device *whole)
{
    struct block_device *d;
    u32 n = 0;

    LIST_FOR_EACH (d, &devices, link)
        if (d->whole == whole)
            n += load_relaxed(&d->opens);
    return n;
}

static void add(struct block_device *d, u32 major, u32 minor)
{
    irqflags_t irq;

    if (!major) {
        major = MAJOR_EXTENDED;
        minor = atomic_fetch_add(&extended_minors, 1);
    }
    d->dev = makedev(major, minor);
    irq = spin_lock_irqsave(&devices_lock);
    d->link = (struct list){&devices, devices.prev};
    store_release(&devices.prev->next, &d->link); // who sees it sees all of it
    devices.prev = &d->link;
    spin_unlock_irqrestore(&devices_lock, irq);
    if (block_added_hook)
        block_added_hook(d);
}

/* Statistics */

static u64 *read_op(const struct block_stats *s, enum block_op op, u64 *out)
{
    *out++ = load_relaxed(&s->op[op].count);
    *out++ = load_relaxed(&s->op[op].merged);
    *out++ = load_relaxed(&s->op[op].sectors);
    *out++ = load_relaxed(&s->op[op].time) / NS_PER_MS;
    return out;
}

void block_stats_read(const struct block_device *d, u64 out[BLOCK_STAT_FIELDS])
{
    const struct block_stats *s = &d->stats;
    ns_t weighted = 0;

    for (unsigned i = 0; i < BLOCK_OPS; i++)
        weighted += load_relaxed(&s->op[i].time);
    out = read_op(s, BLOCK_READ, out);
    out = read_op(s, BLOCK_WRITE, out);
    *out++ = load_relaxed(&s->in_flight);
    *out++ = load_relaxed(&s->busy) / NS_PER_MS;
    *out++ = weighted / NS_PER_MS;
    out = read_op(s, BLOCK_DISCARD, out);
    *out++ = load_relaxed(&s->op[BLOCK_FLUSH].count);
    *out++ = load_relaxed(&s->op[BLOCK_FLUSH].time) / NS_PER_MS;
}

/* Partitions */

struct scan {
    struct partition_source source;
    struct block_device *whole;
};

static int read_block(struct partition_source *s, u64 lba)
{
    struct block_device *d = container_of(s, struct scan, source)->whole;

    return block_transfer(d, BLOCK_READ, lba * (s->block_size / SECTOR_SIZE), s->block,
                          s->block_size);
}

static struct block_device *find_partition(struct block_device *whole, u32 number)
{
    struct block_device *d;

    LIST_FOR_EACH (d, &devices, link)
        if (d->whole == whole && d->number == number)
            return d;
    return NULL;
}

static struct block_device *partition_create(struct block_device *whole, u32 number)
{
    struct block_device *p = kmalloc(sizeof(*p), ALLOC_ZERO);
    char last = whole->name[strlen(whole->name) - 1];

    if (!p)
        return NULL;
    snformat(p->name, sizeof(p->name), "%s%s%u", whole->name, last >= '0' && last <= '9' ? "p" : "",
             number);
    p->whole = whole;
    p->number = number;
    return p;
}

static int found_partition(struct partition_source *s, u32 number, u64 start, u64 blocks)
{
    struct block_device *whole = container_of(s, struct scan, source)->whole;
    struct block_device *p = find_partition(whole, number);
    bool old = p, numbered = number < whole->minors;

    p = p ?: partition_create(whole, number);
    if (!p)
        return -ENOMEM;
    p->read_only = whole->read_only;
    p->limits = whole->limits;
    store_relaxed(&p->start, start * (s->block_size / SECTOR_SIZE));
    store_release(&p->sectors, blocks * (s->block_size / SECTOR_SIZE));
    if (!old)
        add(p, numbered ? dev_major(whole->dev) : 0, dev_minor(whole->dev) + number);
    return 0;
}

// Partitions that no longer exist stay, without sectors.
static int clear_partitions(struct block_device *whole)
{
    irqflags_t irq = spin_lock_irqsave(&devices_lock);
    struct block_device *d;
    u32 users = 0;

    LIST_FOR_EACH (d, &devices, link)
        if (d->whole == whole && d->number)
            users += load_relaxed(&d->opens);
    LIST_FOR_EACH (d, &devices, link)
        if (d->whole == whole && d->number && !users)
            store_relaxed(&d->sectors, 0);
    spin_unlock_irqrestore(&devices_lock, irq);
    return users ? -EBUSY : 0;
}

int block_rescan(struct block_device *d)
{
    struct scan scan = {.source = {.read = read_block, .found = found_partition}, .whole = d};
    struct partition_source *s = &scan.source;
    int err;

    if (d->number || !d->minors)
        return -EINVAL;
    if (atomic_xchg(&d->scanning, true))
        return -EBUSY;
    s->block_size = d->limits.block_size;
    s->blocks = load_relaxed(&d->sectors) / (s->block_size / SECTOR_SIZE);
    s->block = kmalloc(s->block_size, 0);
    err = s->block ? clear_partitions(d) ?: partition_scan(s) : -ENOMEM;
    kfree(s->block);
    store_release(&d->scanning, false);
    return err;
}

int block_register(struct block_device *d, u32 major, u32 minor, u32 minors)
{
    u64 per_block = d->limits.block_size / SECTOR_SIZE;
    int err = block_queue_create(d);

    if (err)
        return err;
    d->whole = d;
    d->minors = minors;
    d->limits.discard_sectors = ALIGN_DOWN(d->limits.discard_sectors, per_block);
    d->limits.zero_sectors = ALIGN_DOWN(d->limits.zero_sectors, per_block);
    d->sectors = MIN(d->sectors, (u64)INT64_MAX >> SECTOR_SHIFT); // so that bytes can be counted
    add(d, major, minor);
    if (minors && d->sectors)
        err = block_rescan(d);
    if (err)
        log_info("%s: partition table: error %d", d->name, -err);
    return 0;
}
