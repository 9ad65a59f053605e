// SPDX-License-Identifier: MIT
// /proc/<pid>/smaps and smaps_rollup (proc_pid_smaps(5)): what of each mapping is in memory; and
// /proc/locks.
#include "abi/errno.h"
#include "mm/slab.h"
#include "proc/procfs_private.h"
#include "vfs/flock.h"

/* smaps */

static void show_kb(struct text *t, const char *name, u64 pages)
{
    text_printf(t, "%-16s%8lu kB\n", name, pages * (PAGE_SIZE >> 10));
}

static void show_share(struct text *t, const char *name, u64 share)
{
    text_printf(t, "%-16s%8lu kB\n", name,
                share / VM_SHARE_ONE * (PAGE_SIZE >> 10) +
                    share % VM_SHARE_ONE * (PAGE_SIZE >> 10) / VM_SHARE_ONE);
}

static void show_usage(struct text *t, const struct vm_usage *u, bool rollup)
{
    show_kb(t, "Rss:", u->present);
    show_share(t, "Pss:", u->share);
    show_share(t, "Pss_Dirty:", u->share_dirty);
    if (rollup) {
        show_share(t, "Pss_Anon:", u->share_anon);
        show_share(t, "Pss_File:", u->share - u->share_anon - u->share_shmem);
        show_share(t, "Pss_Shmem:", u->share_shmem);
    }
    show_kb(t, "Shared_Clean:", u->pages[VM_PAGE_SHARED]);
    show_kb(t, "Shared_Dirty:", u->pages[VM_PAGE_SHARED | VM_PAGE_DIRTY]);
    show_kb(t, "Private_Clean:", u->pages[0]);
    show_kb(t, "Private_Dirty:", u->pages[VM_PAGE_DIRTY]);
    show_kb(t, "Referenced:", u->used);
    show_kb(t, "Anonymous:", u->anon);
    // There are no pages to be freed lazily, no huge ones, and no swap.
    text_printf(t, "LazyFree:              0 kB\nAnonHugePages:         0 kB\n");
    text_printf(t, "ShmemPmdMapped:        0 kB\nFilePmdMapped:         0 kB\n");
    text_printf(t, "Shared_Hugetlb:        0 kB\nPrivate_Hugetlb:       0 kB\n");
    text_printf(t, "Swap:                  0 kB\nSwapPss:               0 kB\n");
    show_share(t, "Locked:", u->share_locked);
}

static void show_flags(struct text *t, const struct vm_area *a)
{
    static const struct {
        u32 flag;
        char name[3];
    } names[] = {{AREA_GROWSDOWN, "gd"}, {AREA_LOCKED, "lo"},     {AREA_DONTFORK, "dc"},
                 {AREA_NORESERVE, "nr"}, {AREA_WIPEONFORK, "wf"}, {AREA_DONTDUMP, "dd"},
                 {AREA_HUGE, "hg"}};
    bool shared = a->flags & AREA_SHARED;

    text_printf(t, "VmFlags:%s%s%s%s", a->prot & PROT_READ ? " rd" : "",
                a->prot & PROT_WRITE ? " wr" : "", a->prot & PROT_EXEC ? " ex" : "",
                shared ? " sh" : "");
    text_printf(t, " mr%s%s%s", !shared || a->flags & AREA_MAYWRITE ? " mw" : "",
                a->flags & AREA_NOEXEC ? "" : " me", shared ? " ms" : "");
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        if (a->flags & names[i].flag)
            text_printf(t, " %s", names[i].name);
    text_printf(t, " \n");
}

static int show_area_usage(const struct vm_area *a, void *arg)
{
    struct proc_maps *m = arg;
    struct vm_usage u = {0};

    proc_show_area(a, m);
    vm_area_usage(a, &u);
    show_kb(m->text, "Size:", area_pages(a));
    show_kb(m->text, "KernelPageSize:", 1);
    show_kb(m->text, "MMUPageSize:", 1);
    show_usage(m->text, &u, false);
    text_printf(m->text, "THPeligible:           0\n");
    show_flags(m->text, a);
    return m->text->error;
}

int proc_show_smaps(struct text *t, const struct proc_place *place)
{
    return proc_maps_each(t, place, show_area_usage);
}

struct rollup {
    struct vm_usage usage;
    uaddr_t start, end;
};

static int add_area_usage(const struct vm_area *a, void *arg)
{
    struct rollup *r = arg;

    if (!r->end)
        r->start = a->start;
    r->end = a->end;
    vm_area_usage(a, &r->usage);
    return 0;
}

int proc_show_smaps_rollup(struct text *t, const struct proc_place *place)
{
    struct rollup r = {.end = 0};

    if (!place->space)
        return -ESRCH;
    vm_space_each(place->space, add_area_usage, &r);
    text_printf(t, "%08lx-%08lx ---p 00000000 00:00 0%*s[rollup]\n", r.start, r.end, 26, "");
    show_usage(t, &r.usage, true);
    return 0;
}

/* Locks */

static void show_lock(struct text *t, unsigned number, const struct file_lock_info *l)
{
    const struct file_range *r = &l->range;

    text_printf(t, "%u: %-6s ADVISORY  %s %d %02x:%02x:%lu %lu ", number,
                l->flock       ? "FLOCK"
                : r->pid == -1 ? "OFDLCK"
                               : "POSIX",
                r->type == F_WRLCK ? "WRITE" : "READ", r->pid, dev_major(l->dev), dev_minor(l->dev),
                l->ino, (u64)r->start);
    if (r->end == INT64_MAX)
        text_printf(t, "EOF\n");
    else
        text_printf(t, "%lu\n", (u64)r->end);
}

// They are copied first, as no text can be made under their spinlocks.
int proc_show_locks(struct text *t, const struct proc_place *place)
{
    struct file_lock_info *all = NULL;
    unsigned room = 0, count;

    while ((count = file_locks_all(all, room)) > room) {
        kfree(all);
        room = count + 8;
        all = kmalloc(room * sizeof(*all), 0);
        if (!all)
            return -ENOMEM;
    }
    for (unsigned i = 0; i < count; i++)
        show_lock(t, i + 1, &all[i]);
    kfree(all);
    return 0;
}
