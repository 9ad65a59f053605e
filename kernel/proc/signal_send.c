// SPDX-License-Identifier: MIT
// Generating signals: who gets one, what is queued, whom it wakes.
//
// A signal to a process goes to its shared set, and one thread that does not block it is woken.
// A signal whose default action ends the process takes effect here, at once: every thread is told
// to die (group_exit), so that no later signal can get in between. All state is under siglock; it
// is taken with interrupts off, since interval timers send from interrupt context.

#include "abi/capability.h"
#include "abi/errno.h"
#include "arch/smp.h"
#include "lib/bitmap.h"
#include "mm/slab.h"
#include "proc/ptrace.h"
#include "proc/signalfd.h"
#include "vfs/user.h"

struct sigqueue {
    struct list link;
    int sig;
    uid_t uid; // for whom it counts
    struct siginfo_used info;
};

#define SIG_MASK_FAULT \
    (SIGMASK(SIGSEGV) | SIGMASK(SIGBUS) | SIGMASK(SIGILL) | SIGMASK(SIGTRAP) | SIGMASK(SIGFPE))

static struct slab_cache *sigqueue_cache; // (c)

void signal_init(void)
{
    sigqueue_cache = slab_cache_create("sigqueue", sizeof(struct sigqueue), 8);
}

void siginfo_user(struct siginfo *info, int sig, int code)
{
    siginfo_kernel(info, sig, code);
    info->si_pid = process_self() ? process_self()->pid->id : 0;
    info->si_uid = thread_self()->cred->uid;
}

void siginfo_kernel(struct siginfo *info, int sig, int code)
{
    *siginfo_used(info) = (struct siginfo_used){0};
    info->si_signo = sig;
    info->si_code = code;
}

bool signal_pending(void)
{
    struct task *t = task_self();

    return t && (load_relaxed(&t->thread->arch.work) & WORK_SIGNAL) && task_has_signal(t);
}

bool signal_fatal_pending(void)
{
    return task_self() && task_must_die(task_self());
}

// Makes the thread look at its signals: sets the work bit, ends its sleep, interrupts its hart.
void task_signal_wake(struct task *t, bool fatal)
{
    struct thread *thread = t->thread;
    unsigned states = 1 << THREAD_INTERRUPTIBLE;

    if (fatal)
        states |= 1 << THREAD_KILLABLE | 1 << THREAD_STOPPED;
    atomic_fetch_or(&thread->arch.work, WORK_SIGNAL);
    if (thread == thread_self())
        return;
    if (!sched_wake(thread, states) && load_relaxed(&thread->on_hart))
        smp_reschedule(thread->arch.hart);
}

void process_kill_all_locked(struct process *p, int wait_status, struct task *except)
{
    struct task *t;

    assert(lock_held(&p->siglock));
    if (!p->group_exit && !except) {
        p->group_exit_status = wait_status;
        store_release(&p->group_exit, true);
    }
    p->stopped = false;
    LIST_FOR_EACH (t, &p->tasks, link)
        if (t != except)
            task_signal_wake(t, true);
}

// Counts for the user that the process is of; NULL: it has as many as p may have, or no memory.
static struct sigqueue *sigqueue_alloc(const struct process *p)
{
    uid_t uid = load_relaxed(&p->uid);
    struct sigqueue *q;

    if (user_count_add(uid, USER_SIGNALS, 1, p->limits[RLIMIT_SIGPENDING].rlim_cur))
        return NULL;
    q = slab_alloc(sigqueue_cache, 0);
    if (q)
        q->uid = uid;
    else
        user_count_sub(uid, USER_SIGNALS, 1);
    return q;
}

static void sigqueue_free(struct sigqueue *q)
{
    user_count_sub(q->uid, USER_SIGNALS, 1);
    list_remove(&q->link);
    slab_free(sigqueue_cache, q);
}

void signal_clear_locked(struct sigpending *pending, u64 set)
{
    struct sigqueue *q, *tmp;

    if (!(pending->set & set))
        return;
    pending->set &= ~set;
    if (pending->first && (SIGMASK(pending->first) & set))
        pending->first = 0;
    LIST_FOR_EACH_SAFE (q, tmp, &pending->queue, link) {
        if (!(SIGMASK(q->sig) & set))
            continue;
        sigqueue_free(q);
    }
}

void sigpending_flush(struct sigpending *pending)
{
    signal_clear_locked(pending, ~0UL);
}

