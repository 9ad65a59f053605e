// SPDX-License-Identifier: MIT
// The life of struct process and struct task, and their place in the tree.

#include "abi/errno.h"
#include "base/log.h"
#include "fs/mqueue/mqueue.h"
#include "mm/slab.h"
#include "proc/core.h"
#include "vfs/socket.h"

struct list process_list = LIST_INIT(process_list);
struct process *init_process;
void (*session_leader_exit_hook)(struct session *s);

static struct slab_cache *process_cache, *task_cache; // (c)
static u64 process_total;                             // (proctree) of process_list; read without

int process_create(struct process **out, struct pid *pid)
{
    struct process *p = slab_alloc(process_cache, ALLOC_ZERO);

    if (!p)
        return -ENOMEM;
    ref_init(&p->refs, 1);
    p->pid = pid;
    spin_lock(&proctree_lock);
    pid_use_begin_locked(pid);
    pid->refs++;
    spin_unlock(&proctree_lock);
    list_init(&p->children);
    list_init(&p->sibling);
    list_init(&p->all_node);
    list_init(&p->group_node);
    list_init(&p->tasks);
    list_init(&p->pending.queue);
    list_init(&p->posix_timers);
    list_init(&p->tracees);
    wait_queue_init(&p->child_wait);
    wait_queue_init(&p->exit_wait);
    spin_init(&p->siglock, RANK_SIGNAL);
    p->start_time = clock_monotonic();
    p->dumpable = DUMPABLE_OWNER;
    p->coredump_filter = CORE_FILTER_DEFAULT;
    *out = p;
    return 0;
}

void process_put(struct process *p)
{
    if (!ref_put(&p->refs))
        return;
    spin_lock(&proctree_lock);
    if (p->state != PROCESS_DEAD) // it never was
        pid_use_end_locked(p->pid);
    pid_put_locked(p->pid);
    spin_unlock(&proctree_lock);
    sigpending_flush(&p->pending);
    if (p->ended.cred)
        cred_put(p->ended.cred);
    if (p->sighand && ref_put(&p->sighand->refs))
        kfree(p->sighand);
    slab_free(process_cache, p);
}

u64 process_count(void)
{
    return load_relaxed(&process_total);
}

int task_create(struct task **out, struct process *p, struct pid *pid, struct thread *t)
{
    struct task *task = slab_alloc(task_cache, ALLOC_ZERO);

    if (!task)
        return -ENOMEM;
    process_ref(p);
    task->proc = p;
    task->pid = pid;
    task->thread = t;
    list_init(&task->link);
    list_init(&task->pending.queue);
    t->proc_thread = task;
    t->proc = p;
    *out = task;
    return 0;
}

struct cred *cred_create(const struct cred *values)
{
    struct cred *c = kmalloc(sizeof(*c), 0);

    if (!c)
        return NULL;
    *c = *values;
    ref_init(&c->refs, 1);
    if (c->groups)
        ref_get(&c->groups->refs);
    return c;
}

void cred_groups_put(struct cred_groups *g)
{
    if (g && ref_put(&g->refs))
        kfree(g);
}

void cred_put(struct cred *c)
{
    if (c == &cred_root || !ref_put(&c->refs))
        return;
    cred_groups_put(c->groups);
    kfree(c);
}

void thread_cred_set(struct cred *c)
{
    struct cred *old = thread_self()->cred;

    // Who had other rights knows what the new ids alone may not (PR_SET_DUMPABLE).
    if (c->euid != old->euid || c->egid != old->egid || c->fsuid != old->fsuid ||
        c->fsgid != old->fsgid || (c->cap_permitted & ~old->cap_permitted)) {
        store_relaxed(&process_self()->dumpable, (u8)load_relaxed(&suid_dumpable));
        store_relaxed(&process_self()->death_signal, 0);
    }
    spin_lock(&proctree_lock);
    thread_self()->cred = c;
    spin_unlock(&proctree_lock);
    cred_put(old);
}

// thread_hooks.release: the thread has left its stack for good.
static void thread_release(struct thread *t)
{
    struct task *task = t->proc_thread;

    if (task) {
        sigpending_flush(&task->pending);
        process_put(task->proc);
        slab_free(task_cache, task);
    }
    t->proc_thread = NULL;
    if (t->cred)
        cred_put(t->cred);
}

static bool thread_interrupted(struct thread *t, enum thread_state sleep)
{
    struct task *task = t->proc_thread;

    if (!task)
        return false;
    if (sleep == THREAD_INTERRUPTIBLE)
        return (load_relaxed(&t->arch.work) & WORK_SIGNAL) && task_has_signal(task);
    return sleep == THREAD_KILLABLE && task_must_die(task);
}

// A member counts for its group if its parent is in another group of the same session: while one
// does, a shell can continue the group, so it is not orphaned (POSIX.1-2017, 3.264).
static bool counts_outside(const struct process *p)
{
    return p->parent && p->group && p->state == PROCESS_ALIVE && p->parent->group != p->group &&
           p->parent->group && p->parent->group->session == p->group->session;
}

void tree_attach_locked(struct process *p)
{
    assert(lock_held(&proctree_lock));
    if (counts_outside(p))
        p->group->outside++;
}

bool tree_detach_locked(struct process *p)
{
    assert(lock_held(&proctree_lock));
    return counts_outside(p) && --p->group->outside == 0;
}

void child_insert_locked(struct process *child)
{
    struct list *siblings = &child->parent->children;

    list_remove(&child->sibling);
    if (child->state == PROCESS_ZOMBIE || child->event_status)
        list_insert_head(siblings, &child->sibling);
    else
        list_insert_tail(siblings, &child->sibling);
}

