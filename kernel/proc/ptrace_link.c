// SPDX-License-Identifier: MIT
// Who traces whom, and what a tracer's wait(2) sees of it (ptrace(2)).
//
// A record hangs at its thread and at the thread's id. The id keeps it when the thread has ended,
// until the tracer was told. The end of a main thread is told with that of the process; the parent
// hears of it after the tracer.

#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/wait.h"
#include "mm/slab.h"
#include "proc/ptrace.h"

static struct trace *trace_create(void)
{
    struct trace *tr = kmalloc(sizeof(*tr), ALLOC_ZERO);

    if (!tr)
        return NULL;
    list_init(&tr->link);
    tr->charged_uid = UID_NONE;
    return tr;
}

void trace_free(struct trace *tr)
{
    if (!tr)
        return;
    if (tr->reaped)
        process_put(tr->proc);
    if (tr->proc)
        process_put(tr->proc);
    kfree(tr);
}

// Without its tracer it is to stop with the others, who may still be about to, unless it has left
// the process.
static void stop_again_locked(struct task *t)
{
    struct process *p = t->proc;

    if (!(p->stopped || p->stop_count) || p->group_exit || list_empty(&t->link) ||
        (t->stop_pending & STOP_GROUP))
        return;
    if (p->stop_count)
        store_relaxed(&p->stop_count, p->stop_count + 1);
    store_relaxed(&t->stop_pending, STOP_GROUP);
    task_signal_wake(t, false);
}

static void task_trace_set(struct task *t, struct trace *tr)
{
    irqflags_t flags = spin_lock_irqsave(&t->proc->siglock);

    store_relaxed(&t->trace, tr);
    if (!tr) {
        store_relaxed(&t->stop_pending, t->stop_pending & STOP_GROUP);
        stop_again_locked(t);
    }
    spin_unlock_irqrestore(&t->proc->siglock, flags);
}

static void trace_insert_locked(struct trace *tr)
{
    struct list *all = &tr->tracer->tracees;

    list_remove(&tr->link);
    if (tr->ready)
        list_insert_head(all, &tr->link);
    else
        list_insert_tail(all, &tr->link);
}

static void trace_link_locked(struct trace *tr, struct task *t, struct process *tracer, u32 options)
{
    assert(lock_held(&proctree_lock));
    tr->task = t;
    tr->proc = t->proc;
    tr->pid = t->pid;
    process_ref(tr->proc);
    tr->tracer = tracer;
    tr->options = options;
    tr->pid->trace = tr;
    pid_use_begin_locked(tr->pid);
    trace_insert_locked(tr);
    task_trace_set(t, tr);
}

void trace_unlink_locked(struct trace *tr)
{
    struct process *p = tr->proc;
    struct task *t = tr->task;

    assert(lock_held(&proctree_lock));
    list_remove(&tr->link);
    tr->pid->trace = NULL;
    if (t) {
        atomic_fetch_and(&t->thread->arch.work, ~(u32)WORK_PTRACE);
        task_trace_set(t, NULL);
        if (t->trace_stopped) {
            store_release(&t->trace_stopped, false);
            sched_wake(t->thread, 1 << THREAD_STOPPED);
        }
    } else if (tr->pid == p->pid && p->state == PROCESS_ZOMBIE) {
        tr->reaped = process_zombie_report_locked(p);
    }
    user_uncharge(tr->charged_uid);
    tr->charged_uid = UID_NONE;
    pid_use_end_locked(tr->pid);
}

/* Rights */

bool process_may_access_locked(const struct process *p, bool fs_ids)
{
    const struct cred *self = thread_self()->cred;
    const struct cred *c = process_cred_locked(p);
    u64 own = fs_ids ? self->cap_effective : self->cap_permitted;

    if (p == process_self() || cred_capable(self, CAP_SYS_PTRACE))
        return true;
    return p->dumpable == DUMPABLE_OWNER && !p->gains_rights && !(c->cap_permitted & ~own) &&
           process_is_of_locked(p, fs_ids ? self->fsuid : self->uid,
                                fs_ids ? self->fsgid : self->gid);
}

bool trace_gain_begin(void)
{
    const struct trace *tr;
    bool may;

    spin_lock(&proctree_lock);
    tr = task_self()->trace;
    may = !tr || tr->capable;
    process_self()->gains_rights += may;
    spin_unlock(&proctree_lock);
    return may;
}

void trace_gain_end(bool *begun)
{
    if (!*begun)
        return;
    spin_lock(&proctree_lock);
    process_self()->gains_rights--;
    spin_unlock(&proctree_lock);
    *begun = false;
}

/* Becoming a tracee */

