// SPDX-License-Identifier: MIT
// Changed pages on their way to where they came from: marks, fsync, and the flusher.
//
// A page is marked after it was changed, and the mark is taken before it is read out for writing:
//
//     writer                          write-back
//     store bytes                     clear FRAME_F_DIRTY and the tree's mark (pages_lock)
//     fence                           fence; clear entries of mappings (pagetable_lock)
//     FRAME_F_DIRTY set? else mark    hand the page to the device
//
// So if the writer found the flag set, its bytes were stored before the page was read. A store
// through a mapping faults first; the fault marks and enters the writable entry under one hold of
// pagetable_lock, so write-back that takes the mark finds the entry. Pages may change while they
// are being written; they are then marked again.
//
// The flusher wakes every FLUSH_PERIOD while anything is dirty, and writes objects that have been
// so for FLUSH_AGE; above the background limit it writes the oldest until below. A writer that
// finds the hard limit passed cleans its own object.
#include "sched/thread.h"
#include "vm/vm_private.h"

#define FLUSH_PERIOD     (5 * NS_PER_SEC)
#define FLUSH_AGE        (30 * NS_PER_SEC)
#define BACKGROUND_SHARE 10 // parts of a hundred of all memory
#define LIMIT_SHARE      20

static struct spinlock dirty_lock = SPINLOCK_INIT(RANK_CACHES);
static struct list dirty_objects = LIST_INIT(dirty_objects); // (dirty_lock) oldest first
static u64 dirty_total;                                      // (a) pages
static struct wait_queue flusher_wait = WAIT_QUEUE_INIT(flusher_wait);

void dirty_pages_add(s64 n)
{
    atomic_fetch_add(&dirty_total, n);
}

u64 vm_dirty_pages(void)
{
    return load_relaxed(&dirty_total);
}

static u64 share(u64 parts)
{
    return frames_total() * parts / 100;
}

static bool background_passed(void)
{
    return vm_dirty_pages() > share(BACKGROUND_SHARE);
}

/* Marks */

static void object_queue_dirty(struct vm_object *o)
{
    bool first = false;

    spin_lock(&dirty_lock);
    if (list_empty(&o->dirty_link)) {
        first = list_empty(&dirty_objects);
        o->dirty_since = clock_monotonic();
        list_insert_tail(&dirty_objects, &o->dirty_link);
    }
    spin_unlock(&dirty_lock);
    if (first || background_passed())
        wake_all(&flusher_wait);
}

void object_forget_dirty(struct vm_object *o)
{
    spin_lock(&dirty_lock);
    list_remove(&o->dirty_link);
    spin_unlock(&dirty_lock);
}

static void mark(struct vm_object *o, struct frame *f, u16 flags)
{
    bool cached = o->ops->write_back, marked = false;

    if (cached)
        smp_mb();
    if ((load_relaxed(&f->flags) & flags) == flags)
        return;
    spin_lock(&o->pages_lock);
    if (!cached || f->owner == o) {
        marked = cached && !(f->flags & FRAME_F_DIRTY);
        f->flags |= flags;
    }
    if (marked)
        radix_mark(&o->pages, f->index);
    spin_unlock(&o->pages_lock);
    if (!marked)
        return;
    dirty_pages_add(1);
    object_queue_dirty(o);
}

void vm_object_mark_dirty(struct vm_object *o, struct frame *f)
{
    mark(o, f, FRAME_F_DIRTY | FRAME_F_RAW);
}

void vm_object_mark_buffers(struct vm_object *o, struct frame *f)
{
    mark(o, f, FRAME_F_DIRTY);
}

bool vm_object_is_dirty(struct vm_object *o)
{
    return load_relaxed(&o->pages.marked);
}

static unsigned take_run(struct vm_object *o, u64 *index, u64 last, struct frame **frames,
                         unsigned n)
{
    struct frame *f;
    unsigned taken = 0;
    u64 at = *index;

    spin_lock(&o->pages_lock);
    while (taken < n && (f = radix_next_marked(&o->pages, &at)) && at <= last &&
           (!taken || at == *index + taken)) {
        if (!taken)
            *index = at;
        f->flags = (f->flags & ~(FRAME_F_DIRTY | FRAME_F_RAW | FRAME_F_TAKEN)) |
                   (f->flags & FRAME_F_RAW ? FRAME_F_TAKEN : 0);
        radix_unmark(&o->pages, at++);
        frame_get(f);
        frames[taken++] = f;
    }
    spin_unlock(&o->pages_lock);
    return taken;
}