static void signal_trap_locked(struct task *t)
{
    if (!(load_relaxed(&t->trace->options) & TRACE_SEIZED))
        return;
    store_relaxed(&t->stop_pending, t->stop_pending | STOP_NEWS);
    task_signal_wake(t, false);
}

// SIGCONT and the stop signals undo each other when sent, whatever their handlers.
static __attribute__((noinline)) void signal_stop_cont_locked(struct process *p, int sig)
{
    struct task *t;
    u64 undone = sig == SIGCONT ? SIG_MASK_STOP : SIGMASK(SIGCONT);

    signal_clear_locked(&p->pending, undone);
    if (sig == SIGCONT) { // before any thread wakes: it looks at these without siglock
        p->continued = p->continued || p->stopped;
        store_relaxed(&p->stopped, false);
        store_relaxed(&p->stop_count, 0U);
    }
    LIST_FOR_EACH (t, &p->tasks, link) {
        signal_clear_locked(&t->pending, undone);
        if (sig != SIGCONT)
            continue;
        store_relaxed(&t->stop_pending, t->stop_pending & ~STOP_GROUP);
        if (t->trace) // tells one by PTRACE_SEIZE
            signal_trap_locked(t);
        sched_wake(t->thread, 1 << THREAD_STOPPED);
    }
}

// One standard signal at a time needs no memory for its siginfo.
static int signal_queue_locked(const struct process *p, struct sigpending *pending, int sig,
                               const struct siginfo *info)
{
    struct sigqueue *q;

    if (sig < SIGRTMIN && (pending->set & SIGMASK(sig)))
        return 0;
    if (sig < SIGRTMIN && !pending->first) {
        pending->info = *siginfo_used(info);
        pending->first = sig;
    } else if ((q = sigqueue_alloc(p))) {
        q->info = *siginfo_used(info);
        q->sig = sig;
        list_insert_tail(&pending->queue, &q->link);
    } else if (sig >= SIGRTMIN && info->si_code != SI_USER) {
        return -EAGAIN;
    }
    store_relaxed(&pending->set, pending->set | SIGMASK(sig));
    return 0;
}

// Its tracer holds the thread, or it is to take a signal. What another one took may have left the
// bit.
static inline bool task_is_busy_locked(const struct task *t)
{
    return unlikely(load_relaxed(&t->trace_stopped)) ||
           (unlikely(load_relaxed(&t->thread->arch.work) & WORK_SIGNAL) && task_has_signal(t));
}

// The thread to wake for a signal to the whole process: the first, which is the main one, that may
// take it and is not busy; else one that does when it goes on.
static inline struct task *signal_pick_locked(struct process *p, int sig)
{
    struct task *t, *found = NULL;

    LIST_FOR_EACH (t, &p->tasks, link) {
        if (t->blocked & ~t->awaited & SIGMASK(sig)) // never SIGKILL
            continue;
        if (!task_is_busy_locked(t))
            return t;
        if (!found || load_relaxed(&found->trace_stopped))
            found = t;
    }
    return found;
}

void signal_pass_on_locked(struct process *p, u64 set)
{
    struct task *t;

    assert(lock_held(&p->siglock));
    for (u64 left = p->pending.set & set; left; left &= left - 1)
        if ((t = signal_pick_locked(p, (int)bit_lowest(left) + 1)))
            task_signal_wake(t, false);
}

int signal_send_locked(struct process *p, struct task *t, int sig, const struct siginfo *info)
{
    struct task *target;
    enum disposition effect;
    bool blocked;
    int err;

    if (p->group_exit || list_empty(&p->tasks))
        return 0;
    if ((SIG_MASK_STOP | SIGMASK(SIGCONT)) & SIGMASK(sig))
        signal_stop_cont_locked(p, sig);
    target = t ? t : signal_pick_locked(p, sig);
    blocked = !target || (target->blocked & SIGMASK(sig));
    effect = signal_disposition(p, sig, load_relaxed(&sighand_action(p->sighand, sig)->handler));
    if (!blocked && effect == SIGNAL_IGNORED && (sig == SIGKILL || !task_is_traced(target)))
        return 0;
    err = signal_queue_locked(p, t ? &t->pending : &p->pending, sig, info);
    if (unlikely(p->signalfds.first))
        signalfd_wake_locked(p, sig);
    if (err || !target || (blocked && !(target->awaited & SIGMASK(sig))))
        return err;
    if (p->stopped && sig != SIGKILL && !target->trace)
        return 0; // until SIGCONT
    if (blocked || effect != SIGNAL_ENDS || (sig != SIGKILL && task_is_traced(target)) ||
        core_wanted(p, sig))
        task_signal_wake(target, false);
    else if (!p->core_dumps || sig == SIGKILL)
        process_kill_all_locked(p, sig, NULL);
    return 0;
}

