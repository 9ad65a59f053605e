// SPDX-License-Identifier: MIT
// Futexes that are locks with priority inheritance.
//
// The word holds the owner's thread id, 0 if it is free, and FUTEX_WAITERS if somebody waits in the
// kernel: programs take and give up a free lock by themselves. Waiters stand in the word's bucket;
// each waits for the owner by a struct donation, and so lends it its priority (sched/inherit.h).
// Who gives up the lock writes the next owner's id into the word and wakes that one: the waiter of
// the highest priority. The lock is never free while somebody waits.
//
//      free --lock--> owned --lock (enqueue)--> owned, waiters --unlock (lock_pass)--> owned
//                                                   |                                    ^
//                                                   +--owner ends--> orphaned -----------+
//
// An owner that ends cannot reach every word it owns. It wakes all who wait for it, whose donation
// then is to nobody; the first of them to run passes the lock on in its place (orphan_pass), with
// FUTEX_OWNER_DIED in the word.
//
// Locks: bucket, then donation_lock; both are held while the word is changed, so it must be ready,
// and what the word is to be is decided before: if it has changed since it was read, try again.
//
// Rejected: an object for each contended lock (its life is hard to follow; the waiters know all);
// an unlock after which the woken one and newcomers race for the lock (it may starve the first).

#include "abi/errno.h"
#include "arch/irq.h"
#include "ipc/futex_private.h"
#include "sched/inherit.h"

#define TAKEN 1        // results of functions below, besides 0 and errors: the lock is ours
#define AGAIN (-EBUSY) // ... the word has changed, or its page has gone

struct pi_waiter {
    struct waiter w;          // its bitset is 0
    struct donation donation; // while it waits for the lock
    struct vm_key target;     // (c) the lock that it may be moved to, if it does not yet
    bool locks;               // (bucket) it waits for the lock
};

// A lock's word as it was read, and its owner.
struct pi_word {
    uaddr_t addr;         // (c)
    struct vm_key key;    // (c)
    u32 value;            // with no lock held
    struct thread *owner; // referenced; NULL: there is no such thread
};

static inline struct pi_waiter *pi_waiter_of(struct waiter *w)
{
    return container_of(w, struct pi_waiter, w);
}

static void pi_waiter_init(struct pi_waiter *p, bool locks)
{
    *p = (struct pi_waiter){.locks = locks};
    list_init(&p->w.link);
    p->w.thread = p->donation.from = thread_self();
}

/* The word */

static int word_read(struct pi_word *l)
{
    int err =
        user_prefault(l->addr, sizeof(l->value), ACCESS_WRITE) ?: get_user_u32(&l->value, l->addr);
    pid_t tid = l->value & FUTEX_TID_MASK;

    l->owner = !err && tid ? thread_hooks.lookup(tid) : NULL;
    return err;
}

static void word_put(struct pi_word *l)
{
    if (l->owner)
        thread_put(l->owner);
}

// The word, if it is ready and holds `old`, becomes `new`: 0; AGAIN.
static int word_change(uaddr_t addr, u32 old, u32 new)
{
    irqflags_t irq = irq_save();
    u32 *word = user_window(addr, sizeof(*word), ACCESS_WRITE);
    bool done = word && atomic_cas(word, old, new);

    irq_restore(irq);
    return done ? 0 : AGAIN;
}

// Whether a word says the same as its waiters of who owns it; a dying owner clears it first.
static bool word_names(u32 value, const struct thread *owner)
{
    u32 tid = value & FUTEX_TID_MASK;

    return !owner || tid == (u32)owner->tid || (!tid && (value & FUTEX_OWNER_DIED));
}

/* Who waits: the bucket and donation_lock are held */

// The waiter of highest priority, the first of several; NULL: there is none. -EINVAL if not all of
// the key's waiters wait for the lock (or, by `locks`, to be moved to it).
static int best_waiter(struct bucket *b, const struct vm_key *key, bool locks,
                       struct pi_waiter **best)
{
    struct waiter *w;

    *best = NULL;
    LIST_FOR_EACH (w, &b->waiters, link) {
        if (!key_equal(&w->key, key))
            continue;
        if (w->bitset || pi_waiter_of(w)->locks != locks)
            return -EINVAL;
        if (!*best || w->thread->rt_priority > (*best)->w.thread->rt_priority)
            *best = pi_waiter_of(w);
    }
    return 0;
}

