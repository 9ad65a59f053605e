// SPDX-License-Identifier: MIT
// From submit to done: checks, plugging, waiting, flushes, completion, accounting.
//
// A read or write goes straight to the driver while nothing waits: no lock is taken here. When the
// driver has no room it waits; each completion offers the driver what waits, until it is full.
//
//     submit -> [plug] -> driver -> complete -> done
//                   \-> waiting -/
//
// `held` counts what waits and is dropped only when the driver has taken it. The driver frees room
// and refuses a transfer under one lock of its own, so a completion after a refusal sees `held`,
// and no transfer is left waiting with the device idle. One hart at a time dispatches; a completion
// that finds one at work leaves a `kick` instead, and the dispatcher looks again.
//
// One flush is under way at a time. Those that come meanwhile started too late for it, and share
// the next one. A write with PREFLUSH, or with FUA on a device without it, passes through stages as
// one request whose op is BLOCK_FLUSH in some of them.
//
// When a merged transfer fails, its requests are tried again alone: a bad sector fails only those
// who asked for it.
#include "block/queue.h"
#include "abi/errno.h"
#include "base/clock.h"
#include "base/spinlock.h"
#include "block/fault.h"
#include "block/waiting.h"
#include "mm/slab.h"
#include "sched/thread.h"

enum stage { STAGE_ONLY, STAGE_PREFLUSH, STAGE_DATA, STAGE_POSTFLUSH };

struct block_queue {
    struct spinlock lock;          // RANK_DEVICE
    struct block_waiting waiting;  // (l)
    struct list others;            // (l) flushes, discards, zeroes: before reads and writes
    struct block_request *refused; // (l) by the driver: is offered first
    struct list flushes;           // (l) that wait for the flush under way
    bool flushing;                 // (l) a flush is under way, or among `others`
    bool dispatching;              // (l)
    u64 kicks;                     // (l) completions seen while dispatching
    u64 held;                      // (a) transfers in the three above, and being offered
};

int block_queue_create(struct block_device *d)
{
    struct block_queue *q = kmalloc(sizeof(*q), ALLOC_ZERO);

    if (!q)
        return -ENOMEM;
    spin_init(&q->lock, RANK_DEVICE);
    waiting_init(&q->waiting);
    list_init(&q->others);
    list_init(&q->flushes);
    d->queue = q;
    return 0;
}

void block_request_init(struct block_request *r, enum block_op op, u64 sector,
                        const struct block_segment *segments, u32 count,
                        void (*done)(struct block_request *r), void *private)
{
    u64 bytes = 0;

    r->op = op;
    r->flags = 0;
    r->sector = sector;
    r->segments = segments;
    r->segment_count = count;
    if (count == 1) {
        r->inline_segment = *segments;
        r->segments = &r->inline_segment;
    }
    for (u32 i = 0; i < count; i++)
        bytes += segments[i].length;
    r->sectors = bytes >> SECTOR_SHIFT;
    r->done = done;
    r->private = private;
}

/* Accounting */

static void account_start(struct block_device *d, struct block_request *r)
{
    if (!atomic_fetch_add(&d->stats.in_flight, 1))
        store_relaxed(&d->stats.busy_since, r->started);
}

static void account_leave(struct block_device *d, ns_t now)
{
    struct block_stats *s = &d->stats;

    if (atomic_fetch_sub(&s->in_flight, 1) == 1)
        atomic_fetch_add(&s->busy, now - load_relaxed(&s->busy_since));
}

static void account_end(struct block_device *d, struct block_request *r, ns_t now)
{
    struct block_stats *s = &d->stats;

    atomic_fetch_add(&s->op[r->op].sectors, r->sectors);
    atomic_fetch_add(&s->op[r->op].time, now - r->started);
    account_leave(d, now);
}

// It ends before it was anybody's.
static void turn_away(struct block_request *r, int error)
{
    struct block_device *d = r->device;

    r->error = error;
    account_leave(d, r->started);
    if (d != d->whole)
        account_leave(d->whole, r->started);
    r->done(r);
}

