// SPDX-License-Identifier: MIT
// /proc/<pid>: what procfs shows of processes (proc(5) formats).

#include "abi/errno.h"
#include "abi/stat.h"
#include "arch/smp.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/proc_private.h"
#include "vfs/registry.h"

#define TICK_NS (NS_PER_SEC / 100)

void (*session_tty_hook)(struct session *s, u32 *device, pid_t *foreground);

// The space with a reference, NULL once the process has exited.
static struct vm_space *process_space_get(struct process *p)
{
    irqflags_t flags = spin_lock_irqsave(&p->siglock);
    struct vm_space *space = p->space;

    if (space)
        vm_space_get(space);
    spin_unlock_irqrestore(&p->siglock, flags);
    return space;
}

// The same by id: 0 (*out may be NULL), -ESRCH.
static int space_get(pid_t id, struct vm_space **out)
{
    struct process *p = process_get(id);

    if (!p)
        return -ESRCH;
    *out = process_space_get(p);
    process_put(p);
    return 0;
}

static const struct vm_space none; // what a process without a space has

// A consistent look at what the tree says of a process.
struct snapshot {
    struct process *p;
    pid_t pid, tgid, ppid, group, session, foreground;
    u32 tty, threads;
    char name[16];
    const char *state; // word, by its first letter
    int nice, policy, rt_priority, hart;
    struct cred cred;
    u64 pending, shared_pending, blocked, ignored, caught;
    ns_t user, system;
    u64 minor_faults, switches, voluntary;
};

static const char *state_word(const struct process *p, const struct thread *t)
{
    static const char *const words[] = {
        [THREAD_RUNNING] = "R (running)",
        [THREAD_INTERRUPTIBLE] = "S (sleeping)",
        [THREAD_STOPPED] = "T (stopped)",
        [THREAD_DEAD] = NULL,
    };

    if (p->state != PROCESS_ALIVE || !t)
        return "Z (zombie)";
    return words[t->state] ? words[t->state] : "D (disk sleep)";
}

static void snapshot_handlers(struct snapshot *s, struct process *p)
{
    for (int i = 0; i < 64; i++) {
        u64 handler = sighand_action(p->sighand, i + 1)->handler;

        if (handler == SIG_IGN)
            s->ignored |= 1UL << i;
        else if (handler != SIG_DFL)
            s->caught |= 1UL << i;
    }
}

static void snapshot_thread(struct snapshot *s, const struct task *task)
{
    struct thread *t = task->thread;

    memcpy(s->name, t->name, sizeof(s->name));
    s->name[sizeof(s->name) - 1] = '\0';
    s->nice = t->nice;
    s->policy = t->policy;
    s->rt_priority = t->rt_priority;
    s->hart = t->arch.hart;
    s->pending = task->pending.set;
    s->blocked = task->blocked;
    s->switches = t->switches - t->voluntary_switches;
    s->voluntary = t->voluntary_switches;
    s->cred = *t->cred;
    sched_times(t, &s->user, &s->system);
}

// By process id, or by thread id for /proc/<pid>/task/<tid>. The process is referenced in s->p.
static int snapshot_take(struct snapshot *s, pid_t id)
{
    struct process *p;
    struct task *task;

    memset(s, 0, sizeof(*s));
    spin_lock(&proctree_lock);
    task = task_find(id);
    p = process_find(id);
    if (!p && task)
        p = task->proc;
    if (p) {
        process_ref(p);
        s->p = p;
        s->pid = id;
        s->tgid = p->pid->id;
        s->ppid = p->parent_pid;
        s->group = p->group ? p->group->pid->id : 0;
        s->session = p->group ? p->group->session->pid->id : 0;
        s->foreground = -1;
        if (p->group && session_tty_hook)
            session_tty_hook(p->group->session, &s->tty, &s->foreground);
        s->threads = p->task_count;
        s->shared_pending = p->pending.set;
        s->minor_faults = p->minor_faults;
        snapshot_handlers(s, p);
        s->state = state_word(p, task ? task->thread : NULL);
        if (task)
            snapshot_thread(s, task);
    }
    spin_unlock(&proctree_lock);
    if (!p)
        return -ESRCH;
    if (id == s->tgid)
        process_times(p, &s->user, &s->system);
    return 0;
}

