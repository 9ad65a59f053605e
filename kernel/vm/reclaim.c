// SPDX-License-Identifier: MIT
// Reclaim: clean pages that can be read again are dropped when memory is short.
//
// A clock over the objects with such pages, and over the pages of each: a page found since the hand
// last passed gets another round, one that is dirty or in use (mapped, being copied) is passed
// over. The cost grows with the pages looked at, each of which was found or read once since the
// last look.
#include "sched/thread.h"
#include "vm/vm_private.h"

#define RECLAIM_STRIDE 64  // pages looked at in one object before the next one's turn
#define RECLAIM_WANT   256 // pages freed each time memory is low

static struct spinlock cached_lock = SPINLOCK_INIT(RANK_CACHES);
static struct list cached_objects = LIST_INIT(cached_objects); // (cached_lock) next first
static u64 cached_count;                                       // (cached_lock) objects
static struct wait_queue reclaim_wait = WAIT_QUEUE_INIT(reclaim_wait);
static u32 reclaim_asked; // (a)

void object_enter_clock(struct vm_object *o)
{
    spin_lock(&cached_lock);
    if (list_empty(&o->cached_link)) {
        list_insert_tail(&cached_objects, &o->cached_link);
        cached_count++;
    }
    spin_unlock(&cached_lock);
}

void object_leave_clock(struct vm_object *o)
{
    spin_lock(&cached_lock);
    if (!list_empty(&o->cached_link)) {
        list_remove(&o->cached_link);
        cached_count--;
    }
    spin_unlock(&cached_lock);
}

// Looks at some pages from *hand on; those that can go are put into `batch`. *hand is 0 at the end.
static unsigned clock_pass(struct vm_object *o, u64 *hand, struct frame **batch)
{
    unsigned taken = 0;
    struct frame *f;

    spin_lock(&o->pages_lock);
    for (unsigned looked = 0; looked < RECLAIM_STRIDE; looked++) {
        f = radix_next(&o->pages, hand);
        if (!f) {
            *hand = 0;
            break;
        }
        if (ref_read(&f->refs) == 1 && !(f->flags & (FRAME_F_DIRTY | FRAME_F_USED))) {
            object_take_out(o, *hand, f);
            batch[taken++] = f;
        }
        f->flags &= ~FRAME_F_USED;
        ++*hand;
    }
    spin_unlock(&o->pages_lock);
    return taken;
}

static struct vm_object *clock_next(u64 *hand)
{
    struct vm_object *o;

    spin_lock(&cached_lock);
    o = list_first(&cached_objects, struct vm_object, cached_link);
    if (o) {
        list_remove(&o->cached_link);
        list_insert_tail(&cached_objects, &o->cached_link);
        *hand = o->clock_hand;
        if (o->ops->hold && !o->ops->hold(o))
            o = NULL;
    }
    spin_unlock(&cached_lock);
    return o;
}

static unsigned reclaim_some(void)
{
    struct frame *batch[RECLAIM_STRIDE];
    u64 hand;
    struct vm_object *o = clock_next(&hand);
    unsigned n;

    if (!o)
        return 0;
    if (o->ops->shrink)
        o->ops->shrink(o);
    n = clock_pass(o, &hand, batch);
    spin_lock(&cached_lock);
    o->clock_hand = hand;
    spin_unlock(&cached_lock);
    for (unsigned i = 0; i < n; i++)
        frame_put(batch[i]);
    if (o->ops->release)
        o->ops->release(o);
    return n;
}

u64 vm_reclaim(u64 want)
{
    u64 freed = 0, idle = 0, patience;

    patience = 2 * (load_relaxed(&cached_count) + vm_object_pages_total() / RECLAIM_STRIDE) + 2;
    while (freed < want && idle < patience) {
        unsigned n = reclaim_some();

        freed += n;
        idle = n ? 0 : idle + 1;
    }
    return freed;
}

/* The thread */

static void reclaim_wake(void)
{
    if (!load_relaxed(&reclaim_asked) && !atomic_xchg(&reclaim_asked, 1U))
        wake_all(&reclaim_wait);
}

static void reclaim_main(void *unused)
{
    for (;;) {
        wait_event(&reclaim_wait, load_relaxed(&reclaim_asked), WAIT_UNINTERRUPTIBLE, NS_NEVER);
        vm_reclaim(RECLAIM_WANT);
        store_release(&reclaim_asked, 0);
    }
}

void reclaim_start(void)
{
    struct thread *t;

    if (thread_create(&t, "reclaim", reclaim_main, NULL))
        panic("out of memory: no reclaim");
    t->cred = &cred_root;
    thread_start(t);
    frames_low_hook = reclaim_wake;
}
