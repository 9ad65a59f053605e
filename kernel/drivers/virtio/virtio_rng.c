// SPDX-License-Identifier: MIT
// Entropy device (Virtual I/O Device 1.2, section 5.4).
#include "drivers/virtio/virtio_rng.h"
#include "abi/errno.h"
#include "base/random.h"
#include "base/spinlock.h"
#include "drivers/virtio/virtio.h"
#include "lib/string.h"
#include "mm/slab.h"

#define RNG_BYTES 64

struct virtio_rng {
    struct virtio_queue queue; // (lock)
    u8 *buffer;                // (lock; the device's while a request is under way)
    struct spinlock lock;      // RANK_DEVICE
};

static struct virtio_rng *rng; // (c) the first one, NULL: none

void virtio_rng_request(void)
{
    struct virtq_buf buf;
    irqflags_t flags;

    if (!rng)
        return;
    buf = (struct virtq_buf){virt_to_phys(rng->buffer), RNG_BYTES};
    flags = spin_lock_irqsave(&rng->lock);
    if (virtq_in_flight(&rng->queue.ring) == 0 && virtq_add(&rng->queue.ring, &buf, 0, 1, rng) == 0)
        virtio_notify(&rng->queue);
    spin_unlock_irqrestore(&rng->lock, flags);
}

static void virtio_rng_interrupt(struct virtio_device *d)
{
    struct virtio_rng *r = d->private;
    u8 bytes[RNG_BYTES];
    irqflags_t flags = spin_lock_irqsave(&r->lock);
    void *token;
    u32 n;

    if (virtq_take(&r->queue.ring, &token, &n) != 1)
        n = 0;
    memcpy(bytes, r->buffer, n);
    spin_unlock_irqrestore(&r->lock, flags);
    if (n)
        random_mix(bytes, n);
}

static int virtio_rng_probe(struct virtio_device *d)
{
    struct virtio_rng *r;
    int err = -ENOMEM;

    if (rng)
        return -EEXIST;
    r = kmalloc(sizeof(*r), ALLOC_ZERO);
    if (!r)
        return err;
    spin_init(&r->lock, RANK_DEVICE);
    r->buffer = kmalloc(RNG_BYTES, ALLOC_ZERO);
    if (r->buffer)
        err = virtio_queue_init(&r->queue, d, 0, 1);
    if (err) {
        kfree(r->buffer);
        kfree(r);
        return err;
    }
    d->private = r;
    virtio_start(d);
    rng = r;
    virtio_rng_request();
    return 0;
}

const struct virtio_driver virtio_rng_driver = {
    .name = "virtio-rng",
    .id = VIRTIO_ID_RNG,
    .probe = virtio_rng_probe,
    .interrupt = virtio_rng_interrupt,
};
