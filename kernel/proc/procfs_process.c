// SPDX-License-Identifier: MIT
// /proc/<pid>: what procfs shows of processes (proc(5) formats).

#include "abi/errno.h"
#include "abi/sched.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/procfs_private.h"
#include "proc/ptrace.h"

void (*session_tty_hook)(struct session *s, u32 *device, pid_t *foreground);

static const struct vm_space no_space; // what a process without a space has

// What is left of a thread that is gone.
static const struct thread no_thread;
static const struct task no_task = {.thread = (struct thread *)&no_thread};

static const struct task *task_find_any(pid_t id)
{
    const struct task *t = task_find(id);

    return t ? t : &no_task;
}

static const struct cred *cred_find_any(const struct process *p, pid_t id)
{
    const struct task *t = task_find(id);

    return t ? t->thread->cred : process_cred_locked(p);
}

// The thread, with proctree_lock and its process's siglock held; NULL and none if it is gone.
static struct task *task_lock(pid_t id, irqflags_t *flags)
{
    struct task *t;

    spin_lock(&proctree_lock);
    t = task_find(id);
    if (t)
        *flags = spin_lock_irqsave(&t->proc->siglock);
    else
        spin_unlock(&proctree_lock);
    return t;
}

static void task_unlock(struct task *t, irqflags_t flags)
{
    spin_unlock_irqrestore(&t->proc->siglock, flags);
    spin_unlock(&proctree_lock);
}

static const char *state_word(const struct process *p, const struct task *t)
{
    static const char *const words[] = {
        [THREAD_RUNNING] = "R (running)",
        [THREAD_INTERRUPTIBLE] = "S (sleeping)",
        [THREAD_STOPPED] = "T (stopped)",
        [THREAD_DEAD] = NULL,
    };

    if (p->state != PROCESS_ALIVE || t == &no_task)
        return "Z (zombie)";
    if (t->trace_stopped)
        return "t (tracing stop)";
    return words[t->thread->state] ? words[t->thread->state] : "D (disk sleep)";
}

// What stat and status print, with proctree_lock held from begin to end.
struct view {
    struct process *process;
    const struct task *task;
    const struct thread *thread;
    const struct cred *cred;
    const char *name;
    const struct vm_space *space;
    ns_t user, system;
    u64 ignored, caught; // bit signal-1
    bool has_fs;         // not a zombie
    mode_t umask;
};

#define TEXT_ROOM 2048 // for what is printed under a spinlock, where no memory can be had

static void view_umask(struct view *v)
{
    struct spinlock *lock = &v->process->siglock;
    irqflags_t flags = spin_lock_irqsave(lock);

    v->has_fs = v->thread->fs;
    v->umask = v->has_fs ? load_relaxed(&v->thread->fs->umask) : 0;
    spin_unlock_irqrestore(lock, flags);
}

static int view_begin(struct view *v, struct text *t, const struct proc_place *place)
{
    if (!text_reserve(t, TEXT_ROOM))
        return -ENOMEM;
    spin_lock(&proctree_lock);
    *v = (struct view){.process = place->process, .task = task_find_any(place->id)};
    v->thread = v->task->thread;
    v->cred = cred_find_any(place->process, place->id);
    v->name = v->task == &no_task ? process_name_locked(place->process) : v->thread->name;
    v->space = place->space ? place->space : &no_space;
    view_umask(v);
    if (!place->thread)
        process_times(place->process, &v->user, &v->system);
    else if (v->task != &no_task)
        sched_times(v->task->thread, &v->user, &v->system);
    for (int i = 0; i < 64; i++) {
        u64 handler = sighand_action(v->process->sighand, i + 1)->handler;

        if (handler == SIG_IGN)
            v->ignored |= 1UL << i;
        else if (handler != SIG_DFL)
            v->caught |= 1UL << i;
    }
    return 0;
}

static int view_end(void)
{
    spin_unlock(&proctree_lock);
    return 0;
}