static int enqueue(struct pi_waiter *p, const struct vm_key *key, struct thread *owner)
{
    int err = donation_begin_locked(&p->donation, owner);

    if (err)
        return err;
    waiter_move_locked(&p->w, bucket_of(key), key);
    store_release(&p->locks, true);
    return 0;
}

// p's thread takes the lock: TAKEN, with FUTEX_WAITERS if `more` will wait; or waits for it, unless
// it only tries: 0.
static int lock_or_enqueue(const struct pi_word *l, struct pi_waiter *p, bool try, bool more)
{
    u32 owner_tid = l->value & FUTEX_TID_MASK, tid = p->w.thread->tid;
    struct thread *owner = l->owner;
    struct pi_waiter *other;
    int err;

    if (owner_tid == tid)
        return -EDEADLK;
    err = best_waiter(bucket_of(&l->key), &l->key, true, &other);
    if (err)
        return err;
    if (!other && !owner_tid)
        return word_change(l->addr, l->value,
                           (l->value & FUTEX_OWNER_DIED) | (more ? FUTEX_WAITERS : 0) | tid)
                   ?: TAKEN;
    err = word_change(l->addr, l->value, l->value | FUTEX_WAITERS);
    if (err)
        return err;
    if (other && !word_names(l->value, owner = other->donation.to))
        return -EINVAL;
    if (!other && !owner)
        return -ESRCH;
    return try ? -EAGAIN : enqueue(p, &l->key, owner);
}

// `next` owns the lock, as the word says now; the others wait for it.
static void lock_pass(struct bucket *b, struct pi_waiter *next)
{
    struct waiter *w;

    LIST_FOR_EACH (w, &b->waiters, link)
        if (w != &next->w && key_equal(&w->key, &next->w.key))
            donation_move_locked(&pi_waiter_of(w)->donation, next->w.thread);
    donation_end_locked(&next->donation);
    donation_update_locked(next->w.thread);
    waiter_wake_locked(&next->w);
}

/* Waiting */

static int orphan_pass(struct pi_waiter *p, uaddr_t addr)
{
    struct pi_waiter *next;
    struct bucket *b;
    u32 value;
    int err = user_prefault(addr, sizeof(value), ACCESS_WRITE) ?: get_user_u32(&value, addr);

    if (err)
        return err;
    b = waiter_lock(&p->w);
    spin_lock(&donation_lock);
    if (!p->w.woken && !p->donation.to) {
        err = best_waiter(b, &p->w.key, true, &next);
        if (!err &&
            !word_change(addr, value, FUTEX_OWNER_DIED | FUTEX_WAITERS | next->w.thread->tid))
            lock_pass(b, next);
    }
    spin_unlock(&donation_lock);
    spin_unlock(&b->lock);
    return err;
}

static inline bool is_orphan(const struct pi_waiter *p)
{
    return load_acquire(&p->locks) && !load_relaxed(&p->donation.to);
}

// Until it owns the lock, whose word lies at `addr`: 0; or why it waits no more.
static int pi_wait(struct pi_waiter *p, uaddr_t addr, ns_t deadline)
{
    struct bucket *b;
    int err = 0;
    bool woken;

    while (!err) {
        sched_set_state(THREAD_INTERRUPTIBLE);
        if (!load_acquire(&p->w.woken) && !is_orphan(p)) {
            err = wait_sleep(WAIT_INTERRUPTIBLE, deadline);
            continue;
        }
        sched_set_state(THREAD_RUNNING);
        if (load_acquire(&p->w.woken))
            break;
        err = orphan_pass(p, addr);
    }
    b = waiter_lock(&p->w);
    spin_lock(&donation_lock);
    woken = p->w.woken;
    if (!woken) {
        list_remove(&p->w.link);
        donation_end_locked(&p->donation);
    }
    spin_unlock(&donation_lock);
    spin_unlock(&b->lock);
    return woken ? 0 : err;
}

/* Operations */

int futex_lock_pi(uaddr_t addr, bool private_only, bool try, ns_t deadline)
{
    struct pi_word l = {.addr = addr};
    struct pi_waiter p;
    struct bucket *b;
    int err = futex_key(addr, private_only, &l.key);

    if (err)
        return err;
    pi_waiter_init(&p, true);
    b = bucket_of(&l.key);
    do {
        err = word_read(&l);
        if (err)
            return err;
        spin_lock(&b->lock);
        spin_lock(&donation_lock);
        err = lock_or_enqueue(&l, &p, try, false);
        spin_unlock(&donation_lock);
        spin_unlock(&b->lock);
        word_put(&l);
    } while (err == AGAIN);
    if (err)
        return err == TAKEN ? 0 : err;
    err = pi_wait(&p, addr, deadline);
    return err == -EINTR ? -ERESTARTNOINTR : err;
}

