// SPDX-License-Identifier: MIT
// The simulated disk: requests, their record, and what crashes leave of them.
#include "disk.h"
#include "host.h"

#include <stdlib.h>
#include <string.h>

/* The record */

static void record(struct disk *d, struct disk_event event)
{
    if (!d->recording)
        return;
    if (d->event_count == d->event_room) {
        d->event_room = d->event_room ? 2 * d->event_room : 256;
        d->events = realloc(d->events, d->event_room * sizeof(*d->events));
    }
    d->events[d->event_count++] = event;
}

void disk_record(struct disk *d)
{
    u64 size = d->block.sectors << SECTOR_SHIFT;

    d->initial = malloc(size);
    memcpy(d->initial, d->image, size);
    d->recording = true;
}

/* Requests; each function here is one step for the rest of the machine */

static bool is_write(const struct block_request *r)
{
    return r->op != BLOCK_READ && r->op != BLOCK_FLUSH;
}

// Moves the whole transfer between memory and `at`, where its first sector is.
static void move(const struct block_request *r, u8 *at)
{
    for (; r; r = r->merged)
        for (u32 i = 0; i < (r->op > BLOCK_WRITE ? 1 : r->segment_count); i++) {
            const struct block_segment *s = &r->segments[i];
            size_t n = r->op > BLOCK_WRITE ? r->sectors << SECTOR_SHIFT : s->length;

            if (r->op == BLOCK_READ)
                memcpy(s->data, at, n);
            else if (r->op == BLOCK_WRITE)
                memcpy(at, s->data, n);
            else
                memset(at, 0, n);
            at += n;
        }
}

static u64 sectors_of(const struct block_request *r)
{
    u64 n = 0;

    for (; r; r = r->merged)
        n += r->op == BLOCK_FLUSH ? 0 : r->sectors;
    return n;
}

static int result_of(struct disk *d, const struct block_request *r)
{
    bool bad = d->bad_ops & BIT(r->op) && d->bad_sector - r->sector < sectors_of(r);

    return bad || (d->fail_nth && !--d->fail_nth) ? -EIO : 0;
}

static void submitted(struct disk_flight *f)
{
    struct block_request *r = f->request;
    struct disk *d = f->disk;
    struct disk_event e = {.sector = r->sector, .sectors = sectors_of(r)};

    d->requests++;
    d->flushes += r->op == BLOCK_FLUSH;
    f->submit = d->event_count;
    f->late = machine_below(2);
    if (r->op == BLOCK_READ) {
        if (!f->late)
            move(r, d->image + (r->sector << SECTOR_SHIFT));
        return;
    }
    e.kind = is_write(r) ? DISK_SUBMIT : DISK_FLUSH_SUBMIT;
    e.flags = r->flags & BLOCK_FUA && d->block.limits.fua ? BLOCK_FUA : 0;
    if (is_write(r)) {
        e.data = f->data = malloc(e.sectors << SECTOR_SHIFT);
        move(r, f->data);
    }
    record(d, e);
}

static void record_end(struct disk_flight *f, int err)
{
    struct disk *d = f->disk;
    struct disk_event e = d->events[f->submit];

    e.kind = is_write(f->request) ? DISK_COMPLETE : DISK_FLUSH_COMPLETE;
    e.other = f->submit;
    e.error = err;
    d->events[f->submit].other = d->event_count;
    record(d, e);
}

static void completed(struct disk_flight *f, int err)
{
    struct block_request *r = f->request;
    struct disk *d = f->disk;
    u8 *at = d->image + (r->sector << SECTOR_SHIFT);
    u64 n = sectors_of(r) << SECTOR_SHIFT;

    if (r->op == BLOCK_READ && f->late && !err)
        move(r, at);
    if (is_write(r)) {
        if (f->late)
            move(r, f->data);
        if (err)
            n = machine_below(n + 1) & ~(u64)(SECTOR_SIZE - 1);
        memcpy(at, f->data, n);
    }
    if (r->op != BLOCK_READ && d->recording)
        record_end(f, err);
    else if (is_write(r))
        free(f->data);
}

static void land(struct disk_flight *f)
{
    struct block_request *r = f->request;
    int err = result_of(f->disk, r);

    completed(f, err);
    f->request = NULL;
    block_complete(r, err);
}

static void disk_timer(struct timer *t)
{
    land(container_of(t, struct disk_flight, timer));
}

