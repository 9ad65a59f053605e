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
// All objects with marked pages are on one list, the longest dirty first. An object leaves it when
// a write-back left no page marked; if one was marked again meanwhile, the object is dirty since
// the write-back began, and goes to the end.
//
// The flusher sleeps until the first object has been dirty for FLUSH_AGE, or the background limit
// is passed, and then writes the first until neither holds. With none dirty it has no time to wake:
// who makes one dirty wakes it. Above the hard limit who writes cleans his own object, and who
// stores into mappings waits for the flusher.
#include "sched/thread.h"
#include "vm/vm_private.h"

#define FLUSH_AGE        (30 * NS_PER_SEC)
#define TOGETHER         64 // objects
#define RETRY_AFTER      (NS_PER_SEC / 10)
#define BACKGROUND_SHARE 10 // parts of a hundred of all memory
#define LIMIT_SHARE      20

static struct spinlock dirty_lock = SPINLOCK_INIT(RANK_CACHES);
static struct list dirty_objects = LIST_INIT(dirty_objects); // (dirty_lock) oldest first
static u64 dirty_total;                                      // (a) pages
static u64 background_limit = ~0UL;                          // (c) pages, once there is a flusher
static u64 hard_limit = ~0UL;                                // (c)
static bool flusher_idle;                                    // (dirty_lock) none was dirty
static struct wait_queue flusher_wait = WAIT_QUEUE_INIT(flusher_wait);
static struct wait_queue clean_wait = WAIT_QUEUE_INIT(clean_wait); // for a write-back to end
static u64 writes_begun, writes_ended;                             // (a)

void dirty_pages_add(s64 n)
{
    atomic_fetch_add(&dirty_total, n);
}

u64 vm_dirty_pages(void)
{
    return load_relaxed(&dirty_total);
}

static bool background_passed(void)
{
    return vm_dirty_pages() > background_limit;
}

static bool limit_passed(void)
{
    return unlikely(vm_dirty_pages() > hard_limit);
}

/* Marks */

static void object_queue_dirty(struct vm_object *o)
{
    bool wake = background_passed();

    spin_lock(&dirty_lock);
    if (list_empty(&o->dirty_link)) {
        wake |= flusher_idle;
        o->dirty_since = clock_monotonic();
        list_insert_tail(&dirty_objects, &o->dirty_link);
    }
    spin_unlock(&dirty_lock);
    if (wake)
        wake_all(&flusher_wait);
}

void object_forget_dirty(struct vm_object *o)
{
    spin_lock(&dirty_lock);
    list_remove(&o->dirty_link);
    spin_unlock(&dirty_lock);
}

static bool mark(struct vm_object *o, struct frame *f, u16 flags)
{
    bool cached = o->ops->write_back, marked = false, here;

    if (cached)
        smp_mb();
    if ((load_relaxed(&f->flags) & flags) == flags)
        return true;
    spin_lock(&o->pages_lock);
    here = f->owner == o;
    if (here) {
        marked = cached && !(f->flags & FRAME_F_DIRTY);
        f->flags |= flags;
    }
    if (marked) {
        radix_mark(&o->pages, f->index);
        dirty_pages_add(1);
    }
    spin_unlock(&o->pages_lock);
    if (marked)
        object_queue_dirty(o);
    return here;
}

bool vm_object_mark_dirty(struct vm_object *o, struct frame *f)
{
    return mark(o, f, FRAME_F_DIRTY | FRAME_F_RAW);
}

bool vm_object_mark_buffers(struct vm_object *o, struct frame *f)
{
    return mark(o, f, FRAME_F_DIRTY);
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
    object_clean_mappings(o, *index, *index + taken - 1);
    return taken;
}

/* Writing */

static bool object_hold(struct vm_object *o)
{
    return !o->ops->hold || o->ops->hold(o);
}

static void object_release(struct vm_object *o)
{
    if (o->ops->release)
        o->ops->release(o);
}

// A write-back ended that began then, of the whole object or not; write_lock held. Under dirty_lock
// the mark of who found the object on the list is seen.
static void object_written(struct vm_object *o, ns_t begun, bool whole)
{
    spin_lock(&dirty_lock);
    if (!vm_object_is_dirty(o)) {
        list_remove(&o->dirty_link);
    } else if (whole && !list_empty(&o->dirty_link)) {
        list_remove(&o->dirty_link);
        list_insert_tail(&dirty_objects, &o->dirty_link);
        o->dirty_since = begun;
    }
    spin_unlock(&dirty_lock);
    atomic_fetch_add(&writes_ended, 1UL);
    wake_all(&clean_wait);
}

static void loss_note(struct vm_object *o, int err)
{
    if (!err || err == -ENOMEM)
        return;
    write_errors_note(&o->errors, err);
    if (o->container != &o->errors)
        write_errors_note(o->container, err);
}

