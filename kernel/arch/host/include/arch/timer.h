// SPDX-License-Identifier: MIT
// Simulated time, in nanoseconds, and the timer of each hart.
#pragma once
#include "lib/types.h"

extern u64 machine_now;

static inline u64 timer_ticks(void)
{
    return machine_now;
}

// Interrupts this hart when the counter reaches `when`; ~0 = never.
void timer_arm(u64 when);
