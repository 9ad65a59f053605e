// SPDX-License-Identifier: MIT
// /proc/partitions, /proc/diskstats, and in debug builds /proc/sys/kernel/fault.
#include "block/block.h"
#include "block/fault.h"
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

static void diskstats_line(struct block_device *d, void *text)
{
    u64 fields[BLOCK_STAT_FIELDS];

    block_stats_read(d, fields);
    text_printf(text, "%4u %7u %s", dev_major(d->dev), dev_minor(d->dev), d->name);
    for (unsigned i = 0; i < BLOCK_STAT_FIELDS; i++)
        text_printf(text, " %lu", fields[i]);
    text_printf(text, "\n");
}

int proc_show_diskstats(struct text *t, const struct proc_place *p)
{
    block_each(diskstats_line, t);
    return 0;
}

int proc_show_fault(struct text *t, const struct proc_place *p)
{
    char out[BLOCK_FAULT_TEXT];

    block_fault_text(out);
    text_printf(t, "%s\n", out);
    return 0;
}

int proc_write_fault(const char *s, const struct proc_place *p)
{
    return block_fault_set(s);
}
