// SPDX-License-Identifier: MIT
// Requests that the caller waits for.
#include "abi/errno.h"
#include "block/block.h"
#include "lib/macro.h"
#include "mm/slab.h"
#include "sync/mutex.h"

static void wake_submitter(struct block_request *r)
{
    complete_all(r->private);
}

// Waits for a request that was made with a completion as `private`.
static int submit_wait(struct block_device *d, struct block_request *r)
{
    block_unplug();
    block_submit(d, r);
    completion_wait(r->private, WAIT_UNINTERRUPTIBLE);
    return r->error;
}

int block_transfer(struct block_device *d, enum block_op op, u64 sector, void *data, size_t bytes)
{
    int err = 0;

    while (bytes && !err) {
        struct block_segment part = {data, MIN(bytes, (size_t)d->limits.sectors * SECTOR_SIZE)};
        struct completion done;
        struct block_request r;

        completion_init(&done);
        block_request_init(&r, op, sector, &part, 1, wake_submitter, &done);
        err = submit_wait(d, &r);
        data = (u8 *)data + part.length;
        bytes -= part.length;
        sector += part.length >> SECTOR_SHIFT;
    }
    return err;
}

// Operations without data, in pieces of at most `most` sectors.
static int without_data(struct block_device *d, enum block_op op, u64 sector, u64 sectors, u64 most)
{
    int err;

    do {
        struct completion done;
        struct block_request r;

        completion_init(&done);
        block_request_init(&r, op, sector, NULL, 0, wake_submitter, &done);
        r.sectors = MIN(sectors, most);
        sector += r.sectors;
        sectors -= r.sectors;
        err = submit_wait(d, &r);
    } while (sectors && !err);
    return err;
}

int block_flush(struct block_device *d)
{
    return without_data(d, BLOCK_FLUSH, 0, 0, 0);
}

int block_discard(struct block_device *d, u64 sector, u64 sectors)
{
    return without_data(d, BLOCK_DISCARD, sector, sectors, d->limits.discard_sectors);
}

#define ZEROES 65536 // bytes written at once where the device has no such operation

int block_zero(struct block_device *d, u64 sector, u64 sectors)
{
    u64 size = sectors << SECTOR_SHIFT;
    int err = 0;
    void *zeroes;

    if (d->limits.zero_sectors)
        return without_data(d, BLOCK_ZERO, sector, sectors, d->limits.zero_sectors);
    zeroes = kmalloc(ZEROES, ALLOC_ZERO);
    if (!zeroes)
        return -ENOMEM;
    for (u64 at = 0; at < size && !err; at += ZEROES)
        err = block_transfer(d, BLOCK_WRITE, sector + (at >> SECTOR_SHIFT), zeroes,
                             MIN(size - at, (u64)ZEROES));
    kfree(zeroes);
    return err;
}
