// SPDX-License-Identifier: MIT
// Run-queue policy: real-time levels above virtual deadlines.
#include "sched/runq.h"
#include "lib/bitmap.h"

#define WEIGHT_IDLE 3

void runq_init(struct runq *q)
{
    *q = (struct runq){0};
    for (unsigned level = 0; level < RUNQ_RT_LEVELS; level++)
        list_init(&q->rt[level]);
}

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

static inline struct thread *fair_thread(struct rb_node *n)
{
    return n ? container_of(n, struct thread, fair_node) : NULL;
}

static inline unsigned rt_level(const struct thread *t)
{
    return RUNQ_RT_LEVELS - 1 - t->rt_priority;
}

/* Queueing */

void runq_tree_insert(struct runq *q, struct thread *t)
{
    struct rb_node **link = &q->fair.node, *parent = NULL;

    while (*link) {
        parent = *link;
        link = runq_before(t->deadline, fair_thread(parent)->deadline) ? &parent->left
                                                                       : &parent->right;
    }
    rb_link(&q->fair, &t->fair_node, parent, link);
}

void runq_first_refill(struct runq *q)
{
    q->first = q->fair.node ? fair_thread(rb_first(&q->fair)) : NULL;
    if (q->first)
        rb_remove(&q->fair, &q->first->fair_node);
}

void runq_rt_insert(struct runq *q, struct thread *t, bool head)
{
    unsigned level = rt_level(t);

    if (head)
        list_insert_head(&q->rt[level], &t->rt_node);
    else
        list_insert_tail(&q->rt[level], &t->rt_node);
    bitmap_set(q->rt_levels, level);
    q->rt_count++;
}

static void rt_remove(struct runq *q, struct thread *t)
{
    unsigned level = rt_level(t);

    list_remove(&t->rt_node);
    if (list_empty(&q->rt[level]))
        bitmap_clear(q->rt_levels, level);
    q->rt_count--;
}

static struct thread *rt_first(const struct runq *q)
{
    u64 high = q->rt_levels[0];
    unsigned level = high ? bit_lowest(high) : 64 + bit_lowest(q->rt_levels[1]);

    return container_of(q->rt[level].next, struct thread, rt_node);
}

void runq_remove(struct runq *q, struct thread *t)
{
    t->queued = false;
    q->count--;
    if (runq_is_rt(t))
        rt_remove(q, t);
    else if (t == q->first)
        runq_first_refill(q);
    else
        rb_remove(&q->fair, &t->fair_node);
}

struct thread *runq_rt_pop(struct runq *q)
{
    struct thread *t = rt_first(q);

    runq_remove(q, t);
    return t;
}

/* Choices */

void runq_defer(struct runq *q, struct thread *t)
{
    if (q->first && !runq_is_rt(t) && !runq_before(q->first->deadline, t->deadline))
        t->deadline = q->first->deadline + 1;
}

bool runq_outranks(const struct runq *q, const struct thread *current)
{
    if (q->rt_count)
        return runq_rank(rt_first(q)) >= runq_rank(current);
    return q->first && !runq_is_rt(current);
}

static inline bool movable(const struct thread *t, unsigned hart)
{
    return t->affinity >> hart & 1 && !load_acquire(&t->on_hart);
}

struct thread *runq_find_movable(struct runq *q, unsigned hart)
{
    struct thread *t;
    struct rb_node *n;
    unsigned tries = RUNQ_MOVE_TRIES;

    if (q->rt_count) {
        LIST_FOR_EACH (t, &q->rt[rt_level(rt_first(q))], rt_node) {
            if (movable(t, hart))
                return t;
            if (--tries == 0)
                return NULL;
        }
    }
    if (q->first && movable(q->first, hart))
        return q->first;
    for (n = rb_first(&q->fair); n && tries-- > 0; n = rb_next(n))
        if (movable(fair_thread(n), hart))
            return fair_thread(n);
    return NULL;
}

/* Checks */

static bool fair_check(const struct runq *q, u32 *count)
{
    const struct thread *previous = q->first;

    if (!rb_check(&q->fair) || (!previous && q->fair.node))
        return false;
    if (previous && (!previous->queued || runq_is_rt(previous)))
        return false;
    *count += previous != NULL;
    for (struct rb_node *n = rb_first(&q->fair); n; n = rb_next(n)) {
        const struct thread *t = fair_thread(n);

        if (!t->queued || runq_is_rt(t) || runq_before(t->deadline, previous->deadline))
            return false;
        previous = t;
        *count += 1;
    }
    return true;
}

bool runq_check(const struct runq *q)
{
    u32 rt = 0, fair = 0;

    for (unsigned level = 0; level < RUNQ_RT_LEVELS; level++) {
        const struct thread *t;

        if (list_empty(&q->rt[level]) == bitmap_test(q->rt_levels, level))
            return false;
        LIST_FOR_EACH (t, &q->rt[level], rt_node) {
            if (!t->queued || !runq_is_rt(t) || rt_level(t) != level)
                return false;
            rt++;
        }
    }
    return fair_check(q, &fair) && rt == q->rt_count && rt + fair == q->count;
}
