// SPDX-License-Identifier: MIT
// The files of /proc that show the system as a whole.
#include "abi/errno.h"
#include "abi/mount.h"
#include "abi/utsname.h"
#include "arch/smp.h"
#include "base/clock.h"
#include "base/devicetree.h"
#include "base/random.h"
#include "fs/pseudo/pseudo.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/kstack.h"
#include "mm/slab.h"
#include "sched/sched.h"
#include "vfs/registry.h"
#include "vm/space.h"

#define KIB_PER_PAGE (PAGE_SIZE / 1024)

/* Memory */

static void slab_sum(void *arg, const char *name, size_t size, u64 used, u64 pages)
{
    *(u64 *)arg += pages;
}

static void meminfo_line(struct text *t, const char *name, u64 pages)
{
    text_printf(t, "%-16s%8lu kB\n", name, pages * KIB_PER_PAGE);
}

static int show_meminfo(struct text *t, void *arg)
{
    u64 total = frames_total(), free = frames_free(), objects = vm_object_pages_total(), slab = 0;

    slab_each(slab_sum, &slab);
    meminfo_line(t, "MemTotal:", total);
    meminfo_line(t, "MemFree:", free);
    meminfo_line(t, "MemAvailable:", free + kstack_cached_pages());
    meminfo_line(t, "Buffers:", 0);
    meminfo_line(t, "Cached:", objects);
    meminfo_line(t, "SwapCached:", 0);
    meminfo_line(t, "Active:", 0);
    meminfo_line(t, "Inactive:", 0);
    meminfo_line(t, "SwapTotal:", 0);
    meminfo_line(t, "SwapFree:", 0);
    meminfo_line(t, "Dirty:", 0);
    meminfo_line(t, "Writeback:", 0);
    meminfo_line(t, "AnonPages:", vm_anon_pages_total());
    meminfo_line(t, "Mapped:", 0);
    meminfo_line(t, "Shmem:", objects);
    meminfo_line(t, "KReclaimable:", 0);
    meminfo_line(t, "Slab:", slab);
    meminfo_line(t, "SReclaimable:", 0);
    meminfo_line(t, "SUnreclaim:", slab);
    meminfo_line(t, "CommitLimit:", total);
    return 0;
}

static void slab_line(void *arg, const char *name, size_t size, u64 used, u64 pages)
{
    u64 room = pages * PAGE_SIZE / size;

    text_printf(arg, "%-17s %6lu %6lu %6zu %4lu %4u : tunables 0 0 0 : slabdata %lu %lu 0\n", name,
                used, MAX(room, used), size, PAGE_SIZE / size, 1, pages, pages);
}

static int show_slabinfo(struct text *t, void *arg)
{
    text_printf(t, "slabinfo - version: 2.1\n# name <active_objs> <num_objs> <objsize> "
                   "<objperslab> <pagesperslab>\n");
    slab_each(slab_line, t);
    return t->error;
}

// Any of 1, 2, 3: everything that can be had back is given back.
static int write_drop_caches(const char *s, size_t n, void *arg)
{
    u64 what;
    int err = parse_u64(s, NULL, 0, &what);

    if (err || what < 1 || what > 4)
        return err ? err : -EINVAL;
    shrink_all();
    slab_shrink();
    kstack_shrink();
    frames_drain();
    return 0;
}

static u64 overcommit; // (a) accepted, without effect: memory is always promised

static int show_number(struct text *t, void *arg)
{
    text_printf(t, "%lu\n", load_relaxed((u64 *)arg));
    return 0;
}

static int write_overcommit(const char *s, size_t n, void *arg)
{
    u64 value;
    int err = parse_u64(s, NULL, 0, &value);

    if (!err && value > 2)
        err = -EINVAL;
    if (!err)
        store_relaxed(&overcommit, value);
    return err;
}

/* Time and load */

static int show_uptime(struct text *t, void *arg)
{
    ns_t up = clock_monotonic(), idle = 0, centi = NS_PER_SEC / 100, times[CPU_MODES];

    for (unsigned i = 0; i < hart_count; i++) {
        sched_hart_times(i, times);
        idle += times[CPU_IDLE];
    }
    text_printf(t, "%lu.%02lu %lu.%02lu\n", up / NS_PER_SEC, up / centi % 100, idle / NS_PER_SEC,
                idle / centi % 100);
    return 0;
}

static int show_loadavg(struct text *t, void *arg)
{
    struct sched_stats stats;
    u64 count = 0;
    pid_t last = 0, id = 1;

    sched_stats_get(&stats);
    for (; procfs_source && procfs_source->next(&id); last = id++)
        count++;
    for (unsigned i = 0; i < 3; i++) {
        u64 load = stats.load[i] + 10; // rounds to hundredths

        text_printf(t, "%lu.%02lu ", load >> 11, (load & 2047) * 100 >> 11);
    }
    text_printf(t, "%lu/%lu %d\n", stats.running, count, last);
    return 0;
}

/* The machine and its names */

