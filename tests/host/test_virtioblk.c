// SPDX-License-Identifier: MIT
// The virtio block driver against a model device, which checks the chains that it is given.
#include "block/block.h"
#include "disk.h"
#include "drivers/virtio/virtio.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "world.h"

#define RUNS     40
#define SECTORS  1024UL
#define WRITES   300
#define SEGMENTS 4
#define QUEUES   2
#define RING     256

enum { F_SEG_MAX = 1 << 2, F_FLUSH = 1 << 9, F_TOPOLOGY = 1 << 10, F_MQ = 1 << 12 };
enum { TYPE_OUT = 1, TYPE_FLUSH = 4 };
enum { DESC_NEXT = 1 };

static struct model_queue {
    struct timer timer;
    struct virtio_queue *queue;
    u16 seen;
} model[QUEUES];

static struct virtio_device device = {
    .driver = &virtio_blk_driver,
    .features = F_SEG_MAX | F_FLUSH | F_TOPOLOGY | F_MQ,
};
static u32 flushes;

/* The device */

// The fields of section 5.2.4, each read with its width.
u32 virtio_config_read(struct virtio_device *d, u32 offset, u8 width)
{
    switch (offset << 8 | width) {
    case 0 << 8 | 4:
        return SECTORS;
    case 4 << 8 | 4:
        return 0;
    case 12 << 8 | 4: // segments of a transfer
        return RING - 2;
    case 24 << 8 | 1: // log2 of blocks in a physical one
        return 3;
    case 34 << 8 | 2:
        return QUEUES;
    }
    panic("%u bytes at %u of the configuration", width, offset);
}

// Returns the chain at `head` once its shape is what its type asks for.
static void serve(struct virtq *q, u16 head)
{
    const struct virtq_desc *d = &q->desc[head];
    u32 type = *(u32 *)phys_to_virt(d->addr), parts = 1;

    for (; d->flags & DESC_NEXT; parts++)
        d = &q->desc[d->next];
    if (type == TYPE_FLUSH)
        host_expect(parts, 2);
    if (type == TYPE_OUT)
        host_expect(parts, 2 + SEGMENTS);
    flushes += type == TYPE_FLUSH;
    *(u8 *)phys_to_virt(d->addr) = 0;
    q->used->ring[q->used->idx % q->size] = (struct virtq_used_elem){head, 1};
    store_release(&q->used->idx, q->used->idx + 1);
}

static void model_expired(struct timer *t)
{
    struct model_queue *m = container_of(t, struct model_queue, timer);
    struct virtq *q = &m->queue->ring;

    while (m->seen != load_acquire(&q->avail->idx))
        serve(q, q->avail->ring[m->seen++ % q->size]);
    virtio_blk_driver.interrupt(&device);
}

int virtio_queue_init(struct virtio_queue *q, struct virtio_device *d, u32 index, u16 max_size)
{
    void *memory = host_alloc(virtq_bytes(RING));

    verify(index < QUEUES && max_size >= RING);
    memset(memory, 0, virtq_bytes(RING));
    virtq_init(&q->ring, RING, memory, host_alloc(virtq_slots_bytes(RING)));
    q->index = index;
    model[index].queue = q;
    timer_init(&model[index].timer, model_expired);
    return 0;
}

void virtio_start(struct virtio_device *d, void *private)
{
    d->private = private;
}

void virtio_stop(struct virtio_device *d)
{
    panic("the driver stops the device");
}

void virtio_notify(struct virtio_queue *q)
{
    timer_start(&model[q->index].timer, clock_monotonic() + machine_below(200000));
}

void host_setup(void)
{
    world_setup();
    verify(!virtio_blk_driver.probe(&device));
}

/* Flushes */

static unsigned under_way;

static void write_done(struct block_request *r)
{
    host_expect(r->error, 0);
    under_way--;
}

// Many writes that each flush before and after, so that a flush is for many: it carries no data.
static void flushes_scenario(void)
{
    struct block_request *requests = host_alloc(WRITES * sizeof(*requests));
    struct block_device *disk = block_find_name("vda");
    struct block_segment parts[SEGMENTS];
    u8 *data = kmalloc(PAGE_SIZE, 0);

    host_expect(disk->limits.physical_size, 4096);
    for (unsigned i = 0; i < SEGMENTS; i++)
        parts[i] = (struct block_segment){data + i * SECTOR_SIZE, SECTOR_SIZE};
    under_way = WRITES;
    for (unsigned i = 0; i < WRITES; i++) {
        block_request_init(&requests[i], BLOCK_WRITE, i * SEGMENTS % SECTORS, parts, SEGMENTS,
                           write_done, NULL);
        requests[i].flags = BLOCK_PREFLUSH | BLOCK_FUA;
        block_submit(disk, &requests[i]);
    }
    while (load_relaxed(&under_way))
        sleep_until(clock_monotonic() + 1000, WAIT_UNINTERRUPTIBLE);
    verify(flushes && flushes < WRITES);
    kfree(data);
    kfree(requests);
}
HOST_TEST(flushes, RUNS)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_flushes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