static void stat_identity(struct text *t, const struct view *v, pid_t id)
{
    const struct process *p = v->process;
    pid_t group = 0, session = 0, foreground = -1;
    u32 tty = 0;

    if (p->group) {
        group = p->group->pid->id;
        session = p->group->session->pid->id;
        if (session_tty_hook)
            session_tty_hook(p->group->session, &tty, &foreground);
    }
    text_printf(t, "%d (%s) %c %d %d %d %u %d 0 ", id, v->name, state_word(p, v->task)[0],
                p->parent_pid, group, session, tty, foreground);
}

static int show_stat(struct text *t, const struct proc_place *place)
{
    const struct process *p = place->process;
    const struct vm_space *m; // addresses are for those who may look into the process
    struct rusage usage;
    struct view v;
    bool may;
    int rt, err = view_begin(&v, t, place);

    if (err)
        return err;
    may = process_may_access_locked(p, true);
    m = may ? v.space : &no_space;
    rt = v.thread->rt_priority;
    stat_identity(t, &v, place->id);
    usage.ru_minflt = v.thread->minor_faults;
    if (!place->thread)
        process_rusage(place->process, RUSAGE_SELF, &usage);
    text_printf(t, "%lu %lu 0 0 %lu %lu %lu %lu %d %d %u 0 %lu %lu %lu %lu ", usage.ru_minflt,
                p->child_minor_faults, v.user / TICK_NS, v.system / TICK_NS,
                p->child_user / TICK_NS, p->child_system / TICK_NS,
                rt ? -1 - rt : 20 + v.thread->nice, v.thread->nice, p->task_count,
                p->start_time / TICK_NS, v.space->mapped_pages << PAGE_SHIFT,
                vm_space_resident(v.space), p->limits[RLIMIT_RSS].rlim_cur);
    text_printf(t, "%lu %lu %lu 0 0 %lu %lu %lu %lu 0 0 0 %d %d %d %d 0 0 0 ", m->code_start,
                m->code_end, m->stack_start, v.task->pending.set | p->pending.set, v.task->blocked,
                v.ignored, v.caught, p->exit_signal, v.thread->arch.hart, v.thread->own_priority,
                thread_policy(v.thread));
    text_printf(t, "%lu %lu %lu %lu %lu %lu %lu %d\n", m->data_start, m->data_end, m->brk_start,
                m->arg_start, m->arg_end, m->env_start, m->env_end, may ? p->exit_status : 0);
    return view_end();
}

static void status_memory(struct text *t, const struct vm_space *space)
{
    u64 anon = space->anon_pages * 4, object = space->object_pages * 4;

    text_printf(t, "VmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n",
                space->mapped_pages * 4, space->locked_pages * 4, space->peak_pages * 4,
                anon + object);
    text_printf(t, "RssAnon:\t%8lu kB\nRssFile:\t%8lu kB\nVmPTE:\t%8lu kB\n", anon, object,
                vm_space_table_pages(space) * 4);
}

// They may be more than can be printed under a spinlock.
static int groups_text(struct text *out, const struct proc_place *place)
{
    struct cred_groups *g;

    spin_lock(&proctree_lock);
    g = cred_find_any(place->process, place->id)->groups;
    if (g)
        ref_get(&g->refs);
    spin_unlock(&proctree_lock);
    text_append(out, "Groups:\t", 8);
    for (u32 i = 0; g && i < g->count; i++)
        text_printf(out, i ? " %u" : "%u", g->id[i]);
    text_append(out, " \n", 2);
    cred_groups_put(g);
    return out->error;
}