void process_link(struct process *p, struct process *parent)
{
    assert(lock_held(&proctree_lock));
    p->parent = parent;
    store_relaxed(&p->parent_pid, parent ? parent->pid->id : 0);
    if (parent) {
        p->parent_execs = parent->execs;
        child_insert_locked(p);
    }
    list_insert_tail(&process_list, &p->all_node);
    store_relaxed(&process_total, process_total + 1);
    p->pid->process = p;
    if (p->group)
        list_insert_tail(&p->group->members, &p->group_node);
    tree_attach_locked(p);
}

const struct cred *process_cred_locked(const struct process *p)
{
    assert(lock_held(&proctree_lock));
    return p->pid->task ? p->pid->task->thread->cred : p->ended.cred;
}

const char *process_name_locked(const struct process *p)
{
    assert(lock_held(&proctree_lock));
    return p->pid->task ? p->pid->task->thread->name : p->ended.name;
}

bool process_is_of_locked(const struct process *p, uid_t uid, gid_t gid)
{
    const struct cred *c = process_cred_locked(p);

    return uid == c->uid && uid == c->euid && uid == c->suid && gid == c->gid && gid == c->egid &&
           gid == c->sgid;
}

void process_unlink_zombie_locked(struct process *p)
{
    assert(lock_held(&proctree_lock));
    user_uncharge(p->uid);
    p->state = PROCESS_DEAD;
    list_remove(&p->sibling);
    list_remove(&p->all_node);
    store_relaxed(&process_total, process_total - 1);
    list_remove(&p->group_node);
    p->pid->process = NULL;
    wake_all(&p->exit_wait); // pidfds
    group_put_locked(p->group);
    p->group = NULL;
    pid_use_end_locked(p->pid); // a pidfd that is kept keeps no number
}

void process_dump_all(void)
{
    static const char *const names[] = {"alive", "zombie", "dead"};
    struct process *p;

    spin_lock(&proctree_lock);
    log_raw("  pid  ppid  pgid state   threads name\n");
    LIST_FOR_EACH (p, &process_list, all_node) {
        log_raw("%5d %5d %5d %-7s %7u %s\n", p->pid->id, p->parent_pid, p->group->pid->id,
                names[p->state], p->task_count, process_name_locked(p));
    }
    spin_unlock(&proctree_lock);
}

static void area_file_get(struct file *f)
{
    file_get(f);
}

static int area_file_sync(struct file *f)
{
    return f->ops->fsync ? file_fsync(f, true) : 0;
}

static u64 self_limit(unsigned resource)
{
    return process_self() ? process_limit(resource) : RLIM_INFINITY;
}

static u64 fd_limit(void)
{
    return self_limit(RLIMIT_NOFILE);
}

static pid_t self_pid(void)
{
    return process_self() ? process_self()->pid->id : 0;
}

static u64 file_size_limit(void)
{
    return process_self() ? process_limit(RLIMIT_FSIZE) : RLIM_INFINITY;
}

static u64 mqueue_limit(void)
{
    return process_self() ? process_limit(RLIMIT_MSGQUEUE) : RLIM_INFINITY;
}

struct vm_space *process_space_get(struct process *p)
{
    irqflags_t flags = spin_lock_irqsave(&p->siglock);
    struct vm_space *s = p->space;

    if (s)
        vm_space_get(s);
    spin_unlock_irqrestore(&p->siglock, flags);
    return s;
}

// Others that look into the running thread's table find it under siglock.
int files_unshare(void)
{
    struct fdtable *old = thread_self()->files, *own;
    irqflags_t flags;
    int err;

    if (ref_is_last(&old->refs))
        return 0;
    err = fdtable_copy(old, &own);
    if (err)
        return err;
    flags = spin_lock_irqsave(&process_self()->siglock);
    thread_self()->files = own;
    spin_unlock_irqrestore(&process_self()->siglock, flags);
    fdtable_put(old);
    return 0;
}

static struct vm_space *space_next(u32 *id)
{
    struct vm_space *s = NULL;
    struct process *p;

    while (!s && (p = process_next((pid_t *)id))) {
        s = process_space_get(p);
        *id += !s;
        process_put(p);
    }
    return s;
}

// thread_hooks.lookup
static struct thread *thread_lookup(pid_t tid)
{
    struct thread *found = NULL;
    struct task *t;

    spin_lock(&proctree_lock);
    t = task_find(tid);
    if (t)
        thread_get(found = t->thread);
    spin_unlock(&proctree_lock);
    return found;
}

void proc_init(void)
{
    process_cache = slab_cache_create("process", sizeof(struct process), 16);
    task_cache = slab_cache_create("task", sizeof(struct task), 16);
    thread_hooks.release = thread_release;
    thread_hooks.tick = cpu_timers_tick;
    thread_hooks.interrupted = thread_interrupted;
    thread_hooks.lookup = thread_lookup;
    vm_hooks.file_get = area_file_get;
    vm_hooks.file_put = file_put;
    vm_hooks.file_sync = area_file_sync;
    vm_hooks.space_next = space_next;
    vm_hooks.limit = self_limit;
    socket_pid_hook = self_pid;
    sigio_init();
    fd_limit_hook = fd_limit;
    file_size_limit_hook = file_size_limit;
    mqueue_limit_hook = mqueue_limit;
    pid_init();
    signal_init();
    vdso_init();
    oom_init();
}