// ATTACH stops the thread by a signal; one that has stopped already shows that to its tracer.
static void attach_stop(struct task *t, bool seize)
{
    struct process *p = t->proc;
    struct siginfo info;
    irqflags_t flags;

    siginfo_kernel(&info, SIGSTOP, SI_USER);
    flags = spin_lock_irqsave(&p->siglock);
    if (!seize)
        signal_send_locked(p, t, SIGSTOP, &info);
    if (p->stopped || p->stop_count) {
        store_relaxed(&t->stop_pending, t->stop_pending | STOP_TRAP);
        task_signal_wake(t, false);
        sched_wake(t->thread, 1 << THREAD_STOPPED);
    }
    spin_unlock_irqrestore(&p->siglock, flags);
}

static int attach_locked(struct trace *tr, struct task *t, u32 options)
{
    struct process *self = process_self();

    if (t->proc == self || t->pid->trace || t->proc->gains_rights ||
        !process_may_access_locked(t->proc, false))
        return -EPERM;
    tr->capable = cred_capable(thread_self()->cred, CAP_SYS_PTRACE);
    trace_link_locked(tr, t, self, options);
    attach_stop(t, options & TRACE_SEIZED);
    return 0;
}

static int attach_to(pid_t tid, u32 options)
{
    struct trace *tr = trace_create();
    struct task *t;
    int err = -ESRCH;

    if (!tr)
        return -ENOMEM;
    spin_lock(&proctree_lock);
    t = task_find(tid);
    if (t)
        err = attach_locked(tr, t, options);
    spin_unlock(&proctree_lock);
    if (err)
        trace_free(tr);
    return err;
}

int trace_attach(pid_t tid, bool seize, u64 options)
{
    if (seize && (options & ~(u64)TRACE_OPTIONS))
        return -EIO;
    return attach_to(tid, seize ? (u32)options | TRACE_SEIZED : 0);
}

// The parent may see what this process may do.
static bool trace_me_allowed_locked(const struct process *parent, struct trace *tr)
{
    const struct cred *c = parent ? process_cred_locked(parent) : NULL;

    tr->capable = c && cred_capable(c, CAP_SYS_PTRACE);
    return tr->capable || (c && !(thread_self()->cred->cap_permitted & ~c->cap_permitted));
}

int trace_me(void)
{
    struct task *t = task_self();
    struct trace *tr = trace_create();
    struct process *parent;
    int err = -EPERM;

    if (!tr)
        return -ENOMEM;
    spin_lock(&proctree_lock);
    parent = t->proc->parent;
    if (!t->trace && trace_me_allowed_locked(parent, tr)) {
        trace_link_locked(tr, t, parent, 0);
        err = 0;
    }
    spin_unlock(&proctree_lock);
    if (err)
        trace_free(tr);
    return err;
}

int trace_birth_event(const struct clone_args *args)
{
    if (args->flags & CLONE_VFORK)
        return PTRACE_EVENT_VFORK;
    return args->exit_signal == SIGCHLD ? PTRACE_EVENT_FORK : PTRACE_EVENT_CLONE;
}

static bool birth_wanted_locked(const struct clone_args *args)
{
    const struct trace *mine = task_self()->trace;

    if (!mine || (args->flags & CLONE_UNTRACED))
        return false;
    return (mine->options & BIT(trace_birth_event(args))) || (args->flags & CLONE_PTRACE);
}

int trace_birth(const struct clone_args *args, struct trace **out)
{
    bool wanted;

    *out = NULL;
    if (!task_is_traced(task_self()))
        return 0;
    spin_lock(&proctree_lock);
    wanted = birth_wanted_locked(args);
    spin_unlock(&proctree_lock);
    if (wanted)
        *out = trace_create();
    return wanted && !*out ? -ENOMEM : 0;
}

// It begins with a stop: a trap if it is seized, else SIGSTOP.
bool trace_birth_locked(struct trace *tr, struct task *child)
{
    const struct trace *mine = task_self()->trace;
    irqflags_t flags;

    if (!mine)
        return false;
    tr->capable = mine->capable;
    trace_link_locked(tr, child, mine->tracer, mine->options);
    flags = spin_lock_irqsave(&child->proc->siglock);
    if (mine->options & TRACE_SEIZED)
        store_relaxed(&child->stop_pending, child->stop_pending | STOP_TRAP);
    else
        store_relaxed(&child->pending.set, child->pending.set | SIGMASK(SIGSTOP));
    spin_unlock_irqrestore(&child->proc->siglock, flags);
    atomic_fetch_or(&child->thread->arch.work, WORK_SIGNAL);
    return true;
}

/* What the tracer is told */

