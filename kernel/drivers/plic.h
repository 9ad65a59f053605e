// SPDX-License-Identifier: MIT
// The platform-level interrupt controller (RISC-V PLIC Specification 1.0).
#pragma once
#include "lib/types.h"

#define PLIC_SOURCES 128 // sources that may be registered: 1..127

// Maps the registers and prepares the context of every hart: nothing is enabled. Once, before any
// other function here, on any hart. -ENODEV, -ENOMEM.
int plic_init(void);
// Routes source `irq` to the boot hart, where handler(arg) runs with interrupts off.
// -EINVAL for a bad or taken source.
int plic_register(u32 irq, void (*handler)(void *arg), void *arg);
// Serves what is pending at this hart; for interrupt_set_external.
void plic_dispatch(void);
