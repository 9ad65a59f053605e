// SPDX-License-Identifier: MIT
// Finds the PCI functions of the machine, and gives them addresses and interrupt lines.
//
// One walk, depth first, does it all. A bridge's secondary bus gets the next number; the buses
// below it follow. Addresses come from two windows, one below 4 GiB and one above, each with a
// position that only moves up: a BAR takes the next place that is aligned to its size. What a
// bridge forwards is what the positions passed while the walk was below it.
//
// Above 4 GiB lie 64-bit BARs that may be prefetched, if every bridge on the way can forward them:
// a bridge's window for anything else has 32 bits. I/O ports are not used and stay off.
#include "abi/errno.h"
#include "arch/mmu.h"
#include "base/devicetree.h"
#include "base/log.h"
#include "drivers/pci/pci_private.h"
#include "lib/macro.h"
#include "mm/slab.h"

#define BUS_SIZE    (1UL << 20) // of configuration space
#define CONFIG_SIZE 4096
#define DEPTH_MAX   8           // bridges in a row
#define BRIDGE_STEP (1UL << 20) // alignment of what a bridge forwards
#define NO_VENDOR   0xffff
#define CLASS_HOST  0x0600 // upper 16 bits of the class

enum { // section 7.5.1.1.3
    COMMAND_MEMORY = 1 << 1,
    COMMAND_MASTER = 1 << 2,
    COMMAND_DECODE = 3,        // of memory and I/O ports
    COMMAND_NO_LINE = 1 << 10, // INTx is disabled
};
enum { MSI_CONTROL = 2, MSI_ENABLE = 1 << 0, MSIX_ENABLE = 1 << 15 }; // sections 7.7.1, 7.7.2
enum { HEADER_BRIDGE = 1, HEADER_MASK = 0x7f, HEADER_MULTIFUNCTION = 0x80 };
enum { BAR_IO = 1, BAR_TYPE = 6, BAR_64 = 4, BAR_PREFETCH = 8, BAR_FLAGS = 15 };

enum { // of bridges, section 7.5.1.3
    BRIDGE_SECONDARY = 0x19,
    BRIDGE_SUBORDINATE = 0x1a,
    BRIDGE_IO = 0x1c, // base and limit, as of the next two
    BRIDGE_MEMORY = 0x20,
    BRIDGE_PREFETCH = 0x24,
    BRIDGE_PREFETCH_BASE_HIGH = 0x28,
    BRIDGE_PREFETCH_LIMIT_HIGH = 0x2c,
};

#define IO_NONE     0x00f0 // limit below base
#define PREFETCH_64 1      // the bridge takes 64 bits of a prefetch address

struct window {
    u64 next, end; // on the bus
    u64 offset;    // to the processor's addresses
};

struct bus {
    const struct pci_device *bridge; // NULL: the root
    u8 number;
    bool high; // what lies above 4 GiB can be reached
    unsigned depth;
};

static struct list devices = LIST_INIT(devices); // (c) after pci_scan
static struct window low, high;                  // (c) after pci_scan
static u8 last_bus;                              // (c) after pci_scan

static void scan_bus(const struct bus *bus);

static void write16(const struct pci_device *d, u32 at, u16 v)
{
    mmio_write16(d->config + at, v);
}

static void write32(const struct pci_device *d, u32 at, u32 v)
{
    mmio_write32(d->config + at, v);
}

/* Addresses */

// 0: there is no room. Address 0 of the bus is never in a window.
static u64 window_take(struct window *w, u64 size)
{
    u64 at = ALIGN_UP(w->next, size);

    if (at < w->next || at > w->end || size > w->end - at)
        return 0;
    w->next = at + size;
    return at;
}

static void bar_place(struct pci_device *d, unsigned i, u64 size, bool wide, bool in_high)
{
    struct window *w = in_high && high.end - high.next >= size ? &high : &low;
    u64 at = window_take(w, size);

    if (!at) {
        d->unplaced = true;
        return;
    }
    write32(d, PCI_BAR + 4 * i, (u32)at);
    if (wide)
        write32(d, PCI_BAR + 4 * i + 4, (u32)(at >> 32));
    d->bar[i] = (struct phys_range){at + w->offset, size};
}

