// SPDX-License-Identifier: MIT
// Semaphore and completion, over wait queues.
#include "sync/mutex.h"

void sem_init(struct semaphore *s, int count)
{
    s->count = count;
    wait_queue_init(&s->queue);
}

static bool sem_take(struct semaphore *s)
{
    s32 count = load_relaxed(&s->count);

    while (count > 0) {
        if (__atomic_compare_exchange_n(&s->count, &count, count - 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
            return true;
    }
    return false;
}

int sem_down(struct semaphore *s, enum wait_mode mode, ns_t deadline)
{
    if (DEBUG)
        lockorder_may_sleep();
    return wait_event_exclusive(&s->queue, sem_take(s), mode, deadline);
}

void sem_up(struct semaphore *s)
{
    atomic_fetch_add(&s->count, 1);
    wake_one(&s->queue);
}

void completion_init(struct completion *c)
{
    c->done = 0;
    wait_queue_init(&c->queue);
}

// Under the queue's lock, which a waiter takes before it returns: so the completion may be on its
// stack.
void complete_all(struct completion *c)
{
    irqflags_t irq = spin_lock_irqsave(&c->queue.lock);
    struct wait_entry *e, *next;

    store_release(&c->done, 1);
    LIST_FOR_EACH_SAFE (e, next, &c->queue.entries, link)
        wait_entry_wake(e, 0);
    spin_unlock_irqrestore(&c->queue.lock, irq);
}

int completion_wait(struct completion *c, enum wait_mode mode)
{
    int err = wait_event(&c->queue, load_acquire(&c->done), mode, NS_NEVER);
    irqflags_t irq = spin_lock_irqsave(&c->queue.lock);

    spin_unlock_irqrestore(&c->queue.lock, irq);
    return err;
}
