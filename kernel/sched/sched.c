// SPDX-License-Identifier: MIT
// The switch and the wake-up: which thread a hart runs.
//
// Each hart has a run queue and runs `current`, which is on no queue; with an empty queue it runs
// its idle thread. h->lock (RANK_RUNQ, interrupts off) guards both, and the scheduling fields of
// all threads whose arch.hart is this hart; arch.hart changes under that lock only.
//
// No thread runs twice. `on_hart` is true from when a thread is picked until its registers are
// saved. The lock is not held across the switch; a thread that is woken in that gap is queued on
// the hart that is saving it, which cannot pick again before the save is done; and thieves pass
// over threads with on_hart set. So nobody ever waits for a save.
//
//     sleeper                               waker
//     state = SLEEP                         condition = true
//     full barrier (sched_set_state)        full barrier (sched_wake)
//     condition? no: sched_switch           state is a sleep? then lock, look again, RUNNING
//
// One of the two sees the other's store. If the waker is first, sched_switch finds RUNNING.
// A thread that is preempted between setting its state and sleeping stays queued whatever its
// state.
//
// Ticks. A hart that runs a thread has one pending, a hart that idles arms none: the last one finds
// nothing to do. So threads that wake each other in turn arm one tick a slice, not one a switch.
// Ticks come at multiples of the slice, whenever threads start, and so are fair samples of what
// they do: each says whether the thread's time until the next is user or system time. A reading
// between two ticks is thus final.
//
// Death. A dying thread sets DEAD and switches; whatever runs next drops its last own reference,
// on its own stack.
//
// Rejected: holding the lock across the switch (the debug record of held locks is per thread).
#include "sched/sched.h"
#include "arch/smp.h"
#include "arch/upcalls.h"
#include "base/panic.h"
#include "lib/bitmap.h"
#include "sched/hart.h"
#include "sched/timer.h"

#define LOCK_TRIES 100000

struct sched_hart *sched_harts;
u64 sched_online;
u64 sched_idle_mask;
u64 sched_busy_mask;
struct thread_hooks thread_hooks;

/* Queues */

static inline void busy_update(struct sched_hart *h)
{
    bool busy = h->rq.count > 0;

    if (hart_count == 1 || (load_relaxed(&sched_busy_mask) >> h->index & 1) == busy)
        return;
    if (busy)
        atomic_fetch_or(&sched_busy_mask, BIT(h->index));
    else
        atomic_fetch_and(&sched_busy_mask, ~BIT(h->index));
}

void sched_need_tick(struct sched_hart *h, ns_t now)
{
    if (likely(h->tick != NS_NEVER) || h->current == h->idle)
        return;
    h->tick = now - now % RUNQ_SLICE + RUNQ_SLICE;
    h->tick_armed = now;
    timers_set_tick(h->tick);
}

void sched_insert(struct sched_hart *h, struct thread *t, bool head)
{
    t->moving = false;
    runq_insert(&h->rq, t, head);
    busy_update(h);
}

void sched_remove(struct sched_hart *h, struct thread *t)
{
    runq_remove(&h->rq, t);
    busy_update(h);
}

void sched_move(struct sched_hart *from, struct sched_hart *to, struct thread *t)
{
    t->vruntime += load_relaxed(&to->rq.floor) - from->rq.floor;
    t->moving = true;
    store_relaxed(&t->arch.hart, to->index);
    if (t->restarts)
        atomic_fetch_or(&t->arch.work, WORK_RSEQ);
}

void sched_kick(struct sched_hart *h)
{
    u32 work = 0;

    if (h->current != h->idle)
        work = atomic_fetch_or(&h->current->arch.work, WORK_RESCHED);
    if (!(work & WORK_RESCHED) && h->index != hart_index())
        smp_reschedule(h->index);
}

// Who never lets go of the lock does not change `current` either.
struct thread *sched_current_get(unsigned hart)
{
    struct sched_hart *h = &sched_harts[hart];
    irqflags_t irq = irq_save();
    unsigned tries = LOCK_TRIES;
    struct thread *t;
    bool locked;

    while (!(locked = spin_trylock(&h->lock)) && --tries)
        smp_serve();
    t = READ_ONCE(h->current);
    thread_get(t);
    if (locked)
        hart_unlock(h);
    irq_restore(irq);
    return t;
}

/* The switch */

// prev goes on: queues it, or has it leave the hart if it may not stay.
static void requeue(struct sched_hart *h, struct thread *prev, bool preempted)
{
    u64 allowed = prev->affinity & load_relaxed(&sched_online);

    if (unlikely(allowed && !(allowed >> h->index & 1)))
        h->evicted = prev;
    else
        runq_insert(&h->rq, prev, preempted && !prev->turn_over);
    prev->turn_over = false;
}

static struct thread *pick(struct sched_hart *h, struct thread *prev, bool preempted)
{
    struct thread *next;

    if (unlikely(prev == h->idle))
        ;
    else if (preempted || prev->state == THREAD_RUNNING)
        requeue(h, prev, preempted);
    else
        prev->voluntary_switches++;
    next = runq_pop(&h->rq);
    busy_update(h);
    return likely(next) ? next : h->idle;
}

void sched_evict(struct sched_hart *h, struct thread *prev)
{
    h->evicted = NULL;
    hart_lock(h);
    store_release(&prev->on_hart, false);
    if (prev->queued)
        hart_unlock(h);
    else
        sched_place(h, prev, false);
}

