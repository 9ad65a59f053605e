// SPDX-License-Identifier: MIT
// Interval timers (setitimer(2)): real time, and CPU time of the whole process.
//
// ITIMER_REAL is a kernel timer. The CPU kinds share one, which fires no later than the CPU time
// can have been used up if all threads run, looks, and is set again: precise to CPU_SLACK, and at
// that rate it also looks at a process that sleeps.

#include "abi/errno.h"
#include "abi/time.h"
#include "proc/proc_private.h"

#define CPU_SLACK (1000UL * 1000) // ns

#define FAR_FUTURE (NS_NEVER / 4) // longer times are as good as this

static ns_t timeval_to_ns(const struct timeval *tv)
{
    if ((u64)tv->tv_sec > FAR_FUTURE / NS_PER_SEC)
        return FAR_FUTURE;
    return tv->tv_sec * NS_PER_SEC + tv->tv_usec * 1000;
}

static void ns_to_timeval(ns_t ns, struct timeval *tv)
{
    tv->tv_sec = ns / NS_PER_SEC;
    tv->tv_usec = ns % NS_PER_SEC / 1000;
}

static void real_timer_fired(struct timer *timer)
{
    struct process *p = container_of(timer, struct process, real_timer);
    struct itimer *it = &p->itimers[ITIMER_REAL];
    irqflags_t flags;

    signal_send_process(p, SIGALRM, NULL);
    flags = spin_lock_irqsave(&p->siglock);
    if (it->next && it->interval) {
        ns_t now = clock_monotonic();

        it->next += it->interval;
        if (it->next < now)
            it->next = now + it->interval - (now - it->next) % it->interval;
        timer_start(timer, it->next);
    } else {
        it->next = 0;
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

// Sends the signal of a CPU timer that has run out; ns until the next look, NS_NEVER if it is off.
static ns_t cpu_timer_check(struct process *p, int which, int sig)
{
    struct itimer *it = &p->itimers[which];
    ns_t next = load_relaxed(&it->next), now;

    if (!next)
        return NS_NEVER;
    now = itimer_now(p, which);
    if (now >= next) {
        next = it->interval ? now + it->interval : 0;
        store_relaxed(&it->next, next);
        signal_send_process(p, sig, NULL);
    }
    return next ? (next - now) / MAX(p->task_count, 1U) : NS_NEVER;
}

static void cpu_timer_fired(struct timer *timer)
{
    struct process *p = container_of(timer, struct process, cpu_timer);
    ns_t user = cpu_timer_check(p, ITIMER_VIRTUAL, SIGVTALRM);
    ns_t both = cpu_timer_check(p, ITIMER_PROF, SIGPROF);
    ns_t wait = MIN(user, both);

    if (wait != NS_NEVER)
        timer_start(timer, clock_monotonic() + MAX(wait, CPU_SLACK));
}

static void itimer_read(const struct itimer *it, ns_t now, struct itimerval *out)
{
    ns_t left = it->next > now ? it->next - now : 1000;

    ns_to_timeval(it->interval, &out->it_interval);
    ns_to_timeval(it->next ? MAX(left, 1000UL) : 0, &out->it_value);
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
    if (which == ITIMER_REAL && p->real_timer.fn)
        timer_cancel(&p->real_timer);
    flags = spin_lock_irqsave(&p->siglock);
    if (old)
        itimer_read(it, now, old);
    it->interval = timeval_to_ns(&new->it_interval);
    it->next = value ? now + value : 0;
    if (which == ITIMER_REAL && value) {
        if (!p->real_timer.fn)
            timer_init(&p->real_timer, real_timer_fired);
        timer_start(&p->real_timer, it->next);
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    if (which != ITIMER_REAL && value) {
        if (!p->cpu_timer.fn)
            timer_init(&p->cpu_timer, cpu_timer_fired);
        timer_start(&p->cpu_timer, clock_monotonic() + CPU_SLACK);
    }
    return 0;
}

void itimer_fini(struct process *p)
{
    irqflags_t flags = spin_lock_irqsave(&p->siglock);

    for (int i = 0; i <= ITIMER_PROF; i++)
        p->itimers[i].next = 0;
    spin_unlock_irqrestore(&p->siglock, flags);
    if (p->real_timer.fn)
        timer_cancel(&p->real_timer);
    if (p->cpu_timer.fn)
        timer_cancel(&p->cpu_timer);
}
