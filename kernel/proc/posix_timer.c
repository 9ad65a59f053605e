// SPDX-License-Identifier: MIT
// POSIX timers (timer_create(2)): a signal at a time, once or at intervals.
//
// All clocks but the CPU-time ones; expiry runs in interrupt context, re-arms the timer, and queues
// the signal at most once: expiries while it is still pending count as its overruns.

#include "abi/errno.h"
#include "abi/time.h"
#include "mm/slab.h"
#include "proc/proc_private.h"

#define POSIX_TIMERS_MAX 256 // of a process

struct posix_timer {
    struct list link; // (siglock)
    struct timer timer;
    struct process *proc; // (c)
    s32 id;               // (c)
    s32 clock;            // (c)
    s32 notify, signo;    // (c) SIGEV_*
    pid_t tid;            // (c) SIGEV_THREAD_ID
    u64 value;            // (c) sigev_value
    bool wall;            // (siglock) `next` is real time, else monotonic
    ns_t next, interval;  // (siglock) next: 0 = disarmed
    u32 overrun;          // (siglock) told by the signal that was queued last
    u32 overrun_before;   // (siglock) by the one before
};

// The timer of the running process with siglock held; NULL, and it is not, if there is none.
static struct posix_timer *timer_lock(s32 id, irqflags_t *flags)
{
    struct process *p = process_self();
    struct posix_timer *t;

    *flags = spin_lock_irqsave(&p->siglock);
    LIST_FOR_EACH (t, &p->posix_timers, link)
        if (t->id == id)
            return t;
    spin_unlock_irqrestore(&p->siglock, *flags);
    return NULL;
}

static struct task *timer_task_locked(struct posix_timer *t)
{
    struct task *task;

    if (t->notify != SIGEV_THREAD_ID)
        return NULL;
    LIST_FOR_EACH (task, &t->proc->tasks, link)
        if (task->pid->id == t->tid)
            return task;
    return NULL;
}

static ns_t timer_now_locked(const struct posix_timer *t)
{
    return t->wall ? clock_realtime() : clock_monotonic();
}

static void timer_arm_locked(struct posix_timer *t)
{
    if (t->next)
        timer_start(&t->timer, t->wall ? deadline_wall(t->next) : t->next);
}

// Sets the next expiry; how many have passed.
static u64 timer_advance_locked(struct posix_timer *t)
{
    u64 steps;

    if (!t->interval) {
        t->next = 0;
        return 1;
    }
    steps = timer_steps(timer_now_locked(t), t->next, t->interval);
    t->next += steps * t->interval;
    return steps;
}

// Its signal, if it has one and nobody has taken it yet.
static struct siginfo *timer_queued_locked(const struct posix_timer *t, struct task *task)
{
    if (t->notify == SIGEV_NONE)
        return NULL;
    return signal_timer_locked(task ? &task->pending : &t->proc->pending, t->signo, t->id);
}

static void timer_tell_locked(struct posix_timer *t, u64 steps)
{
    struct task *task = timer_task_locked(t);
    struct siginfo info, *queued;

    if (t->notify == SIGEV_NONE || (t->notify == SIGEV_THREAD_ID && !task))
        return;
    queued = timer_queued_locked(t, task);
    if (queued) {
        t->overrun = MIN(t->overrun + steps, (u64)INT32_MAX);
        queued->si_overrun = t->overrun;
        return;
    }
    t->overrun_before = t->overrun;
    t->overrun = MIN(steps - 1, (u64)INT32_MAX);
    siginfo_kernel(&info, t->signo, SI_TIMER);
    info.si_timerid = t->id;
    info.si_value = t->value;
    info.si_overrun = t->overrun;
    signal_send_locked(t->proc, task, t->signo, &info);
}

static void timer_fired(struct timer *timer)
{
    struct posix_timer *t = container_of(timer, struct posix_timer, timer);
    struct process *p = t->proc;
    irqflags_t flags = spin_lock_irqsave(&p->siglock);

    if (t->next && timer_now_locked(t) >= t->next) // neither it nor the clock was set meanwhile
        timer_tell_locked(t, timer_advance_locked(t));
    timer_arm_locked(t);
    spin_unlock_irqrestore(&p->siglock, flags);
}

