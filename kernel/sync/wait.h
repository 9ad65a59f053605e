// SPDX-License-Identifier: MIT
// The one way to wait: wait_event(queue, condition, mode, deadline).
//
// The waiter queues itself, then tests the condition, then sleeps; the waker makes the condition
// true, then wakes: so no wake-up is lost. `condition` runs without the queue's lock, maybe often,
// and must not sleep. An entry with a callback (poll, epoll) is called instead of waking a thread.
#pragma once
#include "base/clock.h"
#include "base/spinlock.h"
#include "lib/list.h"
#include "sched/sched.h"

enum wait_mode {
    WAIT_INTERRUPTIBLE = THREAD_INTERRUPTIBLE,
    WAIT_KILLABLE = THREAD_KILLABLE,
    WAIT_UNINTERRUPTIBLE = THREAD_UNINTERRUPTIBLE,
};

struct wait_queue {
    struct spinlock lock;
    struct list entries; // (l) non-exclusive first, then exclusive in order of arrival
};

struct wait_entry {
    struct list link; // (l)
    struct thread *thread;
    // Called with the queue's lock held, interrupts off; must not sleep. True: counts as woken.
    bool (*wake)(struct wait_entry *entry, u64 key);
    struct wait_queue *queue;
    bool exclusive; // wake_one stops after one of these
};

#define WAIT_QUEUE_INIT(name)                                                             \
    {                                                                                     \
        .lock = SPINLOCK_INIT(RANK_WAIT), .entries = { &(name).entries, &(name).entries } \
    }

void wait_queue_init(struct wait_queue *q);
static inline bool wait_queue_empty(struct wait_queue *q)
{
    return load_relaxed(&q->entries.next) == &q->entries;
}

// Wakes one exclusive waiter (and all others), or everybody. `key` goes to callbacks (poll bits).
// Any context. Cheap when nobody waits; pairs a full barrier with the waiter's.
void wake_one(struct wait_queue *q);
void wake_all(struct wait_queue *q);
void wake_key(struct wait_queue *q, u64 key); // one exclusive waiter
// The same from a callback, while the lock of the queue that called it is held. True if it woke
// any.
bool wake_key_nested(struct wait_queue *q, u64 key);
// As wake_one by who leaves what woke it to the next: nothing is new, so callbacks pass it over.
void wake_next(struct wait_queue *q);
#define KEY_OF_NO_CALLBACK (1UL << 63)

// Building blocks of wait_event and poll.
void wait_entry_init(struct wait_entry *e); // for the running thread
void wait_prepare(struct wait_queue *q, struct wait_entry *e, enum wait_mode mode);
void wait_finish(struct wait_queue *q, struct wait_entry *e);
void wait_entry_add(struct wait_queue *q, struct wait_entry *e);
void wait_entry_remove(struct wait_entry *e);
// Wakes one entry of a queue whose lock is held; true if it counts as woken.
bool wait_entry_wake(struct wait_entry *e, u64 key);
// Sleeps in the prepared state until woken, the deadline (NS_NEVER: none) or an interruption;
// 0, -ETIMEDOUT, -EINTR.
int wait_sleep(enum wait_mode mode, ns_t deadline);

// 0 when `condition` became true, -EINTR (by mode), -ETIMEDOUT at the `deadline`.
#define wait_event(q, condition, mode, deadline) __wait_event(q, condition, mode, deadline, false)
// The same as an exclusive waiter, for queues that are woken with wake_one.
#define wait_event_exclusive(q, condition, mode, deadline) \
    __wait_event(q, condition, mode, deadline, true)

#define __wait_event(q, condition, mode, until, excl) \
    ({                                                \
        int __ret = 0;                                \
        bool __queued = false;                        \
        struct wait_entry __e;                        \
        for (;;) {                                    \
            if (condition) {                          \
                __ret = 0;                            \
                break;                                \
            }                                         \
            if (__ret)                                \
                break;                                \
            if (!__queued) {                          \
                wait_entry_init(&__e);                \
                __e.exclusive = (excl);               \
                __queued = true;                      \
            }                                         \
            wait_prepare((q), &__e, (mode));          \
            if (condition)                            \
                break;                                \
            __ret = wait_sleep((mode), (until));      \
        }                                             \
        if (__queued)                                 \
            wait_finish((q), &__e);                   \
        __ret;                                        \
    })

// Whether a sleep of this mode would end at once, for what takes long without one.
bool wait_interrupted(enum wait_mode mode);
// Sleeps until the deadline: 0; -EINTR.
int sleep_until(ns_t deadline, enum wait_mode mode);