static void finish(struct block_request *r, int error)
{
    struct block_device *d = r->device;
    ns_t now = clock_monotonic();

    r->error = error;
    account_end(d, r, now);
    if (d != d->whole)
        account_end(d->whole, r, now);
    r->done(r);
}

/* Waiting */

static void queue_add_locked(struct block_queue *q, struct block_request *r)
{
    struct block_device *d = r->device;
    unsigned merges = 0;

    if (r->op == BLOCK_FLUSH && q->flushing) {
        list_insert_tail(&q->flushes, &r->link);
        return;
    }
    if (r->op <= BLOCK_WRITE) {
        merges = waiting_add(&q->waiting, &d->whole->limits, r);
        atomic_fetch_add(&d->whole->stats.op[r->op].merged, merges);
    } else {
        q->flushing |= r->op == BLOCK_FLUSH;
        list_insert_tail(&q->others, &r->link);
    }
    atomic_fetch_add(&q->held, 1UL - merges);
}

static void queue_add(struct block_queue *q, struct block_request *r)
{
    irqflags_t irq = spin_lock_irqsave(&q->lock);

    queue_add_locked(q, r);
    spin_unlock_irqrestore(&q->lock, irq);
}

// The flush under way has ended: the next is for all that wait.
static void flush_ended(struct block_queue *q)
{
    irqflags_t irq = spin_lock_irqsave(&q->lock);
    struct block_request *head = list_pop(&q->flushes, struct block_request, link), *r;

    q->flushing = false;
    if (head)
        queue_add_locked(q, head);
    while ((r = list_pop(&q->flushes, struct block_request, link))) {
        head->last->merged = r;
        head->last = r;
    }
    spin_unlock_irqrestore(&q->lock, irq);
}

static int offer(struct block_device *d, struct block_request *r)
{
    int err = d->ops->submit(d, r);

    if (unlikely(err && err != -EBUSY)) {
        block_complete(r, err);
        err = 0;
    }
    return err;
}

static struct block_request *queue_take_locked(struct block_queue *q)
{
    struct block_request *r = q->refused;

    q->refused = NULL;
    return r ?: list_pop(&q->others, struct block_request, link) ?: waiting_take(&q->waiting);
}

// Offers the driver what waits. False: it refused the first.
static bool dispatch_some(struct block_device *d)
{
    struct block_queue *q = d->queue;
    irqflags_t irq = spin_lock_irqsave(&q->lock);
    struct block_request *r = queue_take_locked(q);
    u64 kicks = q->kicks;
    bool go_on = r;
    int err;

    q->dispatching = r;
    spin_unlock_irqrestore(&q->lock, irq);
    if (!r)
        return false;
    err = offer(d, r);
    irq = spin_lock_irqsave(&q->lock);
    if (err) {
        q->refused = r;
        go_on = kicks != q->kicks;
        q->dispatching = go_on;
    } else {
        atomic_fetch_sub(&q->held, 1);
    }
    spin_unlock_irqrestore(&q->lock, irq);
    return go_on;
}

static void dispatch(struct block_device *d)
{
    struct block_queue *q = d->queue;
    irqflags_t irq;
    bool mine;

    preempt_disable(); // before it is the dispatcher, for whom all others leave their transfers
    irq = spin_lock_irqsave(&q->lock);
    mine = !q->dispatching;
    q->dispatching = true;
    q->kicks++;
    spin_unlock_irqrestore(&q->lock, irq);
    while (mine && dispatch_some(d))
        ;
    preempt_enable();
}

/* Submission */

static int check(const struct block_device *d, const struct block_request *r)
{
    const struct block_limits *l = &d->limits;
    u64 size = load_relaxed(&d->sectors), most = l->sectors;

    if (r->op == BLOCK_FLUSH)
        return size ? 0 : -EIO;
    if (unlikely(r->sector > size || r->sectors > size - r->sector))
        return r->op == BLOCK_READ ? -EIO : -ENOSPC;
    if (unlikely(r->op != BLOCK_READ && d->read_only))
        return -EROFS;
    if (unlikely(r->op >= BLOCK_DISCARD)) {
        most = r->op == BLOCK_DISCARD ? l->discard_sectors : l->zero_sectors;
        if (!most)
            return -EOPNOTSUPP;
    }
    if (unlikely(!r->sectors || (r->sector | r->sectors) & (l->block_size / SECTOR_SIZE - 1) ||
                 r->sectors > most || r->segment_count > l->segments))
        return -EINVAL;
    return 0;
}

