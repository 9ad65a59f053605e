// SPDX-License-Identifier: MIT
// Semaphore: a count that is taken or waited for.
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
