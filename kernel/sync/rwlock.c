// SPDX-License-Identifier: MIT
// Reader-writer lock: a count of readers, or RWLOCK_WRITER.
//
// Readers add 1 first and look afterwards; one that finds a writer takes its 1 back and sleeps. A
// writer changes 0 to RWLOCK_WRITER. Waiting writers (exclusive entries) hold up readers that come
// later, but not those that waited once already: so neither side starves the other. Every release
// that lets somebody in wakes all waiting readers and one writer, who try again. A thread that has
// the lock for reading must not take it again: a writer that waits in between would stop both.
#include "base/lockstat.h"
#include "base/panic.h"
#include "sync/mutex.h"

#define RWLOCK_WRITER 0x80000000U

void rwlock_init(struct rwlock *l, enum lock_rank rank)
{
    *l = (struct rwlock){.rank = rank};
    wait_queue_init(&l->queue);
}

/* Readers */

static inline bool reader_take(struct rwlock *l, bool waited)
{
    u32 old = atomic_fetch_add(&l->state, 1);

    if (likely(!(old & RWLOCK_WRITER) && (waited || !load_relaxed(&l->writers_waiting))))
        return true;
    if (atomic_fetch_sub(&l->state, 1) == 1)
        wake_one(&l->queue); // a writer may have met this 1
    return false;
}

static inline bool reader_may_try(struct rwlock *l)
{
    return !(load_relaxed(&l->state) & RWLOCK_WRITER) && reader_take(l, true);
}

// Of its own, so that read_lock needs no large stack frame.
static __attribute__((noinline)) void read_lock_slow(struct rwlock *l)
{
    struct wait_entry e;

    if (DEBUG)
        lockstat_contended(l->rank, 0);
    if (!(load_relaxed(&l->state) & RWLOCK_WRITER)) { // held up by waiting writers: wait once
        wait_entry_init(&e);
        wait_prepare(&l->queue, &e, WAIT_UNINTERRUPTIBLE);
        if (load_relaxed(&l->writers_waiting) && load_relaxed(&l->state))
            (void)wait_sleep(WAIT_UNINTERRUPTIBLE, NS_NEVER);
        wait_finish(&l->queue, &e);
    }
    (void)wait_event(&l->queue, reader_may_try(l), WAIT_UNINTERRUPTIBLE, NS_NEVER);
}

void read_lock(struct rwlock *l)
{
    if (DEBUG)
        lockorder_may_sleep();
    if (unlikely(!reader_take(l, false)))
        read_lock_slow(l);
    if (DEBUG)
        lockorder_acquire(l->rank, l, false);
}

void read_unlock(struct rwlock *l)
{
    if (DEBUG)
        lockorder_release(l->rank, l);
    if (atomic_fetch_sub(&l->state, 1) == 1 && unlikely(load_relaxed(&l->writers_waiting)))
        wake_one(&l->queue);
}

/* Writers */

static inline bool writer_take(struct rwlock *l)
{
    u32 nobody = 0;

    if (!__atomic_compare_exchange_n(&l->state, &nobody, RWLOCK_WRITER, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST))
        return false;
    store_relaxed(&l->owner, thread_self());
    return true;
}

static void write_lock_slow(struct rwlock *l)
{
    verify(!write_held(l));
    if (DEBUG)
        lockstat_contended(l->rank, 0);
    atomic_fetch_add(&l->writers_waiting, 1);
    (void)wait_event_exclusive(&l->queue, writer_take(l), WAIT_UNINTERRUPTIBLE, NS_NEVER);
    atomic_fetch_sub(&l->writers_waiting, 1);
}

static void write_lock_rank(struct rwlock *l, bool nested)
{
    if (DEBUG)
        lockorder_may_sleep();
    if (unlikely(!writer_take(l)))
        write_lock_slow(l);
    if (DEBUG)
        lockorder_acquire(l->rank, l, nested);
}

void write_lock(struct rwlock *l)
{
    write_lock_rank(l, false);
}

void write_lock_nested(struct rwlock *l)
{
    write_lock_rank(l, true);
}

void write_unlock(struct rwlock *l)
{
    assert(write_held(l));
    if (DEBUG)
        lockorder_release(l->rank, l);
    store_relaxed(&l->owner, NULL);
    atomic_fetch_sub(&l->state, RWLOCK_WRITER);
    wake_one(&l->queue);
}

bool write_held(const struct rwlock *l)
{
    return load_relaxed(&l->owner) == thread_self();
}
