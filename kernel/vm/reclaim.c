// SPDX-License-Identifier: MIT
// Reclaim: clean pages that can be read again are dropped when memory is short.
//
// A clock over the objects with such pages, and over the pages of each. The hand takes the mark of
// a page that was found since it last passed; next time it takes the page out of mappings, whose
// next touch is a fault, and so finds it; and the time after that the page goes. Dirty pages, and
// those that somebody holds, are passed over. When nothing can go, dirty pages are written.
//
// A call ends when it has what it wants, or has looked at every page three times in vain: each look
// is paid for by a page that was read or found since. What others free meanwhile counts too: with
// several at work one may find nothing, and still memory is not out.
#include "sched/thread.h"
#include "vm/vm_private.h"

#define RECLAIM_STRIDE 64  // pages looked at in one object before the next one's turn
#define RECLAIM_WANT   256 // pages freed each time memory is low
#define RECLAIM_TURNS  64  // in vain, until the thread waits to be asked again

static struct spinlock cached_lock = SPINLOCK_INIT(RANK_CACHES);
static struct list cached_objects = LIST_INIT(cached_objects); // (cached_lock) next first
static u64 cached_count;                                       // (cached_lock) objects
static struct list let_go = LIST_INIT(let_go);                 // (cached_lock) released later
static struct wait_queue reclaim_wait = WAIT_QUEUE_INIT(reclaim_wait);
static u32 reclaim_asked; // (a)
static u64 reclaimed;     // (a) pages, by all

void object_enter_clock(struct vm_object *o)
{
    spin_lock(&cached_lock);
    if (list_empty(&o->cached_link)) {
        list_insert_tail(&cached_objects, &o->cached_link);
        cached_count++;
    }
    spin_unlock(&cached_lock);
}

static void leave_clock_locked(struct vm_object *o)
{
    if (!list_empty(&o->cached_link)) {
        list_remove(&o->cached_link);
        cached_count--;
    }
}

void object_leave_clock(struct vm_object *o)
{
    spin_lock(&cached_lock);
    leave_clock_locked(o);
    spin_unlock(&cached_lock);
}

void vm_object_release_later(struct vm_object *o)
{
    spin_lock(&cached_lock);
    leave_clock_locked(o);
    list_insert_tail(&let_go, &o->cached_link);
    spin_unlock(&cached_lock);
    wake_all(&reclaim_wait);
}

// Somebody may have found the object again, and given it pages.
static void release_let_go(void)
{
    struct vm_object *o;

    spin_lock(&cached_lock);
    while ((o = list_pop(&let_go, struct vm_object, cached_link))) {
        spin_unlock(&cached_lock);
        object_enter_clock(o);
        o->ops->release(o);
        spin_lock(&cached_lock);
    }
    spin_unlock(&cached_lock);
}

struct sweep {
    struct frame *batch[RECLAIM_STRIDE]; // taken out
    unsigned taken;
    u64 low, high; // among these are unused pages with more references
};

// Looks at some pages of [*index, last] that have no flag of `unless`. False: that was all of them.
static bool sweep_some(struct vm_object *o, u64 *index, u64 last, u16 unless, struct sweep *s)
{
    struct frame *f = NULL;

    *s = (struct sweep){.low = ~0UL};
    spin_lock(&o->pages_lock);
    for (unsigned looked = 0; looked < RECLAIM_STRIDE; looked++) {
        f = radix_next(&o->pages, index);
        if (!f || *index > last)
            break;
        if (!(f->flags & unless) && ref_read(&f->refs) == 1) {
            object_take_out(o, *index, f);
            s->batch[s->taken++] = f;
        } else if (!(f->flags & unless)) {
            s->low = MIN(s->low, *index);
            s->high = *index;
        }
        f->flags &= ~FRAME_F_USED;
        ++*index;
    }
    spin_unlock(&o->pages_lock);
    for (unsigned i = 0; i < s->taken; i++)
        frame_put(s->batch[i]);
    return f && *index <= last;
}

void vm_object_drop_clean(struct vm_object *o, u64 first, u64 last)
{
    struct sweep s;

    while (o->ops->fill && sweep_some(o, &first, last, FRAME_F_DIRTY, &s))
        ;
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

static unsigned clock_turn(struct vm_object *o, u64 hand)
{
    struct sweep s;

    if (o->ops->shrink)
        o->ops->shrink(o);
    if (!sweep_some(o, &hand, ~0UL, FRAME_F_DIRTY | FRAME_F_USED, &s))
        hand = 0;
    if (s.low <= s.high && !list_empty(&o->areas))
        object_unmap_spare(o, s.low, s.high);
    spin_lock(&cached_lock);
    o->clock_hand = hand;
    spin_unlock(&cached_lock);
    return s.taken;
}

// Turns the clock until so much is freed, or nothing is in so many turns.
static u64 clock_run(u64 want, u64 patience)
{
    u64 freed = 0, idle = 0;

    while (freed < want && idle++ < patience) {
        u64 hand;
        struct vm_object *o = clock_next(&hand);
        unsigned n = o ? clock_turn(o, hand) : 0;

        if (o && o->ops->release)
            o->ops->release(o);
        freed += n;
        atomic_fetch_add(&reclaimed, (u64)n);
        idle = n ? 0 : idle;
    }
    return freed;
}

u64 reclaim_clean(u64 want)
{
    return clock_run(want, 3 * (load_relaxed(&cached_count) + vm_cached_pages() / RECLAIM_STRIDE));
}

u64 vm_reclaim(u64 want)
{
    u64 before = load_relaxed(&reclaimed);

    if (!reclaim_clean(want) && dirty_write_some())
        reclaim_clean(want);
    return load_relaxed(&reclaimed) - before;
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
        wait_event(&reclaim_wait, load_relaxed(&reclaim_asked) || !list_empty(&let_go),
                   WAIT_UNINTERRUPTIBLE, NS_NEVER);
        release_let_go();
        if (load_relaxed(&reclaim_asked)) {
            clock_run(RECLAIM_WANT, RECLAIM_TURNS);
            store_release(&reclaim_asked, 0);
        }
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