// Bits that keep what is written to them are address; the lowest is the size.
static u32 bar_probe(const struct pci_device *d, unsigned i)
{
    u32 bits;

    write32(d, PCI_BAR + 4 * i, ~0U);
    bits = pci_read32(d, PCI_BAR + 4 * i);
    write32(d, PCI_BAR + 4 * i, 0);
    return bits;
}

static void place_bars(struct pci_device *d, const struct bus *bus, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        u32 bits = bar_probe(d, i);
        bool wide = (bits & (BAR_TYPE | BAR_IO)) == BAR_64 && i + 1 < count;
        u64 mask = (bits & ~BAR_FLAGS) | ~0UL << 32;

        if (!bits || bits & BAR_IO)
            continue;
        if (wide)
            mask = (bits & ~BAR_FLAGS) | (u64)bar_probe(d, i + 1) << 32;
        if (mask)
            bar_place(d, i, mask & -mask, wide, wide && bits & BAR_PREFETCH && bus->high);
        i += wide;
    }
}

/* Interrupts */

// Each bridge on the way turns the pins by the slot (section 2.2.8.1, table 2-20).
static u32 route_interrupt(const struct pci_device *d)
{
    const struct machine_pci *m = &machine.pci;
    u32 pin = pci_read8(d, PCI_INTERRUPT_PIN), address;

    if (!pin)
        return 0;
    for (; d->bridge; d = d->bridge)
        pin = (pin - 1 + d->slot) % 4 + 1;
    address = (d->bus << 16 | d->slot << 11 | d->function << 8) & m->address_mask;
    for (unsigned i = 0; i < m->line_count; i++)
        if (m->lines[i].address == address && m->lines[i].pin == pin)
            return m->lines[i].irq;
    return 0;
}

/* The walk */

// The registers of one window; one whose limit lies below its base forwards nothing.
static void bridge_set_window(const struct pci_device *d, u32 at, u64 start, u64 next)
{
    u64 last = next - 1;

    if (next <= start) {
        start = BRIDGE_STEP;
        last = 0;
    }
    write16(d, at, start >> 16 & 0xfff0);
    write16(d, at + 2, last >> 16 & 0xfff0);
    if (at == BRIDGE_PREFETCH) {
        write32(d, BRIDGE_PREFETCH_BASE_HIGH, start >> 32);
        write32(d, BRIDGE_PREFETCH_LIMIT_HIGH, last >> 32);
    }
}

// While the walk is below the bridge it passes on the configuration of any higher bus.
static void scan_bridge(const struct pci_device *d, const struct bus *parent)
{
    struct bus bus = {.bridge = d, .depth = parent->depth + 1};
    u64 low_start, high_start;

    if (bus.depth > DEPTH_MAX || last_bus >= machine.pci.host.reg.size / BUS_SIZE - 1) {
        log_info(PCI_NAME ": there are too many bridges", PCI_ARGS(d));
        return;
    }
    bus.number = ++last_bus;
    bus.high = parent->high && (pci_read16(d, BRIDGE_PREFETCH) & 15) == PREFETCH_64;
    mmio_write8(d->config + BRIDGE_SECONDARY - 1, d->bus);
    mmio_write8(d->config + BRIDGE_SECONDARY, bus.number);
    mmio_write8(d->config + BRIDGE_SUBORDINATE, 0xff);
    low.next = low_start = ALIGN_UP(low.next, BRIDGE_STEP);
    high.next = high_start = ALIGN_UP(high.next, BRIDGE_STEP);
    scan_bus(&bus);
    mmio_write8(d->config + BRIDGE_SUBORDINATE, last_bus);
    low.next = ALIGN_UP(low.next, BRIDGE_STEP);
    high.next = ALIGN_UP(high.next, BRIDGE_STEP);
    write16(d, BRIDGE_IO, IO_NONE);
    bridge_set_window(d, BRIDGE_MEMORY, low_start, low.next);
    bridge_set_window(d, BRIDGE_PREFETCH, high_start, high.next);
    pci_enable(d);
}