static int status_text(struct text *t, const struct proc_place *place, const struct text *groups)
{
    const struct process *p = place->process;
    const struct cred *c;
    struct view v;
    int err = text_reserve(t, TEXT_ROOM + groups->length) ? view_begin(&v, t, place) : -ENOMEM;

    if (err)
        return err;
    c = v.cred;
    text_append(t, "Name:\t", 6);
    text_escaped(t, v.name, "\n\\");
    if (v.has_fs)
        text_printf(t, "\nUmask:\t%04o", v.umask);
    text_append(t, "\n", 1);
    text_printf(t, "State:\t%s\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\n", state_word(p, v.task),
                p->pid->id, place->id, p->parent_pid);
    text_printf(t, "TracerPid:\t%d\nUid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n",
                trace_tracer_pid(v.task), c->uid, c->euid, c->suid, c->fsuid, c->gid, c->egid,
                c->sgid, c->fsgid);
    text_append(t, groups->data, groups->length);
    if (place->space)
        status_memory(t, place->space);
    text_printf(t, "Threads:\t%u\nSigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n",
                p->task_count, v.task->pending.set, p->pending.set, v.task->blocked);
    text_printf(t, "SigIgn:\t%016lx\nSigCgt:\t%016lx\n", v.ignored, v.caught);
    text_printf(
        t, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\n",
        c->cap_inheritable, c->cap_permitted, c->cap_effective, c->cap_bounding, c->cap_ambient);
    text_printf(t, "NoNewPrivs:\t%d\nvoluntary_ctxt_switches:\t%lu\n", p->no_new_privs,
                v.thread->voluntary_switches);
    text_printf(t, "nonvoluntary_ctxt_switches:\t%lu\n",
                v.thread->switches - v.thread->voluntary_switches);
    return view_end();
}

static int show_status(struct text *t, const struct proc_place *place)
{
    struct text groups = {0};
    int err = groups_text(&groups, place) ?: status_text(t, place, &groups);

    kfree(groups.data);
    return err;
}

static int show_comm(struct text *t, const struct proc_place *place)
{
    struct view v;
    int err = view_begin(&v, t, place);

    if (err)
        return err;
    text_printf(t, "%s\n", v.name);
    return view_end();
}

// Of the reader's own process, as pthread_setname_np(3) does.
static int write_comm(const char *s, const struct proc_place *place)
{
    irqflags_t flags;
    struct task *task;

    if (place->process != process_self())
        return -EINVAL;
    task = task_lock(place->id, &flags);
    if (!task)
        return -ESRCH;
    strlcpy(task->thread->name, s, sizeof(task->thread->name));
    task_unlock(task, flags);
    return 0;
}

static int show_statm(struct text *t, const struct proc_place *place)
{
    const struct vm_space *s = place->space ? place->space : &no_space;

    text_printf(t, "%lu %lu %lu %lu 0 %lu 0\n", s->mapped_pages, vm_space_resident(s),
                s->object_pages, DIV_ROUND_UP(s->code_end - s->code_start, PAGE_SIZE),
                s->anon_pages);
    return 0;
}

static int show_memory(struct text *t, struct vm_space *space, uaddr_t at, uaddr_t end)
{
    char chunk[256];
    ssize_t n;

    for (; at < end && !t->error; at += n) {
        n = vm_access(space, at, chunk, MIN(sizeof(chunk), end - at), false, false);
        if (n <= 0)
            break;
        text_append(t, chunk, n);
    }
    return 0;
}

static int show_cmdline(struct text *t, const struct proc_place *place)
{
    struct vm_space *s = place->space;

    return s ? show_memory(t, s, s->arg_start, s->arg_end) : 0;
}

static int show_environ(struct text *t, const struct proc_place *place)
{
    struct vm_space *s = place->space;

    return s ? show_memory(t, s, s->env_start, s->env_end) : 0;
}

static const char *area_label(const struct vm_area *a)
{
    if (a->flags & AREA_HEAP)
        return "[heap]";
    if (a->flags & AREA_STACK)
        return "[stack]";
    return a->flags & AREA_VDSO ? "[vdso]" : NULL;
}

