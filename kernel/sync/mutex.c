// SPDX-License-Identifier: MIT
// Mutex: the owner's thread pointer, and a queue of exclusive waiters.
//
// Lock and unlock without contention are one atomic each. A waiter counts itself before it tries
// again, an unlocker frees the mutex before it reads the count, both with full barriers: so one of
// them sees the other. The lock is not handed over; a running thread may take it before the one
// that was woken, which then waits again. Rejected: handing over (each release of a contended
// lock then costs a switch before the next owner runs).
#include "sync/mutex.h"
#include "base/lockstat.h"
#include "base/panic.h"

void mutex_init(struct mutex *m, enum lock_rank rank)
{
    *m = (struct mutex){.rank = rank};
    wait_queue_init(&m->queue);
}

static inline bool mutex_take(struct mutex *m)
{
    struct thread *nobody = NULL;

    return __atomic_compare_exchange_n(&m->owner, &nobody, thread_self(), false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

static int mutex_wait(struct mutex *m, enum wait_mode mode)
{
    int err;

    verify(load_relaxed(&m->owner) != thread_self());
    if (DEBUG)
        lockstat_contended(m->rank, 0);
    atomic_fetch_add(&m->waiters, 1);
    err = wait_event_exclusive(&m->queue, mutex_take(m), mode, NS_NEVER);
    atomic_fetch_sub(&m->waiters, 1);
    return err;
}

static int mutex_lock_mode(struct mutex *m, enum wait_mode mode)
{
    int err = 0;

    if (DEBUG)
        lockorder_may_sleep();
    if (unlikely(!mutex_take(m)))
        err = mutex_wait(m, mode);
    if (DEBUG && !err)
        lockorder_acquire(m->rank, m, false);
    return err;
}

void mutex_lock(struct mutex *m)
{
    mutex_lock_mode(m, WAIT_UNINTERRUPTIBLE);
}

int mutex_lock_interruptible(struct mutex *m)
{
    return mutex_lock_mode(m, WAIT_INTERRUPTIBLE);
}

bool mutex_trylock(struct mutex *m)
{
    return mutex_take(m);
}

void mutex_unlock(struct mutex *m)
{
    assert(mutex_held(m));
    if (DEBUG)
        lockorder_release(m->rank, m);
    (void)atomic_xchg(&m->owner, NULL);
    if (unlikely(load_relaxed(&m->waiters)))
        wake_one(&m->queue);
}

bool mutex_held(const struct mutex *m)
{
    return load_relaxed(&m->owner) == thread_self();
}
