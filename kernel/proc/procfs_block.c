// SPDX-License-Identifier: MIT
// /proc/partitions and /proc/diskstats.
#include "abi/stat.h"
#include "block/block.h"
#include "proc/procfs_private.h"

static void partitions_line(struct block_device *d, void *text)
{
    if (load_relaxed(&d->sectors))
        text_printf(text, "%4u  %7u %10lu %s\n", dev_major(d->dev), dev_minor(d->dev),
                    load_relaxed(&d->sectors) / 2, d->name);
}

int proc_show_partitions(struct text *t, const struct proc_place *p)
{
    text_printf(t, "major minor  #blocks  name\n\n");
    block_each(partitions_line, t);
    return 0;
}

static void diskstats_op(struct text *t, struct block_device *d, enum block_op op)
{
    text_printf(t, " %lu %lu %lu %lu", load_relaxed(&d->stats.op[op].count),
                load_relaxed(&d->stats.op[op].merged), load_relaxed(&d->stats.op[op].sectors),
                load_relaxed(&d->stats.op[op].time) / 1000000);
}

// Documented in admin-guide/iostats.rst of Linux.
static void diskstats_line(struct block_device *d, void *text)
{
    struct block_stats *s = &d->stats;
    ns_t weighted = 0;

    for (unsigned i = 0; i < BLOCK_OPS; i++)
        weighted += load_relaxed(&s->op[i].time);
    text_printf(text, "%4u %7u %s", dev_major(d->dev), dev_minor(d->dev), d->name);
    diskstats_op(text, d, BLOCK_READ);
    diskstats_op(text, d, BLOCK_WRITE);
    text_printf(text, " %lu %lu %lu", load_relaxed(&s->in_flight), load_relaxed(&s->busy) / 1000000,
                weighted / 1000000);
    diskstats_op(text, d, BLOCK_DISCARD);
    text_printf(text, " %lu %lu\n", load_relaxed(&s->op[BLOCK_FLUSH].count),
                load_relaxed(&s->op[BLOCK_FLUSH].time) / 1000000);
}

int proc_show_diskstats(struct text *t, const struct proc_place *p)
{
    block_each(diskstats_line, t);
    return 0;
}
