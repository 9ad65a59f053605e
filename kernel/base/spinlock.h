// SPDX-License-Identifier: MIT
// Spinlocks: test-and-test-and-set with backoff. Holding one disables preemption.
//
// A lock that an interrupt handler takes is taken with _irqsave everywhere else. With interrupts
// off a waiter still serves TLB-shootdown requests (spin_relax), so mmu_flush() cannot deadlock
// with it.
#pragma once
#include "arch/irq.h"
#include "arch/preempt.h"
#include "base/lockorder.h"
#include "lib/atomic.h"

struct spinlock {
    u32 locked; // (a)
    u16 rank;   // (c) enum lock_rank
    u16 holder; // (l) hart index + 1, debug builds
};

#define SPINLOCK_INIT(r) \
    {                    \
        .rank = (r)      \
    }

static inline void spin_init(struct spinlock *l, enum lock_rank rank)
{
    *l = (struct spinlock)SPINLOCK_INIT(rank);
}

void spin_lock_slow(struct spinlock *l);
void spin_debug_locked(struct spinlock *l, bool nested);
void spin_debug_unlock(struct spinlock *l);

static inline void spin_take(struct spinlock *l, bool nested)
{
    preempt_disable();
    if (unlikely(__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE)))
        spin_lock_slow(l);
    if (DEBUG)
        spin_debug_locked(l, nested);
}

static inline void spin_lock(struct spinlock *l)
{
    spin_take(l, false);
}

// A second lock of the same rank, in the order lockorder.h gives.
static inline void spin_lock_nested(struct spinlock *l)
{
    spin_take(l, true);
}

static inline bool spin_trylock(struct spinlock *l)
{
    preempt_disable();
    if (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE)) {
        preempt_enable();
        return false;
    }
    if (DEBUG)
        spin_debug_locked(l, false);
    return true;
}

static inline void spin_unlock(struct spinlock *l)
{
    if (DEBUG)
        spin_debug_unlock(l);
    __atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
    preempt_enable();
}

static inline irqflags_t spin_lock_irqsave(struct spinlock *l)
{
    irqflags_t flags = irq_save();

    spin_lock(l);
    return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *l, irqflags_t flags)
{
    if (DEBUG)
        spin_debug_unlock(l);
    __atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
    preempt_enable_no_resched();
    irq_restore(flags);
    if (flags && unlikely(READ_ONCE(arch_self()->work) & WORK_RESCHED) && !arch_self()->preempt)
        up_reschedule();
}

// The value of an expression over what the lock guards.
#define spin_read(lock, expression)                \
    ({                                             \
        spin_lock(lock);                           \
        __typeof__(expression) __v = (expression); \
        spin_unlock(lock);                         \
        __v;                                       \
    })

// Held by this hart (debug builds; always true otherwise). For assert in _locked functions.
static inline bool lock_held(const struct spinlock *l)
{
    return !DEBUG || l->holder == hart_index() + 1;
}
