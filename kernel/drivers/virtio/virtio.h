// SPDX-License-Identifier: MIT
// Virtio devices and their drivers (Virtual I/O Device 1.2), whatever transport they are on.
#pragma once
#include "drivers/pci/pci.h"
#include "drivers/virtio/virtq.h"

#define VIRTIO_F_VERSION_1 (1UL << 32)

enum { VIRTIO_ID_BLOCK = 2, VIRTIO_ID_CONSOLE = 3, VIRTIO_ID_RNG = 4 };

struct virtio_device;

struct virtio_driver {
    const char *name;
    u32 id;       // device id
    u64 features; // those it can use, VERSION_1 aside
    // Sets up queues, then calls virtio_start. On error the device is marked failed. May sleep.
    int (*probe)(struct virtio_device *d);
    // A queue has used entries, or all are broken; interrupts off.
    void (*interrupt)(struct virtio_device *d);
};

struct virtio_transport;

struct virtio_device {
    const struct virtio_transport *transport; // (c)
    volatile u8 *regs;                        // (c)
    volatile u8 *config;                      // (c) the driver's; NULL: none
    volatile u8 *notify;                      // (c) where queues are notified
    volatile u8 *status;                      // (c) of interrupts
    u32 notify_step;                          // (c) bytes of one offset there
    u32 notify_size, config_size;             // (c) bytes that may be touched
    const struct virtio_driver *driver;       // (c)
    u64 features;                             // (c) negotiated
    struct virtio_queue *queues;              // (a) all of them, newest first; they stay
    u32 stopped;                              // (a) for ever
    void *private;                            // (a) driver's, from virtio_start on
};

struct virtio_queue {
    struct virtq ring;            // (driver's lock)
    struct virtio_device *device; // (c)
    volatile u8 *notify;          // (c) register
    u32 index;                    // (c)
    struct virtio_queue *next;    // (c) of the device
};

// Probes the drivers in the list: devices of the device tree now, those on PCI when the PCI driver
// finds them.
void virtio_init(const struct virtio_driver *const *drivers, unsigned count);
extern const struct pci_driver virtio_pci_driver;

// Queue `index` with at most max_size descriptors (a power of two). -ENODEV if the device has no
// such queue, -ENOMEM. Queues live as long as the device, that is, for ever; those of a device that
// was stopped meanwhile are broken.
int virtio_queue_init(struct virtio_queue *q, struct virtio_device *d, u32 index, u16 max_size);
// The driver is ready: interrupts may come, for `private`.
void virtio_start(struct virtio_device *d, void *private);
// The device broke the rules, or says that it cannot go on: its queues are broken from now on; it
// is reset, and when that is done touches memory no more. Once. Any context.
void virtio_stop(struct virtio_device *d);
// Tells the device of new requests, if it wants to know.
void virtio_notify(struct virtio_queue *q);
// A field of 1, 2 or 4 bytes, in one access as it asks for. 0 where the device has no
// configuration.
u32 virtio_config_read(struct virtio_device *d, u32 offset, u8 width);

extern const struct virtio_driver virtio_blk_driver, virtio_console_driver, virtio_rng_driver;
