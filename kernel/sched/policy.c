// SPDX-License-Identifier: MIT
// Changes of a thread's policy, priority, affinity; processor times.
#include "abi/errno.h"
#include "arch/irq.h"
#include "lib/string.h"
#include "sched/hart.h"
#include "sched/inherit.h"

void sched_change(struct thread *t, enum sched_policy policy, int nice, unsigned rt_priority)
{
    irqflags_t irq = irq_save();
    struct sched_hart *h = sched_lock_thread(t);
    bool queued = t->queued;

    if (queued)
        sched_remove(h, t);
    t->policy = policy;
    t->nice = nice;
    t->rt_priority = rt_priority;
    t->weight = runq_weight(policy, nice);
    runq_place(&h->rq, t, false);
    if (queued)
        sched_insert(h, t, false);
    if (queued ? h->current != h->idle && runq_preempts(t, h->current)
               : h->current == t && h->rq.count)
        sched_kick(h);
    hart_unlock(h);
    irq_restore(irq);
    preempt_disable();
    preempt_enable();
}

void sched_set_nice(struct thread *t, int nice)
{
    spin_lock(&donation_lock);
    sched_change(t, t->policy, CLAMP(nice, -20, 19), t->rt_priority);
    spin_unlock(&donation_lock);
}

int sched_set_policy(struct thread *t, enum sched_policy policy, unsigned rt_priority, u8 flags)
{
    bool rt = policy == SCHED_CLASS_RT_FIFO || policy == SCHED_CLASS_RT_RR;

    if (policy > SCHED_CLASS_IDLE || (rt ? rt_priority < 1 || rt_priority > 99 : rt_priority != 0))
        return -EINVAL;
    spin_lock(&donation_lock);
    t->policy_flags = flags;
    if (t->policy != policy || t->own_priority != rt_priority) {
        t->own_priority = rt_priority;
        sched_change(t, policy, t->nice, donation_priority_locked(t));
        if (t->donation)
            donation_update_locked(t->donation->to);
    }
    spin_unlock(&donation_lock);
    return 0;
}

// Whether t's registers are on a hart on which it may not be.
static bool is_astray(struct thread *t)
{
    const struct sched_hart *h = &sched_harts[load_relaxed(&t->arch.hart)];

    return READ_ONCE(h->current) == t && !(load_relaxed(&t->affinity) >> h->index & 1);
}

int sched_set_affinity(struct thread *t, u64 mask)
{
    irqflags_t irq;
    struct sched_hart *h;

    if (!(mask & load_relaxed(&sched_online)))
        return -EINVAL;
    irq = irq_save();
    h = sched_lock_thread(t);
    store_relaxed(&t->affinity, mask);
    if (mask >> h->index & 1) {
        hart_unlock(h);
    } else if (h->current == t) {
        sched_kick(h);
        hart_unlock(h);
    } else if (t->queued && !load_acquire(&t->on_hart)) {
        sched_remove(h, t);
        sched_place(h, t, false);
    } else {
        sched_leave(t);
        hart_unlock(h);
    }
    irq_restore(irq);
    while (is_astray(t))
        sched_yield();
    return 0;
}

/* Times */

void sched_times(struct thread *t, ns_t *user, ns_t *system)
{
    irqflags_t irq = irq_save();
    struct sched_hart *h = sched_lock_thread(t);
    ns_t now = clock_monotonic();

    *user = t->times[CPU_USER];
    *system = t->times[CPU_SYSTEM];
    if (h->current == t && now > t->run_start)
        *(t->mode == CPU_USER ? user : system) += now - t->run_start;
    hart_unlock(h);
    irq_restore(irq);
}

void sched_hart_times(unsigned hart, ns_t times[CPU_MODES])
{
    struct sched_hart *h = &sched_harts[hart];
    irqflags_t irq = spin_lock_irqsave(&h->lock);
    ns_t now = clock_monotonic();

    memcpy(times, h->times, sizeof(h->times));
    times[h->current->mode] += now - MIN(now, h->current->run_start);
    spin_unlock_irqrestore(&h->lock, irq);
}
