// SPDX-License-Identifier: MIT
// The machine's side of threads: start, switch.
#include "arch/boot.h"
#include "arch/riscv/asm.h"
#include "arch/riscv/trap.h"

static_assert(offsetof(struct arch_thread, kernel_sp) == T_KERNEL_SP, "asm.h");
static_assert(offsetof(struct arch_thread, scratch) == T_SCRATCH, "asm.h");
static_assert(offsetof(struct arch_thread, work) == T_WORK, "asm.h");
static_assert(offsetof(struct arch_thread, hart) == T_HART, "asm.h");
static_assert(offsetof(struct arch_thread, in_syscall) == T_IN_SYSCALL, "asm.h");
static_assert(offsetof(struct arch_thread, in_fault) == T_IN_FAULT, "asm.h");
static_assert(offsetof(struct arch_thread, context) == T_CONTEXT, "asm.h");
static_assert(offsetof(struct arch_context, gp) == 112, "entry.S");
static_assert(sizeof(struct arch_thread) <= BOOT_THREAD_SIZE, "boot thread");
static_assert(offsetof(struct trapframe, status) == F_STATUS, "asm.h");
static_assert(offsetof(struct trapframe, cause) == F_CAUSE, "asm.h");
static_assert(offsetof(struct trapframe, tval) == F_TVAL, "asm.h");
static_assert(offsetof(struct trapframe, orig_a0) == F_ORIG_A0, "asm.h");
static_assert(sizeof(struct trapframe) == FRAME_SIZE && FRAME_SIZE % 16 == 0, "asm.h");
static_assert(KSTACK_SIZE == 1 << KSTACK_BIT, "asm.h");
static_assert(sizeof(struct syscall_entry) == 16 && SYSCALL_MAX == 512, "entry.S");

void arch_thread_init(struct arch_thread *t, void *stack_top, void (*fn)(void *), void *arg)
{
    t->kernel_sp = (u64)stack_top - sizeof(struct trapframe);
    t->work = 0;
    t->in_syscall = 0;
    t->fpu_hart = FPU_NO_HART;
    t->lock_depth = 0;
    t->lock_base = 0;
    t->context.ra = (u64)context_start;
    t->context.sp = t->kernel_sp;
    t->context.s[0] = (u64)fn;
    t->context.s[1] = (u64)arg;
}

struct arch_thread *arch_switch(struct arch_thread *from, struct arch_thread *to)
{
    to->hart = from->hart;
    fpu_switch(from, to);
    return context_switch(from, to);
}
