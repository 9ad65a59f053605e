// SPDX-License-Identifier: MIT
// /proc/vmstat and swaps.
#include "block/block.h"
#include "mm/slab.h"
#include "proc/procfs_private.h"

static void add_pages(void *arg, const char *name, size_t size, u64 used, u64 pages)
{
    *(u64 *)arg += pages;
}

static void add_transfers(struct block_device *d, void *arg)
{
    u64 fields[BLOCK_STAT_FIELDS], *sectors = arg;

    if (d->number)
        return; // the whole device counts it too
    block_stats_read(d, fields);
    sectors[0] += fields[BLOCK_STAT_SECTORS_READ];
    sectors[1] += fields[BLOCK_STAT_SECTORS_WRITTEN];
}

// Those of Linux's counters that are kept here.
int proc_show_vmstat(struct text *t, const struct proc_place *p)
{
    u64 sectors[2] = {0}, slab = 0;

    slab_each(add_pages, &slab);
    block_each(add_transfers, sectors);
    text_printf(t, "nr_free_pages %lu\nnr_slab_unreclaimable %lu\nnr_anon_pages %lu\n",
                frames_free(), slab, vm_anon_pages_total());
    text_printf(t, "nr_file_pages %lu\nnr_dirty %lu\npgpgin %lu\npgpgout %lu\n",
                vm_object_pages_total(), vm_dirty_pages(), sectors[0] / 2, sectors[1] / 2);
    return 0;
}

int proc_show_swaps(struct text *t, const struct proc_place *p)
{
    text_printf(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    return 0;
}
