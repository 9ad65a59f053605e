// SPDX-License-Identifier: MIT
// What the device tree says of this machine, read once at boot.
#pragma once
#include "arch/boot.h"
#include "arch/layout.h"
#include "lib/types.h"

#define MACHINE_MAX_RANGES 16
#define MACHINE_MAX_VIRTIO 32
#define MACHINE_MAX_LINES  64

struct machine_device {
    struct phys_range reg;
    u32 irq; // PLIC source, 0 = none
};

// A PCI host bridge (IEEE 1275 PCI bus binding); host.reg is its configuration space.
struct machine_pci {
    struct machine_device host;
    struct machine_window { // what the bridge forwards from the processor
        u64 bus, cpu, size; // size 0: none
    } low, high;            // memory below 4 GiB of the bus, and above
    u32 address_mask;       // of interrupt lines
    struct machine_line {
        u32 address, pin; // of the root bus: configuration address, 1 to 4
        u32 irq;
    } lines[MACHINE_MAX_LINES];
    unsigned line_count;
};

struct machine {
    struct phys_range memory[MACHINE_MAX_RANGES];
    unsigned memory_count;
    // Disjoint or nested: RAM up to the end of the kernel image, the firmware's; not the initrd.
    struct phys_range reserved[MACHINE_MAX_RANGES];
    unsigned reserved_count;
    struct phys_range initrd; // size 0: none
    u64 timebase_hz;
    unsigned plic_context[MAX_HARTS]; // S-mode context of each hart index
    unsigned hart_count;              // listed, whether or not they start
    struct machine_device uart, plic, rtc;
    u64 uart_clock;
    struct machine_device virtio[MACHINE_MAX_VIRTIO];
    unsigned virtio_count;
    struct machine_pci pci;
    char bootargs[1024];
};

extern struct machine machine; // (c) after devicetree_init

// Parses the blob (mapped at `blob`; not used afterwards), tells the machine layer of harts and
// timer, and seeds random_bytes; -EINVAL if it is not one or lacks memory, harts or the time base.
int devicetree_init(const void *blob, size_t max);

// Value of the last `name=value` on the kernel command line ("" for a bare `name`), copied to buf.
bool bootarg_get(const char *name, char *buf, size_t n);