static int show_stat(struct text *t, pid_t id)
{
    struct snapshot s;
    struct vm_space *space;
    const struct vm_space *m;
    int err = snapshot_take(&s, id);

    if (err)
        return err;
    space = process_space_get(s.p);
    m = space ? space : &none;
    text_printf(t, "%d (%s) %c %d %d %d %u %d 0 %lu %lu 0 0 %lu %lu %lu %lu ", s.pid, s.name,
                s.state[0], s.ppid, s.group, s.session, s.tty, s.foreground, s.minor_faults,
                s.p->child_minor_faults, s.user / TICK_NS, s.system / TICK_NS,
                s.p->child_user / TICK_NS, s.p->child_system / TICK_NS);
    text_printf(t, "%d %d %u 0 %lu %lu %lu %lu ", s.rt_priority ? -1 - s.rt_priority : 20 + s.nice,
                s.nice, s.threads, s.p->start_time / TICK_NS, m->mapped_pages << PAGE_SHIFT,
                vm_space_resident(m), s.p->limits[RLIMIT_RSS].rlim_cur);
    text_printf(t, "%lu %lu %lu 0 0 %lu %lu %lu %lu 0 0 0 %d %d %d %d 0 0 0 ", m->code_start,
                m->code_end, m->stack_start, s.pending | s.shared_pending, s.blocked, s.ignored,
                s.caught, s.p->exit_signal, s.hart, s.rt_priority, s.policy);
    text_printf(t, "%lu %lu %lu %lu %lu %lu %lu %d\n", m->data_start, m->data_end, m->brk_start,
                m->arg_start, m->arg_end, m->env_start, m->env_end, s.p->exit_status);
    if (space)
        vm_space_put(space);
    process_put(s.p);
    return 0;
}

static void show_status_memory(struct text *t, struct process *p)
{
    struct vm_space *space = process_space_get(p);
    u64 anon, object;

    if (!space)
        return;
    anon = space->anon_pages * 4;
    object = space->object_pages * 4;
    text_printf(t, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n",
                space->mapped_pages * 4, space->mapped_pages * 4, space->peak_pages * 4,
                anon + object);
    text_printf(t, "RssAnon:\t%8lu kB\nRssFile:\t%8lu kB\nVmPTE:\t%8lu kB\n", anon, object,
                vm_space_table_pages(space) * 4);
    vm_space_put(space);
}

static int show_status(struct text *t, pid_t id)
{
    struct snapshot s;
    const struct cred *c = &s.cred;
    int err = snapshot_take(&s, id);

    if (err)
        return err;
    text_printf(
        t, "Name:\t%s\nUmask:\t0022\nState:\t%s\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
        s.name, s.state, s.tgid, s.pid, s.ppid);
    text_printf(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid,
                c->fsuid, c->gid, c->egid, c->sgid, c->fsgid);
    show_status_memory(t, s.p);
    text_printf(t, "Threads:\t%u\nSigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n", s.threads,
                s.pending, s.shared_pending, s.blocked);
    text_printf(t, "SigIgn:\t%016lx\nSigCgt:\t%016lx\n", s.ignored, s.caught);
    text_printf(
        t, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\n",
        c->cap_inheritable, c->cap_permitted, c->cap_effective, c->cap_bounding, c->cap_ambient);
    text_printf(t, "NoNewPrivs:\t%d\n", s.p->no_new_privs);
    text_printf(t, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n", s.voluntary,
                s.switches);
    process_put(s.p);
    return 0;
}

static int show_statm(struct text *t, pid_t id)
{
    struct vm_space *space;
    const struct vm_space *s;
    int err = space_get(id, &space);

    if (err)
        return err;
    s = space ? space : &none;
    text_printf(t, "%lu %lu %lu %lu 0 %lu 0\n", s->mapped_pages, vm_space_resident(s),
                s->object_pages, DIV_ROUND_UP(s->code_end - s->code_start, PAGE_SIZE),
                s->anon_pages);
    if (space)
        vm_space_put(space);
    return 0;
}

static int show_memory(struct text *t, pid_t id, bool arguments)
{
    struct vm_space *space;
    uaddr_t at, end;
    char chunk[256];
    size_t n;
    int err = space_get(id, &space);

    if (err || !space)
        return err;
    at = arguments ? space->arg_start : space->env_start;
    end = arguments ? space->arg_end : space->env_end;
    for (; at < end && !t->error; at += n) {
        n = vm_access(space, at, chunk, MIN(sizeof(chunk), end - at), false, false);
        if (!n)
            break;
        text_append(t, chunk, n);
    }
    vm_space_put(space);
    return 0;
}

static int show_cmdline(struct text *t, pid_t id)
{
    return show_memory(t, id, true);
}

static int show_environ(struct text *t, pid_t id)
{
    return show_memory(t, id, false);
}

static int show_comm(struct text *t, pid_t id)
{
    struct snapshot s;
    int err = snapshot_take(&s, id);

    if (err)
        return err;
    text_printf(t, "%s\n", s.name);
    process_put(s.p);
    return 0;
}

static const char *area_label(const struct vm_area *a)
{
    if (a->flags & AREA_HEAP)
        return "[heap]";
    if (a->flags & AREA_STACK)
        return "[stack]";
    return a->flags & AREA_VDSO ? "[vdso]" : NULL;
}

