// SPDX-License-Identifier: MIT
// A simulated machine of several harts in one native process, for HOSTED tests.
//
// Only what lies below the C code of arch/riscv is simulated: registers, interrupts, the timer, the
// firmware, the switch. All else is the kernel's own code, compiled for this machine.
//
// Each thread of the kernel is a fiber, and one native thread runs one fiber at a time. The
// compiler calls __sanitizer_cov_trace_pc() in every basic block of kernel code; each of them may
// be where this hart stops for a while and another one goes on, where an interrupt comes, or where
// a preemptible thread is preempted. A seed decides, and nothing else does: the same seed and the
// same program give the same run. Harts see memory in program order: what needs a barrier is not
// found here. Code that is not compiled so (tests, models) runs as one step.
//
// Time is simulated: it passes with the steps, and jumps to the next timer when all harts wait. If
// then there is none, nothing can ever run again: the machine says where each thread is and ends
// with status 1, as it does after a panic or too many steps.
#pragma once
#include "lib/types.h"

// Before any kernel code: the running native thread becomes the boot thread on hart 0.
void machine_init(u64 seed, unsigned harts);
// From now on harts take turns and interrupts come; after that the harts are started.
void machine_start(void);

// The machine's source of randomness, for tests too: so one seed covers both.
u64 machine_random(void);
u64 machine_below(u64 n);

// Prints where every thread is, and ends the process.
void machine_end(const char *why) __attribute__((noreturn));

/* Between machine.c and fiber.c */

struct arch_thread;

void fibers_init(void);
// Saves the context of `from`, runs `to`; returns when `from` is run again.
void fiber_swap(struct arch_thread *from, struct arch_thread *to);
void fibers_dump(void);