static void trace_signal_locked(const struct trace *tr, int code, int status)
{
    struct siginfo info;
    ns_t user, system;

    siginfo_kernel(&info, SIGCHLD, code);
    info.si_pid = tr->pid->id;
    info.si_uid = tr->proc->uid;
    info.si_status = code == CLD_EXITED    ? WEXITSTATUS(status)
                     : code == CLD_TRAPPED ? WSTOPSIG(status) & 0x7f
                                           : WTERMSIG(status);
    if (tr->task)
        sched_times(tr->task->thread, &user, &system);
    else
        process_times(tr->proc, &user, &system);
    siginfo_times(&info, user, system);
    signal_send_process(tr->tracer, SIGCHLD, &info);
}

void trace_report_locked(struct trace *tr, int code, int status)
{
    const struct k_sigaction *a = sighand_action(tr->tracer->sighand, SIGCHLD);

    tr->ready = true;
    tr->status = status;
    trace_insert_locked(tr);
    if (tr->dead || !(a->flags & SA_NOCLDSTOP))
        trace_signal_locked(tr, code, status);
    wake_all(&tr->tracer->child_wait);
}

static bool tracer_waits(const struct trace *tr)
{
    const struct k_sigaction *a = sighand_action(tr->tracer->sighand, SIGCHLD);

    return a->handler != SIG_IGN && !(a->flags & SA_NOCLDWAIT);
}

static void trace_report_end_locked(struct trace *tr, int status)
{
    tr->dead = true;
    trace_report_locked(tr, status_code(status), status);
}

struct trace *trace_task_ends_locked(struct task *t, int status)
{
    struct trace *tr = t->trace;

    if (!tr)
        return NULL;
    task_trace_set(t, NULL);
    tr->task = NULL;
    tr->ready = false;
    if (t->pid == t->proc->pid)
        return NULL;
    tr->charged_uid = t->charged_uid;
    t->charged_uid = UID_NONE;
    if (tracer_waits(tr)) {
        trace_report_end_locked(tr, status);
        return NULL;
    }
    trace_unlink_locked(tr);
    return tr;
}

// A parent that traces hears of the end as parents do.
void trace_process_ends(struct process *p)
{
    struct trace *tr;

    spin_lock(&proctree_lock);
    tr = p->pid->trace;
    if (tr && (tr->tracer == p->parent || !tracer_waits(tr)))
        trace_unlink_locked(tr);
    else
        tr = NULL;
    spin_unlock(&proctree_lock);
    trace_free(tr);
}

bool trace_holds_zombie_locked(struct process *p)
{
    if (!p->pid->trace)
        return false;
    trace_report_end_locked(p->pid->trace, p->exit_status);
    return true;
}

void trace_tracer_ends(struct process *p)
{
    struct trace *tr;

    do {
        spin_lock(&proctree_lock);
        tr = list_first(&p->tracees, struct trace, link);
        if (tr && tr->task && (tr->options & PTRACE_O_EXITKILL))
            signal_send_process(tr->proc, SIGKILL, NULL);
        if (tr)
            trace_unlink_locked(tr);
        spin_unlock(&proctree_lock);
        trace_free(tr);
    } while (tr);
}

void trace_move_locked(struct task *t, struct pid *to, struct trace **out)
{
    struct trace *tr = t->trace;

    *out = to->trace;
    if (*out)
        trace_unlink_locked(*out);
    if (!tr)
        return;
    tr->pid->trace = NULL;
    pid_use_end_locked(tr->pid);
    pid_use_begin_locked(to);
    tr->pid = to;
    to->trace = tr;
}

/* Waiting */

static bool tracee_status(const struct wait_args *a, const struct trace *tr, int *status)
{
    if (a->type == P_PGID && (!tr->proc->group || tr->proc->group->pid->id != a->id))
        return false;
    *status = 0;
    if (!tr->ready || (tr->dead && !(a->options & WEXITED)))
        return false;
    *status = tr->status;
    return true;
}

struct trace *trace_wait_find_locked(struct process *p, const struct wait_args *a, int *status)
{
    struct pid *pid = a->type == P_PID ? pid_find(a->id) : NULL;
    struct trace *tr = pid ? pid->trace : NULL;

    if (a->type == P_PID) {
        if (!tr || tr->tracer != p || (a->process && a->process != tr->proc))
            return NULL;
        return tracee_status(a, tr, status) ? tr : NULL;
    }
    LIST_FOR_EACH (tr, &p->tracees, link) {
        if (tracee_status(a, tr, status))
            return tr;
        if (a->type == P_ALL && !tr->ready)
            break; // so are the rest
    }
    return NULL;
}

bool trace_wait_consume_locked(struct trace *tr)
{
    tr->ready = false;
    if (tr->dead) {
        trace_unlink_locked(tr);
        return true;
    }
    if (tr->task)
        tr->task->resume_signal = 0;
    trace_insert_locked(tr);
    return false;
}

pid_t trace_tracer_pid(const struct task *t)
{
    return t->trace ? t->trace->tracer->pid->id : 0;
}
