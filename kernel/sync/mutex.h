// SPDX-License-Identifier: MIT
// Sleeping locks: mutex, reader-writer lock, semaphore, completion.
#pragma once
#include "sync/wait.h"

struct mutex {
    struct thread *owner; // (a) NULL: free
    u32 waiters;          // (a) threads in or near the queue
    u16 rank;             // (c)
    struct wait_queue queue;
};

#define MUTEX_INIT(name, of_rank)                                 \
    {                                                             \
        .rank = (of_rank), .queue = WAIT_QUEUE_INIT((name).queue) \
    }
void mutex_init(struct mutex *m, enum lock_rank rank);
void mutex_lock(struct mutex *m);
int mutex_lock_interruptible(struct mutex *m); // 0, -EINTR
bool mutex_trylock(struct mutex *m);           // never waits, so in any order
void mutex_unlock(struct mutex *m);
bool mutex_held(const struct mutex *m); // by the running thread

// Many readers or one writer; waiting writers hold up new readers. Uncontended read lock and unlock
// are one atomic each.
struct rwlock {
    u32 state;            // (a) readers, or RWLOCK_WRITER
    u32 writers_waiting;  // (a)
    struct thread *owner; // (l) writer
    u16 rank;             // (c)
    struct wait_queue queue;
};

void rwlock_init(struct rwlock *l, enum lock_rank rank);
void read_lock(struct rwlock *l);
void read_unlock(struct rwlock *l);
void write_lock(struct rwlock *l);
void write_lock_nested(struct rwlock *l); // a second one of equal rank, in lockorder.h's order
void write_unlock(struct rwlock *l);
bool write_held(const struct rwlock *l);

struct semaphore {
    s32 count; // (a)
    struct wait_queue queue;
};

void sem_init(struct semaphore *s, int count);
int sem_down(struct semaphore *s, enum wait_mode mode, ns_t deadline); // 0, -EINTR, -ETIMEDOUT
void sem_up(struct semaphore *s);

struct completion {
    u32 done; // (a)
    struct wait_queue queue;
};

void completion_init(struct completion *c);
void complete_all(struct completion *c);
int completion_wait(struct completion *c, enum wait_mode mode); // 0, -EINTR
