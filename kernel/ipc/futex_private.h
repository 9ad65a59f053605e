// SPDX-License-Identifier: MIT
// What the futexes' two files share: buckets, and who stands in them.
#pragma once
#include "abi/errno.h"
#include "abi/futex.h"
#include "arch/uaccess.h"
#include "ipc/futex.h"
#include "lib/hash.h"
#include "lib/list.h"
#include "sync/wait.h"
#include "vm/space.h"

#define FUTEX_BUCKETS 128

struct bucket {
    struct spinlock lock; // RANK_FUTEX
    struct list waiters;  // (l) struct waiter, in order of arrival
};

struct waiter {
    struct list link;      // (bucket)
    struct bucket *bucket; // (bucket) where it is queued; a requeue changes it
    struct vm_key key;     // (bucket)
    u32 bitset;            // (c) 0: the waiter is in a struct pi_waiter
    u32 woken;             // (a)
    struct thread *thread; // (c)
};

extern struct bucket futex_buckets[FUTEX_BUCKETS];

static inline struct bucket *bucket_of(const struct vm_key *key)
{
    return &futex_buckets[hash_u64(key->who + key->offset) % FUTEX_BUCKETS];
}

static inline bool key_equal(const struct vm_key *a, const struct vm_key *b)
{
    return a->who == b->who && a->offset == b->offset;
}

static inline void waiter_move_locked(struct waiter *w, struct bucket *to,
                                      const struct vm_key *target)
{
    list_remove(&w->link);
    w->key = *target;
    store_release(&w->bucket, to);
    list_insert_tail(&to->waiters, &w->link);
}

static inline int futex_key(uaddr_t addr, bool private_only, struct vm_key *key)
{
    if (!IS_ALIGNED(addr, sizeof(u32)))
        return -EINVAL;
    if (addr >= USER_TOP)
        return -EFAULT;
    return vm_key(thread_self()->space, addr, private_only, key);
}

// The bucket a waiter stands in now, locked.
static inline struct bucket *waiter_lock(struct waiter *w)
{
    for (;;) {
        struct bucket *b = load_acquire(&w->bucket);

        spin_lock(&b->lock);
        if (b == w->bucket)
            return b;
        spin_unlock(&b->lock);
    }
}

// Two buckets (which may be one), in order of address.
static inline void buckets_lock(struct bucket *a, struct bucket *b)
{
    spin_lock(a < b ? &a->lock : &b->lock);
    if (a != b)
        spin_lock_nested(a < b ? &b->lock : &a->lock);
}

static inline void buckets_unlock(struct bucket *a, struct bucket *b)
{
    spin_unlock(&a->lock);
    if (a != b)
        spin_unlock(&b->lock);
}

static inline void waiter_wake_locked(struct waiter *w)
{
    struct thread *t = w->thread;

    list_remove(&w->link);
    // Once `woken` is seen the waiter may return and its stack frame be gone.
    thread_get(t);
    store_release(&w->woken, 1);
    sched_wake(t, SLEEP_ANY);
    thread_put(t);
}

// Locks both buckets if the word holds `value`: 0, -EAGAIN, -EFAULT.
int buckets_lock_if(struct bucket *a, struct bucket *b, uaddr_t addr, u32 value);