static inline void switch_to(struct sched_hart *h, struct thread *prev, struct thread *next)
{
    h->prev = prev;
    if (next->space != prev->space && thread_hooks.switch_space)
        thread_hooks.switch_space(next);
    sched_finish_switch((struct thread *)arch_switch(&prev->arch, &next->arch));
}

static void schedule(bool preempted)
{
    irqflags_t irq = irq_save();
    struct sched_hart *h = this_hart();
    struct thread *prev = thread_self(), *next;
    ns_t now = clock_monotonic();

    hart_lock(h);
    if (load_relaxed(&prev->arch.work) & WORK_RESCHED)
        atomic_fetch_and(&prev->arch.work, ~WORK_RESCHED);
    prev->turn_over |= sched_charge(h, now);
    next = pick(h, prev, preempted);
    if (next == prev) {
        hart_unlock(h);
        irq_restore(irq);
        return;
    }
    if (prev->restarts && (preempted || prev->arch.in_fault || prev->state == THREAD_STOPPED))
        atomic_fetch_or(&prev->arch.work, WORK_RSEQ);
    h->current = next;
    h->switches++;
    next->switches++;
    next->run_start = now;
    next->on_hart = true;
    sched_need_tick(h, now);
    hart_unlock(h);
    switch_to(h, prev, next);
    irq_restore(irq);
}

void sched_switch(void)
{
    schedule(false);
}

void up_reschedule(void)
{
    schedule(true);
}

void sched_yield(void)
{
    irqflags_t irq = irq_save();
    struct sched_hart *h = this_hart();

    hart_lock(h);
    runq_defer(&h->rq, h->current);
    hart_unlock(h);
    schedule(false);
    irq_restore(irq);
}

/* The wake-up */

// An idle hart that may run t, claimed for it: its last one, else this one, else any. -1: none.
static int claim_idle(const struct thread *t, u64 allowed, unsigned last)
{
    u64 idle = load_relaxed(&sched_idle_mask) & allowed;
    unsigned self = hart_index(), hart;

    if (!idle)
        return -1;
    if (idle >> last & 1)
        hart = last;
    else if (idle >> self & 1)
        hart = self;
    else
        hart = bit_lowest(idle);
    return atomic_fetch_and(&sched_idle_mask, ~BIT(hart)) >> hart & 1 ? (int)hart : -1;
}

// The hart that t should go to; h is its last one, locked, and keeps it while it saves its
// registers.
static struct sched_hart *place_for(struct sched_hart *h, struct thread *t)
{
    u64 allowed = t->affinity & load_relaxed(&sched_online);
    int idle;

    if (hart_count == 1 || !allowed)
        return h;
    if (load_acquire(&t->on_hart)) {
        if (!(allowed >> h->index & 1))
            sched_leave(t);
        return h;
    }
    idle = claim_idle(t, allowed, h->index);
    if (idle >= 0)
        return &sched_harts[idle];
    return allowed >> h->index & 1 ? h : &sched_harts[bit_lowest(allowed)];
}

void sched_place(struct sched_hart *h, struct thread *t, bool slept)
{
    struct sched_hart *to = place_for(h, t);

    if (to != h) {
        sched_move(h, to, t);
        hart_unlock(h);
        hart_lock(to);
    }
    runq_place(&to->rq, t, slept);
    sched_insert(to, t, false);
    if (to->current == to->idle || runq_preempts(t, to->current))
        sched_kick(to);
    hart_unlock(to);
}

bool sched_wake(struct thread *t, unsigned states)
{
    irqflags_t irq;
    struct sched_hart *h;
    u32 state;

    smp_mb();
    if (!(BIT(load_relaxed(&t->state)) & states))
        return false;
    irq = irq_save();
    h = sched_lock_thread(t);
    state = t->state;
    if (unlikely(!(BIT(state) & states))) {
        hart_unlock(h);
        irq_restore(irq);
        return false;
    }
    store_relaxed(&t->state, THREAD_RUNNING);
    if (unlikely(t->queued || t->moving || h->current == t))
        hart_unlock(h);
    else
        sched_place(h, t, state != THREAD_NEW);
    irq_restore(irq);
    if (irq && unlikely(READ_ONCE(arch_self()->work) & WORK_RESCHED) && !arch_self()->preempt)
        up_reschedule();
    return true;
}

/* Interrupts */

// Gives one waiting hart, if any, the chance to steal.
static void rouse_idle(struct sched_hart *h)
{
    u64 idle = load_relaxed(&sched_idle_mask), after = idle & ~((2UL << h->roused) - 1);

    if (!idle)
        return;
    h->roused = bit_lowest(after ?: idle); // in turn: some may not run what is queued
    smp_reschedule(h->roused);
}

void sched_tick(bool user)
{
    struct sched_hart *h = this_hart();
    ns_t now = clock_monotonic();
    bool over;

    if (now < h->tick)
        return;
    hart_lock(h);
    h->waited += h->rq.count * (now - h->tick_armed);
    h->tick = NS_NEVER;
    over = sched_charge(h, now);
    if (h->current != h->idle) {
        if (runq_brake(&h->rq, h->current, now))
            sched_kick(h);
        h->current->mode = user ? CPU_USER : CPU_SYSTEM;
        if (!h->rq.count)
            runq_follow(&h->rq, h->current); // it is not queued and picked again
        if (over && runq_outranks(&h->rq, h->current)) {
            h->current->turn_over = true;
            sched_kick(h);
        }
    }
    sched_need_tick(h, now);
    hart_unlock(h);
    if (h->rq.count)
        rouse_idle(h);
    sched_load_sample(now);
    if (thread_hooks.tick)
        thread_hooks.tick();
}
