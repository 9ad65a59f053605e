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
    int err;

    if (DEBUG)
        lockorder_may_sleep();
    err = wait_event_exclusive(&s->queue, sem_take(s), mode, deadline);
    // Who took it on its way to sleep may have been given a wake-up as well: another's.
    if (!err && load_relaxed(&s->count) > 0)
        wake_one(&s->queue);
    return err;
}

void sem_up(struct semaphore *s)
{
    atomic_fetch_add(&s->count, 1);
    wake_one(&s->queue);
}
