// SPDX-License-Identifier: MIT
// Run-queue policy: which thread runs next, and for how long. No locks, no clock, no harts.
//
// Real-time threads run before all others: highest priority first, first come first served. Of each
// second a part is kept back for the others, so that one that never sleeps leaves a way to end it.
// Fair threads share by weight: `vruntime` is time received times 1024 / weight. A thread asks for
// one slice at a time; its deadline is the vruntime at which that slice will be used up, and the
// earliest deadline runs. `floor` follows the vruntime of what is picked, and of what runs alone: a
// thread that slept starts at most half a slice behind it, so it goes first but cannot claim the
// time it slept.
//
// All are in one order. Its first thread is held in `first`, out of the tree: a queue of one never
// touches the tree. The running thread is on no queue.
#pragma once
#include "sched/thread.h"

#define RUNQ_SLICE       4000000UL // ns of a fair thread's turn, and the bound on its wait for a tick
#define RUNQ_RR_SLICE    100000000UL // ns of a SCHED_CLASS_RT_RR turn
#define RUNQ_GRANULARITY 1000000UL   // virtual ns by which a woken thread must win to preempt
#define RUNQ_NICE_0      1024        // weight
#define RUNQ_MOVE_TRIES  8           // queued threads that a thief looks at
#define RUNQ_RT_PERIOD   1000000000UL
#define RUNQ_RT_PART     950000000UL // of it, for real-time threads while fair ones are queued

// All zero: empty.
struct runq {
    u32 count;             // threads queued
    struct thread *first;  // runs next
    struct rb_root others; // in order
    ns_t floor;
    ns_t rt_begun; // when the period at hand began
    ns_t rt_used;  // what real-time threads got of it; the scheduler adds to it
    bool braked;   // enough: fair threads go first
};

// Of a policy whose threads have a priority, 1..99.
static inline bool runq_is_rt(const struct thread *t)
{
    return t->rt_priority != 0;
}

u32 runq_weight(enum sched_policy policy, int nice);

// The parts of the functions below that a queue of one thread does not need.
void runq_tree_insert(struct runq *q, struct thread *t, bool head);
void runq_first_refill(struct runq *q);

static inline bool runq_before(ns_t a, ns_t b)
{
    return (s64)(a - b) < 0;
}

static inline ns_t runq_scale(const struct thread *t, ns_t ns)
{
    return likely(t->weight == RUNQ_NICE_0) ? ns : ns * RUNQ_NICE_0 / t->weight;
}

// The order. `head`: a real-time thread goes before its equals.
static inline bool runq_goes_before(const struct thread *t, const struct thread *other, bool head)
{
    if (unlikely(t->rt_priority != other->rt_priority))
        return t->rt_priority > other->rt_priority;
    return unlikely(runq_is_rt(t)) ? head : runq_before(t->deadline, other->deadline);
}

static inline void runq_insert(struct runq *q, struct thread *t, bool head)
{
    struct thread *first = q->first;

    t->queued = true;
    q->count++;
    if (!first) {
        q->first = t;
    } else if (runq_goes_before(t, first, head)) {
        q->first = t;
        runq_tree_insert(q, first, true);
    } else {
        runq_tree_insert(q, t, head);
    }
}

void runq_remove(struct runq *q, struct thread *t);

// A fair thread is where the queue's time is: who comes later starts there.
static inline void runq_follow(struct runq *q, const struct thread *t)
{
    if (!runq_is_rt(t) && runq_before(q->floor, t->vruntime))
        q->floor = t->vruntime;
}

// As runq_pop, when the brake is on and the first is a real-time thread.
struct thread *runq_pop_fair(struct runq *q);

// Removes and returns the thread to run; NULL if the queue is empty.
static inline struct thread *runq_pop(struct runq *q)
{
    struct thread *t = q->first;

    if (!t)
        return NULL;
    if (unlikely(runq_is_rt(t) && q->braked))
        return runq_pop_fair(q);
    q->first = NULL;
    if (q->others.node)
        runq_first_refill(q);
    t->queued = false;
    q->count--;
    runq_follow(q, t);
    return t;
}

// Gives a thread that is about to be queued its virtual times; `slept`: with a sleeper's credit.
static inline void runq_place(struct runq *q, struct thread *t, bool slept)
{
    ns_t start = q->floor - (slept ? RUNQ_SLICE / 2 : 0);

    t->slice_left = t->policy == SCHED_CLASS_RT_RR ? RUNQ_RR_SLICE : RUNQ_SLICE;
    t->turn_over = false;
    if (runq_before(t->vruntime, start))
        t->vruntime = start;
    t->deadline = t->vruntime + runq_scale(t, RUNQ_SLICE);
}

// Counts `delta` ns of running; true if the slice is over (the next one has begun then). A turn
// before the fair threads is none of their time: it is not held against who becomes one of them. A
// fair thread that is lent a priority runs as SCHED_FIFO.
static inline bool runq_charge(struct thread *t, ns_t delta)
{
    bool rt = runq_is_rt(t);

    if (likely(!rt))
        t->vruntime += runq_scale(t, delta);
    if (likely(delta < t->slice_left)) {
        t->slice_left -= delta;
        return false;
    }
    if (rt && t->policy != SCHED_CLASS_RT_RR)
        return false;
    t->slice_left = t->policy == SCHED_CLASS_RT_RR ? RUNQ_RR_SLICE : RUNQ_SLICE;
    t->deadline = t->vruntime + runq_scale(t, RUNQ_SLICE);
    return true;
}

// A woken thread `t` is better placed than `current` by a margin.
static inline bool runq_preempts(const struct thread *t, const struct thread *current)
{
    if (unlikely(runq_is_rt(t) || runq_is_rt(current)))
        return t->rt_priority > current->rt_priority;
    return runq_before(t->deadline + RUNQ_GRANULARITY, current->deadline);
}

// Lets the first of the other queued threads go before t, which is not queued.
void runq_defer(struct runq *q, struct thread *t);
// Some queued thread should run instead of `current`, whose slice is over.
bool runq_outranks(const struct runq *q, const struct thread *current);
// `current` runs, now being a monotonic time, and rt_used is up to date: true if it should give way
// because real-time threads have had their part of the period, or get it again.
bool runq_brake(struct runq *q, const struct thread *current, ns_t now);
// A queued thread that may run on `hart` and has left its last hart, among the first few; NULL if
// there is none.
struct thread *runq_find_movable(struct runq *q, unsigned hart);

// True if every invariant holds; O(n).
bool runq_check(const struct runq *q);
