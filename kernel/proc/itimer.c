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

    if (it->next && clock_monotonic() >= it->next) { // not disarmed or set again meanwhile
        itimer_signal_locked(p, SIGALRM);
        it->next = it->interval ? it->next + timer_steps(it->next, it->interval) * it->interval : 0;
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

// Sends the signal of a CPU timer that has run out; ns until the next look, NS_NEVER if it is off.
static ns_t cpu_timer_check_locked(struct process *p, int which, ns_t now, int sig)
{
    struct itimer *it = &p->itimers[which];

    if (it->next && now >= it->next) {
        it->next = it->interval ? now + it->interval : 0;
        itimer_signal_locked(p, sig);
    }
    return it->next ? (it->next - now) / MAX(p->task_count, 1U) : NS_NEVER;
}

static void cpu_timer_fired(struct timer *timer)
{
    struct process *p = container_of(timer, struct process, cpu_timer);
    ns_t user, system, wait;
    irqflags_t flags;

    process_times(p, &user, &system);
    flags = spin_lock_irqsave(&p->siglock);
    wait = cpu_timer_check_locked(p, ITIMER_VIRTUAL, user, SIGVTALRM);
    wait = MIN(wait, cpu_timer_check_locked(p, ITIMER_PROF, user + system, SIGPROF));
    if (wait != NS_NEVER)
        timer_start(timer, clock_monotonic() + MAX(wait, CPU_SLACK));
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
    bool real = which == ITIMER_REAL;
    struct timer *timer = real ? &p->real_timer : &p->cpu_timer;
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
    if (value) {
        if (!timer->fn)
            timer_init(timer, real ? real_timer_fired : cpu_timer_fired);
        timer_start(timer, real ? it->next : clock_monotonic() + CPU_SLACK);
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
    if (p->cpu_timer.fn)
        timer_cancel(&p->cpu_timer);
}
