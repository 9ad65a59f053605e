// SPDX-License-Identifier: MIT
// Reader-writer lock: a count of readers, or RWLOCK_WRITER.
//
// Readers add 1 first and look afterwards; one that finds a writer takes its 1 back and sleeps. A
// writer changes 0 to RWLOCK_WRITER. Waiting writers (exclusive entries) hold up readers that come
// later, but not those that waited once already: so neither side starves the other. Every release
// that lets somebody in wakes all waiting readers and one writer, who try again. A thread that has
// the lock for reading must not take it again: a writer that waits in between would stop both.
#include "base/panic.h"
#include "sync/mutex.h"

#define RWLOCK_WRITER 0x80000000U

void rwlock_init(struct rwlock *l, enum lock_rank rank)
{
    *l = (struct rwlock){.rank = rank};
    wait_queue_init(&l->queue);
}

static void note_acquired(struct rwlock *l, bool nested)
{
    if (DEBUG)
        lockorder_acquire(l->rank, l, nested);
}

static void note_released(struct rwlock *l)
{
    if (DEBUG)
        lockorder_release(l->rank, l);
}

static inline void rwlock_wake(struct rwlock *l)
{
    wake_one(&l->queue);
}

/* Readers */

static inline bool reader_take(struct rwlock *l, bool waited)
{
    u32 old = atomic_fetch_add(&l->state, 1);

    if (likely(!(old & RWLOCK_WRITER) && (waited || !load_relaxed(&l->writers_waiting))))
        return true;
    if (atomic_fetch_sub(&l->state, 1) == 1)
        rwlock_wake(l); // a writer may have met this 1
    return false;
}

static inline bool reader_may_try(struct rwlock *l)
{
    return !(load_relaxed(&l->state) & RWLOCK_WRITER) && reader_take(l, true);
}

static int read_lock_slow(struct rwlock *l, enum wait_mode mode)
{
    struct wait_entry e;
    int err = 0;

    if (!(load_relaxed(&l->state) & RWLOCK_WRITER)) { // held up by waiting writers: wait once
        wait_entry_init(&e);
        wait_prepare(&l->queue, &e, mode);
        if (load_relaxed(&l->writers_waiting) && load_relaxed(&l->state))
            err = wait_sleep(mode, NS_NEVER);
        wait_finish(&l->queue, &e);
        if (err)
            return err;
    }
    return wait_event(&l->queue, reader_may_try(l), mode, NS_NEVER);
}

static int read_lock_mode(struct rwlock *l, enum wait_mode mode)
{
    int err = 0;

    if (DEBUG)
        lockorder_may_sleep();
    if (unlikely(!reader_take(l, false)))
        err = read_lock_slow(l, mode);
    if (!err)
        note_acquired(l, false);
    return err;
}

void read_lock(struct rwlock *l)
{
    read_lock_mode(l, WAIT_UNINTERRUPTIBLE);
}

int read_lock_killable(struct rwlock *l)
{
    return read_lock_mode(l, WAIT_KILLABLE);
}

bool read_trylock(struct rwlock *l)
{
    if (!reader_take(l, false))
        return false;
    note_acquired(l, true);
    return true;
}

void read_unlock(struct rwlock *l)
{
    note_released(l);
    if (atomic_fetch_sub(&l->state, 1) == 1 && unlikely(load_relaxed(&l->writers_waiting)))
        rwlock_wake(l);
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

static int write_lock_slow(struct rwlock *l, enum wait_mode mode)
{
    int err;

    verify(!write_held(l));
    atomic_fetch_add(&l->writers_waiting, 1);
    err = wait_event_exclusive(&l->queue, writer_take(l), mode, NS_NEVER);
    if (atomic_fetch_sub(&l->writers_waiting, 1) == 1 && err)
        rwlock_wake(l); // readers that this writer held up
    return err;
}

static int write_lock_mode(struct rwlock *l, enum wait_mode mode, bool nested)
{
    int err = 0;

    if (DEBUG)
        lockorder_may_sleep();
    if (unlikely(!writer_take(l)))
        err = write_lock_slow(l, mode);
    if (!err)
        note_acquired(l, nested);
    return err;
}

void write_lock(struct rwlock *l)
{
    write_lock_mode(l, WAIT_UNINTERRUPTIBLE, false);
}

int write_lock_killable(struct rwlock *l)
{
    return write_lock_mode(l, WAIT_KILLABLE, false);
}

void write_lock_nested(struct rwlock *l)
{
    write_lock_mode(l, WAIT_UNINTERRUPTIBLE, true);
}

bool write_trylock(struct rwlock *l)
{
    if (!writer_take(l))
        return false;
    note_acquired(l, true);
    return true;
}

void write_unlock(struct rwlock *l)
{
    assert(write_held(l));
    note_released(l);
    store_relaxed(&l->owner, NULL);
    atomic_fetch_sub(&l->state, RWLOCK_WRITER);
    rwlock_wake(l);
}

void write_downgrade(struct rwlock *l)
{
    assert(write_held(l));
    store_relaxed(&l->owner, NULL);
    atomic_fetch_sub(&l->state, RWLOCK_WRITER - 1);
    rwlock_wake(l);
}

bool write_held(const struct rwlock *l)
{
    return load_relaxed(&l->owner) == thread_self();
}