static int show_cpuinfo(struct text *t, void *arg)
{
    for (unsigned i = 0; i < hart_count; i++)
        text_printf(t,
                    "processor\t: %u\nhart\t\t: %lu\nisa\t\t: rv64imafdc_zicsr_zifencei\n"
                    "mmu\t\t: sv39\n\n",
                    i, hart_ids[i]);
    return 0;
}

static int show_cmdline(struct text *t, void *arg)
{
    text_printf(t, "%s\n", machine.bootargs);
    return 0;
}

static int show_version(struct text *t, void *arg)
{
    struct utsname n;

    system_names_get(&n);
    text_printf(t, "%s version %s (rivulet) (gcc) %s\n", n.sysname, n.release, n.version);
    return 0;
}

// arg: offset of the name in struct utsname.
static int show_name(struct text *t, void *arg)
{
    struct utsname n;

    system_names_get(&n);
    text_printf(t, "%s\n", (char *)&n + (size_t)arg);
    return 0;
}

static int write_hostname(const char *s, size_t n, void *arg)
{
    if (n >= UTSNAME_LENGTH)
        return -EINVAL;
    system_host_set(s);
    return 0;
}

/* File systems */

static void filesystem_line(struct fs_type *type, void *arg)
{
    text_printf(arg, "%s\t%s\n", type->needs_device ? "" : "nodev", type->name);
}

static int show_filesystems(struct text *t, void *arg)
{
    fs_each(filesystem_line, t);
    return 0;
}

static void mount_line(struct mount *m, void *arg)
{
    struct path p = {m, m->root};
    struct text *t = arg;
    char *where = kmalloc(PAGE_SIZE, 0);
    char flags[64];

    if (!where) {
        t->error = -ENOMEM;
        return;
    }
    mount_flags_text(m->flags | (m->sb->flags & MS_RDONLY), flags, sizeof(flags));
    if (path_to_text(&p, where, PAGE_SIZE) > 0)
        text_printf(t, "%s %s %s %s 0 0\n", m->source, where, m->sb->type, flags);
    kfree(where);
}

static int show_mounts(struct text *t, void *arg)
{
    mount_each(mount_line, t);
    return 0;
}

/* Random numbers */

static void uuid_text(struct text *t, const u8 *b)
{
    for (unsigned i = 0; i < 16; i++)
        text_printf(t, "%02x%s", b[i], i == 3 || i == 5 || i == 7 || i == 9 ? "-" : "");
    text_append(t, "\n", 1);
}

static void uuid_make(u8 *b)
{
    random_bytes(b, 16);
    b[6] = (b[6] & 0x0f) | 0x40; // version 4: random
    b[8] = (b[8] & 0x3f) | 0x80;
}

static int show_uuid(struct text *t, void *arg)
{
    u8 b[16];

    uuid_make(b);
    uuid_text(t, b);
    return 0;
}

static u8 boot_id[16]; // (c)

static int show_boot_id(struct text *t, void *arg)
{
    uuid_text(t, boot_id);
    return 0;
}

#define NUMBER(n)  ((u64[]){n})
#define NAME(name) ((void *)offsetof(struct utsname, name))

static struct proc_file files[] = {
    {"cmdline", 0444, .show = show_cmdline},
    {"cpuinfo", 0444, .show = show_cpuinfo},
    {"filesystems", 0444, .show = show_filesystems},
    {"loadavg", 0444, .show = show_loadavg},
    {"meminfo", 0444, .show = show_meminfo},
    {"mounts", 0444, .show = show_mounts},
    {"slabinfo", 0400, .show = show_slabinfo},
    {"uptime", 0444, .show = show_uptime},
    {"version", 0444, .show = show_version},
    {"sys/vm/drop_caches", 0200, .write = write_drop_caches},
    {"sys/vm/overcommit_memory", 0644, .show = show_number, .write = write_overcommit,
     .arg = &overcommit},
    {"sys/kernel/ostype", 0444, .show = show_name, .arg = NAME(sysname)},
    {"sys/kernel/osrelease", 0444, .show = show_name, .arg = NAME(release)},
    {"sys/kernel/version", 0444, .show = show_name, .arg = NAME(version)},
    {"sys/kernel/hostname", 0644, .show = show_name, .write = write_hostname,
     .arg = NAME(nodename)},
    {"sys/kernel/domainname", 0444, .show = show_name, .arg = NAME(domainname)},
    {"sys/kernel/pid_max", 0444, .show = show_number, .arg = NUMBER(32768)},
    {"sys/kernel/random/boot_id", 0444, .show = show_boot_id},
    {"sys/kernel/random/uuid", 0444, .show = show_uuid},
    {"sys/kernel/random/entropy_avail", 0444, .show = show_number, .arg = NUMBER(256)},
    {"sys/kernel/random/poolsize", 0444, .show = show_number, .arg = NUMBER(256)},
};

void sysinfo_init(void)
{
    uuid_make(boot_id);
    for (unsigned i = 0; i < ARRAY_SIZE(files); i++)
        proc_register(&files[i]);
}
