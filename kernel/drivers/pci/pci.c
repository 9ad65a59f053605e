// SPDX-License-Identifier: MIT
// PCI: what the devices that were found offer to their drivers.
#include "drivers/pci/pci.h"
#include "abi/errno.h"
#include "arch/mmu.h"
#include "base/log.h"
#include "drivers/pci/pci_private.h"
#include "drivers/plic.h"
#include "mm/slab.h"

#define CAPABILITIES_MAX 48 // that fit behind the header
#define LINES_MAX        16 // that devices raise

enum { STATUS_CAPABILITIES = 1 << 4 };

u8 pci_capability(const struct pci_device *d, u8 id, unsigned n)
{
    u32 at = PCI_CAPABILITIES;

    if (!(pci_read16(d, PCI_STATUS) & STATUS_CAPABILITIES))
        return 0;
    for (unsigned i = 0; i < CAPABILITIES_MAX; i++) {
        at = pci_read8(d, at) & ~3U;
        if (!at || (pci_read8(d, at) == id && !n--))
            return at;
        at++;
    }
    return 0;
}

void *pci_map(const struct pci_device *d, unsigned bar, u64 offset, u64 size)
{
    const struct phys_range *r = &d->bar[bar];

    if (bar >= PCI_BARS || offset > r->size || size > r->size - offset)
        return NULL;
    return mmu_ioremap(r->base + offset, size);
}

/* Interrupts */

static struct pci_line {
    u32 irq;                  // (c) 0: not used yet
    struct pci_device *first; // (a) devices are added in front
} lines[LINES_MAX];

static bool line_serve(struct pci_line *line)
{
    bool any = false;

    for (struct pci_device *d = load_acquire(&line->first); d; d = d->next_on_line)
        any |= d->interrupt(d->arg);
    return any;
}

// A line with several devices may stay up while one is served and another raises it again: an
// interrupt controller that looks at edges then never tells. So all are asked until none had.
static void line_interrupt(void *arg)
{
    struct pci_line *line = arg;

    while (line_serve(line) && line->first->next_on_line)
        ;
}

static int line_find(u32 irq, struct pci_line **out)
{
    for (struct pci_line *line = lines; line < lines + LINES_MAX; line++) {
        *out = line;
        if (line->irq == irq)
            return 0;
        if (line->irq)
            continue;
        line->irq = irq;
        return plic_register(irq, line_interrupt, line);
    }
    return -ENODEV;
}

int pci_connect(struct pci_device *d, bool (*handler)(void *arg), void *arg)
{
    struct pci_line *line;
    int err = d->irq ? line_find(d->irq, &line) : -ENODEV;

    if (err)
        return err;
    d->interrupt = handler;
    d->arg = arg;
    d->next_on_line = line->first;
    store_release(&line->first, d);
    return 0;
}

/* Drivers */

static void offer(struct pci_device *d, const struct pci_driver *driver)
{
    int err;

    if (d->unplaced) {
        log_info("%s: there is no room for the registers of " PCI_NAME, driver->name, PCI_ARGS(d));
        return;
    }
    pci_enable(d);
    err = driver->probe(d);
    if (err)
        log_info("%s: " PCI_NAME ": error %d", driver->name, PCI_ARGS(d), -err);
}

void pci_init(const struct pci_driver *const *drivers, unsigned count)
{
    struct list *devices = pci_scan();
    struct pci_device *d;

    LIST_FOR_EACH (d, devices, link) {
        for (unsigned i = 0; i < count; i++) {
            if (!drivers[i]->match(d))
                continue;
            offer(d, drivers[i]);
            break;
        }
    }
}
