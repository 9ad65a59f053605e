// SPDX-License-Identifier: MIT
// Priority inheritance: who waits for whom, and what priority that lends.
#include "sched/inherit.h"
#include "abi/errno.h"
#include "base/panic.h"
#include "sched/hart.h"

struct spinlock donation_lock = SPINLOCK_INIT(RANK_DONATION);

// Whom t waits for.
static struct thread *awaited(const struct thread *t)
{
    return t->donation ? t->donation->to : NULL;
}

unsigned donation_priority_locked(const struct thread *t)
{
    unsigned highest = t->own_priority;
    struct donation *d;

    HLIST_FOR_EACH (d, &t->donors, link)
        highest = MAX(highest, d->from->rt_priority);
    return highest;
}

void donation_update_locked(struct thread *t)
{
    assert(lock_held(&donation_lock));
    for (unsigned depth = 0; t && depth < DONATION_DEPTH; depth++) {
        unsigned priority = donation_priority_locked(t);

        if (priority == t->rt_priority)
            break;
        sched_change(t, t->policy, t->nice, priority);
        t = awaited(t);
    }
}

void donation_move_locked(struct donation *d, struct thread *to)
{
    assert(lock_held(&donation_lock));
    hlist_remove(&d->link);
    store_relaxed(&d->to, to);
    if (to)
        hlist_insert(&to->donors, &d->link);
}

int donation_begin_locked(struct donation *d, struct thread *to)
{
    unsigned depth = 0;

    for (const struct thread *t = to; t; t = awaited(t))
        if (t == d->from || ++depth > DONATION_DEPTH)
            return -EDEADLK;
    d->from->donation = d;
    donation_move_locked(d, to);
    smp_mb();
    if (to && load_relaxed(&to->ending)) {
        donation_end_locked(d);
        return -ESRCH;
    }
    if (to && d->from->rt_priority > to->rt_priority)
        donation_update_locked(to);
    return 0;
}

void donation_end_locked(struct donation *d)
{
    struct thread *to = d->to;

    if (d->from->donation == d)
        d->from->donation = NULL;
    donation_move_locked(d, NULL);
    if (to && d->from->rt_priority >= to->rt_priority) // no other need have lent as much
        donation_update_locked(to);
}

void donation_cut_donors(void)
{
    struct thread *self = thread_self();
    struct donation *d;

    spin_lock(&donation_lock);
    while ((d = HLIST_OBJECT(self->donors.first, struct donation, link))) {
        donation_move_locked(d, NULL);
        sched_wake(d->from, SLEEP_ANY);
    }
    donation_update_locked(self);
    spin_unlock(&donation_lock);
}
