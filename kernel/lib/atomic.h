// SPDX-License-Identifier: MIT
// Atomic accesses to u32, u64 and pointers shared between harts, and reference counts.
//
// Read-modify-write operations are sequentially consistent and return the old value. 8- and 16-bit
// objects are for load_* and store_* only: rv64 has no narrower read-modify-write instructions.
#pragma once

#include "lib/macro.h"
#include "lib/types.h"

#define load_relaxed(p)     __atomic_load_n(p, __ATOMIC_RELAXED)
#define store_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)

// A load_acquire that sees a store_release's value sees everything written before that store.
#define load_acquire(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

#define atomic_fetch_add(p, v) __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)
#define atomic_fetch_sub(p, v) __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST)
#define atomic_fetch_or(p, v)  __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)
#define atomic_fetch_and(p, v) __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST)
#define atomic_xchg(p, v)      __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)

// Stores `new` if *p equals `old`; true if it did. `old` is a value, not a pointer.
#ifdef __riscv
// GCC 12's 32-bit compare-and-exchange compares with an expected value that it did not sign-extend,
// as lr.w does (GCC bug 114130). Returns what was there: `old` if the store took place.
static inline u32 atomic_cas_seen_u32(u32 *p, u32 old, u32 new)
{
    s64 seen, failed, expected = (s32)old;

    __asm__ volatile("1: lr.w.aqrl %0, (%2)\n"
                     "   bne %0, %3, 2f\n"
                     "   sc.w.rl %1, %4, (%2)\n"
                     "   bnez %1, 1b\n"
                     "2:"
                     : "=&r"(seen), "=&r"(failed)
                     : "r"(p), "r"(expected), "r"(new)
                     : "memory");
    return (u32)seen;
}

static inline bool atomic_cas_u32(u32 *p, u32 old, u32 new)
{
    return atomic_cas_seen_u32(p, old, new) == old;
}

#define atomic_cas(p, old, new)                                                                \
    __builtin_choose_expr(sizeof(*(p)) == sizeof(u32),                                         \
                          atomic_cas_u32((u32 *)(p), (u32)(u64)(old), (u32)(u64)(new)), ({     \
                              __typeof__(*(p)) cas_expected = (old);                           \
                              __atomic_compare_exchange_n(p, &cas_expected, new, false,        \
                                                          __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
                          }))
#else
static inline u32 atomic_cas_seen_u32(u32 *p, u32 old, u32 new)
{
    __atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return old;
}

#define atomic_cas(p, old, new)                                                     \
    ({                                                                              \
        __typeof__(*(p)) cas_expected = (old);                                      \
        __atomic_compare_exchange_n(p, &cas_expected, new, false, __ATOMIC_SEQ_CST, \
                                    __ATOMIC_SEQ_CST);                              \
    })
#endif

// Every earlier access is seen by other harts before every later one.
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)

// The same for harts and devices, of accesses to memory and to device registers.
#ifdef __riscv
#define io_mb() __asm__ volatile("fence iorw, iorw" : : : "memory")
#else
#define io_mb() smp_mb()
#endif

struct ref {
    u32 count; // (a)
};

static inline void ref_init(struct ref *r, u32 n)
{
    store_relaxed(&r->count, n);
}

// The caller already holds a reference (or the lock under which the last one is dropped).
static inline void ref_get(struct ref *r)
{
    __atomic_fetch_add(&r->count, 1, __ATOMIC_RELAXED);
}

// For lookups that may meet an object on its way out; false if its count is already 0.
static inline bool ref_get_unless_zero(struct ref *r)
{
    u32 n = load_relaxed(&r->count);

    while (n && !__atomic_compare_exchange_n(&r->count, &n, n + 1, false, __ATOMIC_ACQUIRE,
                                             __ATOMIC_RELAXED))
        ;
    return n;
}

// True for the one caller that dropped the last reference: it frees the object.
static inline bool ref_put(struct ref *r)
{
    return __atomic_fetch_sub(&r->count, 1, __ATOMIC_ACQ_REL) == 1;
}

// False: it is the last, which the caller keeps.
static inline bool ref_put_unless_last(struct ref *r)
{
    u32 n = load_relaxed(&r->count);

    while (n > 1 && !__atomic_compare_exchange_n(&r->count, &n, n - 1, false, __ATOMIC_RELEASE,
                                                 __ATOMIC_RELAXED))
        ;
    return n > 1;
}

static inline u32 ref_read(struct ref *r)
{
    return load_relaxed(&r->count);
}

// Who has the only reference sees all that others did before they put theirs.
static inline bool ref_is_last(struct ref *r)
{
    return load_acquire(&r->count) == 1;
}