int proc_show_area(const struct vm_area *a, void *arg)
{
    struct proc_maps *m = arg;
    const char *name = area_label(a);
    struct inode *inode = a->file ? a->file->inode : NULL;
    dev_t dev = inode && inode->sb ? inode->sb->dev : 0;

    if (a->file && file_to_text(a->file, m->path, PAGE_SIZE) > 0)
        name = m->path;
    text_printf(m->text, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu", a->start, a->end,
                a->prot & PROT_READ ? 'r' : '-', a->prot & PROT_WRITE ? 'w' : '-',
                a->prot & PROT_EXEC ? 'x' : '-', a->flags & AREA_SHARED ? 's' : 'p',
                a->file ? a->offset << PAGE_SHIFT : 0, dev_major(dev), dev_minor(dev),
                inode ? inode->ino : 0);
    if (name) {
        text_printf(m->text, "%*s", 27, "");
        text_escaped(m->text, name, "\n");
    }
    text_append(m->text, "\n", 1);
    return m->text->error;
}

int proc_maps_each(struct text *t, const struct proc_place *place,
                   int (*fn)(const struct vm_area *a, void *arg))
{
    struct proc_maps m = {.text = t, .path = kmalloc(PAGE_SIZE, 0)};
    int err = m.path ? 0 : -ENOMEM;

    if (!err && place->space)
        err = vm_space_each(place->space, fn, &m);
    kfree(m.path);
    return err;
}

static int show_maps(struct text *t, const struct proc_place *place)
{
    return proc_maps_each(t, place, proc_show_area);
}

static void show_limit(struct text *t, u64 limit)
{
    if (limit == RLIM_INFINITY)
        text_printf(t, "%-20s ", "unlimited");
    else
        text_printf(t, "%-20lu ", limit);
}

static int show_limits(struct text *t, const struct proc_place *place)
{
    static const char *const names[RLIM_NLIMITS] = {
        "Max cpu time",       "Max file size",     "Max data size",         "Max stack size",
        "Max core file size", "Max resident set",  "Max processes",         "Max open files",
        "Max locked memory",  "Max address space", "Max file locks",        "Max pending signals",
        "Max msgqueue size",  "Max nice priority", "Max realtime priority", "Max realtime timeout"};
    const struct process *p = place->process;

    text_printf(t, "%-25s %-20s %-20s\n", "Limit", "Soft Limit", "Hard Limit");
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        text_printf(t, "%-25s ", names[i]);
        show_limit(t, p->limits[i].rlim_cur);
        show_limit(t, p->limits[i].rlim_max);
        text_printf(t, "\n");
    }
    return 0;
}

/* Whose it is */

// The process or thread that a place is of, as long as it has its id. proctree_lock held.
static struct pid *place_pid_locked(const struct proc_place *p)
{
    struct pid *now = pid_find(p->id);

    return now && (!p->pid || p->pid == now) && (now->process || now->task) ? now : NULL;
}

bool proc_place_lives(const struct proc_place *p)
{
    return spin_read(&proctree_lock, place_pid_locked(p) != NULL);
}

bool proc_place_bind(struct proc_place *p)
{
    spin_lock(&proctree_lock);
    p->pid = place_pid_locked(p);
    if (p->pid)
        p->pid->refs++;
    spin_unlock(&proctree_lock);
    return p->pid != NULL;
}

void proc_place_unbind(const struct proc_place *p)
{
    if (!p->pid)
        return;
    spin_lock(&proctree_lock);
    pid_put_locked(p->pid);
    spin_unlock(&proctree_lock);
}

static int place_begin_locked(struct proc_place *p)
{
    struct pid *pid = place_pid_locked(p);
    struct process *process;

    if (!pid)
        return -ESRCH;
    process = process_find_any(p->id);
    if (p->entry->guarded && !process_may_access_locked(process, true))
        return -EACCES;
    p->process = process;
    process_ref(process);
    p->space = process_space_get(process);
    return 0;
}

int proc_place_begin(struct proc_place *p)
{
    int err;

    if (!p->id)
        return 0;
    spin_lock(&proctree_lock);
    err = place_begin_locked(p);
    spin_unlock(&proctree_lock);
    return err;
}

int proc_place_end(struct proc_place *p, int result)
{
    if (p->space)
        vm_space_put(p->space);
    if (p->process)
        process_put(p->process);
    return result;
}