static bool is_slow(const struct disk *d, const struct block_request *r)
{
    return d->slow_sector && is_write(r) && d->slow_sector - r->sector < sectors_of(r);
}

static int disk_submit(struct block_device *b, struct block_request *r)
{
    struct disk *d = b->private;
    struct disk_flight *f = d->flights;

    while (f < d->flights + d->depth && f->request)
        f++;
    if (f == d->flights + d->depth)
        return -EBUSY;
    f->request = r;
    submitted(f);
    if (is_slow(d, r))
        timer_start(&f->timer, clock_monotonic() + NS_PER_SEC);
    else if (d->latency && machine_below(8))
        timer_start(&f->timer,
                    clock_monotonic() + machine_below(d->latency) * (machine_below(8) ? 1 : 10));
    else
        land(f);
    return 0;
}

bool disk_idle(const struct disk *d)
{
    for (unsigned i = 0; i < DISK_DEPTH; i++)
        if (d->flights[i].request)
            return false;
    return true;
}

struct disk *disk_create(const char *name, u64 sectors, u32 block_size)
{
    static const struct block_device_ops ops = {.submit = disk_submit};
    struct disk *d = calloc(1, sizeof(*d));

    strncpy(d->block.name, name, sizeof(d->block.name) - 1);
    d->image = calloc(sectors, SECTOR_SIZE);
    d->depth = 1 + machine_below(DISK_DEPTH);
    d->latency = 200000;
    d->block.sectors = sectors;
    d->block.limits = (struct block_limits){
        .segments = 64,
        .sectors = 1024,
        .block_size = block_size,
        .physical_size = block_size,
        .discard_sectors = UINT32_MAX,
        .zero_sectors = UINT32_MAX,
        .volatile_cache = true,
    };
    d->block.ops = &ops;
    d->block.private = d;
    for (unsigned i = 0; i < DISK_DEPTH; i++) {
        timer_init(&d->flights[i].timer, disk_timer);
        d->flights[i].disk = d;
    }
    verify(!block_register(&d->block, 0, 0, 0));
    return d;
}

/* Crashes */

// Writes that completed before this event are durable after `count` events.
static u64 safe_before(const struct disk *d, u64 count)
{
    u64 safe = d->block.limits.volatile_cache ? 0 : count;

    for (u64 i = 0; i < count; i++) {
        const struct disk_event *e = &d->events[i];

        if (e->kind == DISK_FLUSH_COMPLETE && !e->error)
            safe = MAX(safe, e->other);
    }
    return safe;
}

static void put(u8 *image, const struct disk_event *e)
{
    memcpy(image + (e->sector << SECTOR_SHIFT), e->data, e->sectors << SECTOR_SHIFT);
}

static void put_torn(u8 *image, const struct disk_event *e, u64 (*below)(u64 n))
{
    for (u64 i = 0; i < e->sectors; i++)
        if (below(2))
            memcpy(image + ((e->sector + i) << SECTOR_SHIFT), e->data + (i << SECTOR_SHIFT),
                   SECTOR_SIZE);
}

static void put_maybe(u8 *image, const struct disk_event *e, u64 (*below)(u64 n))
{
    switch (below(4)) {
    case 0:
        put_torn(image, e, below);
        break;
    case 1:
        put(image, e);
        break;
    default:
        break;
    }
}

// In the order of completion, in which the disk's cache overwrites; then what was under way.
static void replay(const struct disk *d, u64 count, u64 (*below)(u64 n), u8 *image)
{
    u64 safe = safe_before(d, count);

    memcpy(image, d->initial, d->block.sectors << SECTOR_SHIFT);
    for (u64 i = 0; i < count; i++) {
        const struct disk_event *e = &d->events[i];

        if (e->kind != DISK_COMPLETE)
            continue;
        if (!e->error && (i < safe || e->flags & BLOCK_FUA))
            put(image, e);
        else if (below)
            put_maybe(image, e, below);
    }
    for (u64 i = 0; below && i < count; i++) {
        const struct disk_event *e = &d->events[i];

        if (e->kind == DISK_SUBMIT && (!e->other || e->other >= count))
            put_maybe(image, e, below);
    }
}

void disk_durable(const struct disk *d, u64 events, u8 *image)
{
    replay(d, events, NULL, image);
}

void disk_crash(const struct disk *d, u64 events, u64 (*below)(u64 n), u8 *image)
{
    replay(d, events, below, image);
}
