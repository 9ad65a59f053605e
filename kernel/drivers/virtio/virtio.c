// SPDX-License-Identifier: MIT
// What all virtio devices go through: negotiation, queues, notification.
#include "abi/errno.h"
#include "base/clock.h"
#include "base/log.h"
#include "drivers/virtio/virtio_private.h"
#include "mm/slab.h"

#define RESET_PATIENCE NS_PER_SEC

enum { // status bits, section 2.1
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
    STATUS_NEEDS_RESET = 64,
    STATUS_FAILED = 128,
};

static const struct virtio_driver *const *drivers; // (c)
static unsigned driver_count;                      // (c)

static u32 read_width(const volatile u8 *at, u8 width)
{
    if (width == 1)
        return mmio_read8(at);
    if (width == 2)
        return mmio_read16(at);
    return width ? mmio_read32(at) : 0;
}

static u32 reg_read(struct virtio_device *d, enum virtio_register reg)
{
    return read_width(d->regs + d->transport->registers[reg].offset,
                      d->transport->registers[reg].width);
}

static void write_width(volatile u8 *at, u8 width, u32 value)
{
    if (width == 1)
        mmio_write8(at, value);
    else if (width == 2)
        mmio_write16(at, value);
    else
        mmio_write32(at, value);
}

static void reg_write(struct virtio_device *d, enum virtio_register reg, u32 value)
{
    write_width(d->regs + d->transport->registers[reg].offset, d->transport->registers[reg].width,
                value);
}

static void reg_write64(struct virtio_device *d, enum virtio_register reg, u64 value)
{
    volatile u8 *at = d->regs + d->transport->registers[reg].offset;

    mmio_write32(at, (u32)value);
    mmio_write32(at + 4, (u32)(value >> 32));
}

static void status_add(struct virtio_device *d, u32 bits)
{
    reg_write(d, DEVICE_STATUS, reg_read(d, DEVICE_STATUS) | bits);
}

static int virtio_reset(struct virtio_device *d)
{
    ns_t deadline = clock_monotonic() + RESET_PATIENCE;

    reg_write(d, DEVICE_STATUS, 0);
    while (reg_read(d, DEVICE_STATUS))
        if (clock_monotonic() > deadline)
            return -ETIMEDOUT;
    return 0;
}

// Section 3.1.1, steps 1 to 6.
static int virtio_negotiate(struct virtio_device *d)
{
    u64 offered;
    int err = virtio_reset(d);

    if (err)
        return err;
    status_add(d, STATUS_ACKNOWLEDGE);
    status_add(d, STATUS_DRIVER);
    reg_write(d, DEVICE_FEATURES_SELECT, 1);
    offered = (u64)reg_read(d, DEVICE_FEATURES) << 32;
    reg_write(d, DEVICE_FEATURES_SELECT, 0);
    offered |= reg_read(d, DEVICE_FEATURES);
    if (!(offered & VIRTIO_F_VERSION_1))
        return -ENODEV;
    d->features = offered & (d->driver->features | VIRTIO_F_VERSION_1);
    for (u32 i = 0; i < 2; i++) {
        reg_write(d, DRIVER_FEATURES_SELECT, i);
        reg_write(d, DRIVER_FEATURES, (u32)(d->features >> 32 * i));
    }
    status_add(d, STATUS_FEATURES_OK);
    return reg_read(d, DEVICE_STATUS) & STATUS_FEATURES_OK ? 0 : -ENODEV;
}

const struct virtio_driver *virtio_find_driver(u32 id)
{
    for (unsigned i = 0; i < driver_count; i++)
        if (drivers[i]->id == id)
            return drivers[i];
    return NULL;
}

void virtio_attach(struct virtio_device *d)
{
    int err = virtio_negotiate(d) ?: d->driver->probe(d);

    if (!err)
        return;
    status_add(d, STATUS_FAILED);
    log_info("%s: error %d", d->driver->name, -err);
}

void virtio_interrupt(struct virtio_device *d, u32 status)
{
    io_mb(); // the rings are read after the status
    if (status & VIRTIO_INTERRUPT_CONFIG && reg_read(d, DEVICE_STATUS) & STATUS_NEEDS_RESET)
        virtio_stop(d);
    if (status && load_acquire(&d->private))
        d->driver->interrupt(d);
}

void virtio_init(const struct virtio_driver *const *list, unsigned count)
{
    drivers = list;
    driver_count = count;
    virtio_mmio_init();
}

int virtio_queue_init(struct virtio_queue *q, struct virtio_device *d, u32 index, u16 max_size)
{
    struct virtq_slot *slots;
    void *memory;
    u64 notify;
    u32 size;

    reg_write(d, QUEUE_SELECT, index);
    size = MIN(reg_read(d, QUEUE_SIZE_MAX), (u32)max_size);
    notify = (u64)reg_read(d, QUEUE_NOTIFY_OFFSET) * d->notify_step;
    if (size == 0 || size & (size - 1) || reg_read(d, QUEUE_READY) ||
        notify + d->transport->notify_width > d->notify_size)
        return -ENODEV;
    memory = kmalloc(virtq_bytes(size), ALLOC_ZERO);
    slots = kmalloc(virtq_slots_bytes(size), 0);
    if (!memory || !slots || !IS_ALIGNED((u64)memory, VIRTQ_ALIGN)) {
        kfree(memory);
        kfree(slots);
        return -ENOMEM;
    }
    q->device = d;
    q->index = index;
    q->notify = d->notify + notify;
    virtq_init(&q->ring, size, memory, slots);
    q->next = d->queues;
    store_release(&d->queues, q);
    smp_mb(); // either virtio_stop finds it, or it is known here that it came before
    if (load_relaxed(&d->stopped))
        store_relaxed(&q->ring.broken, true);
    reg_write(d, QUEUE_SIZE, size);
    reg_write64(d, QUEUE_DESCRIPTORS, virt_to_phys(q->ring.desc));
    reg_write64(d, QUEUE_DRIVER, virt_to_phys(q->ring.avail));
    reg_write64(d, QUEUE_DEVICE, virt_to_phys(q->ring.used));
    reg_write(d, QUEUE_READY, 1);
    return 0;
}

void virtio_start(struct virtio_device *d, void *private)
{
    store_release(&d->private, private);
    io_mb(); // either virtio_interrupt finds the driver, or that finds its queues broken
    status_add(d, STATUS_DRIVER_OK);
}

void virtio_stop(struct virtio_device *d)
{
    if (atomic_xchg(&d->stopped, true))
        return;
    for (struct virtio_queue *q = load_acquire(&d->queues); q; q = q->next)
        store_relaxed(&q->ring.broken, true);
    smp_mb(); // before virtio_interrupt looks for the driver
    log_info("%s: the device failed, and is reset: error %d", d->driver->name, -virtio_reset(d));
}

void virtio_notify(struct virtio_queue *q)
{
    if (virtq_needs_notify(&q->ring))
        write_width(q->notify, q->device->transport->notify_width, q->index);
}

u32 virtio_config_read(struct virtio_device *d, u32 offset, u8 width)
{
    return offset + width <= d->config_size ? read_width(d->config + offset, width) : 0;
}