static int timer_event(struct posix_timer *t, const struct sigevent *e)
{
    t->notify = e ? e->sigev_notify : SIGEV_SIGNAL;
    t->signo = e ? e->sigev_signo : SIGALRM;
    t->value = e ? e->sigev_value : (u64)t->id;
    t->tid = e ? e->sigev_tid : 0;
    if (t->notify == SIGEV_NONE)
        return 0;
    if (t->signo < 1 || t->signo > 64)
        return -EINVAL;
    if (t->notify == SIGEV_THREAD_ID)
        return timer_task_locked(t) ? 0 : -EINVAL;
    return t->notify == SIGEV_SIGNAL ? 0 : -EINVAL;
}

s64 posix_timer_create(int clock, const struct sigevent *e)
{
    struct process *p = process_self();
    struct posix_timer *t;
    irqflags_t flags;
    s64 id;
    int err;

    if (clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID)
        return -EOPNOTSUPP;
    t = kmalloc(sizeof(*t), ALLOC_ZERO);
    if (!t)
        return -EAGAIN;
    t->proc = p;
    t->clock = clock;
    timer_init(&t->timer, timer_fired);
    flags = spin_lock_irqsave(&p->siglock);
    id = t->id = p->next_timer_id++;
    err = p->posix_timer_count >= POSIX_TIMERS_MAX ? -EAGAIN : timer_event(t, e);
    if (!err) {
        list_insert_tail(&p->posix_timers, &t->link);
        p->posix_timer_count++;
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    if (!err)
        return id;
    kfree(t);
    return err;
}

static void timer_read_locked(const struct posix_timer *t, ns_t *left, ns_t *interval)
{
    ns_t now = timer_now_locked(t);

    *interval = t->interval;
    *left = !t->next ? 0 : t->next > now ? t->next - now : 1;
}

int posix_timer_set(s32 id, bool absolute, ns_t value, ns_t interval, ns_t *left,
                    ns_t *old_interval)
{
    irqflags_t flags;
    struct posix_timer *t = timer_lock(id, &flags);

    if (!t)
        return -EINVAL;
    timer_read_locked(t, left, old_interval);
    value = MIN(value, FAR_FUTURE);
    t->interval = MIN(interval, FAR_FUTURE);
    t->overrun = t->overrun_before = 0;
    t->wall = absolute && (t->clock == CLOCK_REALTIME || t->clock == CLOCK_TAI);
    t->next = value && !absolute ? clock_monotonic() + value : value;
    timer_arm_locked(t);
    spin_unlock_irqrestore(&t->proc->siglock, flags);
    return 0;
}

int posix_timer_get(s32 id, ns_t *left, ns_t *interval)
{
    irqflags_t flags;
    struct posix_timer *t = timer_lock(id, &flags);

    if (!t)
        return -EINVAL;
    timer_read_locked(t, left, interval);
    spin_unlock_irqrestore(&t->proc->siglock, flags);
    return 0;
}

s64 posix_timer_overrun(s32 id)
{
    irqflags_t flags;
    struct posix_timer *t = timer_lock(id, &flags);
    s64 ret;

    if (!t)
        return -EINVAL;
    ret = timer_queued_locked(t, timer_task_locked(t)) ? t->overrun_before : t->overrun;
    spin_unlock_irqrestore(&t->proc->siglock, flags);
    return ret;
}

int posix_timer_delete(s32 id)
{
    irqflags_t flags;
    struct posix_timer *t = timer_lock(id, &flags);

    if (!t)
        return -EINVAL;
    list_remove(&t->link);
    t->next = 0; // a callback that waits for the lock does not arm it again
    t->proc->posix_timer_count--;
    spin_unlock_irqrestore(&t->proc->siglock, flags);
    timer_cancel(&t->timer);
    kfree(t);
    return 0;
}

void posix_timers_fini(struct process *p)
{
    struct posix_timer *t;

    while ((t = list_first(&p->posix_timers, struct posix_timer, link)))
        posix_timer_delete(t->id);
}
