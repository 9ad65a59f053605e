// SPDX-License-Identifier: MIT
// Which thread runs here: the one that the simulated hart holds.
#pragma once

struct arch_thread;

extern struct arch_thread *machine_self;

static inline struct arch_thread *arch_self(void)
{
    return machine_self;
}
