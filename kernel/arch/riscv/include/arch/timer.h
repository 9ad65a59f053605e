// SPDX-License-Identifier: MIT
// The time counter and this hart's one timer (Sstc where present, else SBI).
#pragma once
#include "lib/types.h"

static inline u64 timer_ticks(void)
{
    u64 t;
    __asm__ volatile("rdtime %0" : "=r"(t));
    return t;
}

extern bool timer_has_sstc; // (c) set from the device tree before harts start

// Interrupts this hart when the counter reaches `when`; ~0 = never.
void timer_arm(u64 when);