static void turn_off_messages(const struct pci_device *d, u8 capability, u16 enable)
{
    u8 at = pci_capability(d, capability, 0);

    if (at)
        write16(d, at + MSI_CONTROL, pci_read16(d, at + MSI_CONTROL) & ~enable);
}

// The firmware may have used the function: it is off, and raises its line when it is on again.
static void quiet(const struct pci_device *d)
{
    write16(d, PCI_COMMAND,
            pci_read16(d, PCI_COMMAND) & ~(COMMAND_DECODE | COMMAND_MASTER | COMMAND_NO_LINE));
    turn_off_messages(d, PCI_CAPABILITY_MSI, MSI_ENABLE);
    turn_off_messages(d, PCI_CAPABILITY_MSIX, MSIX_ENABLE);
}

// By address, which puts the functions of a bus before those of the buses below it.
static void insert(struct pci_device *d)
{
    struct list *after = devices.prev;

    while (after != &devices && container_of(after, struct pci_device, link)->bus > d->bus)
        after = after->prev;
    list_insert_head(after, &d->link);
}

static void scan_function(const struct bus *bus, volatile u8 *config, u8 slot, u8 function)
{
    struct pci_device *d = kmalloc(sizeof(*d), ALLOC_ZERO);
    bool is_bridge;

    if (!d)
        return;
    *d = (struct pci_device){
        .config = config,
        .bridge = bus->bridge,
        .bus = bus->number,
        .slot = slot,
        .function = function,
        .vendor = mmio_read16(config + PCI_VENDOR),
        .id = mmio_read16(config + PCI_DEVICE),
        .class = mmio_read32(config + PCI_CLASS) >> 8,
    };
    is_bridge = (pci_read8(d, PCI_HEADER_TYPE) & HEADER_MASK) == HEADER_BRIDGE;
    insert(d);
    quiet(d);
    place_bars(d, bus, is_bridge ? 2 : PCI_BARS);
    d->irq = route_interrupt(d);
    if (d->class >> 8 != CLASS_HOST)
        log_info(PCI_NAME ": %04x:%04x, class %06x, interrupt %u", PCI_ARGS(d), d->vendor, d->id,
                 d->class, d->irq);
    if (is_bridge)
        scan_bridge(d, bus);
}

static void scan_bus(const struct bus *bus)
{
    volatile u8 *config = mmu_ioremap(machine.pci.host.reg.base + bus->number * BUS_SIZE, BUS_SIZE);

    for (u32 at = 0; config && at < BUS_SIZE / CONFIG_SIZE; at++) {
        volatile u8 *function = config + at * CONFIG_SIZE;

        if (mmio_read16(function + PCI_VENDOR) != NO_VENDOR)
            scan_function(bus, function, at / 8, at % 8);
        if (at % 8 == 0 && (mmio_read16(function + PCI_VENDOR) == NO_VENDOR ||
                            !(mmio_read8(function + PCI_HEADER_TYPE) & HEADER_MULTIFUNCTION)))
            at += 7;
    }
}

void pci_enable(const struct pci_device *d)
{
    write16(d, PCI_COMMAND, pci_read16(d, PCI_COMMAND) | COMMAND_MEMORY | COMMAND_MASTER);
}

void pci_disable(const struct pci_device *d)
{
    write16(d, PCI_COMMAND, pci_read16(d, PCI_COMMAND) & ~COMMAND_MASTER);
}

static void window_init(struct window *w, const struct machine_window *m)
{
    *w = (struct window){m->bus, m->bus + m->size, m->cpu - m->bus};
}

struct list *pci_scan(void)
{
    struct bus root = {.high = machine.pci.high.size != 0};

    window_init(&low, &machine.pci.low);
    window_init(&high, &machine.pci.high);
    if (machine.pci.host.reg.size >= BUS_SIZE)
        scan_bus(&root);
    return &devices;
}