// Threads that are ending may be in their last stop of ptrace(2), which only this ends.
static __attribute__((noinline)) void signal_kill_again_locked(struct process *p, int sig)
{
    struct task *t;

    if (sig != SIGKILL)
        return;
    store_relaxed(&p->killed, true);
    LIST_FOR_EACH (t, &p->tasks, link)
        sched_wake(t->thread, 1 << THREAD_STOPPED);
}

static int signal_send(struct process *p, struct task *t, int sig, const struct siginfo *info)
{
    struct siginfo plain;
    irqflags_t flags;
    int err;

    if (!info) {
        siginfo_kernel(&plain, sig, SI_KERNEL);
        info = &plain;
    }
    flags = spin_lock_irqsave(&p->siglock);
    if (unlikely(p->group_exit))
        signal_kill_again_locked(p, sig);
    err = signal_send_locked(p, t, sig, info);
    spin_unlock_irqrestore(&p->siglock, flags);
    return err;
}

int signal_send_process(struct process *p, int sig, const struct siginfo *info)
{
    return signal_send(p, NULL, sig, info);
}

int signal_send_task(struct task *t, int sig, const struct siginfo *info)
{
    return signal_send(t->proc, t, sig, info);
}

// One of many has got it: so do children that it is making, which nobody finds yet. SIGCONT and the
// stop signals undo each other.
static void births_tell_locked(struct process *p, int sig)
{
    u64 undone = sig == SIGCONT                 ? SIG_MASK_STOP
                 : SIG_MASK_STOP & SIGMASK(sig) ? SIGMASK(SIGCONT)
                                                : 0;
    irqflags_t flags = spin_lock_irqsave(&p->siglock);
    struct birth_signals *b;

    HLIST_FOR_EACH (b, &p->births, node)
        b->missed = (b->missed & ~undone) | SIGMASK(sig);
    spin_unlock_irqrestore(&p->siglock, flags);
}

void signal_send_group_locked(struct group *g, int sig, const struct siginfo *info)
{
    struct process *p;

    LIST_FOR_EACH (p, &g->members, group_node) {
        signal_send_process(p, sig, info);
        births_tell_locked(p, sig);
    }
}

// A fault: if the handler cannot run (blocked or ignored) the default action applies.
void signal_force(int sig, int code, uaddr_t addr)
{
    struct task *t = task_self();
    struct process *p = t->proc;
    struct siginfo info;
    irqflags_t flags;
    u64 handler;

    siginfo_kernel(&info, sig, code);
    info.si_addr = addr;
    flags = spin_lock_irqsave(&p->siglock);
    spin_lock_nested(&p->sighand->lock);
    handler = sighand_action(p->sighand, sig)->handler;
    if (handler == SIG_IGN || (t->blocked & SIGMASK(sig))) {
        handler = SIG_DFL;
        p->sighand->set &= ~SIGMASK(sig);
    }
    spin_unlock(&p->sighand->lock);
    t->blocked &= ~SIGMASK(sig);
    if (p == init_process && handler == SIG_DFL)
        process_kill_all_locked(p, sig, NULL);
    else
        signal_send_locked(p, t, sig, &info);
    spin_unlock_irqrestore(&p->siglock, flags);
}

void process_uids_locked(const struct process *p, uid_t *uid, uid_t *suid)
{
    const struct cred *c = process_cred_locked(p);

    *uid = c->uid;
    *suid = c->suid;
}

// kill(2): the same user, or CAP_KILL; SIGCONT also within the session.
static bool signal_permitted_locked(struct process *p, int sig)
{
    const struct cred *self = thread_self()->cred;
    uid_t uid, suid;

    process_uids_locked(p, &uid, &suid);
    if (!process_self() || cred_capable(self, CAP_KILL) || self->euid == uid ||
        self->euid == suid || self->uid == uid || self->uid == suid)
        return true;
    return sig == SIGCONT && p->group && p->group->session == process_self()->group->session;
}

