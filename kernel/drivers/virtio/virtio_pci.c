// SPDX-License-Identifier: MIT
// Virtio over PCI (section 4.1), without the legacy interface: discovery, interrupts.
//
// Vendor capabilities say in which BAR, at what offset, the parts of the registers lie.
#include "abi/errno.h"
#include "drivers/virtio/virtio_private.h"
#include "lib/macro.h"
#include "mm/slab.h"

#define VENDOR          0x1af4
#define ID_TRANSITIONAL 0x1000 // the device id is the subsystem's
#define ID_MODERN       0x1040 // the device id is added
#define ID_END          0x1080
#define COMMON_SIZE     0x38

enum { CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_NOTIFY_STEP = 16 };
enum { TYPE_COMMON = 1, TYPE_NOTIFY = 2, TYPE_ISR = 3, TYPE_DEVICE = 4 };

static const struct virtio_transport transport = {
    .registers =
        {
            // section 4.1.4.3
            [DEVICE_FEATURES_SELECT] = {0x00, 4},
            [DEVICE_FEATURES] = {0x04, 4},
            [DRIVER_FEATURES_SELECT] = {0x08, 4},
            [DRIVER_FEATURES] = {0x0c, 4},
            [DEVICE_STATUS] = {0x14, 1},
            [QUEUE_SELECT] = {0x16, 2},
            [QUEUE_SIZE_MAX] = {0x18, 2},
            [QUEUE_SIZE] = {0x18, 2},
            [QUEUE_READY] = {0x1c, 2},
            [QUEUE_NOTIFY_OFFSET] = {0x1e, 2},
            [QUEUE_DESCRIPTORS] = {0x20, 4},
            [QUEUE_DRIVER] = {0x28, 4},
            [QUEUE_DEVICE] = {0x30, 4},
        },
    .notify_width = 2,
};

// Reading the status acknowledges.
static bool interrupt(void *arg)
{
    struct virtio_device *d = arg;
    u32 status = mmio_read8(d->status);

    virtio_interrupt(d, status);
    return status;
}

static u32 device_id(const struct pci_device *p)
{
    return p->id < ID_MODERN ? pci_read16(p, PCI_SUBSYSTEM) : p->id - ID_MODERN;
}

static bool match(const struct pci_device *p)
{
    return p->vendor == VENDOR && p->id >= ID_TRANSITIONAL && p->id < ID_END &&
           virtio_find_driver(device_id(p));
}

// Of several parts of a type the first that can be had is taken, as the device prefers.
static void map_parts(const struct pci_device *p, struct virtio_device *d)
{
    u32 common, status;
    const struct {
        volatile u8 **at;
        u32 *size, least;
    } parts[] = {
        [TYPE_COMMON] = {&d->regs, &common, COMMON_SIZE},
        [TYPE_NOTIFY] = {&d->notify, &d->notify_size},
        [TYPE_ISR] = {&d->status, &status, 1},
        [TYPE_DEVICE] = {&d->config, &d->config_size},
    };
    u8 at;

    for (unsigned n = 0; (at = pci_capability(p, PCI_CAPABILITY_VENDOR, n)); n++) {
        u8 type = pci_read8(p, at + CAP_TYPE);
        u32 size = pci_read32(p, at + CAP_LENGTH);

        if (type < TYPE_COMMON || type > TYPE_DEVICE || *parts[type].at || size < parts[type].least)
            continue;
        *parts[type].at =
            pci_map(p, pci_read8(p, at + CAP_BAR), pci_read32(p, at + CAP_OFFSET), size);
        *parts[type].size = *parts[type].at ? size : 0;
        if (type == TYPE_NOTIFY)
            d->notify_step = pci_read32(p, at + CAP_NOTIFY_STEP);
    }
}

static int probe(struct pci_device *p)
{
    struct virtio_device *d = kmalloc(sizeof(*d), ALLOC_ZERO);
    int err = -ENODEV;

    if (!d)
        return -ENOMEM;
    d->transport = &transport;
    d->driver = virtio_find_driver(device_id(p));
    map_parts(p, d);
    if (d->regs && d->notify && d->status)
        err = pci_connect(p, interrupt, d);
    if (err) {
        kfree(d);
        return err;
    }
    virtio_attach(d);
    return 0;
}

const struct pci_driver virtio_pci_driver = {.name = "virtio-pci", .match = match, .probe = probe};