// Of a process that others may not look into, root owns all but what is anybody's directory.
void proc_owner(pid_t id, struct inode *i)
{
    const struct cred *c = &cred_root;
    const struct process *p;

    spin_lock(&proctree_lock);
    p = process_find_any(id);
    if (p && (i->mode == (S_IFDIR | 0555) || load_relaxed(&p->dumpable) == DUMPABLE_OWNER))
        c = cred_find_any(p, id);
    i->uid = c->euid;
    i->gid = c->egid;
    spin_unlock(&proctree_lock);
}

bool proc_next_fd(pid_t id, u32 *fd, u32 *mode)
{
    irqflags_t flags;
    struct task *t = task_lock(id, &flags);
    bool found;

    if (!t)
        return false;
    found = t->thread->files && fdtable_next(t->thread->files, fd, mode);
    task_unlock(t, flags);
    return found;
}

struct file *proc_file_of(const struct proc_place *p)
{
    struct file *f = NULL;
    irqflags_t flags;
    struct task *t = task_lock(p->id, &flags);

    if (!t)
        return NULL;
    if (t->thread->files)
        f = fd_get_shared(t->thread->files, p->fd, 0);
    task_unlock(t, flags);
    return f;
}

/* Links */

static int follow_exe(const struct proc_place *place, struct path *out)
{
    if (!place->space || !place->space->exe)
        return -ENOENT;
    *out = place->space->exe->path;
    path_get(out);
    return 0;
}

static int follow_fs(pid_t id, struct path *out, bool root)
{
    struct fs_context *fs;
    irqflags_t flags;
    struct task *t = task_lock(id, &flags);

    if (!t)
        return -ESRCH;
    fs = t->thread->fs;
    if (fs) {
        spin_lock(&fs->lock);
        *out = root ? fs->root : fs->cwd;
        path_get(out);
        spin_unlock(&fs->lock);
    }
    task_unlock(t, flags);
    return fs ? 0 : -ENOENT;
}

static int follow_cwd(const struct proc_place *place, struct path *out)
{
    return follow_fs(place->id, out, false);
}

int proc_root_of(pid_t id, struct path *out)
{
    return follow_fs(id, out, true);
}

static int follow_root(const struct proc_place *place, struct path *out)
{
    return proc_root_of(place->id, out);
}

static int follow_fd(const struct proc_place *place, struct path *out)
{
    struct file *f SCOPED(file_end) = proc_file_of(place);

    if (!f)
        return -ENOENT;
    if (!f->path.mount)
        return path_from_anon(f->inode, f->anon_name, out);
    *out = f->path;
    path_get(out);
    return 0;
}

static int read_fd(const struct proc_place *place, char *buf, size_t size)
{
    struct file *f SCOPED(file_end) = proc_file_of(place);

    return f ? file_to_text(f, buf, size) : -ENOENT;
}

static int show_fdinfo(struct text *t, const struct proc_place *place)
{
    struct file *f SCOPED(file_end) = proc_file_of(place);

    if (!f)
        return -ENOENT;
    text_printf(t, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%u\nino:\t%lu\n", f->pos, f->flags,
                f->path.mount ? f->path.mount->id : 0, f->inode->ino);
    if (f->ops->show)
        f->ops->show(f, t);
    return 0;
}

/* Fault injection */

// Linux's interface, debug builds: the Nth allocation of the thread fails. What shows the count
// does not take part in it.
static int show_fail_nth(struct text *t, const struct proc_place *place)
{
    u32 own = arch_self()->fail_nth;
    irqflags_t flags;
    struct task *task;

    arch_self()->fail_nth = 0;
    if (text_reserve(t, TEXT_ROOM) && (task = task_lock(place->id, &flags))) {
        text_printf(t, "%u\n", task == task_self() ? own : task->thread->arch.fail_nth);
        task_unlock(task, flags);
    }
    arch_self()->fail_nth = own;
    return 0;
}