int vm_write_back_join(struct vm_object *o, int err, int one)
{
    if (err != -ENOMEM && one != -ENOMEM)
        return err ? err : one;
    loss_note(o, err);
    loss_note(o, one);
    return -ENOMEM;
}

// The end of a write-back: its error is noted before anyone who waits for the lock finds the pages
// clean.
static void write_ended(struct vm_object *o, ns_t begun, bool whole, int err)
{
    loss_note(o, err);
    object_written(o, begun, whole);
}

static int sync_locked(struct vm_object *o, u64 first, u64 last)
{
    ns_t begun = clock_monotonic();
    int err = 0;

    atomic_fetch_add(&writes_begun, 1UL);
    arch_self()->urgent++; // so that memory comes free
    if (vm_object_is_dirty(o))
        err = o->ops->write_back(o, first, last);
    arch_self()->urgent--;
    write_ended(o, begun, !first && last == ~0UL, err);
    return err;
}

int vm_object_sync(struct vm_object *o, u64 first, u64 last)
{
    int err;

    if (!o->ops->write_back)
        return 0;
    mutex_lock(&o->write_lock);
    err = sync_locked(o, first, last);
    mutex_unlock(&o->write_lock);
    return err;
}

static bool has_pages(struct vm_object *o, u64 first)
{
    return spin_read(&o->pages_lock, radix_next(&o->pages, &first) != NULL);
}

int object_allow_write(struct vm_object *o, u64 index)
{
    if (!o->ops->make_writable)
        return 0;
    if (unlikely(load_relaxed(&o->closed))) {
        mutex_lock(&o->fill_lock);
        mutex_unlock(&o->fill_lock);
    }
    return o->ops->make_writable(o, index);
}

// Who was past object_allow_write may make a page dirty once more, but then waits.
int vm_object_close(struct vm_object *o, u64 first)
{
    int err;

    mutex_lock(&o->write_lock);
    mutex_lock(&o->fill_lock);
    store_relaxed(&o->closed, true);
    do {
        err = sync_locked(o, first, ~0UL);
        object_drop(o, first, ~0UL, FRAME_F_DIRTY);
    } while (!err && has_pages(o, first));
    if (err)
        vm_object_open(o);
    return err;
}

void vm_object_open(struct vm_object *o)
{
    store_relaxed(&o->closed, false);
    mutex_unlock(&o->fill_lock);
    mutex_unlock(&o->write_lock);
}

// Objects of one container that are written together; all are held.
struct gathering {
    struct vm_object *objects[TOGETHER];
    int errors[TOGETHER];
    unsigned count;
};

// Locks those that can be written together and that nobody else writes: they come to the front. No
// order is kept among their locks, so none is waited for.
static unsigned gathering_lock(struct gathering *g)
{
    unsigned locked = 0;

    for (unsigned i = 0; i < g->count && g->count > 1; i++) {
        struct vm_object *o = g->objects[i];

        if (!o->ops->write_back_many || !mutex_trylock(&o->write_lock))
            continue;
        g->objects[i] = g->objects[locked];
        g->objects[locked++] = o;
    }
    return locked;
}

// Writes the objects and lets them go. The first error.
static int gathering_sync(struct gathering *g)
{
    unsigned locked = gathering_lock(g);
    ns_t begun = clock_monotonic();
    int err = 0;

    atomic_fetch_add(&writes_begun, (u64)locked);
    arch_self()->urgent++;
    if (locked)
        g->objects[0]->ops->write_back_many(g->objects, g->errors, locked);
    arch_self()->urgent--;
    for (unsigned i = 0; i < locked; i++) {
        write_ended(g->objects[i], begun, true, g->errors[i]);
        mutex_unlock(&g->objects[i]->write_lock);
    }
    for (unsigned i = locked; i < g->count; i++)
        g->errors[i] = vm_object_sync(g->objects[i], 0, ~0UL);
    for (unsigned i = 0; i < g->count; i++) {
        err = err ? err : g->errors[i];
        object_release(g->objects[i]);
    }
    g->count = 0;
    return err;
}

// Moves `place` on by one; takes what it passes if that is to be written.
static bool gather_next_locked(struct gathering *g, struct vm_object *place,
                               const struct write_errors *container, ns_t start)
{
    struct vm_object *o = list_next(&dirty_objects, place, dirty_link);

    if (!o)
        return false;
    list_remove(&place->dirty_link);
    list_insert_head(&o->dirty_link, &place->dirty_link);
    if (o->container == container && o->dirty_since <= start && object_hold(o))
        g->objects[g->count++] = o;
    return true;
}

