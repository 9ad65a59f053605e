// SPDX-License-Identifier: MIT
// Futexes: sleep on a user word while it holds a value.
//
// A waiter hashes the word's key to a bucket, queues itself under the bucket's lock, and reads the
// word with the lock held (the page made present before); a waker changes the word first and takes
// the lock to look for waiters. So either the waiter sees the new value, or the waker sees the
// waiter:
//
//      waiter                          waker
//      lock bucket                     store word
//      queue itself; load word         lock bucket (full order by the lock)
//      equal: unlock, sleep            find waiter, wake it
//      else: unqueue, -EAGAIN          unlock
//
// Rejected: one wait_queue a bucket with callbacks; waking k of many keys would walk strangers.

#include "abi/errno.h"
#include "base/panic.h"
#include "ipc/futex_private.h"
#include "lib/bitmap.h"

struct bucket futex_buckets[FUTEX_BUCKETS];

void futex_init(void)
{
    for (int i = 0; i < FUTEX_BUCKETS; i++) {
        spin_init(&futex_buckets[i].lock, RANK_FUTEX);
        list_init(&futex_buckets[i].waiters);
    }
}

int buckets_lock_if(struct bucket *a, struct bucket *b, uaddr_t addr, u32 value)
{
    u32 seen;
    int err;

    buckets_lock(a, b);
    while (copy_from_user_nofault(&seen, addr, sizeof(seen)) != sizeof(seen)) {
        buckets_unlock(a, b);
        err = get_user_u32(&seen, addr);
        if (err)
            return err;
        buckets_lock(a, b);
    }
    if (seen == value)
        return 0;
    buckets_unlock(a, b);
    return -EAGAIN;
}

// Off the queue; true if a waker had taken it off already.
static bool waiter_leave(struct waiter *w)
{
    struct bucket *b = waiter_lock(w);
    bool woken = w->woken;

    if (!woken)
        list_remove(&w->link);
    spin_unlock(&b->lock);
    return woken;
}

int futex_wait(uaddr_t addr, u32 value, u32 bitset, bool private_only, ns_t deadline)
{
    struct waiter w = {.bitset = bitset, .thread = thread_self()};
    int err;

    if (!bitset)
        return -EINVAL;
    err = futex_key(addr, private_only, &w.key);
    if (err)
        return err;
    w.bucket = bucket_of(&w.key);
    err = buckets_lock_if(w.bucket, w.bucket, addr, value);
    if (err)
        return err;
    list_insert_tail(&w.bucket->waiters, &w.link);
    spin_unlock(&w.bucket->lock);
    while (!err) {
        sched_set_state(THREAD_INTERRUPTIBLE);
        if (load_acquire(&w.woken)) {
            sched_set_state(THREAD_RUNNING);
            break;
        }
        err = wait_sleep(WAIT_INTERRUPTIBLE, deadline);
    }
    return waiter_leave(&w) ? 0 : err;
}

s64 futex_wake(uaddr_t addr, u32 count, u32 bitset, bool private_only)
{
    struct waiter *w, *tmp;
    struct vm_key key;
    struct bucket *b;
    s64 woken = 0;
    int err;

    if (!bitset)
        return -EINVAL;
    err = futex_key(addr, private_only, &key);
    if (err)
        return err;
    b = bucket_of(&key);
    spin_lock(&b->lock);
    LIST_FOR_EACH_SAFE (w, tmp, &b->waiters, link) {
        if (woken == count)
            break;
        if (!key_equal(&w->key, &key))
            continue;
        if (!(w->bitset & bitset)) {
            if (w->bitset)
                continue;
            woken = -EINVAL; // not by hand: a lock's owner wakes who waits for it
            break;
        }
        waiter_wake_locked(w);
        woken++;
    }
    spin_unlock(&b->lock);
    return woken;
}

