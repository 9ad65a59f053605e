// SPDX-License-Identifier: MIT
// What entry.S and head.S call in trap.c, thread.c and smp.c, and what these use of them.
#pragma once
#include "arch/upcalls.h"

// entry.S and head.S. `frame` is on the running thread's kernel stack.
void hart_init(void);                            // traps and interrupt sources of this hart
void trap_interrupt(u64 cause, uaddr_t user_pc); // interrupts off; user_pc 0: in kernel mode
int trap_user_fault(struct trapframe *frame);    // enables interrupts; up_fault's result
void trap_user_exception(struct trapframe *frame, int error);
void trap_exit_work(struct trapframe *frame); // interrupts off at both ends
void trap_kernel(struct trapframe *frame);    // returns to the interrupted code
void smp_hart_online(void);

void secondary_entry(void);
struct arch_thread *context_switch(struct arch_thread *from, struct arch_thread *to);
void context_start(void);

extern u32 stack_overflowed; // the frame of this trap is on the emergency stack

// fpu.c: parks and hands over the FP registers at a switch.
void fpu_switch(struct arch_thread *from, struct arch_thread *to);
