// SPDX-License-Identifier: MIT
// The scheduler: per-hart run queues, a fair class (earliest virtual deadline) under a real-time
// class.
#pragma once
#include "abi/sched.h"
#include "sched/thread.h"

void sched_init(void);                // boot hart; makes the boot context the first thread
void sched_start_hart(void) NORETURN; // each hart's idle loop; the boot hart enters it last
struct thread *sched_idle_thread(unsigned hart); // made by sched_init for every hart
// What a hart runs, referenced; also of a hart that hangs with its run queue locked.
struct thread *sched_current_get(unsigned hart);

// Gives up the hart. The state was set by the caller: THREAD_RUNNING = yield, else sleep. A wake-up
// between setting the state and this call makes it return at once.
void sched_switch(void);
void sched_yield(void);
// Sets the state of the running thread before it re-checks its condition and calls sched_switch.
static inline void sched_set_state(enum thread_state state)
{
    store_relaxed(&thread_self()->state, state);
    if (state != THREAD_RUNNING)
        smp_mb();
}
// Makes t runnable if its state is in the set of bits (1 << THREAD_...); true if it did. Any
// context.
bool sched_wake(struct thread *t, unsigned states);
#define SLEEP_ANY (1 << THREAD_INTERRUPTIBLE | 1 << THREAD_KILLABLE | 1 << THREAD_UNINTERRUPTIBLE)

// Timer interrupt, of a program or of the kernel: charge, preempt if the slice is over.
void sched_tick(bool user);
void sched_set_nice(struct thread *t, int nice);
// flags: THREAD_BATCH, THREAD_RESET_ON_FORK. -EINVAL.
int sched_set_policy(struct thread *t, enum sched_policy policy, unsigned rt_priority, u8 flags);
// What sched_getscheduler(2) says: SCHED_*.
static inline int thread_policy(const struct thread *t)
{
    return t->policy_flags & THREAD_BATCH ? SCHED_BATCH : t->policy;
}

// The thread has left other harts on return; no spinlock is held. -EINVAL: no such hart.
int sched_set_affinity(struct thread *t, u64 mask);

// Processor time up to now: exact in sum, split by what ticks found. Neither part ever decreases.
void sched_times(struct thread *t, ns_t *user, ns_t *system);
void sched_hart_times(unsigned hart, ns_t times[CPU_MODES]);
// Totals for /proc/stat and /proc/loadavg.
struct sched_stats {
    u64 switches;
    u64 running; // runnable threads now
    u64 load[3]; // 1, 5, 15 minutes, 11 fractional bits
};
void sched_stats_get(struct sched_stats *out);
void sched_check(void);
