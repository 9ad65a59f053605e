// SPDX-License-Identifier: MIT
// Work queues: one worker thread a hart, bound to it.
#include "sync/workqueue.h"
#include "arch/smp.h"
#include "base/panic.h"
#include "lib/format.h"
#include "sync/wait.h"

struct worker {
    struct spinlock lock;
    struct list queue; // (l) of struct work, oldest first
    struct wait_queue wait;
};

static struct worker workers[MAX_HARTS];

void work_init(struct work *w, void (*fn)(struct work *))
{
    *w = (struct work){.fn = fn};
    list_init(&w->link);
}

// Interrupts are off.
static inline void work_add(struct worker *worker, struct work *w)
{
    spin_lock_nested(&worker->lock); // of RANK_WAIT; a queue's callback may be the caller
    list_insert_tail(&worker->queue, &w->link);
    spin_unlock(&worker->lock);
}

void work_queue(struct work *w)
{
    irqflags_t irq;
    struct worker *worker;

    if (atomic_xchg(&w->pending, 1U))
        return;
    irq = irq_save();
    worker = &workers[hart_index()];
    work_add(worker, w);
    wake_one(&worker->wait);
    irq_restore(irq);
}

void work_queue_nested(struct work *w)
{
    struct worker *worker = &workers[hart_index()];

    if (atomic_xchg(&w->pending, 1U))
        return;
    work_add(worker, w);
    wake_key_nested(&worker->wait, 0);
}

static struct work *worker_next(struct worker *worker)
{
    irqflags_t irq = spin_lock_irqsave(&worker->lock);
    struct work *w = list_pop(&worker->queue, struct work, link);

    spin_unlock_irqrestore(&worker->lock, irq);
    return w;
}

// pending is cleared before the call: queueing it from then on runs it once more.
static void worker_main(void *arg)
{
    struct worker *worker = arg;
    struct work *w;

    for (;;) {
        wait_event(&worker->wait, (w = worker_next(worker)), WAIT_UNINTERRUPTIBLE, NS_NEVER);
        (void)atomic_xchg(&w->pending, 0U);
        w->fn(w);
    }
}

static void worker_start(unsigned hart)
{
    struct worker *worker = &workers[hart];
    struct thread *t;
    char name[16];

    spin_init(&worker->lock, RANK_WAIT);
    list_init(&worker->queue);
    wait_queue_init(&worker->wait);
    snformat(name, sizeof(name), "worker/%u", hart);
    if (thread_create(&t, name, worker_main, worker))
        panic("out of memory: no worker thread for hart %u", hart);
    t->cred = &cred_root;
    t->affinity = BIT(hart);
    thread_start(t);
}

void workqueue_init(void)
{
    for (unsigned hart = 0; hart < hart_count; hart++)
        worker_start(hart);
}
