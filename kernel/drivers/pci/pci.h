// SPDX-License-Identifier: MIT
// PCI devices behind a host bridge with ECAM (PCI Express Base Specification 4.0, section 7.2.2).
//
// All functions are found, and get their addresses, once at boot; then drivers are offered them.
// Interrupts are INTx: lines that devices share, since the PLIC takes no messages.
#pragma once
#include "arch/boot.h"
#include "drivers/mmio.h"
#include "lib/list.h"

#define PCI_BARS 6

enum { // configuration registers, section 7.5.1
    PCI_VENDOR = 0x00,
    PCI_DEVICE = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_CLASS = 0x08, // class in the upper 24 bits
    PCI_HEADER_TYPE = 0x0e,
    PCI_BAR = 0x10,
    PCI_SUBSYSTEM = 0x2e,
    PCI_CAPABILITIES = 0x34,
    PCI_INTERRUPT_PIN = 0x3d,
};

enum { PCI_CAPABILITY_MSI = 0x05, PCI_CAPABILITY_VENDOR = 0x09, PCI_CAPABILITY_MSIX = 0x11 };

struct pci_device {
    struct list link;                // (c) all devices, in the order of their addresses
    volatile u8 *config;             // (c) 4 KiB of registers
    const struct pci_device *bridge; // (c) to its bus; NULL: on the root bus
    u8 bus, slot, function;          // (c)
    u16 vendor, id;                  // (c)
    u32 class;                       // (c) class, subclass, interface: 8 bits each
    bool unplaced;                   // (c) there was no room for a BAR: stays off
    struct phys_range bar[PCI_BARS]; // (c) memory; size 0: none, or I/O ports, which are not used
    u32 irq;                         // (c) source of its line; 0: none
    bool (*interrupt)(void *arg);    // (c) once on the line
    void *arg;                       // (c)
    struct pci_device *next_on_line; // (c)
};

struct pci_driver {
    const char *name;
    bool (*match)(const struct pci_device *d);
    // The device decodes its memory and may write ours. May sleep. An error is logged.
    int (*probe)(struct pci_device *d);
};

// Finds and places the devices, and probes the drivers in the list, the first that matches.
void pci_init(const struct pci_driver *const *drivers, unsigned count);

// The configuration offset of the capability `id`, of several the n-th, from 0; 0: there is none.
u8 pci_capability(const struct pci_device *d, u8 id, unsigned n);
// Maps `size` bytes at `offset` of a BAR; NULL: they are not there, or out of memory. Boot only.
void *pci_map(const struct pci_device *d, unsigned bar, u64 offset, u64 size);
// Runs handler(arg) when the device's line is raised, with interrupts off: it quiets the device and
// says whether the device had raised it. -ENODEV: it has no line; -ENOMEM.
int pci_connect(struct pci_device *d, bool (*handler)(void *arg), void *arg);

// The device is cut off from our memory. Any context.
void pci_disable(const struct pci_device *d);

static inline u8 pci_read8(const struct pci_device *d, u32 at)
{
    return mmio_read8(d->config + at);
}

static inline u16 pci_read16(const struct pci_device *d, u32 at)
{
    return mmio_read16(d->config + at);
}

static inline u32 pci_read32(const struct pci_device *d, u32 at)
{
    return mmio_read32(d->config + at);
}
