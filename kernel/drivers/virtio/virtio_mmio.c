// SPDX-License-Identifier: MIT
// Virtio over memory-mapped registers, version 2 (section 4.2): discovery, interrupts.
#include "arch/mmu.h"
#include "base/devicetree.h"
#include "base/log.h"
#include "drivers/plic.h"
#include "drivers/virtio/virtio_private.h"
#include "mm/slab.h"

enum { // registers, table 4.2.2, beside those in the table below
    REG_MAGIC = 0x000,
    REG_VERSION = 0x004,
    REG_DEVICE_ID = 0x008,
    REG_QUEUE_NOTIFY = 0x050,
    REG_INTERRUPT_STATUS = 0x060,
    REG_INTERRUPT_ACK = 0x064,
    REG_CONFIG = 0x100,
};

#define MAGIC 0x74726976U // "virt"

static const struct virtio_transport transport = {
    .registers =
        {
            [DEVICE_FEATURES] = {0x010, 4},
            [DEVICE_FEATURES_SELECT] = {0x014, 4},
            [DRIVER_FEATURES] = {0x020, 4},
            [DRIVER_FEATURES_SELECT] = {0x024, 4},
            [QUEUE_SELECT] = {0x030, 4},
            [QUEUE_SIZE_MAX] = {0x034, 4},
            [QUEUE_SIZE] = {0x038, 4},
            [QUEUE_READY] = {0x044, 4},
            [DEVICE_STATUS] = {0x070, 4},
            [QUEUE_DESCRIPTORS] = {0x080, 4},
            [QUEUE_DRIVER] = {0x090, 4},
            [QUEUE_DEVICE] = {0x0a0, 4},
        },
    .notify_width = 4,
};

static void interrupt(void *arg)
{
    struct virtio_device *d = arg;
    u32 status = mmio_read32(d->status);

    mmio_write32(d->regs + REG_INTERRUPT_ACK, status);
    virtio_interrupt(d, status);
}

static void found(volatile u8 *regs, u32 irq, const struct virtio_driver *driver)
{
    struct virtio_device *d = kmalloc(sizeof(*d), ALLOC_ZERO);

    if (d)
        *d = (struct virtio_device){
            .transport = &transport,
            .regs = regs,
            .config = regs + REG_CONFIG,
            .notify = regs + REG_QUEUE_NOTIFY,
            .notify_size = sizeof(u32),
            .config_size = PAGE_SIZE - REG_CONFIG,
            .status = regs + REG_INTERRUPT_STATUS,
            .driver = driver,
        };
    if (!d || plic_register(irq, interrupt, d))
        log_info("%s: no memory, or no interrupt", driver->name);
    else
        virtio_attach(d);
}

void virtio_mmio_init(void)
{
    for (unsigned i = 0; i < machine.virtio_count; i++) {
        struct machine_device *m = &machine.virtio[i];
        volatile u8 *regs = mmu_ioremap(m->reg.base, m->reg.size);
        const struct virtio_driver *driver;

        if (!regs || mmio_read32(regs + REG_MAGIC) != MAGIC || mmio_read32(regs + REG_VERSION) != 2)
            continue;
        driver = virtio_find_driver(mmio_read32(regs + REG_DEVICE_ID));
        if (driver)
            found(regs, m->irq, driver);
    }
}
