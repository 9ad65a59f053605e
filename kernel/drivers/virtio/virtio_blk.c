// SPDX-License-Identifier: MIT
// Block devices (Virtual I/O Device 1.2, section 5.2): /dev/vda and on.
//
// A transfer takes one slot: its header and status, which the device reads and writes, and the
// chain header, data, status in the ring. A hart submits to the queue of its number, where there
// are many.
#include "abi/errno.h"
#include "arch/smp.h"
#include "base/spinlock.h"
#include "block/block.h"
#include "drivers/virtio/virtio.h"
#include "lib/macro.h"
#include "lib/string.h"
#include "mm/slab.h"

#define RING_SIZE    256
#define RING_MIN     4 // a discard takes three
#define SEGMENTS_MAX (RING_SIZE - 2)
#define MAJOR        254 // what Linux gives when nothing else asked before
#define MINORS       16

enum { // feature bits, section 5.2.3
    F_SEG_MAX = 1 << 2,
    F_RO = 1 << 5,
    F_BLK_SIZE = 1 << 6,
    F_FLUSH = 1 << 9,
    F_TOPOLOGY = 1 << 10,
    F_MQ = 1 << 12,
    F_DISCARD = 1 << 13,
    F_WRITE_ZEROES = 1 << 14,
};

enum { // offsets in the configuration, section 5.2.4
    CONFIG_CAPACITY = 0,
    CONFIG_SEG_MAX = 12,
    CONFIG_BLK_SIZE = 20,
    CONFIG_TOPOLOGY = 24, // u8: log2 of logical blocks in a physical one
    CONFIG_QUEUES = 34,   // u16
    CONFIG_DISCARD_SECTORS = 36,
    CONFIG_ZERO_SECTORS = 48,
};

enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4, TYPE_DISCARD = 11, TYPE_WRITE_ZEROES = 13 };
enum { STATUS_OK = 0, STATUS_UNSUPPORTED = 2, STATUS_NONE = 0xff };

struct blk_slot {
    struct { // section 5.2.6
        u32 type, reserved;
        u64 sector;
    } header;
    struct { // of discards and zeroes
        u64 sector;
        u32 sectors, flags;
    } range;
    u8 status;
    struct block_request *request; // (queue's lock) NULL: free
    struct blk_slot *next_free;    // (queue's lock)
};

struct blk_queue {
    struct spinlock lock; // RANK_DEVICE
    struct virtio_queue queue;
    struct blk_slot *slots;            // (c) as many as descriptors
    struct blk_slot *free;             // (l)
    struct virtq_buf chain[RING_SIZE]; // (l) for the transfer being added
};

struct virtio_blk {
    struct block_device block;
    u32 queue_count; // (c)
    struct blk_queue queues[];
};

/* Submission */

static void slot_fill(struct blk_slot *s, struct block_request *r)
{
    static const u8 types[BLOCK_OPS] = {
        [BLOCK_READ] = TYPE_IN,           [BLOCK_WRITE] = TYPE_OUT,
        [BLOCK_FLUSH] = TYPE_FLUSH,       [BLOCK_DISCARD] = TYPE_DISCARD,
        [BLOCK_ZERO] = TYPE_WRITE_ZEROES,
    };

    s->header.type = types[r->op];
    s->header.sector = r->op <= BLOCK_WRITE ? r->sector : 0;
    s->range.sector = r->sector;
    s->range.sectors = (u32)r->sectors;
    s->status = STATUS_NONE;
    s->request = r;
}

// The chain of a transfer: buffers that the device reads, *out of them, then those that it writes.
// A flush may be a stage of writes, whose data it does not carry.
static unsigned chain_make(struct blk_slot *s, struct block_request *r, struct virtq_buf *bufs,
                           unsigned *out)
{
    bool has_data = r->op <= BLOCK_WRITE, reads = r->op == BLOCK_READ;
    paddr_t slot = virt_to_phys(s);
    unsigned n = 0;

    bufs[n++] = (struct virtq_buf){slot, sizeof(s->header)};
    if (r->op >= BLOCK_DISCARD)
        bufs[n++] = (struct virtq_buf){slot + offsetof(struct blk_slot, range), sizeof(s->range)};
    for (; has_data && r; r = r->merged)
        for (u32 i = 0; i < r->segment_count; i++)
            bufs[n++] =
                (struct virtq_buf){virt_to_phys(r->segments[i].data), r->segments[i].length};
    *out = reads ? 1 : n;
    bufs[n++] = (struct virtq_buf){slot + offsetof(struct blk_slot, status), 1};
    return n;
}

static int queue_add_locked(struct blk_queue *q, struct block_request *r)
{
    struct blk_slot *s = q->free;
    unsigned out, count;
    int err;

    if (!s)
        return -EBUSY;
    slot_fill(s, r);
    count = chain_make(s, r, q->chain, &out);
    err = virtq_add(&q->queue.ring, q->chain, out, count - out, s);
    if (err) {
        s->request = NULL;
        return err == -ENOSPC ? -EBUSY : err;
    }
    q->free = s->next_free;
    return 0;
}

static int virtio_blk_submit(struct block_device *d, struct block_request *r)
{
    struct virtio_blk *b = d->private;
    struct blk_queue *q = &b->queues[hart_index() % b->queue_count];
    irqflags_t irq = spin_lock_irqsave(&q->lock);
    int err = queue_add_locked(q, r);

    if (!err)
        virtio_notify(&q->queue);
    spin_unlock_irqrestore(&q->lock, irq);
    return err;
}

/* Completion */

static struct block_request *slot_release_locked(struct blk_queue *q, struct blk_slot *s)
{
    struct block_request *r = s->request;

    s->request = NULL;
    s->next_free = q->free;
    q->free = s;
    return r;
}

