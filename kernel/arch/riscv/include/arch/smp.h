// SPDX-License-Identifier: MIT
// The harts: identity, start, interrupts between them.
#pragma once
#include "arch/thread.h"
#include "lib/types.h"

extern unsigned hart_count;     // (c) harts that the device tree lists and that started
extern u64 hart_ids[MAX_HARTS]; // (c) SBI hart id of each index; the boot hart is index 0

// Fills hart_ids and hart_count, the boot hart first; devicetree_init calls it.
void smp_set_harts(const u64 *ids, unsigned n);

// Answers other harts' TLB requests to this one; every wait with interrupts off calls it.
void smp_serve(void);

// Starts hart `index` (SBI HSM) in up_hart_main on `idle`'s stack; 0 or -EIO.
int smp_hart_start(unsigned index, struct arch_thread *idle);

extern u64 smp_online; // (a) bit per hart index that runs the kernel

// Interrupts another hart so that it looks at its WORK_RESCHED / run queue. Cheap; any context.
void smp_reschedule(unsigned index);

// Runs fn(arg) on every other hart with interrupts off, waits until all have; interrupts on, no
// spinlock held.
void smp_call_others(void (*fn)(void *), void *arg);

// Stops all other harts for good (panic, power off).
void smp_stop_others(void);
