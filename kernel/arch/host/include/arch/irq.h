// SPDX-License-Identifier: MIT
// Interrupt enable of the simulated hart. Enabling takes what is pending at once.
#pragma once
#include "arch/csr.h"
#include "lib/types.h"

#define SSTATUS_SIE 2UL

typedef u64 irqflags_t; // non-zero: interrupts were on

void irq_enable(void);
// Waits for an interrupt; call with interrupts off, they stay off (a pending one ends the wait).
void irq_wait(void);

static inline void irq_disable(void)
{
    csr_clear(sstatus, SSTATUS_SIE);
}

static inline irqflags_t irq_save(void)
{
    irqflags_t old = csr_read(sstatus) & SSTATUS_SIE;

    irq_disable();
    return old;
}

static inline void irq_restore(irqflags_t flags)
{
    if (flags)
        irq_enable();
}
