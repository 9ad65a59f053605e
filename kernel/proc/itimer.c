// SPDX-License-Identifier: MIT
// Interval timers (setitimer(2)): real time, and CPU time of the whole process; and limits of that.
//
// ITIMER_REAL is a kernel timer. The CPU kinds are looked at by every tick that finds a thread of
// the process running: precise to a tick, and a process that sleeps costs nothing. Its time is
// summed over all threads, so a tick before the earliest time at which one can be due does not ask
// for it.
//
// RLIMIT_RTTIME is looked at by ticks of real-time threads only. Whether one has blocked since the
// last shows in its count of voluntary switches, so that neither sleeping nor waking knows of it.

#include "abi/errno.h"
#include "abi/time.h"
#include "arch/smp.h"
#include "proc/proc_private.h"
#include "sched/runq.h"
#include "sched/sched.h"

#define RT_STEP (2 * RUNQ_SLICE) // ns that a real-time thread is taken to run between two ticks

static ns_t timeval_to_ns(const struct timeval *tv)
{
    if ((u64)tv->tv_sec > FAR_FUTURE / NS_PER_SEC)
        return FAR_FUTURE;
    return tv->tv_sec * NS_PER_SEC + tv->tv_usec * 1000;
}

static void itimer_signal_locked(struct process *p, int sig)
{
    struct siginfo info;

    siginfo_kernel(&info, sig, SI_KERNEL);
    signal_send_locked(p, NULL, sig, &info);
}

static void real_timer_fired(struct timer *timer)
{
    struct process *p = container_of(timer, struct process, real_timer);
    struct itimer *it = &p->itimers[ITIMER_REAL];
    irqflags_t flags = spin_lock_irqsave(&p->siglock);
    ns_t now = clock_monotonic();

    if (it->next && now >= it->next) { // not disarmed or set again meanwhile
        itimer_signal_locked(p, SIGALRM);
        it->next =
            it->interval ? it->next + timer_steps(now, it->next, it->interval) * it->interval : 0;
        if (it->next)
            timer_start(timer, it->next);
    }
    spin_unlock_irqrestore(&p->siglock, flags);
}

// What the timer of this kind counts: monotonic time, user time, CPU time.
static ns_t itimer_now(struct process *p, int which)
{
    ns_t user, system;

    if (which == ITIMER_REAL)
        return clock_monotonic();
    process_times(p, &user, &system);
    return which == ITIMER_VIRTUAL ? user : user + system;
}

static void cpu_timer_check_locked(struct process *p, int which, ns_t now, int sig)
{
    struct itimer *it = &p->itimers[which];

    if (!it->next || now < it->next)
        return;
    it->next = it->interval ? it->next + it->interval : 0; // a late tick's others come at the next
    itimer_signal_locked(p, sig);
}

// setrlimit(2), RLIMIT_CPU and RLIMIT_RTTIME: a signal each second from the soft limit on, up to
// the hard one.
static void limit_check_locked(struct process *p, unsigned resource, u64 used, u64 second)
{
    struct rlimit64 *limit = &p->limits[resource];

    if (used >= limit->rlim_max) {
        itimer_signal_locked(p, SIGKILL);
    } else if (used >= limit->rlim_cur) {
        store_relaxed(&limit->rlim_cur, limit->rlim_cur + second);
        itimer_signal_locked(p, SIGXCPU);
    }
}

// Since the last tick it may have had another policy for long, which does not count.
static void rt_count(struct task *t)
{
    ns_t user, system;
    u64 blocked = t->thread->voluntary_switches;

    sched_times(t->thread, &user, &system);
    t->rt.used =
        blocked == t->rt.blocked ? t->rt.used + MIN(user + system - t->rt.seen, RT_STEP) : 0;
    t->rt.seen = user + system;
    t->rt.blocked = blocked;
}

static void rt_tick(struct process *p, struct task *t)
{
    irqflags_t flags;

    if (load_relaxed(&p->limits[RLIMIT_RTTIME].rlim_cur) == RLIM_INFINITY)
        return;
    rt_count(t);
    flags = spin_lock_irqsave(&p->siglock);
    limit_check_locked(p, RLIMIT_RTTIME, t->rt.used / 1000, 1000000);
    spin_unlock_irqrestore(&p->siglock, flags);
}