unsigned vm_object_take_dirty(struct vm_object *o, u64 *index, u64 last, struct frame **frames,
                              unsigned n)
{
    unsigned taken;

    assert(mutex_held(&o->write_lock));
    taken = take_run(o, index, last, frames, n);
    if (!taken)
        return 0;
    smp_mb();
    dirty_pages_add(-(s64)taken);
    vm_object_unmap_pages(o, *index, *index + taken - 1);
    return taken;
}

/* Writing */

int vm_object_sync(struct vm_object *o, u64 first, u64 last)
{
    int err = 0;

    if (!o->ops->write_back)
        return 0;
    mutex_lock(&o->write_lock);
    if (vm_object_is_dirty(o))
        err = o->ops->write_back(o, first, last);
    if (err) { // noted before anyone who waits for the lock finds the pages clean
        store_relaxed(&o->error, err);
        atomic_fetch_add(&o->errors, 1);
    }
    if (!vm_object_is_dirty(o))
        object_forget_dirty(o);
    mutex_unlock(&o->write_lock);
    if (vm_object_is_dirty(o))
        object_queue_dirty(o); // a page was marked while it was being taken off the list
    return err;
}

// The first that matches and was dirty by `start`, held and moved to the end of the list, as one
// that has just become dirty; NULL: no more.
static struct vm_object *sync_next(bool (*match)(const struct vm_object *o, const void *arg),
                                   const void *arg, ns_t start)
{
    struct vm_object *o, *found = NULL;

    spin_lock(&dirty_lock);
    LIST_FOR_EACH (o, &dirty_objects, dirty_link) {
        if (o->dirty_since > start || !match(o, arg) || (o->ops->hold && !o->ops->hold(o)))
            continue;
        found = o;
        list_remove(&o->dirty_link);
        list_insert_tail(&dirty_objects, &o->dirty_link);
        o->dirty_since = clock_monotonic() + 1;
        break;
    }
    spin_unlock(&dirty_lock);
    return found;
}

int vm_sync_dirty(bool (*match)(const struct vm_object *o, const void *arg), const void *arg)
{
    ns_t start = clock_monotonic();
    struct vm_object *o;
    int err = 0;

    while ((o = sync_next(match, arg, start))) {
        int one = vm_object_sync(o, 0, ~0UL);

        err = err ? err : one;
        if (o->ops->release)
            o->ops->release(o);
    }
    return err;
}

u32 vm_object_errors(struct vm_object *o)
{
    return load_relaxed(&o->errors);
}

int vm_object_error_since(struct vm_object *o, u32 *seen)
{
    u32 now = vm_object_errors(o), old = load_relaxed(seen);

    return now != old && atomic_cas(seen, old, now) ? load_relaxed(&o->error) : 0;
}

void vm_dirty_throttle(struct vm_object *o)
{
    if (unlikely(o->ops->write_back && vm_dirty_pages() > share(LIMIT_SHARE)))
        vm_object_sync(o, 0, ~0UL);
}

/* The flusher */

// The oldest object, moved to the end and held; NULL if none is, or none that has to go yet.
static struct vm_object *flusher_next(ns_t now)
{
    struct vm_object *o;

    spin_lock(&dirty_lock);
    o = list_first(&dirty_objects, struct vm_object, dirty_link);
    if (o && now < o->dirty_since + FLUSH_AGE && !background_passed())
        o = NULL;
    if (o) {
        list_remove(&o->dirty_link);
        list_insert_tail(&dirty_objects, &o->dirty_link);
        o->dirty_since = now;
        if (o->ops->hold && !o->ops->hold(o))
            o = NULL; // its end writes it
    }
    spin_unlock(&dirty_lock);
    return o;
}

static void flusher_main(void *unused)
{
    struct vm_object *o;

    for (;;) {
        wait_event(&flusher_wait, !list_empty(&dirty_objects), WAIT_UNINTERRUPTIBLE, NS_NEVER);
        wait_event(&flusher_wait, background_passed(), WAIT_UNINTERRUPTIBLE,
                   clock_monotonic() + FLUSH_PERIOD);
        while ((o = flusher_next(clock_monotonic()))) {
            vm_object_sync(o, 0, ~0UL);
            if (o->ops->release)
                o->ops->release(o);
        }
    }
}

void vm_threads_start(void)
{
    struct thread *t;

    if (thread_create(&t, "flusher", flusher_main, NULL))
        panic("out of memory: no flusher");
    t->cred = &cred_root;
    thread_start(t);
    reclaim_start();
}
