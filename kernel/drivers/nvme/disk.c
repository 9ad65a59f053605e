// SPDX-License-Identifier: MIT
// Namespaces as block devices.
//
// A transfer becomes as many commands as it has runs of pages (runs.h), mostly one, and ends when
// all have.
#include "abi/errno.h"
#include "arch/smp.h"
#include "base/log.h"
#include "drivers/nvme/nvme_private.h"
#include "lib/atomic.h"
#include "lib/format.h"
#include "mm/slab.h"

#define SEGMENTS_MAX 64
#define BLOCKS_MAX   65536U // of a write of zeroes

enum { FORCE_UNIT_ACCESS = 1 << 30, DATASET_DEALLOCATE = 1 << 2 };

enum { // status codes with their type above them, figures 126 to 129
    STATUS_OPCODE = 0x001,
    STATUS_PROTECTED = 0x020,
    STATUS_CAPACITY = 0x081,
    STATUS_WRITE_FAULT = 0x280,
    STATUS_READ_ERROR = 0x281,
    STATUS_MASK = 0x7ff,
};

struct nvme_disk {
    struct block_device block;
    struct nvme *nvme; // (c)
    u32 nsid;          // (c)
    u32 shift;         // (c) sectors to blocks
};

struct nvme_range { // of a dataset, figure 360
    u32 attributes, blocks;
    u64 start;
};
static_assert(sizeof(struct nvme_range) == 16, "6.7");

/* Submission */

static void command_start(const struct nvme_disk *d, struct nvme_command *c, u8 opcode, u64 sector,
                          u32 blocks)
{
    u64 block = sector >> d->shift;

    c->opcode = opcode;
    c->nsid = d->nsid;
    c->dw10 = (u32)block;
    c->dw11 = (u32)(block >> 32);
    c->dw12 = blocks - 1;
}

// One page or two go into the command, more into the slot's list.
static void set_pages(struct nvme_command *c, u64 *list, u64 first, u32 count)
{
    c->prp1 = first;
    if (count == 2)
        c->prp2 = list[0];
    else if (count > 2)
        c->prp2 = virt_to_phys(list);
}

static void send_transfer(struct nvme_disk *d, struct nvme_queue *q, struct block_request *r)
{
    struct run_cursor cursor = {r, 0};
    u64 sector = r->sector, pages[NVME_LIST + 1];
    struct nvme_slot *leader = NULL;

    while (cursor.request) {
        struct nvme_command *c;
        struct nvme_slot *s = nvme_slot_take(q, leader, &c);
        u32 count, bytes = run_take(&cursor, pages, &count);
        u64 *list = nvme_slot_list(q, s);

        command_start(d, c, r->op == BLOCK_WRITE ? IO_WRITE : IO_READ, sector,
                      bytes >> (SECTOR_SHIFT + d->shift));
        if (r->op == BLOCK_WRITE && r->flags & BLOCK_FUA)
            c->dw12 |= FORCE_UNIT_ACCESS;
        for (u32 i = 1; i < count; i++)
            list[i - 1] = pages[i];
        set_pages(c, list, pages[0], count);
        sector += bytes >> SECTOR_SHIFT;
        leader = s->leader;
    }
    leader->request = r;
}

static void send_other(struct nvme_disk *d, struct nvme_queue *q, struct block_request *r)
{
    struct nvme_command *c;
    struct nvme_slot *s = nvme_slot_take(q, NULL, &c);
    u32 blocks = (u32)(r->sectors >> d->shift);

    s->request = r;
    if (r->op == BLOCK_ZERO) {
        command_start(d, c, IO_ZERO, r->sector, blocks);
    } else if (r->op == BLOCK_FLUSH) {
        c->opcode = IO_FLUSH;
        c->nsid = d->nsid;
    } else {
        struct nvme_range *range = (void *)nvme_slot_list(q, s);

        *range = (struct nvme_range){.blocks = blocks, .start = r->sector >> d->shift};
        c->opcode = IO_DATASET;
        c->nsid = d->nsid;
        c->dw11 = DATASET_DEALLOCATE;
        c->prp1 = virt_to_phys(range);
    }
}

