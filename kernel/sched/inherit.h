// SPDX-License-Identifier: MIT
// Priority inheritance: a thread that waits for another lends it its real-time priority.
//
// The one it waits for may wait itself: loans are passed on along the chain. One lock guards all of
// it; only waiters take it, and what changes priorities. The waiter keeps its struct donation, on
// its stack.
#pragma once
#include "sched/thread.h"

// Links of a chain that are followed: a longer one counts as a deadlock.
#define DONATION_DEPTH 1024

struct donation {
    struct hnode link;   // (donation) among those of `to`
    struct thread *from; // (c) who waits
    struct thread *to;   // (donation) for whom; NULL: for nobody, or for one that has ended
};

extern struct spinlock donation_lock; // RANK_DONATION

// d->from waits for `to` (NULL: for one that is not known yet), and lends. -EDEADLK: `to` waits for
// d->from; -ESRCH: `to` is ending.
int donation_begin_locked(struct donation *d, struct thread *to);
// Takes back what it lends; does nothing for one that has not begun.
void donation_end_locked(struct donation *d);
// Waits for another from now on, which does not wait itself. The old and the new one's priorities
// are the caller's to update.
void donation_move_locked(struct donation *d, struct thread *to);
// Works out t's priority and, as far as it changes, those of the chain behind. NULL: does nothing.
void donation_update_locked(struct thread *t);
// A thread's own priority, or the highest that is lent to it.
unsigned donation_priority_locked(const struct thread *t);
// The running thread gives up all that others wait for: wakes them, whose `to` is NULL then.
// `ends`: nobody can wait for it from now on. Who begins to meanwhile sees `ending`, or is seen.
void donation_cut_donors(void);
static inline void donation_cut(bool ends)
{
    struct thread *self = thread_self();

    if (ends) {
        store_relaxed(&self->ending, true);
        smp_mb();
    }
    if (unlikely(load_relaxed(&self->donors.first)))
        donation_cut_donors();
}
