// SPDX-License-Identifier: MIT
// Supervisor interrupt enable of this hart.
#pragma once
#include "lib/types.h"

#define SSTATUS_SIE 2UL

typedef u64 irqflags_t; // non-zero: interrupts were on

static inline irqflags_t irq_save(void)
{
    irqflags_t old;
    __asm__ volatile("csrrci %0, sstatus, 2" : "=r"(old)::"memory");
    return old & SSTATUS_SIE;
}

static inline void irq_restore(irqflags_t flags)
{
    if (flags)
        __asm__ volatile("csrsi sstatus, 2" ::: "memory");
}

static inline void irq_disable(void)
{
    __asm__ volatile("csrci sstatus, 2" ::: "memory");
}

static inline void irq_enable(void)
{
    __asm__ volatile("csrsi sstatus, 2" ::: "memory");
}

// Waits for an interrupt; call with interrupts off, they stay off (a pending one ends the wait).
static inline void irq_wait(void)
{
    __asm__ volatile("wfi" ::: "memory");
}
