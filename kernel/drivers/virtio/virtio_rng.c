// SPDX-License-Identifier: MIT
// Entropy device (Virtual I/O Device 1.2, section 5.4): bytes for base/random.h, once, at boot.
#include "abi/errno.h"
#include "base/random.h"
#include "drivers/virtio/virtio.h"
#include "mm/slab.h"

#define RNG_BYTES 64

struct virtio_rng {
    struct virtio_queue queue; // (c) after probe but for the interrupt
    u8 buffer[RNG_BYTES];      // the device's until the interrupt
};

// The one request, made at boot, is done.
static void virtio_rng_interrupt(struct virtio_device *d)
{
    struct virtio_rng *r = d->private;
    void *token;
    u32 n;

    if (virtq_take(&r->queue.ring, &token, &n) == 1)
        random_mix(r->buffer, n);
}

static int virtio_rng_probe(struct virtio_device *d)
{
    struct virtio_rng *r = kmalloc(sizeof(*r), ALLOC_ZERO);
    struct virtq_buf buf;
    int err;

    if (!r)
        return -ENOMEM;
    err = virtio_queue_init(&r->queue, d, 0, 1);
    if (err) {
        kfree(r);
        return err;
    }
    buf = (struct virtq_buf){virt_to_phys(r->buffer), RNG_BYTES};
    virtio_start(d, r);
    err = virtq_add(&r->queue.ring, &buf, 0, 1, r);
    virtio_notify(&r->queue);
    return err;
}

const struct virtio_driver virtio_rng_driver = {
    .name = "virtio-rng",
    .id = VIRTIO_ID_RNG,
    .probe = virtio_rng_probe,
    .interrupt = virtio_rng_interrupt,
};