static ns_t cpu_rest(ns_t next, ns_t now)
{
    return !next ? FAR_FUTURE : next > now ? next - now : 0;
}

// `now` is not after the time at which user and total were read. All harts may run the process.
static void cpu_due_set_locked(struct process *p, ns_t now, ns_t user, ns_t total)
{
    u64 limit = p->limits[RLIMIT_CPU].rlim_cur;
    ns_t rest = cpu_rest(MIN(limit, FAR_FUTURE / NS_PER_SEC) * NS_PER_SEC, total);

    rest = MIN(rest, cpu_rest(p->itimers[ITIMER_VIRTUAL].next, user));
    rest = MIN(rest, cpu_rest(p->itimers[ITIMER_PROF].next, total));
    store_relaxed(&p->cpu_due, now + rest / hart_count);
    store_release(&p->cpu_due_limit, limit);
}

void cpu_timers_tick(void)
{
    struct process *p = process_self();
    ns_t user, system, now = clock_monotonic();
    irqflags_t flags;
    u64 limit;

    if (!p)
        return;
    if (unlikely(load_relaxed(&thread_self()->own_priority)))
        rt_tick(p, task_self());
    limit = load_relaxed(&p->limits[RLIMIT_CPU].rlim_cur);
    if (!(p->itimers[ITIMER_VIRTUAL].next | p->itimers[ITIMER_PROF].next) && limit == RLIM_INFINITY)
        return;
    if (limit == load_acquire(&p->cpu_due_limit) && now < load_relaxed(&p->cpu_due))
        return;
    process_times(p, &user, &system);
    flags = spin_lock_irqsave(&p->siglock);
    cpu_timer_check_locked(p, ITIMER_VIRTUAL, user, SIGVTALRM);
    cpu_timer_check_locked(p, ITIMER_PROF, user + system, SIGPROF);
    limit_check_locked(p, RLIMIT_CPU, (user + system) / NS_PER_SEC, 1);
    cpu_due_set_locked(p, now, user, user + system);
    spin_unlock_irqrestore(&p->siglock, flags);
}

static void itimer_read(const struct itimer *it, ns_t now, struct itimerval *out)
{
    ns_t left = it->next > now ? it->next - now : 1000;

    out->it_interval = ns_timeval(it->interval);
    out->it_value = ns_timeval(it->next ? MAX(left, 1000UL) : 0);
}

int itimer_get(int which, struct itimerval *out)
{
    if (which < 0 || which > ITIMER_PROF)
        return -EINVAL;
    itimer_read(&process_self()->itimers[which], itimer_now(process_self(), which), out);
    return 0;
}

static bool timeval_bad(const struct timeval *tv)
{
    return tv->tv_sec < 0 || tv->tv_usec < 0 || tv->tv_usec >= 1000000;
}

int itimer_set(int which, const struct itimerval *new, struct itimerval *old)
{
    struct process *p = process_self();
    struct itimer *it;
    irqflags_t flags;
    ns_t now, value;

    if (which < 0 || which > ITIMER_PROF || timeval_bad(&new->it_value) ||
        timeval_bad(&new->it_interval))
        return -EINVAL;
    it = &p->itimers[which];
    now = itimer_now(p, which);
    value = timeval_to_ns(&new->it_value);
    flags = spin_lock_irqsave(&p->siglock);
    itimer_read(it, now, old);
    it->interval = timeval_to_ns(&new->it_interval);
    it->next = value ? now + value : 0;
    store_relaxed(&p->cpu_due, (ns_t)0);
    if (value && which == ITIMER_REAL) {
        if (!p->real_timer.fn)
            timer_init(&p->real_timer, real_timer_fired);
        timer_start(&p->real_timer, it->next);
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    return 0;
}

// A callback that waits for the lock does not arm its timer again.
void itimer_fini(struct process *p)
{
    irqflags_t flags = spin_lock_irqsave(&p->siglock);

    for (int i = 0; i <= ITIMER_PROF; i++)
        p->itimers[i].next = 0;
    spin_unlock_irqrestore(&p->siglock, flags);
    if (p->real_timer.fn)
        timer_cancel(&p->real_timer);
}