// A device that breaks the rules is stopped, and what it holds has failed. NULL: nothing is left.
static struct block_request *take_broken_locked(struct blk_queue *q)
{
    virtio_stop(q->queue.device);
    for (unsigned i = 0; i < q->queue.ring.size; i++)
        if (q->slots[i].request)
            return slot_release_locked(q, &q->slots[i]);
    return NULL;
}

static struct block_request *queue_take(struct blk_queue *q, int *error)
{
    irqflags_t irq = spin_lock_irqsave(&q->lock);
    struct block_request *r = NULL;
    void *token;
    u32 written;
    int n;

    n = virtq_take(&q->queue.ring, &token, &written);
    *error = -EIO;
    if (n < 0) {
        r = take_broken_locked(q);
    } else if (n > 0) {
        u8 status = load_relaxed(&((struct blk_slot *)token)->status);

        if (status == STATUS_OK)
            *error = 0;
        else if (status == STATUS_UNSUPPORTED)
            *error = -EOPNOTSUPP;
        r = slot_release_locked(q, token);
    }
    spin_unlock_irqrestore(&q->lock, irq);
    return r;
}

static void virtio_blk_interrupt(struct virtio_device *d)
{
    struct virtio_blk *b = d->private;
    struct block_request *r;
    bool stopped;
    int error;

    do { // once more for all queues if one of them was broken
        stopped = load_relaxed(&d->stopped);
        for (u32 i = 0; i < b->queue_count; i++)
            while ((r = queue_take(&b->queues[i], &error)))
                block_complete(r, error);
    } while (stopped != load_relaxed(&d->stopped));
}

/* Start */

static int queue_init(struct blk_queue *q, struct virtio_device *d, u32 index)
{
    int err = virtio_queue_init(&q->queue, d, index, RING_SIZE);
    u16 size = q->queue.ring.size;

    if (err || size < RING_MIN)
        return err ? err : -ENODEV;
    spin_init(&q->lock, RANK_DEVICE);
    q->slots = kmalloc(size * sizeof(*q->slots), ALLOC_ZERO);
    for (u16 i = 0; q->slots && i < size; i++)
        slot_release_locked(q, &q->slots[i]);
    return q->slots ? 0 : -ENOMEM;
}

static void read_limits(struct virtio_device *d, struct block_device *b, u16 ring_size)
{
    struct block_limits *l = &b->limits;
    u32 segments = d->features & F_SEG_MAX ? virtio_config_read(d, CONFIG_SEG_MAX, 4) : 1;

    b->sectors = virtio_config_read(d, CONFIG_CAPACITY, 4) |
                 (u64)virtio_config_read(d, CONFIG_CAPACITY + 4, 4) << 32;
    b->read_only = d->features & F_RO;
    l->block_size = d->features & F_BLK_SIZE ? virtio_config_read(d, CONFIG_BLK_SIZE, 4) : 512;
    l->physical_size = l->block_size;
    if (d->features & F_TOPOLOGY)
        l->physical_size <<= virtio_config_read(d, CONFIG_TOPOLOGY, 1) & 15;
    l->segments = CLAMP(segments, 1U, MIN(ring_size - 2U, SEGMENTS_MAX));
    l->sectors = 4096;
    if (d->features & F_DISCARD)
        l->discard_sectors = virtio_config_read(d, CONFIG_DISCARD_SECTORS, 4);
    if (d->features & F_WRITE_ZEROES)
        l->zero_sectors = virtio_config_read(d, CONFIG_ZERO_SECTORS, 4);
    l->volatile_cache = d->features & F_FLUSH;
}

// vda..vdz, vdaa...
static void disk_name(char *out, u32 index)
{
    char letters[8], *at = &letters[sizeof(letters) - 1];

    *at = '\0';
    for (index++; index; index = (index - 1) / 26)
        *--at = (char)('a' + (index - 1) % 26);
    strlcpy(out, "vd", 3);
    strlcpy(out + 2, at, sizeof(letters));
}

static const struct block_device_ops virtio_blk_ops = {.submit = virtio_blk_submit};

static int virtio_blk_probe(struct virtio_device *d)
{
    static u32 disks; // found so far
    u32 queues = d->features & F_MQ ? virtio_config_read(d, CONFIG_QUEUES, 2) : 1;
    struct virtio_blk *b;
    u16 ring_size = RING_SIZE;
    u32 size;
    int err = 0;

    queues = CLAMP(queues, 1U, hart_count);
    b = kmalloc(sizeof(*b) + queues * sizeof(b->queues[0]), ALLOC_ZERO);
    if (!b)
        return -ENOMEM;
    for (; !err && b->queue_count < queues; b->queue_count++) {
        struct blk_queue *q = &b->queues[b->queue_count];

        err = queue_init(q, d, b->queue_count);
        ring_size = MIN(ring_size, q->queue.ring.size);
    }
    if (err) // the device has seen the queues: their memory stays
        return err;
    read_limits(d, &b->block, ring_size);
    size = b->block.limits.block_size;
    if (size < SECTOR_SIZE || size > PAGE_SIZE || size & (size - 1))
        return -EINVAL;
    disk_name(b->block.name, disks);
    b->block.ops = &virtio_blk_ops;
    b->block.private = b;
    virtio_start(d, b);
    return block_register(&b->block, MAJOR, disks++ * MINORS, MINORS);
}

const struct virtio_driver virtio_blk_driver = {
    .name = "virtio-blk",
    .id = VIRTIO_ID_BLOCK,
    .features =
        F_SEG_MAX | F_RO | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY | F_MQ | F_DISCARD | F_WRITE_ZEROES,
    .probe = virtio_blk_probe,
    .interrupt = virtio_blk_interrupt,
};
