// SPDX-License-Identifier: MIT
// Virtio over memory-mapped registers, version 2: discovery, negotiation, queues, interrupts.
#include "abi/errno.h"
#include "arch/mmu.h"
#include "base/log.h"
#include "drivers/mmio.h"
#include "drivers/plic.h"
#include "drivers/virtio/virtio.h"
#include "mm/slab.h"

enum { // registers, table 4.2.2
    REG_MAGIC = 0x000,
    REG_VERSION = 0x004,
    REG_DEVICE_ID = 0x008,
    REG_DEVICE_FEATURES = 0x010,
    REG_DEVICE_FEATURES_SEL = 0x014,
    REG_DRIVER_FEATURES = 0x020,
    REG_DRIVER_FEATURES_SEL = 0x024,
    REG_QUEUE_SEL = 0x030,
    REG_QUEUE_SIZE_MAX = 0x034,
    REG_QUEUE_SIZE = 0x038,
    REG_QUEUE_READY = 0x044,
    REG_QUEUE_NOTIFY = 0x050,
    REG_INTERRUPT_STATUS = 0x060,
    REG_INTERRUPT_ACK = 0x064,
    REG_STATUS = 0x070,
    REG_QUEUE_DESC = 0x080,
    REG_QUEUE_DRIVER = 0x090,
    REG_QUEUE_DEVICE = 0x0a0,
    REG_CONFIG = 0x100,
};

#define MAGIC 0x74726976U // "virt"

enum { // status bits, section 2.1
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
    STATUS_FAILED = 128,
};

enum { INTERRUPT_QUEUE = 1 };

static u32 reg_read(struct virtio_device *d, u32 reg)
{
    return mmio_read32(d->regs + reg);
}

static void reg_write(struct virtio_device *d, u32 reg, u32 value)
{
    mmio_write32(d->regs + reg, value);
}

static void reg_write64(struct virtio_device *d, u32 reg, u64 value)
{
    reg_write(d, reg, (u32)value);
    reg_write(d, reg + 4, (u32)(value >> 32));
}

static void status_add(struct virtio_device *d, u32 bits)
{
    reg_write(d, REG_STATUS, reg_read(d, REG_STATUS) | bits);
}

static void virtio_mmio_interrupt(void *arg)
{
    struct virtio_device *d = arg;
    u32 status = reg_read(d, REG_INTERRUPT_STATUS);

    reg_write(d, REG_INTERRUPT_ACK, status);
    smp_mb();
    if (status & INTERRUPT_QUEUE && load_relaxed(&d->private))
        d->driver->interrupt(d);
}

// Section 3.1.1, steps 1 to 6.
static int virtio_negotiate(struct virtio_device *d)
{
    u64 offered;

    reg_write(d, REG_STATUS, 0);
    status_add(d, STATUS_ACKNOWLEDGE);
    status_add(d, STATUS_DRIVER);
    reg_write(d, REG_DEVICE_FEATURES_SEL, 1);
    offered = (u64)reg_read(d, REG_DEVICE_FEATURES) << 32;
    reg_write(d, REG_DEVICE_FEATURES_SEL, 0);
    offered |= reg_read(d, REG_DEVICE_FEATURES);
    if (!(offered & VIRTIO_F_VERSION_1))
        return -ENODEV;
    d->features = offered & (d->driver->features | VIRTIO_F_VERSION_1);
    for (u32 i = 0; i < 2; i++) {
        reg_write(d, REG_DRIVER_FEATURES_SEL, i);
        reg_write(d, REG_DRIVER_FEATURES, (u32)(d->features >> 32 * i));
    }
    status_add(d, STATUS_FEATURES_OK);
    return reg_read(d, REG_STATUS) & STATUS_FEATURES_OK ? 0 : -ENODEV;
}

static void virtio_probe(volatile u8 *regs, u32 irq, const struct virtio_driver *driver)
{
    struct virtio_device *d = kmalloc(sizeof(*d), ALLOC_ZERO);
    int err = -ENOMEM;

    if (!d)
        goto out;
    d->regs = regs;
    d->driver = driver;
    err = virtio_negotiate(d);
    if (!err)
        err = plic_register(irq, virtio_mmio_interrupt, d);
    if (err) {
        status_add(d, STATUS_FAILED);
        kfree(d);
        goto out;
    }
    err = driver->probe(d);
    if (err) // stays: its interrupt is registered
        status_add(d, STATUS_FAILED);
out:
    if (err)
        log_info("%s: error %d", driver->name, -err);
}

void virtio_init(const struct virtio_driver *const *drivers, unsigned count)
{
    for (unsigned i = 0; i < machine.virtio_count; i++) {
        struct machine_device *m = &machine.virtio[i];
        volatile u8 *regs = mmu_ioremap(m->reg.base, m->reg.size);

        if (!regs || mmio_read32(regs + REG_MAGIC) != MAGIC || mmio_read32(regs + REG_VERSION) != 2)
            continue;
        for (unsigned k = 0; k < count; k++) {
            if (drivers[k]->id == mmio_read32(regs + REG_DEVICE_ID))
                virtio_probe(regs, m->irq, drivers[k]);
        }
    }
}

int virtio_queue_init(struct virtio_queue *q, struct virtio_device *d, u32 index, u16 max_size)
{
    struct virtq_slot *slots;
    void *memory;
    u32 size;

    reg_write(d, REG_QUEUE_SEL, index);
    size = MIN(reg_read(d, REG_QUEUE_SIZE_MAX), (u32)max_size);
    if (size == 0 || size & (size - 1) || reg_read(d, REG_QUEUE_READY))
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
    virtq_init(&q->ring, size, memory, slots);
    reg_write(d, REG_QUEUE_SIZE, size);
    reg_write64(d, REG_QUEUE_DESC, virt_to_phys(q->ring.desc));
    reg_write64(d, REG_QUEUE_DRIVER, virt_to_phys(q->ring.avail));
    reg_write64(d, REG_QUEUE_DEVICE, virt_to_phys(q->ring.used));
    reg_write(d, REG_QUEUE_READY, 1);
    return 0;
}

void virtio_start(struct virtio_device *d)
{
    status_add(d, STATUS_DRIVER_OK);
}

void virtio_stop(struct virtio_device *d)
{
    reg_write(d, REG_STATUS, 0);
}

void virtio_notify(struct virtio_queue *q)
{
    if (virtq_needs_notify(&q->ring))
        reg_write(q->device, REG_QUEUE_NOTIFY, q->index);
}

u32 virtio_config_read32(struct virtio_device *d, u32 offset)
{
    return reg_read(d, REG_CONFIG + offset);
}
