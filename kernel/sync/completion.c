// SPDX-License-Identifier: MIT
// Completion: an event that happens once, over a wait queue.
#include "sync/mutex.h"

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