static int unlock_locked(struct bucket *b, const struct vm_key *key, uaddr_t addr, u32 value)
{
    struct pi_waiter *next;
    int err = best_waiter(b, key, true, &next);

    if (err)
        return err;
    if (next && next->donation.to != thread_self())
        return -EINVAL;
    err = word_change(addr, value, next ? FUTEX_WAITERS | (u32)next->w.thread->tid : 0);
    if (!err && next)
        lock_pass(b, next);
    return err;
}

int futex_unlock_pi(uaddr_t addr, bool private_only)
{
    struct vm_key key;
    struct bucket *b;
    u32 value;
    int err = futex_key(addr, private_only, &key);

    if (err)
        return err;
    b = bucket_of(&key);
    do {
        err = user_prefault(addr, sizeof(value), ACCESS_WRITE) ?: get_user_u32(&value, addr);
        if (err)
            return err;
        if ((value & FUTEX_TID_MASK) != (u32)thread_self()->tid)
            return -EPERM;
        spin_lock(&b->lock);
        spin_lock(&donation_lock);
        err = unlock_locked(b, &key, addr, value);
        spin_unlock(&donation_lock);
        spin_unlock(&b->lock);
    } while (err == AGAIN);
    return err;
}

int futex_wait_requeue_pi(uaddr_t from, u32 value, uaddr_t to, bool private_only, ns_t deadline)
{
    struct pi_waiter p;
    struct bucket *b;
    int err;

    pi_waiter_init(&p, false);
    err = futex_key(from, private_only, &p.w.key) ?: futex_key(to, private_only, &p.target);
    if (err)
        return err;
    if (key_equal(&p.w.key, &p.target))
        return -EINVAL;
    b = p.w.bucket = bucket_of(&p.w.key);
    err = buckets_lock_if(b, b, from, value);
    if (err)
        return err;
    list_insert_tail(&b->waiters, &p.w.link);
    spin_unlock(&b->lock);
    err = pi_wait(&p, to, deadline);
    if (err == -EINTR)
        return p.locks ? -EAGAIN : -ERESTARTNOINTR;
    return err;
}

// The best waiter takes the lock or, as up to `move` others, waits for it from now on: how many
// these are.
static s64 requeue_locked(const struct vm_key *from, const struct pi_word *l, u32 move)
{
    struct bucket *b = bucket_of(from);
    struct pi_waiter *first;
    struct waiter *w, *next;
    struct thread *owner;
    s64 done = 1;
    int err = best_waiter(b, from, false, &first);

    if (err || !first)
        return err;
    if (!key_equal(&first->target, &l->key))
        return -EINVAL;
    err = lock_or_enqueue(l, first, false, move > 0);
    if (err < 0)
        return err;
    owner = err == TAKEN ? first->w.thread : first->donation.to;
    if (err == TAKEN)
        waiter_wake_locked(&first->w);
    LIST_FOR_EACH_SAFE (w, next, &b->waiters, link) {
        if (done == 1 + (s64)move)
            break;
        if (!key_equal(&w->key, from))
            continue;
        if (!key_equal(&pi_waiter_of(w)->target, &l->key))
            return -EINVAL;
        err = enqueue(pi_waiter_of(w), &l->key, owner);
        if (err)
            return err;
        done++;
    }
    return done;
}

s64 futex_cmp_requeue_pi(uaddr_t from, uaddr_t to, u32 move, u32 expected, bool private_only)
{
    struct pi_word l = {.addr = to};
    struct vm_key key;
    s64 done;
    int err = futex_key(from, private_only, &key) ?: futex_key(to, private_only, &l.key);

    if (err)
        return err;
    if (key_equal(&key, &l.key))
        return -EINVAL;
    do {
        err = word_read(&l);
        if (err)
            return err;
        done = buckets_lock_if(bucket_of(&key), bucket_of(&l.key), from, expected);
        if (!done) {
            spin_lock(&donation_lock);
            done = requeue_locked(&key, &l, move);
            spin_unlock(&donation_lock);
            buckets_unlock(bucket_of(&key), bucket_of(&l.key));
        }
        word_put(&l);
    } while (done == AGAIN);
    return done;
}