struct maps_state {
    struct text *text;
    char *path;
};

static int show_area(const struct vm_area *a, void *arg)
{
    struct maps_state *m = arg;
    const char *name = area_label(a);
    struct inode *inode = a->file ? a->file->inode : NULL;
    dev_t dev = inode && inode->sb ? inode->sb->dev : 0;

    if (a->file && path_to_text(&a->file->path, m->path, PAGE_SIZE) > 0)
        name = m->path;
    text_printf(m->text, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu", a->start, a->end,
                a->prot & PROT_READ ? 'r' : '-', a->prot & PROT_WRITE ? 'w' : '-',
                a->prot & PROT_EXEC ? 'x' : '-', a->flags & AREA_SHARED ? 's' : 'p',
                a->file ? a->offset << PAGE_SHIFT : 0, dev_major(dev), dev_minor(dev),
                inode ? inode->ino : 0);
    if (name)
        text_printf(m->text, "%*s%s", 27, "", name);
    text_printf(m->text, "\n");
    return m->text->error;
}

static int show_maps(struct text *t, pid_t id)
{
    struct maps_state m = {.text = t, .path = kmalloc(PAGE_SIZE, 0)};
    struct vm_space *space = NULL;
    int err = m.path ? space_get(id, &space) : -ENOMEM;

    if (space) {
        err = vm_space_each(space, show_area, &m);
        vm_space_put(space);
    }
    kfree(m.path);
    return err;
}

static void show_limit(struct text *t, u64 limit)
{
    if (limit == RLIM_INFINITY)
        text_printf(t, "%-20s ", "unlimited");
    else
        text_printf(t, "%-20lu ", limit);
}

static int show_limits(struct text *t, pid_t id)
{
    static const char *const names[RLIM_NLIMITS] = {
        "Max cpu time",       "Max file size",     "Max data size",         "Max stack size",
        "Max core file size", "Max resident set",  "Max processes",         "Max open files",
        "Max locked memory",  "Max address space", "Max file locks",        "Max pending signals",
        "Max msgqueue size",  "Max nice priority", "Max realtime priority", "Max realtime timeout"};
    struct process *p = process_get(id);

    if (!p)
        return -ESRCH;
    text_printf(t, "%-25s %-20s %-20s\n", "Limit", "Soft Limit", "Hard Limit");
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        text_printf(t, "%-25s ", names[i]);
        show_limit(t, p->limits[i].rlim_cur);
        show_limit(t, p->limits[i].rlim_max);
        text_printf(t, "\n");
    }
    process_put(p);
    return 0;
}

static int link_exe(pid_t id, struct path *out)
{
    struct vm_space *space;
    int err = -ENOENT;

    if (space_get(id, &space) || !space)
        return err;
    if (space->exe) {
        *out = space->exe->path;
        path_get(out);
        err = 0;
    }
    vm_space_put(space);
    return err;
}

static int link_fs(pid_t id, struct path *out, bool root)
{
    struct fs_context *fs = NULL;
    struct task *task;
    irqflags_t flags;

    spin_lock(&proctree_lock);
    task = task_find(id);
    if (task) {
        flags = spin_lock_irqsave(&task->proc->siglock);
        fs = task->thread->fs;
        if (fs)
            fs_context_get(fs);
        spin_unlock_irqrestore(&task->proc->siglock, flags);
    }
    spin_unlock(&proctree_lock);
    if (!fs)
        return task ? -ENOENT : -ESRCH;
    spin_lock(&fs->lock);
    *out = root ? fs->root : fs->cwd;
    path_get(out);
    spin_unlock(&fs->lock);
    fs_context_put(fs);
    return 0;
}

static int link_cwd(pid_t id, struct path *out)
{
    return link_fs(id, out, false);
}

static int link_root(pid_t id, struct path *out)
{
    return link_fs(id, out, true);
}

// Linux's fault-injection interface, debug builds: the Nth allocation of the thread fails. What
// shows the count does not take part in it.
static int show_fail_nth(struct text *t, pid_t id)
{
    u32 own = arch_self()->fail_nth, n = 0;
    struct task *task;

    spin_lock(&proctree_lock);
    task = task_find(id);
    if (task)
        n = task->thread->arch.fail_nth;
    spin_unlock(&proctree_lock);
    arch_self()->fail_nth = 0;
    text_printf(t, "%u\n", n);
    arch_self()->fail_nth = own;
    return task ? 0 : -ESRCH;
}

