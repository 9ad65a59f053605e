// SPDX-License-Identifier: MIT
// Interval timers (setitimer(2)): real time, and CPU time of the whole process.
//
// ITIMER_REAL is a kernel timer. The CPU kinds are looked at in the tick of a running thread, so they are
// as precise as the tick; no tick means that nothing ran.

#include "abi/errno.h"
#include "abi/time.h"
#include "proc/proc_private.h"

static ns_t timeval_to_ns(const struct timeval *tv)
{
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
    struct itimer *it = &p->itimers[which];
    irqflags_t flags;
    ns_t now, value;

    if (which < 0 || which > ITIMER_PROF || timeval_bad(&new->it_value) ||
        timeval_bad(&new->it_interval))
        return -EINVAL;
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
    return 0;
}

static void itimer_check(struct process *p, int which, int sig)
{
    struct itimer *it = &p->itimers[which];
    ns_t next = load_relaxed(&it->next), now;

    if (!next)
        return;
    now = itimer_now(p, which);
    if (now < next)
        return;
    it->next = it->interval ? now + it->interval : 0;
    signal_send_process(p, sig, NULL);
}

void itimer_cpu_check(void)
{
    struct process *p = process_self();

    if (!p)
        return;
    itimer_check(p, ITIMER_VIRTUAL, SIGVTALRM);
    itimer_check(p, ITIMER_PROF, SIGPROF);
}

void itimer_fini(struct process *p)
{
    irqflags_t flags = spin_lock_irqsave(&p->siglock);

    p->itimers[ITIMER_REAL].next = 0;
    spin_unlock_irqrestore(&p->siglock, flags);
    if (p->real_timer.fn)
        timer_cancel(&p->real_timer);
}
