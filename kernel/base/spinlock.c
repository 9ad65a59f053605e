// SPDX-License-Identifier: MIT
// The contended path of spinlocks, and what debug builds check of them.
#include "base/spinlock.h"
#include "arch/smp.h"
#include "base/lockstat.h"
#include "base/panic.h"

#define BACKOFF_MAX 256

void spin_lock_slow(struct spinlock *l)
{
    unsigned backoff = 1;
    u64 spins = 0;

    do {
        while (load_relaxed(&l->locked)) {
            for (unsigned i = 0; i < backoff; i++)
                barrier();
            if (backoff < BACKOFF_MAX)
                backoff *= 2;
            spins++;
            smp_serve();
        }
    } while (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE));
    if (DEBUG)
        lockstat_contended(l->rank, spins);
}

void spin_debug_locked(struct spinlock *l, bool nested)
{
    lockorder_acquire(l->rank, l, nested);
    l->holder = (u16)(hart_index() + 1);
}

void spin_debug_unlock(struct spinlock *l)
{
    if (l->holder != hart_index() + 1)
        panic("spinlock %p (rank %u) released on hart %lu, held by %d", (void *)l, l->rank,
              hart_index(), l->holder - 1);
    l->holder = 0;
    lockorder_release(l->rank, l);
}
