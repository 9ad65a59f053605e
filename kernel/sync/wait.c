// SPDX-License-Identifier: MIT
// Wait queues: who sleeps until what.
//
// A waker takes an entry off the queue when it has woken its thread, so waking one is O(1) even
// while those woken before have not run yet. It touches the entry last by clearing `queue`: a
// waiter that finds that (wait_finish) may reuse the entry, which is on its stack, without the
// lock. An entry with a callback stays until its owner removes it.
#include "sync/wait.h"
#include "abi/errno.h"
#include "sched/timer.h"

void wait_queue_init(struct wait_queue *q)
{
    spin_init(&q->lock, RANK_WAIT);
    list_init(&q->entries);
}

/* Waking */

// True if the entry counts as woken; the lock is held.
bool wait_entry_wake(struct wait_entry *e, u64 key)
{
    if (e->wake)
        return e->wake(e, key);
    if (!sched_wake(e->thread, SLEEP_ANY))
        return false;
    list_remove(&e->link);
    store_release(&e->queue, NULL);
    return true;
}

// True if anybody was woken.
static inline bool queue_wake(struct wait_queue *q, unsigned exclusive, u64 key, bool nested)
{
    struct wait_entry *e, *next;
    bool any = false;
    irqflags_t irq;

    smp_mb();
    if (wait_queue_empty(q))
        return false;
    irq = irq_save();
    spin_take(&q->lock, nested);
    LIST_FOR_EACH_SAFE (e, next, &q->entries, link) {
        bool is_exclusive = e->exclusive, woken = wait_entry_wake(e, key);

        any |= woken;
        if (woken && is_exclusive && --exclusive == 0)
            break;
    }
    spin_unlock_irqrestore(&q->lock, irq);
    return any;
}

void wake_one(struct wait_queue *q)
{
    queue_wake(q, 1, 0, false);
}

void wake_all(struct wait_queue *q)
{
    queue_wake(q, 0, 0, false);
}

void wake_key(struct wait_queue *q, u64 key)
{
    queue_wake(q, 1, key, false);
}

bool wake_key_nested(struct wait_queue *q, u64 key)
{
    return queue_wake(q, 1, key, true);
}

void wake_next(struct wait_queue *q)
{
    queue_wake(q, 1, KEY_OF_NO_CALLBACK, false);
}

/* Waiting */

void wait_entry_init(struct wait_entry *e)
{
    e->thread = thread_self();
    e->wake = NULL;
    e->queue = NULL;
    e->exclusive = false;
    list_init(&e->link);
}

// The lock is held.
static void entry_insert(struct wait_queue *q, struct wait_entry *e)
{
    e->queue = q;
    if (e->exclusive)
        list_insert_tail(&q->entries, &e->link);
    else
        list_insert_head(&q->entries, &e->link);
}

void wait_entry_add(struct wait_queue *q, struct wait_entry *e)
{
    irqflags_t irq = spin_lock_irqsave(&q->lock);

    if (!e->queue)
        entry_insert(q, e);
    spin_unlock_irqrestore(&q->lock, irq);
}

void wait_entry_remove(struct wait_entry *e)
{
    struct wait_queue *q = load_acquire(&e->queue);
    irqflags_t irq;

    if (!q)
        return;
    irq = spin_lock_irqsave(&q->lock);
    list_remove(&e->link);
    e->queue = NULL;
    spin_unlock_irqrestore(&q->lock, irq);
}

void wait_prepare(struct wait_queue *q, struct wait_entry *e, enum wait_mode mode)
{
    struct thread *t = thread_self();

    if (DEBUG)
        lockorder_may_sleep();
    wait_entry_add(q, e);
    t->wait = e;
    sched_set_state((enum thread_state)mode);
}

void wait_finish(struct wait_queue *q, struct wait_entry *e)
{
    sched_set_state(THREAD_RUNNING);
    thread_self()->wait = NULL;
    wait_entry_remove(e);
}

/* Sleeping */

struct sleep_timer {
    struct timer timer;
    struct thread *thread;
};

static void sleep_expired(struct timer *timer)
{
    sched_wake(container_of(timer, struct sleep_timer, timer)->thread, SLEEP_ANY);
}

static int sleep_with_deadline(ns_t deadline)
{
    struct sleep_timer sleep = {.thread = thread_self()};

    timer_init(&sleep.timer, sleep_expired);
    timer_start(&sleep.timer, deadline);
    sched_switch();
    timer_cancel(&sleep.timer);
    return clock_monotonic() >= deadline_monotonic(deadline) ? -ETIMEDOUT : 0;
}

bool wait_interrupted(enum wait_mode mode)
{
    return mode != WAIT_UNINTERRUPTIBLE && thread_hooks.interrupted &&
           thread_hooks.interrupted(thread_self(), (enum thread_state)mode);
}

int wait_sleep(enum wait_mode mode, ns_t deadline)
{
    int err = 0;

    if (wait_interrupted(mode))
        err = -EINTR;
    else if (likely(deadline == NS_NEVER))
        sched_switch();
    else if (clock_monotonic() >= deadline_monotonic(deadline))
        err = -ETIMEDOUT;
    else
        err = sleep_with_deadline(deadline);
    if (err)
        sched_set_state(THREAD_RUNNING);
    return err;
}

int sleep_until(ns_t deadline, enum wait_mode mode)
{
    int err;

    do {
        sched_set_state((enum thread_state)mode);
        err = wait_sleep(mode, deadline);
    } while (!err);
    return err == -ETIMEDOUT ? 0 : err;
}