int signal_kill_one_locked(struct process *p, int sig, const struct siginfo *info)
{
    if (!signal_permitted_locked(p, sig))
        return -EPERM;
    return sig ? signal_send_process(p, sig, info) : 0;
}

// Of many, one that got the signal is success.
static void signal_kill_next_locked(struct process *p, int sig, const struct siginfo *info,
                                    int *result)
{
    int err = signal_kill_one_locked(p, sig, info);

    if (!err && sig)
        births_tell_locked(p, sig);
    if (!err || *result == -ESRCH)
        *result = err;
}

static __attribute__((noinline)) int signal_kill_found(pid_t pid, int sig,
                                                       const struct siginfo *info)
{
    struct process *self = process_self(), *p;
    struct group *g;
    int err = -ESRCH;

    spin_lock(&proctree_lock);
    if (pid > 0) {
        p = process_find_any(pid);
        err = p ? signal_kill_one_locked(p, sig, info) : -ESRCH;
    } else if (pid == -1) {
        LIST_FOR_EACH (p, &process_list, all_node)
            if (p != self && p != init_process)
                signal_kill_next_locked(p, sig, info, &err);
    } else if ((g = pid ? group_find(-pid) : self->group)) {
        LIST_FOR_EACH (p, &g->members, group_node)
            signal_kill_next_locked(p, sig, info, &err);
    }
    spin_unlock(&proctree_lock);
    return err;
}

int signal_kill(pid_t pid, int sig, struct siginfo *info)
{
    struct process *self = process_self();

    if (sig < 0 || sig > 64)
        return -EINVAL;
    if (!self || self->pid->id != pid)
        return signal_kill_found(pid, sig, info);
    return sig ? signal_send_process(self, sig, info) : 0;
}

int signal_tgkill(pid_t tgid, pid_t tid, int sig, struct siginfo *info)
{
    struct task *t;
    int err = -ESRCH;

    if (sig < 0 || sig > 64 || tid <= 0 || tgid < 0)
        return -EINVAL;
    spin_lock(&proctree_lock);
    t = task_find(tid);
    if (t && (!tgid || t->proc->pid->id == tgid)) {
        err = signal_permitted_locked(t->proc, sig) ? 0 : -EPERM;
        if (!err && sig)
            err = signal_send(t->proc, t, sig, info);
    }
    spin_unlock(&proctree_lock);
    return err;
}

static struct sigqueue *queue_find(struct sigpending *pending, int sig)
{
    struct sigqueue *q;

    LIST_FOR_EACH (q, &pending->queue, link)
        if (q->sig == sig)
            return q;
    return NULL;
}

static __attribute__((noinline)) int queue_take(struct sigpending *pending, int sig,
                                                struct siginfo *info)
{
    struct sigqueue *q = queue_find(pending, sig);

    if (q) {
        *siginfo_used(info) = q->info;
        sigqueue_free(q);
    } else {
        siginfo_kernel(info, sig, SI_USER);
    }
    if (sig < SIGRTMIN || !queue_find(pending, sig))
        store_relaxed(&pending->set, pending->set & ~SIGMASK(sig));
    return sig;
}

static struct siginfo *info_of_timer(struct siginfo_used *used, s32 timer)
{
    struct siginfo *info = (struct siginfo *)used;

    return info->si_code == SI_TIMER && info->si_timerid == timer ? info : NULL;
}

struct siginfo *signal_timer_locked(struct sigpending *pending, int sig, s32 timer)
{
    struct siginfo *info = NULL;
    struct sigqueue *q;

    if (pending->first == sig)
        info = info_of_timer(&pending->info, timer);
    if (info || !(pending->set & SIGMASK(sig)))
        return info;
    LIST_FOR_EACH (q, &pending->queue, link)
        if (q->sig == sig && (info = info_of_timer(&q->info, timer)))
            break;
    return info;
}

int signal_dequeue_locked(struct task *t, u64 from, struct siginfo *info)
{
    struct sigpending *pending = t->pending.set & from ? &t->pending : &t->proc->pending;
    u64 set = pending->set & from, first = set & SIG_MASK_FAULT;
    int sig;

    assert(lock_held(&t->proc->siglock));
    if (!set)
        return 0;
    sig = bit_lowest(first ? first : set) + 1;
    if (sig != pending->first)
        return queue_take(pending, sig, info);
    *siginfo_used(info) = pending->info;
    pending->first = 0;
    store_relaxed(&pending->set, pending->set & ~SIGMASK(sig));
    return sig;
}
