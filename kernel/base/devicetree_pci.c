// SPDX-License-Identifier: MIT
// What the device tree says of a PCI host bridge (IEEE 1275 PCI bus binding, chapter 3).
//
// An address on the bus has three cells: space and flags, or a configuration address; and the two
// halves of a 64-bit address.
#include "base/devicetree_private.h"
#include "lib/macro.h"

#define SPACE_SHIFT    24
#define SPACE_MASK     3
#define SPACE_MEMORY32 2
#define SPACE_MEMORY64 3
#define ADDRESS_CELLS  3 // of the bus
#define SIZE_CELLS     2

static bool cells(const struct fdt *f, const struct fdt_node *node, const char *name, u32 at,
                  u32 count, u64 *out)
{
    return !fdt_prop_cells(f, node, name, at, count, out);
}

// Of several windows of a kind the first is taken.
static void read_windows(const struct fdt *f, const struct fdt_node *pci)
{
    u32 cpu_cells = pci->cells[pci->depth][0], at = 0;
    struct machine_window w;
    u64 flags;

    for (; cells(f, pci, "ranges", at, 1, &flags) && cells(f, pci, "ranges", at + 1, 2, &w.bus) &&
           cells(f, pci, "ranges", at + ADDRESS_CELLS, cpu_cells, &w.cpu) &&
           cells(f, pci, "ranges", at + ADDRESS_CELLS + cpu_cells, SIZE_CELLS, &w.size);
         at += ADDRESS_CELLS + cpu_cells + SIZE_CELLS) {
        u32 space = flags >> SPACE_SHIFT & SPACE_MASK;
        bool low = w.bus + w.size <= 1UL << 32;

        if (space == SPACE_MEMORY32 && low && !machine.pci.low.size)
            machine.pci.low = w;
        else if (space == SPACE_MEMORY64 && !low && !machine.pci.high.size)
            machine.pci.high = w;
    }
}

// Entries: bus address, pin, interrupt controller, its own address, its source.
static void read_lines(const struct fdt *f, const struct fdt_node *pci, const struct fdt_node *plic)
{
    struct machine_pci *m = &machine.pci;
    u64 mask = ~0UL, address, pin, parent, irq, plic_cells = 0, plic_phandle = 0;
    u32 at = 0;

    (void)cells(f, pci, "interrupt-map-mask", 0, 1, &mask);
    (void)cells(f, plic, "#address-cells", 0, 1, &plic_cells);
    (void)cells(f, plic, "phandle", 0, 1, &plic_phandle);
    m->address_mask = (u32)mask;
    for (; m->line_count < MACHINE_MAX_LINES && plic_cells <= 2 &&
           cells(f, pci, "interrupt-map", at, 1, &address) &&
           cells(f, pci, "interrupt-map", at + ADDRESS_CELLS, 1, &pin) &&
           cells(f, pci, "interrupt-map", at + ADDRESS_CELLS + 1, 1, &parent) &&
           cells(f, pci, "interrupt-map", at + ADDRESS_CELLS + 2 + plic_cells, 1, &irq) &&
           parent == plic_phandle;
         at += ADDRESS_CELLS + 3 + plic_cells)
        m->lines[m->line_count++] = (struct machine_line){address & mask, pin, irq};
}

void devicetree_read_pci(const struct fdt *f, const struct fdt_node *pci,
                         const struct fdt_node *plic)
{
    read_windows(f, pci);
    read_lines(f, pci, plic);
}
