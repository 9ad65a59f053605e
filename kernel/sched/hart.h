// SPDX-License-Identifier: MIT
// Private to sched/: one hart's scheduler state, and what its files share.
#pragma once
#include "arch/irq.h"
#include "base/clock.h"
#include "base/spinlock.h"
#include "sched/runq.h"
#include "sched/sched.h"

struct sched_hart {
    struct spinlock lock;
    u32 index;              // (c)
    struct thread *current; // (l)
    struct thread *idle;    // (c)
    struct thread *prev;    // (h) what was switched away from, for a thread's first run
    struct thread *evicted; // (h) must leave this hart by affinity, once its registers are saved
    ns_t tick;              // (l) when the pending tick is due, NS_NEVER: none
    ns_t tick_armed;        // (l) when it was armed
    ns_t times[CPU_MODES];  // (l) up to run_start of `current`
    u64 waited;             // (l) integral over ticks of queued threads, thread-ns
    u64 switches;           // (l)
    u32 roused;             // (h) the waiting hart that was last told of queued threads
    struct runq rq;         // (l)
};

extern struct sched_hart *sched_harts; // (c) one per hart
extern u64 sched_online;               // (a) bit per hart that schedules
extern u64 sched_idle_mask;            // (a) bit per hart that waits for work
extern u64 sched_busy_mask;            // (a) bit per hart that has threads queued

static inline struct sched_hart *this_hart(void)
{
    return &sched_harts[hart_index()];
}

// With interrupts off throughout: no preemption point on release.
static inline void hart_lock(struct sched_hart *h)
{
    spin_lock(&h->lock);
}

static inline void hart_unlock(struct sched_hart *h)
{
    spin_unlock_irqrestore(&h->lock, 0);
}

// Locks the hart whose queue t belongs to; interrupts are off.
static inline struct sched_hart *sched_lock_thread(struct thread *t)
{
    for (;;) {
        u32 hart = load_relaxed(&t->arch.hart);
        struct sched_hart *h = &sched_harts[hart];

        hart_lock(h);
        if (likely(load_relaxed(&t->arch.hart) == hart))
            return h;
        hart_unlock(h);
    }
}

// Queue changes; h->lock is held.
void sched_insert(struct sched_hart *h, struct thread *t, bool head);
void sched_remove(struct sched_hart *h, struct thread *t);
// Moves a thread's virtual time from one queue's scale to another's and makes `to` its hart. The
// thread is on no queue and off its hart; from->lock is held, and given up before to->lock is
// taken: `moving` keeps wakers away until sched_insert.
void sched_move(struct sched_hart *from, struct sched_hart *to, struct thread *t);
// Starts the tick of this hart if it runs a thread and none is pending; h->lock is held.
void sched_need_tick(struct sched_hart *h, ns_t now);
// Makes the current thread of h give way soon; h->lock is held.
void sched_kick(struct sched_hart *h);
// Makes a thread that is off its hart, or about to be, choose again before it next runs its
// program: it may not be where it will wake. Its hart's lock is held.
static inline void sched_leave(struct thread *t)
{
    atomic_fetch_or(&t->arch.work, WORK_RESCHED);
}

// Queues a thread that is RUNNING, not queued and off its hart, where it may run. `h` is its hart,
// locked; unlocks it. Interrupts are off.
void sched_place(struct sched_hart *h, struct thread *t, bool slept);
// Changes what decides t's place on its queue, and lets its hart choose again.
void sched_change(struct thread *t, enum sched_policy policy, int nice, unsigned rt_priority);
// Counts the time of the current thread of h up to now; true if its slice is over.
static inline bool sched_charge(struct sched_hart *h, ns_t now)
{
    struct thread *t = h->current;
    ns_t delta = now - t->run_start;

    t->run_start = now;
    t->times[t->mode] += delta;
    h->times[t->mode] += delta;
    h->rq.rt_used += runq_is_rt(t) ? delta : 0;
    return runq_charge(t, delta);
}

// prev, whose registers are saved now, may not stay on h by its affinity: queues it elsewhere.
void sched_evict(struct sched_hart *h, struct thread *prev);

// The first thing that runs after a switch, with the thread switched away from.
static inline void sched_finish_switch(struct thread *prev)
{
    struct sched_hart *h = this_hart();
    bool dead = prev->state == THREAD_DEAD;

    if (unlikely(h->evicted)) {
        sched_evict(h, prev);
        return;
    }
    store_release(&prev->on_hart, false);
    if (unlikely(dead))
        thread_put(prev);
}

// Makes the cache of threads.
void threads_init(void);
// Makes the running boot context the thread `t`.
void thread_adopt(struct thread *t, const char *name);

// Updates the load averages when their period is over; no lock held.
void sched_load_sample(ns_t now);
