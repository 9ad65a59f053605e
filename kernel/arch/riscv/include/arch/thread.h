// SPDX-License-Identifier: MIT
// What the machine keeps of a thread: saved registers, user frame, FP state, work flags.
//
// `struct arch_thread` is the first member of `struct thread`; in the kernel register tp points
// at it, in user mode `sscratch` does (and is 0 in the kernel).
#pragma once
#include "arch/layout.h"
#include "arch/self.h"
#include "lib/types.h"

// User registers at a trap, at the top of the thread's kernel stack. gregs are in the order of
// the Linux signal frame and ptrace: pc, then x1..x31. A fast system call saves only pc, ra, sp,
// tp, t0-t6 and a0-a7; a full frame has all. Size is a multiple of 16.
struct trapframe {
    u64 pc;
    u64 x[31]; // x[n-1] is register xn; use the FRAME_* indexes
    u64 status;
    u64 cause;
    u64 tval;
    u64 orig_a0; // a0 as it was at a system call, for restart
};

enum { FRAME_RA = 0, FRAME_SP = 1, FRAME_TP = 3, FRAME_A0 = 9, FRAME_A1 = 10, FRAME_A2 = 11 };
enum { FRAME_A3 = 12, FRAME_A4 = 13, FRAME_A5 = 14, FRAME_A7 = 16 };

struct arch_context {
    u64 ra, sp, s[12];
    u64 gp; // the user's: the kernel never touches the register
};

struct fpu_state {
    u64 f[32];
    u32 fcsr;
};

// Reasons to take the slow way out to user mode (arch_thread.work).
enum {
    WORK_RESCHED = 1, // another thread should run
    WORK_SIGNAL = 2,  // a signal may be deliverable, or the thread must exit
    WORK_TRACE = 4,   // system calls are logged: take up_syscall_slow
    WORK_RESTORE = 8, // a saved signal mask must be put back (sigsuspend, ppoll)
    WORK_PTRACE = 16, // the tracer is told of system calls: take up_syscall_slow
    WORK_RSEQ = 32,   // it moved, or lost its hart in its program: see proc/rseq.c
};

// Debug builds record this many held locks of a thread (base/lockcheck.c).
#define LOCK_DEPTH_MAX (DEBUG ? 20 : 0)
#define FPU_NO_HART    (~0U)

struct arch_thread {
    u64 kernel_sp;  // (c) where the trap frame starts: top of stack - sizeof(struct trapframe)
    u64 scratch;    // (h) entry code only
    u32 work;       // (a) WORK_*
    u32 preempt;    // (h) depth of preempt_disable; 0 = preemptible
    u32 hart;       // (h) index of the hart it runs or last ran on
    u32 fpu_hart;   // (h) hart whose FP registers may still hold this thread's state
    u32 fail_nth;   // (h) DEBUG: the allocation that fails is this many away; 0 = none
    u32 in_syscall; // (h) frame.orig_a0 is valid: an interrupted call may be restarted; above 1: it
                    // is, after this error
    u32 in_fault;   // (h) a page fault of its program is being resolved
    u32 urgent;     // (h) not 0: may have the last memory, as it frees more
    struct arch_context context; // (h) while not running
    struct fpu_state fpu;        // (h) while not in the FP registers
    u32 lock_depth;              // (h) DEBUG: locks held
    u32 lock_base;               // (h) DEBUG: of these, the ones that an interrupt found held
    u8 lock_rank[LOCK_DEPTH_MAX];
    const void *lock[LOCK_DEPTH_MAX];
};

// Names a thread for messages; NULL until the scheduler sets it.
extern const char *(*arch_thread_name)(const struct arch_thread *t);

// Index 0.. of the hart this code runs on; stable only while preemption or interrupts are off.
static inline u64 hart_index(void)
{
    return ((volatile struct arch_thread *)arch_self())->hart;
}

// The user frame of a thread (garbage for a kernel thread).
static inline struct trapframe *arch_frame(const struct arch_thread *t)
{
    return (struct trapframe *)t->kernel_sp;
}

// Prepares `t` to start in fn(arg) on the stack that ends at `stack_top`, with interrupts off and
// preempt as set by the caller. fn must not return.
void arch_thread_init(struct arch_thread *t, void *stack_top, void (*fn)(void *), void *arg);

// Saves the running thread in `from`, resumes `to`; returns when `from` is resumed, with
// the thread that ran before it. Interrupts are off. FP state is parked as needed.
struct arch_thread *arch_switch(struct arch_thread *from, struct arch_thread *to);

// Leaves for user mode with the thread's whole user frame; for new threads and after execve.
void arch_return_to_user(void) __attribute__((noreturn));

// Copies the FP registers of the running thread into t->fpu (if they are newer), for fork and
// signal frames.
void arch_fpu_save(struct arch_thread *t);
// Zero FP state for a fresh program.
void arch_fpu_reset(struct arch_thread *t);
// Forgets that a hart may still hold the state of `t`: t->fpu is what it sees next. Also for a
// dying thread, which no hart may name later.
void arch_fpu_drop(struct arch_thread *t);

// Completes a fast frame: after a call whose table entry has SYSCALL_FULL_FRAME all of
// `struct trapframe` is valid without calling anything; see entry.S.

// Prints return addresses with symbol names of the running kernel thread, through up_print.
void arch_backtrace(void);
// Of a thread that another hart runs, from outside: what on its stack looks like return addresses,
// the oldest first. Those of the last calls may be of calls before them.
void arch_backtrace_of(const struct arch_thread *t);
// The same from the registers of a kernel-mode trap, and the registers themselves.
void arch_backtrace_frame(const struct trapframe *frame);
void arch_dump_registers(const struct trapframe *frame);