static void set_stage(struct block_request *r)
{
    r->stage = STAGE_ONLY;
    if (r->op != BLOCK_WRITE || !r->device->limits.volatile_cache)
        return;
    r->stage = r->flags & BLOCK_PREFLUSH ? STAGE_PREFLUSH : STAGE_DATA;
    if (r->stage == STAGE_PREFLUSH)
        r->op = BLOCK_FLUSH;
}

// True: the request has another stage.
static bool next_stage(struct block_request *r, int error)
{
    enum stage stage = r->stage;

    if (stage == STAGE_ONLY)
        return false;
    r->op = BLOCK_WRITE;
    if (error || stage == STAGE_POSTFLUSH)
        return false;
    if (stage == STAGE_PREFLUSH) {
        r->stage = STAGE_DATA;
        return true;
    }
    if (!(r->flags & BLOCK_FUA) || r->device->limits.fua)
        return false;
    r->stage = STAGE_POSTFLUSH;
    r->op = BLOCK_FLUSH;
    return true;
}

static void set_alone(struct block_request *r)
{
    r->merged = NULL;
    r->last = r;
    r->total_segments = r->segment_count;
    r->total_sectors = r->sectors;
}

// Requests that a plugged thread holds back are chained by `merged`, up to this one.
static struct block_request plug_end;

// False: nothing is plugged. An interrupt handler's requests are not the interrupted thread's.
static bool hold_back(struct block_request *r)
{
    struct thread *t = thread_self();
    irqflags_t irq = irq_save();
    bool hold = irq && t->plug;

    if (hold) {
        r->merged = t->plug;
        t->plug = r;
    }
    irq_restore(irq);
    return hold;
}

void block_submit(struct block_device *d, struct block_request *r)
{
    struct block_device *whole = d->whole;
    int err;

    r->device = d;
    r->started = clock_monotonic();
    account_start(d, r);
    if (d != whole)
        account_start(whole, r);
    // Counted first: who takes the sectors away waits for those that may have seen them.
    err = check(d, r) ?: block_fault(d);
    if (unlikely(err || (r->op == BLOCK_FLUSH && !d->limits.volatile_cache))) {
        turn_away(r, err);
        return;
    }
    r->sector += load_relaxed(&d->start);
    r->alone = false;
    set_alone(r);
    set_stage(r);
    if (unlikely(thread_self()->plug) && hold_back(r))
        return;
    if (r->op != BLOCK_FLUSH && !load_relaxed(&whole->queue->held) && !offer(whole, r))
        return;
    queue_add(whole->queue, r);
    dispatch(whole);
}

void block_plug(void)
{
    thread_self()->plug = &plug_end;
}

void block_unplug(void)
{
    struct block_request *r = thread_self()->plug, *next;

    thread_self()->plug = NULL;
    for (; r && r != &plug_end; r = next) {
        struct block_device *whole = r->device->whole;

        next = r->merged;
        r->merged = NULL;
        queue_add(whole->queue, r);
        if (next == &plug_end || next->device->whole != whole)
            dispatch(whole);
    }
}

void block_complete(struct block_request *r, int error)
{
    struct block_device *whole = r->device->whole;
    bool flush = r->op == BLOCK_FLUSH, again = error && !flush && r->merged;
    struct block_request *next;

    atomic_fetch_add(&whole->stats.op[r->op].count, 1);
    if (r->device != whole)
        atomic_fetch_add(&r->device->stats.op[r->op].count, 1);
    for (; r; r = next) {
        next = r->merged;
        set_alone(r);
        r->alone = again;
        if (again || next_stage(r, error))
            queue_add(whole->queue, r);
        else
            finish(r, error);
    }
    if (flush)
        flush_ended(whole->queue);
    if (unlikely(load_relaxed(&whole->queue->held)))
        dispatch(whole);
}
