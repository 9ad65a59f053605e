// SPDX-License-Identifier: MIT
// Between the files that read the device tree.
#pragma once
#include "base/devicetree.h"
#include "lib/fdt.h"

// Reads the windows and interrupt lines of the host bridge at `pci` into machine.pci.
void devicetree_read_pci(const struct fdt *f, const struct fdt_node *pci,
                         const struct fdt_node *plic);
