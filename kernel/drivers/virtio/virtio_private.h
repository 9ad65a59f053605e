// SPDX-License-Identifier: MIT
// Between devices and their transports.
//
// Both transports have the same registers, at other places and of other widths: a transport is a
// table of those, and code that finds devices and answers their interrupts.
#pragma once
#include "drivers/virtio/virtio.h"

enum virtio_register {
    DEVICE_FEATURES_SELECT,
    DEVICE_FEATURES, // the half that was selected
    DRIVER_FEATURES_SELECT,
    DRIVER_FEATURES,
    DEVICE_STATUS,
    QUEUE_SELECT,
    QUEUE_SIZE_MAX,
    QUEUE_SIZE,
    QUEUE_READY,
    QUEUE_NOTIFY_OFFSET,
    QUEUE_DESCRIPTORS, // addresses: two words, the lower one first
    QUEUE_DRIVER,
    QUEUE_DEVICE,
    VIRTIO_REGISTERS,
};

struct virtio_transport {
    struct {
        u8 offset, width; // bytes; width 0: the transport lacks it, and it reads as 0
    } registers[VIRTIO_REGISTERS];
    u8 notify_width;
};

#define VIRTIO_INTERRUPT_CONFIG 2 // in the interrupt status; also: it needs a reset

// The driver for a device id; NULL.
const struct virtio_driver *virtio_find_driver(u32 id);
// Starts a device whose members before `features` are set and whose interrupt is connected, and
// logs what goes wrong.
void virtio_attach(struct virtio_device *d);
// The device's interrupt has been acknowledged.
void virtio_interrupt(struct virtio_device *d, u32 status);
void virtio_mmio_init(void);
