// SPDX-License-Identifier: MIT
// Between finding devices and driving them.
#pragma once
#include "drivers/pci/pci.h"

#define PCI_NAME    "pci %02x:%02x.%u" // for log_info, with PCI_ARGS
#define PCI_ARGS(d) (d)->bus, (d)->slot, (d)->function

// All functions of the machine, with their BARs placed, in order.
struct list *pci_scan(void);
// Decoding of memory, and writing to ours, on.
void pci_enable(const struct pci_device *d);