static int write_fail_nth(const char *s, const struct proc_place *place)
{
    irqflags_t flags;
    struct task *task;
    u64 value;
    int err = parse_u64(s, NULL, 10, &value);

    if (err || value > INT32_MAX)
        return err ? err : -EINVAL;
    task = task_lock(place->id, &flags);
    if (!task)
        return -ESRCH;
    task->thread->arch.fail_nth = value;
    task_unlock(task, flags);
    return 0;
}

/* The tree */

bool proc_next_process(pid_t unused, u32 *id)
{
    struct process *p = process_next((pid_t *)id);

    if (p)
        process_put(p);
    return p != NULL;
}

static bool next_fd(pid_t id, u32 *fd)
{
    u32 mode;

    return proc_next_fd(id, fd, &mode);
}

// Looks at all of the process's threads: their list is in order of creation.
static bool next_thread(pid_t id, u32 *tid)
{
    u32 best = 0;
    irqflags_t flags;
    struct process *p = process_get(id);
    struct task *t;

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

static const struct proc_entry fd_entry = {
    .mode = S_IFLNK | 0700, .guarded = true, .readlink = read_fd, .follow = follow_fd};
static const struct proc_entry fdinfo_entry = {
    .mode = S_IFREG | 0400, .guarded = true, .show = show_fdinfo};
static const struct proc_entry thread_entry;

static const struct proc_entry entries[] = {
    {"task", S_IFDIR | 0555, .next = next_thread, .numbered = &thread_entry},
    {"fd", S_IFDIR | 0500, .next = next_fd, .numbered = &fd_entry},
    {"fdinfo", S_IFDIR | 0500, .next = next_fd, .numbered = &fdinfo_entry},
    {"stat", S_IFREG | 0444, .show = show_stat},
    {"status", S_IFREG | 0444, .show = show_status},
    {"statm", S_IFREG | 0444, .show = show_statm},
    {"cmdline", S_IFREG | 0444, .show = show_cmdline},
    {"environ", S_IFREG | 0400, true, .show = show_environ},
    {"auxv", S_IFREG | 0400, true, .read = proc_read_auxv},
    {"mem", S_IFREG | 0600, true, .read = proc_read_mem, .poke = proc_write_mem},
    {"coredump_filter", S_IFREG | 0644, .show = proc_show_core_filter,
     .write = proc_write_core_filter},
    {"comm", S_IFREG | 0644, .show = show_comm, .write = write_comm},
    {"maps", S_IFREG | 0444, true, .show = show_maps},
    {"smaps", S_IFREG | 0444, true, .show = proc_show_smaps},
    {"smaps_rollup", S_IFREG | 0444, true, .show = proc_show_smaps_rollup},
    {"pagemap", S_IFREG | 0400, true, .read = proc_read_pagemap},
    {"pagetable", S_IFREG | 0400, true, .show = proc_show_pagetable},
    {"limits", S_IFREG | 0444, .show = show_limits},
    {"mountinfo", S_IFREG | 0444, .show = proc_show_mountinfo},
    {"mounts", S_IFREG | 0444, .show = proc_show_mounts},
    {"net", S_IFDIR | 0555, .entries = proc_net_entries},
    {"oom_score", S_IFREG | 0444, .show = proc_show_oom_score},
    {"oom_score_adj", S_IFREG | 0644, .show = proc_show_oom_adjust, .write = proc_write_oom_adjust},
    {"exe", S_IFLNK | 0777, true, .follow = follow_exe},
    {"cwd", S_IFLNK | 0777, true, .follow = follow_cwd},
    {"root", S_IFLNK | 0777, true, .follow = follow_root},
    // Last: without it the list ends here.
    {DEBUG ? "fail-nth" : NULL, S_IFREG | 0644, .show = show_fail_nth, .write = write_fail_nth},
    {0},
};

const struct proc_entry proc_process_entry = {.mode = S_IFDIR | 0555, .entries = entries};
// All but task/.
static const struct proc_entry thread_entry = {.mode = S_IFDIR | 0555, .entries = &entries[1]};
