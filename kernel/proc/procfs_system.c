// SPDX-License-Identifier: MIT
// The files of /proc that show the system as a whole.
#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/limits.h"
#include "arch/smp.h"
#include "base/clock.h"
#include "base/devicetree.h"
#include "ipc/unix.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/kstack.h"
#include "mm/slab.h"
#include "proc/core.h"
#include "proc/procfs_ipc_private.h"
#include "proc/utsname.h"
#include "sched/sched.h"

/* Memory */

static void slab_sum(void *arg, const char *name, size_t size, u64 used, u64 pages)
{
    *(u64 *)arg += pages;
}

static void meminfo_line(struct text *t, const char *name, u64 pages)
{
    text_printf(t, "%-16s%8lu kB\n", name, pages * (PAGE_SIZE / 1024));
}

static int show_meminfo(struct text *t, const struct proc_place *p)
{
    u64 total = frames_total(), free = frames_free(), objects = vm_object_pages_total(), slab = 0;
    u64 cached = vm_cached_pages(), dirty = MIN(vm_dirty_pages(), cached);

    slab_each(slab_sum, &slab);
    meminfo_line(t, "MemTotal:", total);
    meminfo_line(t, "MemFree:", free);
    meminfo_line(t, "MemAvailable:", free + kstack_cached_pages() + cached - dirty);
    meminfo_line(t, "Buffers:", 0);
    meminfo_line(t, "Cached:", objects);
    meminfo_line(t, "SwapTotal:", 0);
    meminfo_line(t, "SwapFree:", 0);
    meminfo_line(t, "Dirty:", dirty);
    meminfo_line(t, "AnonPages:", vm_anon_pages_total());
    meminfo_line(t, "Shmem:", objects - MIN(cached, objects));
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

static int show_slabinfo(struct text *t, const struct proc_place *p)
{
    text_printf(t, "slabinfo - version: 2.1\n# name <active_objs> <num_objs> <objsize> "
                   "<objperslab> <pagesperslab>\n");
    slab_each(slab_line, t);
    return t->error;
}

static u64 overcommit; // (a) accepted, without effect: memory is always promised

int proc_show_number(struct text *t, const struct proc_place *p)
{
    text_printf(t, "%lu\n", load_relaxed((u64 *)p->entry->arg));
    return 0;
}

int proc_write_number(const char *s, u64 least, u64 most, u64 *to)
{
    u64 value;
    int err = parse_u64(s, NULL, 0, &value);

    if (!err && (value < least || value > most))
        err = -EINVAL;
    if (!err)
        store_relaxed(to, value);
    return err;
}

// Any of 1, 2, 3: everything that can be had back is given back.
static int write_drop_caches(const char *s, const struct proc_place *p)
{
    u64 what;

    if (proc_write_number(s, 1, 4, &what))
        return -EINVAL;
    shrink_all();
    vm_reclaim(~0UL);
    slab_shrink();
    kstack_shrink();
    frames_drain();
    return 0;
}

static int write_overcommit(const char *s, const struct proc_place *p)
{
    return proc_write_number(s, 0, 2, &overcommit);
}

static int write_threads_max(const char *s, const struct proc_place *p)
{
    return proc_write_number(s, THREADS_MIN, THREADS_MAX, &threads_max);
}

static int write_randomize(const char *s, const struct proc_place *p)
{
    return proc_write_number(s, 0, 2, &randomize_va_space);
}

/* Time and load */

static int show_uptime(struct text *t, const struct proc_place *p)
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

static int show_loadavg(struct text *t, const struct proc_place *p)
{
    struct sched_stats stats;

    sched_stats_get(&stats);
    for (unsigned i = 0; i < 3; i++) {
        u64 load = stats.load[i] + 10; // rounds to hundredths

        text_printf(t, "%lu.%02lu ", load >> 11, (load & 2047) * 100 >> 11);
    }
    text_printf(t, "%lu/%lu %u\n", stats.running, threads_count(), pid_newest());
    return 0;
}

// user nice system idle iowait irq softirq steal guest guest_nice, in ticks.
static void show_cpu_times(struct text *t, const ns_t times[CPU_MODES])
{
    text_printf(t, " %lu 0 %lu %lu 0 0 0 0 0 0\n", times[CPU_USER] / TICK_NS,
                times[CPU_SYSTEM] / TICK_NS, times[CPU_IDLE] / TICK_NS);
}

static int show_stat(struct text *t, const struct proc_place *p)
{
    ns_t times[CPU_MODES], total[CPU_MODES] = {0};
    struct sched_stats stats;

    sched_stats_get(&stats);
    for (unsigned i = 0; i < hart_count; i++) {
        sched_hart_times(i, times);
        for (unsigned mode = 0; mode < CPU_MODES; mode++)
            total[mode] += times[mode];
    }
    text_printf(t, "cpu ");
    show_cpu_times(t, total);
    for (unsigned i = 0; i < hart_count; i++) {
        sched_hart_times(i, times);
        text_printf(t, "cpu%u", i);
        show_cpu_times(t, times);
    }
    text_printf(t, "ctxt %lu\nbtime %lu\nprocesses %lu\nprocs_running %lu\nprocs_blocked 0\n",
                stats.switches, clock_realtime_offset() / NS_PER_SEC, process_forks(),
                stats.running);
    return 0;
}

/* The machine and its names */

static int show_cpuinfo(struct text *t, const struct proc_place *p)
{
    for (unsigned i = 0; i < hart_count; i++)
        text_printf(t,
                    "processor\t: %u\nhart\t\t: %lu\nisa\t\t: rv64imafdc_zicsr_zifencei\n"
                    "mmu\t\t: sv39\n\n",
                    i, hart_ids[i]);
    return 0;
}

static int show_cmdline(struct text *t, const struct proc_place *p)
{
    text_printf(t, "%s\n", machine.bootargs);
    return 0;
}

static int show_version(struct text *t, const struct proc_place *p)
{
    struct utsname n;

    utsname_get(&n);
    text_printf(t, "%s version %s (rivulet) (gcc) %s\n", n.sysname, n.release, n.version);
    return 0;
}

// arg: offset of the name in struct utsname.
static int show_name(struct text *t, const struct proc_place *p)
{
    struct utsname n;

    utsname_get(&n);
    text_printf(t, "%s\n", (char *)&n + (size_t)p->entry->arg);
    return 0;
}

static int write_hostname(const char *s, const struct proc_place *p)
{
    if (strlen(s) >= UTSNAME_LENGTH)
        return -EINVAL;
    utsname_set_host(s);
    return 0;
}

/* File systems */

static void filesystem_line(struct fs_type *type, void *arg)
{
    text_printf(arg, "%s\t%s\n", type->needs_device ? "" : "nodev", type->name);
}

static int show_filesystems(struct text *t, const struct proc_place *p)
{
    fs_each(filesystem_line, t);
    return 0;
}

#define NUMBER(n)  ((u64[]){n})
#define NAME(name) ((void *)offsetof(struct utsname, name))

/* The tree */

static int read_self(const struct proc_place *p, char *buf, size_t size)
{
    return process_self() ? snformat(buf, size, "%d", process_self()->pid->id) : -ENOENT;
}

static int read_thread_self(const struct proc_place *p, char *buf, size_t size)
{
    return process_self()
               ? snformat(buf, size, "%d/task/%d", process_self()->pid->id, thread_self()->tid)
               : -ENOENT;
}

// arg: what it points to.
static int read_link(const struct proc_place *p, char *buf, size_t size)
{
    return snformat(buf, size, "%s", (const char *)p->entry->arg);
}

static const struct proc_entry vm_entries[] = {
    {"drop_caches", S_IFREG | 0200, .write = write_drop_caches},
    {"overcommit_memory", S_IFREG | 0644, .show = proc_show_number, .write = write_overcommit,
     .arg = &overcommit},
    {0},
};

static const struct proc_entry random_entries[] = {
    {"boot_id", S_IFREG | 0444, .show = proc_show_boot_id},
    {"entropy_avail", S_IFREG | 0444, .show = proc_show_number, .arg = NUMBER(256)},
    {"poolsize", S_IFREG | 0444, .show = proc_show_number, .arg = NUMBER(256)},
    {"uuid", S_IFREG | 0444, .show = proc_show_uuid},
    {0},
};

static const struct proc_entry kernel_entries[] = {
    {"cap_last_cap", S_IFREG | 0444, .show = proc_show_number, .arg = NUMBER(CAP_LAST_CAP)},
    {"core_pattern", S_IFREG | 0644, .show = proc_show_core_pattern,
     .write = proc_write_core_pattern},
    {"core_uses_pid", S_IFREG | 0644, .show = proc_show_number, .write = proc_write_core_uses_pid,
     .arg = &core_uses_pid},
    {"ngroups_max", S_IFREG | 0444, .show = proc_show_number, .arg = NUMBER(NGROUPS_MAX)},
    {"ostype", S_IFREG | 0444, .show = show_name, .arg = NAME(sysname)},
    {"osrelease", S_IFREG | 0444, .show = show_name, .arg = NAME(release)},
    {"version", S_IFREG | 0444, .show = show_name, .arg = NAME(version)},
    {"hostname", S_IFREG | 0644, .show = show_name, .write = write_hostname, .arg = NAME(nodename)},
    {"domainname", S_IFREG | 0444, .show = show_name, .arg = NAME(domainname)},
    {"pid_max", S_IFREG | 0444, .show = proc_show_number, .arg = NUMBER(32768)},
    {"randomize_va_space", S_IFREG | 0644, .show = proc_show_number, .write = write_randomize,
     .arg = &randomize_va_space},
    {"threads-max", S_IFREG | 0644, .show = proc_show_number, .write = write_threads_max,
     .arg = &threads_max},
    PROC_IPC_LIMITS,
    {"pty", S_IFDIR | 0555, .entries = proc_pty_entries},
    {"random", S_IFDIR | 0555, .entries = random_entries},
    // Last: without it the list ends here.
    {DEBUG ? "fault" : NULL, S_IFREG | 0644, .show = proc_show_fault, .write = proc_write_fault},
    {0},
};

static int show_unix(struct text *t, const struct proc_place *p)
{
    return unix_show(t);
}

const struct proc_entry proc_net_entries[] = {
    {"unix", S_IFREG | 0444, .show = show_unix},
    {0},
};

static const struct proc_entry sys_entries[] = {
    {"fs", S_IFDIR | 0555, .entries = proc_fs_entries},
    {"kernel", S_IFDIR | 0555, .entries = kernel_entries},
    {"vm", S_IFDIR | 0555, .entries = vm_entries},
    {0},
};

static const struct proc_entry root_entries[] = {
    {"self", S_IFLNK | 0777, .readlink = read_self},
    {"thread-self", S_IFLNK | 0777, .readlink = read_thread_self},
    {"cmdline", S_IFREG | 0444, .show = show_cmdline},
    {"cpuinfo", S_IFREG | 0444, .show = show_cpuinfo},
    {"diskstats", S_IFREG | 0444, .show = proc_show_diskstats},
    {"filesystems", S_IFREG | 0444, .show = show_filesystems},
    {"loadavg", S_IFREG | 0444, .show = show_loadavg},
    {"locks", S_IFREG | 0444, .show = proc_show_locks},
    {"meminfo", S_IFREG | 0444, .show = show_meminfo},
    {"mounts", S_IFLNK | 0777, .readlink = read_link, .arg = "self/mounts"},
    {"net", S_IFLNK | 0777, .readlink = read_link, .arg = "self/net"},
    {"partitions", S_IFREG | 0444, .show = proc_show_partitions},
    {"slabinfo", S_IFREG | 0400, .show = show_slabinfo},
    {"stat", S_IFREG | 0444, .show = show_stat},
    {"swaps", S_IFREG | 0444, .show = proc_show_swaps},
    {"sys", S_IFDIR | 0555, .entries = sys_entries},
    {"sysrq-trigger", S_IFREG | 0200, .write = proc_write_sysrq},
    {"sysvipc", S_IFDIR | 0555, .entries = proc_sysvipc_entries},
    {"uptime", S_IFREG | 0444, .show = show_uptime},
    {"version", S_IFREG | 0444, .show = show_version},
    {"vmstat", S_IFREG | 0444, .show = proc_show_vmstat},
    // Last: without it the list ends here.
    {DEBUG ? "lockstat" : NULL, S_IFREG | 0644, .show = proc_show_lockstat,
     .write = proc_write_lockstat},
    {0},
};

const struct proc_entry proc_root_entry = {
    .mode = S_IFDIR | 0555,
    .entries = root_entries,
    .next = proc_next_process,
    .numbered = &proc_process_entry,
};
