// SPDX-License-Identifier: MIT
// Many pieces of one device in flight together.
#include "block/batch.h"
#include "lib/macro.h"
#include "mm/slab.h"

#define SEGMENTS 112

struct batch_request {
    struct block_request request;
    struct block_segment segments[SEGMENTS];
    u32 count;                  // of segments
    u64 sectors;                // of them all
    struct batch_request *next; // among the sent
};

void block_batch_begin(struct block_batch *b, struct block_device *d, enum block_op op, u32 flags)
{
    *b = (struct block_batch){.device = d, .op = op, .flags = flags, .in_flight = 1};
    completion_init(&b->done);
}

static void batch_done(struct block_request *r)
{
    struct block_batch *b = r->private;

    if (r->error)
        (void)atomic_cas(&b->error, 0, r->error);
    if (atomic_fetch_sub(&b->in_flight, 1U) == 1)
        complete_all(&b->done);
}

static void batch_send(struct block_batch *b)
{
    struct batch_request *r = b->open;

    if (!r)
        return;
    block_request_init(&r->request, b->op, r->request.sector, r->segments, r->count, batch_done, b);
    r->request.flags = b->flags;
    atomic_fetch_add(&b->in_flight, 1U);
    b->open = NULL;
    r->next = b->sent;
    b->sent = r;
    block_submit(b->device, &r->request);
}

// Waits for all that was added so far; the batch may then go on.
static void batch_drain(struct block_batch *b)
{
    batch_send(b);
    block_unplug();
    if (atomic_fetch_sub(&b->in_flight, 1U) != 1)
        completion_wait(&b->done, WAIT_UNINTERRUPTIBLE);
    b->in_flight = 1;
    completion_init(&b->done);
}

// Whether the piece goes on where the open request ends.
static bool batch_fits(const struct block_batch *b, u64 sector, u64 sectors)
{
    const struct batch_request *r = b->open;
    const struct block_limits *limits = &b->device->limits;

    return r && r->request.sector + r->sectors == sector &&
           r->sectors + sectors <= limits->sectors &&
           r->count < MIN((u32)SEGMENTS, limits->segments);
}

// Pieces that follow each other in memory, too, are one segment.
static void batch_put(struct batch_request *r, u64 sector, void *data, u32 bytes)
{
    struct block_segment *last = r->count ? &r->segments[r->count - 1] : NULL;

    if (!r->count)
        r->request.sector = sector;
    if (last && (u8 *)last->data + last->length == data)
        last->length += bytes;
    else
        r->segments[r->count++] = (struct block_segment){data, bytes};
    r->sectors += bytes >> SECTOR_SHIFT;
}

// A piece by itself, waited for: no memory is needed, nor anything that others may hold.
static void batch_add_slowly(struct block_batch *b, u64 sector, void *data, u32 bytes)
{
    const struct block_segment piece = {data, bytes};
    struct block_request r;

    block_request_init(&r, b->op, sector, &piece, 1, batch_done, b);
    r.flags = b->flags;
    atomic_fetch_add(&b->in_flight, 1U);
    block_submit(b->device, &r);
    batch_drain(b);
}

void block_batch_add(struct block_batch *b, u64 sector, void *data, u32 bytes)
{
    if (!batch_fits(b, sector, bytes >> SECTOR_SHIFT)) {
        batch_send(b);
        b->open = kmalloc(sizeof(*b->open), 0);
        if (!b->open) {
            batch_add_slowly(b, sector, data, bytes);
            return;
        }
        b->open->count = 0;
        b->open->sectors = 0;
    }
    batch_put(b->open, sector, data, bytes);
}

int block_batch_wait(struct block_batch *b)
{
    struct batch_request *r;

    batch_drain(b);
    while ((r = b->sent)) {
        b->sent = r->next;
        kfree(r);
    }
    return b->error;
}