static int nvme_submit(struct block_device *b, struct block_request *r)
{
    struct nvme_disk *d = b->private;
    struct nvme *n = d->nvme;
    struct nvme_queue *q = &n->io[hart_index() % n->io_count];
    u32 slots = r->op <= BLOCK_WRITE ? run_count(r) : 1;
    irqflags_t irq = spin_lock_irqsave(&q->lock);
    int err = 0;

    if (load_relaxed(&n->stopped))
        err = -EIO;
    else if (slots > q->free_count)
        err = -EBUSY;
    else if (r->op <= BLOCK_WRITE)
        send_transfer(d, q, r);
    else
        send_other(d, q, r);
    if (!err)
        nvme_queue_ring(q);
    spin_unlock_irqrestore(&q->lock, irq);
    return err;
}

/* Completion */

static int status_errno(u16 status)
{
    switch (status & STATUS_MASK) {
    case 0:
        return 0;
    case STATUS_OPCODE:
        return -EOPNOTSUPP;
    case STATUS_PROTECTED:
        return -EROFS;
    case STATUS_CAPACITY:
        return -ENOSPC;
    }
    return -EIO;
}

static const char *status_name(u16 status)
{
    switch (status & STATUS_MASK) {
    case STATUS_WRITE_FAULT:
        return " (write fault)";
    case STATUS_READ_ERROR:
        return " (unrecovered read error)";
    }
    return "";
}

// One line a second is enough to see that a disk is dying.
static void complain(struct nvme *n, const struct block_request *r, u16 status)
{
    static const char *const names[BLOCK_OPS] = {"read", "write", "flush", "discard", "zero"};
    ns_t now = clock_monotonic(), last = load_relaxed(&n->last_complaint);

    if (last && now < last + NS_PER_SEC)
        return;
    store_relaxed(&n->last_complaint, now);
    log_info("%s: %s of %lu sectors at %lu failed: status %03xh%s", r->device->whole->name,
             names[r->op], r->total_sectors, r->sector, status & STATUS_MASK, status_name(status));
}

void nvme_disk_complete(struct nvme *n, const struct nvme_done *done)
{
    if (done->status)
        complain(n, done->request, done->status);
    block_complete(done->request, status_errno(done->status));
}

/* Start */

static const struct block_device_ops ops = {.submit = nvme_submit};

static void set_limits(const struct nvme *n, struct block_limits *l, u32 block_size)
{
    u32 blocks = n->max_bytes / block_size;

    *l = (struct block_limits){
        .segments = MIN((u32)SEGMENTS_MAX, n->io[0].depth - 1U),
        .sectors = n->max_bytes >> SECTOR_SHIFT,
        .block_size = block_size,
        .physical_size = block_size,
        .volatile_cache = n->cache,
        .fua = true,
    };
    if (n->discard)
        l->discard_sectors = (u64)UINT32_MAX * (block_size / SECTOR_SIZE);
    if (n->zero)
        l->zero_sectors = (u64)MIN(blocks, BLOCKS_MAX) * (block_size / SECTOR_SIZE);
}

int nvme_disk_create(struct nvme *n, u32 nsid, u64 blocks, u32 block_size, bool read_only)
{
    struct nvme_disk *d = kmalloc(sizeof(*d), ALLOC_ZERO);
    u32 shift = 0;

    if (!d)
        return -ENOMEM;
    while (SECTOR_SIZE << shift < block_size)
        shift++;
    d->nvme = n;
    d->nsid = nsid;
    d->shift = shift;
    snformat(d->block.name, sizeof(d->block.name), "%sn%u", n->name, ++n->namespaces);
    d->block.sectors = blocks << shift;
    d->block.read_only = read_only;
    set_limits(n, &d->block.limits, block_size);
    d->block.ops = &ops;
    d->block.private = d;
    return block_register(&d->block, 0, 0, 1);
}