s64 futex_requeue(uaddr_t from, uaddr_t to, u32 wake, u32 move, const u32 *expected,
                  bool private_only)
{
    struct vm_key key, target;
    struct waiter *w, *tmp;
    struct bucket *a, *b;
    u64 done = 0;
    int err = futex_key(from, private_only, &key) ?: futex_key(to, private_only, &target);

    if (err)
        return err;
    a = bucket_of(&key);
    b = bucket_of(&target);
    if (!expected)
        buckets_lock(a, b);
    else if ((err = buckets_lock_if(a, b, from, *expected)))
        return err;
    if (key_equal(&key, &target))
        move = 0;
    LIST_FOR_EACH_SAFE (w, tmp, &a->waiters, link) {
        if (done == (u64)wake + move)
            break;
        if (!key_equal(&w->key, &key))
            continue;
        if (!w->bitset) {
            err = -EINVAL;
            break;
        }
        if (done++ < wake)
            waiter_wake_locked(w);
        else
            waiter_move_locked(w, b, &target);
    }
    buckets_unlock(a, b);
    return err ?: (s64)done;
}

// FUTEX_WAKE_OP's operation word: op(4) cmp(4) oparg(12) cmparg(12), arguments signed.
static int wake_op_apply(uaddr_t addr, u32 encoded, u32 *old)
{
    static const enum user_op ops[] = {USER_OP_SET, USER_OP_ADD, USER_OP_OR, USER_OP_ANDN,
                                       USER_OP_XOR};
    u32 op = encoded >> 28 & 7;
    s32 arg = (s32)(encoded << 8) >> 20;

    if (op >= sizeof(ops) / sizeof(ops[0]))
        return -ENOSYS;
    if (encoded >> 28 & FUTEX_OP_OPARG_SHIFT)
        arg = 1 << (arg & 31);
    return user_fetch_op_u32(addr, ops[op], arg, old);
}

static int wake_op_compare(u32 encoded, u32 old)
{
    s32 arg = (s32)(encoded << 20) >> 20, value = (s32)old;

    switch (encoded >> 24 & 15) {
    case FUTEX_OP_CMP_EQ:
        return value == arg;
    case FUTEX_OP_CMP_NE:
        return value != arg;
    case FUTEX_OP_CMP_LT:
        return value < arg;
    case FUTEX_OP_CMP_LE:
        return value <= arg;
    case FUTEX_OP_CMP_GT:
        return value > arg;
    case FUTEX_OP_CMP_GE:
        return value >= arg;
    default:
        return -ENOSYS;
    }
}

s64 futex_wake_op(uaddr_t addr1, uaddr_t addr2, u32 wake1, u32 wake2, u32 op, bool private_only)
{
    u32 old;
    s64 first, second;
    int err = wake_op_compare(op, 0), more;

    if (err >= 0)
        err = wake_op_apply(addr2, op, &old);
    if (err < 0)
        return err;
    more = wake_op_compare(op, old);
    first = futex_wake(addr1, wake1, ~0U, private_only);
    if (first < 0 || !more)
        return first;
    second = futex_wake(addr2, wake2, ~0U, private_only);
    return second < 0 ? second : first + second;
}

#define ROBUST_LIMIT 2048 // entries looked at: the list is the program's and may be a ring

// `taking`: an entry that was being taken or given up; if the word is free, its waker may have died
// before it woke.
static int robust_release(uaddr_t word, pid_t tid, bool taking)
{
    u32 value, seen, marked;

    if (get_user_u32(&value, word))
        return -EFAULT;
    if (taking && !value)
        futex_wake(word, 1, ~0U, false);
    while ((value & FUTEX_TID_MASK) == (u32)tid) {
        marked = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
        if (user_cas_u32(word, value, marked, &seen))
            return -EFAULT;
        if (seen == value) {
            if (value & FUTEX_WAITERS)
                futex_wake(word, 1, ~0U, false);
            return 0;
        }
        value = seen;
    }
    return 0;
}

// set_robust_list(2): the list head holds the first entry, the offset of the lock word in each, and
// an entry whose lock was being taken.
void futex_exit_robust(uaddr_t head, pid_t tid)
{
    u64 entry, next, offset, pending;

    if (get_user_u64(&entry, head) || get_user_u64(&offset, head + 8) ||
        get_user_u64(&pending, head + 16))
        return;
    for (int i = 0; i < ROBUST_LIMIT && entry != head; i++) {
        // Once it is released a new owner may link it elsewhere.
        bool last = get_user_u64(&next, entry & ~1UL);

        if (entry != pending && robust_release((entry & ~1UL) + offset, tid, false))
            return;
        if (last)
            break;
        entry = next;
    }
    if (pending)
        robust_release((pending & ~1UL) + offset, tid, true);
}
