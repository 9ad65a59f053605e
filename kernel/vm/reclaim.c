// SPDX-License-Identifier: MIT
// Reclaim: clean pages that can be read again are dropped when memory is short.
//
// A clock over the objects with such pages, and over the pages of each: a page found since the hand
// last passed gets another round, one that is dirty or in use (mapped, being copied) is passed
// over. When that frees nothing, pages are taken out of mappings on the way, and dirty ones are
// written. A call looks at each page a few times at most, and ends when it has what it wants.
#include "sched/thread.h"
#include "vm/vm_private.h"

#define RECLAIM_STRIDE 64  // pages looked at in one object before the next one's turn
#define RECLAIM_WANT   256 // pages freed each time memory is low
#define RECLAIM_TURNS  64  // in vain, until the thread waits to be asked again

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

static bool can_go(struct frame *f, u16 unless)
{
    return ref_read(&f->refs) == 1 && !(f->flags & unless);
}

// Looks at some pages of [*index, last]; those that can go are put into `batch`. False: that was
// all of them.
static bool drop_some(struct vm_object *o, u64 *index, u64 last, u16 unless, struct frame **batch,
                      unsigned *taken)
{
    struct frame *f = NULL;

    *taken = 0;
    spin_lock(&o->pages_lock);
    for (unsigned looked = 0; looked < RECLAIM_STRIDE; looked++) {
        f = radix_next(&o->pages, index);
        if (!f || *index > last)
            break;
        if (can_go(f, unless)) {
            object_take_out(o, *index, f);
            batch[(*taken)++] = f;
        }
        f->flags &= ~FRAME_F_USED;
        ++*index;
    }
    spin_unlock(&o->pages_lock);
    return f && *index <= last;
}

void vm_object_drop_clean(struct vm_object *o, u64 first, u64 last)
{
    struct frame *batch[RECLAIM_STRIDE];
    unsigned n;
    bool more;

    if (!o->ops->fill)
        return;
    do {
        more = drop_some(o, &first, last, FRAME_F_DIRTY, batch, &n);
        for (unsigned i = 0; i < n; i++)
            frame_put(batch[i]);
    } while (more);
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

static unsigned clock_turn(struct vm_object *o, u64 hand, bool unmap)
{
    struct frame *batch[RECLAIM_STRIDE];
    unsigned n;

    if (o->ops->shrink)
        o->ops->shrink(o);
    if (unmap)
        vm_object_unmap_pages(o, hand, hand + RECLAIM_STRIDE - 1);
    if (!drop_some(o, &hand, ~0UL, FRAME_F_DIRTY | FRAME_F_USED, batch, &n))
        hand = 0;
    spin_lock(&cached_lock);
    o->clock_hand = hand;
    spin_unlock(&cached_lock);
    for (unsigned i = 0; i < n; i++)
        frame_put(batch[i]);
    return n;
}

// Turns the clock until so much is freed, or nothing is in so many turns.
static u64 clock_run(u64 want, u64 patience, bool unmap)
{
    u64 freed = 0, idle = 0;

    while (freed < want && idle++ < patience) {
        u64 hand;
        struct vm_object *o = clock_next(&hand);
        unsigned n = o ? clock_turn(o, hand, unmap) : 0;

        if (o && o->ops->release)
            o->ops->release(o);
        freed += n;
        idle = n ? 0 : idle;
    }
    return freed;
}

// Turns that look at each page twice: as used, and as not used since.
static u64 all_turns(void)
{
    return 2 * (load_relaxed(&cached_count) + cached_pages_total() / RECLAIM_STRIDE);
}

u64 vm_reclaim(u64 want)
{
    u64 freed = clock_run(want, all_turns(), false);

    if (!freed)
        freed = clock_run(want, all_turns(), true);
    if (!freed && !thread_self()->no_write_back && dirty_write_some())
        freed = clock_run(want, all_turns(), true);
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
        clock_run(RECLAIM_WANT, RECLAIM_TURNS, false);
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
