// SPDX-License-Identifier: MIT
// The functions above that the machine layer calls by name, and nothing more: at most twelve.
#pragma once
#include "arch/thread.h"
#include "lib/macro.h"

struct mmu_space;

// Kinds of access that a fault or a copy asks for.
enum access { ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_EXEC = 4 };

// A timer's says what it interrupted: a program or the kernel.
enum interrupt { INTERRUPT_TIMER_USER, INTERRUPT_TIMER_KERNEL, INTERRUPT_EXTERNAL };

typedef s64 (*syscall_fn)(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5);

enum {
    SYSCALL_FULL_FRAME = 1, // the handler needs (or changes) every user register
};

struct syscall_entry {
    syscall_fn fn; // never NULL: missing numbers hold a function that returns -ENOSYS
    u64 flags;     // SYSCALL_*
};

#define SYSCALL_MAX 512 // entries of up_syscall_table; larger numbers are -ENOSYS

// The table that entry.S indexes with a7. A handler gets a0..a5 in registers and its result goes to
// a0. Interrupts are on. Calls with SYSCALL_FULL_FRAME, and all calls of a thread with WORK_TRACE
// or WORK_PTRACE, go through up_syscall_slow with a full frame.
extern const struct syscall_entry up_syscall_table[SYSCALL_MAX];
void up_syscall_slow(struct trapframe *frame);

// A page fault at user address `va` in `space`, from user mode or from a user copy; interrupts on,
// may sleep. 0: retry the access. -EFAULT: no such mapping, -EACCES: mapping forbids it,
// -EIO: SIGBUS (past the end of the object, or the pager failed), -ENOMEM, -EINTR: dying.
int up_fault(struct mmu_space *space, uaddr_t va, enum access access);

// A user-mode exception that is not a resolved page fault (`error` is up_fault's result for a page
// fault, else 0); interrupts on. Sends the signal that frame->cause calls for.
void up_user_trap(struct trapframe *frame, int error);

// An interrupt; interrupts off.
void up_interrupt(enum interrupt which);

// Preemption point: WORK_RESCHED is set, preempt depth is 0. Called with interrupts off on the way
// out of a kernel-mode interrupt, or on by preempt_enable().
void up_reschedule(void);

// Work bits are set on the way to user mode; full frame, interrupts on. Called until none is set.
void up_exit_work(struct trapframe *frame);

// First C function above arch on the boot hart: on the boot stack, paging on, interrupts off.
// `hart` is the SBI hart id, `dtb` the device tree's physical address.
void up_kmain(u64 hart, paddr_t dtb) __attribute__((noreturn));

// First C function on each further hart, on the stack of its idle thread (tp set), interrupts off.
void up_hart_main(void) __attribute__((noreturn));

// Ends the machine with a message, the registers of `frame` (may be NULL) and a backtrace.
void up_panic(const struct trapframe *frame, const char *why) __attribute__((noreturn));

// One zeroed frame for a page table (NULL when memory is out), and its return.
void *up_table_alloc(void);
void up_table_free(void *table);

// Prints one line to the kernel log.
void up_print(const char *fmt, ...) PRINTF_LIKE(1, 2);
