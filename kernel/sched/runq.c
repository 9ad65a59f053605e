// SPDX-License-Identifier: MIT
// Run-queue policy: real-time priorities above virtual deadlines, in one order.
#include "sched/runq.h"

#define WEIGHT_IDLE 3

// Each step of nice is a factor of 1.25.
u32 runq_weight(enum sched_policy policy, int nice)
{
    u32 weight = RUNQ_NICE_0;

    if (policy == SCHED_CLASS_IDLE)
        return WEIGHT_IDLE;
    for (; nice < 0; nice++)
        weight += weight / 4;
    for (; nice > 0; nice--)
        weight -= weight / 5;
    return weight;
}

static inline struct thread *thread_of(struct rb_node *n)
{
    return container_of(n, struct thread, run_node);
}

/* Queueing */

void runq_tree_insert(struct runq *q, struct thread *t, bool head)
{
    struct rb_node **link = &q->others.node, *parent = NULL;

    while (*link) {
        parent = *link;
        link = runq_goes_before(t, thread_of(parent), head) ? &parent->left : &parent->right;
    }
    rb_link(&q->others, &t->run_node, parent, link);
}

void runq_first_refill(struct runq *q)
{
    q->first = q->others.node ? thread_of(rb_first(&q->others)) : NULL;
    if (q->first)
        rb_remove(&q->others, &q->first->run_node);
}

void runq_remove(struct runq *q, struct thread *t)
{
    t->queued = false;
    q->count--;
    if (t == q->first)
        runq_first_refill(q);
    else
        rb_remove(&q->others, &t->run_node);
}

// They come last in the order.
static struct thread *first_fair(const struct runq *q)
{
    struct rb_node *n = q->others.node, *found = NULL;

    if (q->first && !runq_is_rt(q->first))
        return q->first;
    while (n) {
        bool rt = runq_is_rt(thread_of(n));

        found = rt ? found : n;
        n = rt ? n->right : n->left;
    }
    return found ? thread_of(found) : NULL;
}

struct thread *runq_pop_fair(struct runq *q)
{
    struct thread *t = first_fair(q) ?: q->first;

    runq_remove(q, t);
    runq_follow(q, t);
    return t;
}

/* Choices */

void runq_defer(struct runq *q, struct thread *t)
{
    const struct thread *first = q->first;

    if (first && !runq_is_rt(first) && !runq_is_rt(t) && !runq_before(first->deadline, t->deadline))
        t->deadline = first->deadline + 1;
}

bool runq_outranks(const struct runq *q, const struct thread *current)
{
    return q->first && q->first->rt_priority >= current->rt_priority;
}

bool runq_brake(struct runq *q, const struct thread *current, ns_t now)
{
    if (now - q->rt_begun >= RUNQ_RT_PERIOD) {
        q->rt_begun = now;
        q->rt_used = 0;
        q->braked = false;
    }
    if (!runq_is_rt(current))
        return !q->braked && q->first && runq_is_rt(q->first);
    q->braked = q->rt_used > RUNQ_RT_PART;
    return q->braked && first_fair(q);
}

static inline bool movable(const struct thread *t, unsigned hart)
{
    return t->affinity >> hart & 1 && !load_acquire(&t->on_hart);
}

struct thread *runq_find_movable(struct runq *q, unsigned hart)
{
    unsigned tries = RUNQ_MOVE_TRIES;

    if (q->first && movable(q->first, hart))
        return q->first;
    for (struct rb_node *n = rb_first(&q->others); n && tries-- > 0; n = rb_next(n))
        if (movable(thread_of(n), hart))
            return thread_of(n);
    return NULL;
}

/* Checks */

bool runq_check(const struct runq *q)
{
    const struct thread *previous = q->first;
    u32 count = previous != NULL;

    if (!rb_check(&q->others) || (previous ? !previous->queued : q->others.node != NULL))
        return false;
    for (struct rb_node *n = rb_first(&q->others); n; n = rb_next(n)) {
        const struct thread *t = thread_of(n);

        if (!t->queued || runq_goes_before(t, previous, false))
            return false;
        previous = t;
        count++;
    }
    return count == q->count;
}