static ssize_t write_fail_nth(const char *s, size_t n, pid_t id)
{
    struct task *task;
    u64 value;
    int err = parse_u64(s, NULL, 10, &value);

    if (err || value > INT32_MAX)
        return err ? err : -EINVAL;
    spin_lock(&proctree_lock);
    task = task_find(id);
    if (task)
        task->thread->arch.fail_nth = value;
    spin_unlock(&proctree_lock);
    return task ? (ssize_t)n : -ESRCH;
}

static const struct procfs_entry entries[] = {
    {.name = "stat", .mode = S_IFREG | 0444, .show = show_stat},
    {.name = "status", .mode = S_IFREG | 0444, .show = show_status},
    {.name = "statm", .mode = S_IFREG | 0444, .show = show_statm},
    {.name = "cmdline", .mode = S_IFREG | 0444, .show = show_cmdline},
    {.name = "environ", .mode = S_IFREG | 0400, .show = show_environ},
    {.name = "comm", .mode = S_IFREG | 0444, .show = show_comm},
    {.name = "maps", .mode = S_IFREG | 0444, .show = show_maps},
    {.name = "limits", .mode = S_IFREG | 0444, .show = show_limits},
    {.name = "exe", .mode = S_IFLNK | 0777, .link = link_exe},
    {.name = "cwd", .mode = S_IFLNK | 0777, .link = link_cwd},
    {.name = "root", .mode = S_IFLNK | 0777, .link = link_root},
    // Last: without it the list ends here.
    {.name = DEBUG ? "fail-nth" : NULL,
     .mode = S_IFREG | 0644,
     .show = show_fail_nth,
     .write = write_fail_nth},
    {0},
};

static bool source_next(pid_t *id)
{
    struct process *p = process_next(id);

    if (p)
        process_put(p);
    return p != NULL;
}

static pid_t source_self(void)
{
    return process_self() ? process_self()->pid->id : 0;
}

static pid_t source_self_thread(void)
{
    return thread_self()->tid;
}

static bool source_alive(pid_t id)
{
    bool alive;

    spin_lock(&proctree_lock);
    alive = process_find(id) || task_find(id);
    spin_unlock(&proctree_lock);
    return alive;
}

// Next thread id >= *tid; a process's threads are few, and their list is in order of creation.
static bool source_thread_next(pid_t id, pid_t *tid)
{
    struct process *p = process_get(id);
    struct task *t;
    irqflags_t flags;
    pid_t best = 0;

    if (!p)
        return false;
    flags = spin_lock_irqsave(&p->siglock);
    LIST_FOR_EACH (t, &p->tasks, link)
        if (t->pid->id >= *tid && (!best || t->pid->id < best))
            best = t->pid->id;
    spin_unlock_irqrestore(&p->siglock, flags);
    process_put(p);
    if (best)
        *tid = best;
    return best != 0;
}

static void source_owner(pid_t id, uid_t *uid, gid_t *gid)
{
    struct task *t;

    *uid = *gid = 0;
    spin_lock(&proctree_lock);
    t = task_find(id);
    if (t) {
        *uid = t->thread->cred->euid;
        *gid = t->thread->cred->egid;
    }
    spin_unlock(&proctree_lock);
}

static struct fdtable *source_files(pid_t id)
{
    struct fdtable *files = NULL;
    struct task *t;
    irqflags_t flags;

    spin_lock(&proctree_lock);
    t = task_find(id);
    if (t) {
        flags = spin_lock_irqsave(&t->proc->siglock);
        files = t->thread->files;
        if (files)
            fdtable_get(files);
        spin_unlock_irqrestore(&t->proc->siglock, flags);
    }
    spin_unlock(&proctree_lock);
    return files;
}

static const struct procfs_source source = {
    .next = source_next,
    .self = source_self,
    .self_thread = source_self_thread,
    .entries = entries,
    .task_entries = entries,
    .alive = source_alive,
    .thread_next = source_thread_next,
    .owner = source_owner,
    .files = source_files,
};

// user nice system idle iowait irq softirq steal guest guest_nice, in ticks.
static void show_cpu_times(struct text *t, const ns_t times[CPU_MODES])
{
    text_printf(t, " %lu 0 %lu %lu 0 0 0 0 0 0\n", times[CPU_USER] / TICK_NS,
                times[CPU_SYSTEM] / TICK_NS, times[CPU_IDLE] / TICK_NS);
}

static int show_global_stat(struct text *t, void *arg)
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
    text_printf(
        t, "intr 0\nctxt %lu\nbtime %lu\nprocesses %lu\nprocs_running %lu\nprocs_blocked 0\n",
        stats.switches, clock_realtime_offset() / NS_PER_SEC, process_count(), stats.running);
    return 0;
}

static struct proc_file stat_file = {.path = "stat", .mode = 0444, .show = show_global_stat};

void procfs_init(void)
{
    procfs_source = &source;
    proc_register(&stat_file);
}