int vm_objects_sync(const struct write_errors *container)
{
    struct vm_object place = {.container = NULL}; // where the walk is
    ns_t start = clock_monotonic();
    struct gathering g = {.count = 0};
    int err = 0, one;
    bool more;

    spin_lock(&dirty_lock);
    list_insert_head(&dirty_objects, &place.dirty_link);
    do {
        more = gather_next_locked(&g, &place, container, start);
        if (more && g.count < TOGETHER)
            continue;
        spin_unlock(&dirty_lock);
        one = gathering_sync(&g);
        err = err ? err : one;
        spin_lock(&dirty_lock);
    } while (more);
    list_remove(&place.dirty_link);
    spin_unlock(&dirty_lock);
    return err;
}

void write_errors_note(struct write_errors *e, int error)
{
    store_relaxed(&e->last, error);
    atomic_fetch_add(&e->count, 1U);
}

int write_errors_since(struct write_errors *e, u32 *seen)
{
    u32 now = load_acquire(&e->count), old = load_relaxed(seen);

    if (likely(now == old) || !atomic_cas(seen, old, now))
        return 0;
    store_relaxed(&e->told, now);
    return load_relaxed(&e->last);
}

void vm_dirty_throttle(struct vm_object *o)
{
    if (limit_passed() && o->ops->write_back)
        vm_object_sync(o, 0, ~0UL);
}

void dirty_wait(void)
{
    if (limit_passed())
        (void)wait_event(&clean_wait, !limit_passed(), WAIT_KILLABLE, NS_NEVER);
}

/* The flusher */

// The object that is dirty for longest, held; NULL if none has to go yet. dirty_lock held.
static struct vm_object *flusher_next_locked(bool now)
{
    struct vm_object *o, *next;

    for (o = list_first(&dirty_objects, struct vm_object, dirty_link); o; o = next) {
        next = list_next(&dirty_objects, o, dirty_link);
        if (!o->container) // a place in the list
            continue;
        if (!now && clock_monotonic() < o->dirty_since + FLUSH_AGE && !background_passed())
            return NULL;
        if (object_hold(o))
            return o;
        list_remove(&o->dirty_link); // its end writes it
    }
    return NULL;
}

// Writes the object that is dirty for longest, if it is time or if it has to be `now`. 0, -ENOENT:
// there is none, -ENOMEM; other errors are fsync's.
static int flush_next(bool now)
{
    struct vm_object *o;
    int err;

    spin_lock(&dirty_lock);
    o = flusher_next_locked(now);
    spin_unlock(&dirty_lock);
    if (!o)
        return -ENOENT;
    err = vm_object_sync(o, 0, ~0UL);
    object_release(o);
    return err == -ENOMEM ? -ENOMEM : 0;
}

// Pages that are on their way to the device already count as neither dirty nor free.
bool dirty_write_some(void)
{
    u64 ended = load_relaxed(&writes_ended);

    if (thread_self()->no_write_back)
        return false;
    if (vm_dirty_pages() && !flush_next(true))
        return true;
    (void)wait_event(&clean_wait,
                     load_relaxed(&writes_ended) != ended || load_relaxed(&writes_begun) == ended,
                     WAIT_KILLABLE, NS_NEVER);
    return load_relaxed(&writes_ended) != ended;
}

static ns_t flusher_deadline(void)
{
    struct vm_object *o;
    ns_t when = NS_NEVER;

    spin_lock(&dirty_lock);
    LIST_FOR_EACH (o, &dirty_objects, dirty_link)
        if (o->container) {
            when = o->dirty_since + FLUSH_AGE;
            break;
        }
    flusher_idle = when == NS_NEVER;
    spin_unlock(&dirty_lock);
    return when;
}

static void flusher_main(void *unused)
{
    for (;;) {
        ns_t when = flusher_deadline();
        int err;

        wait_event(&flusher_wait, background_passed() || flusher_deadline() < when,
                   WAIT_UNINTERRUPTIBLE, when);
        do {
            err = flush_next(false);
            if (err == -ENOMEM && !reclaim_clean(RECLAIM_PAGES))
                break;
        } while (err != -ENOENT);
        wake_all(&clean_wait); // pages may also have ceased to be dirty between two writes
        if (err == -ENOMEM)    // there was not even the reserve: others have to free memory
            wait_event(&flusher_wait, false, WAIT_UNINTERRUPTIBLE, clock_monotonic() + RETRY_AFTER);
    }
}

void vm_threads_start(void)
{
    struct thread *t;

    if (thread_create(&t, "flusher", flusher_main, NULL))
        panic("out of memory: no flusher");
    t->cred = &cred_root;
    background_limit = frames_total() * BACKGROUND_SHARE / 100;
    hard_limit = frames_total() * LIMIT_SHARE / 100;
    thread_start(t);
    reclaim_start();
}
