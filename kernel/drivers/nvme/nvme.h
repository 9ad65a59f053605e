// SPDX-License-Identifier: MIT
// NVM Express controllers on PCI.
#pragma once
#include "drivers/pci/pci.h"

extern const struct pci_driver nvme_driver;
