// SPDX-License-Identifier: MIT
// Traps: the way in from user and kernel mode, and the ways out; and the thread switch.
//
// A system call saves what a C function may change and nothing else: s0-s11 and gp keep the user's
// values through the C call. The paths that look at or change every register complete the frame.
// Outside a kernel-mode trap sstatus always has SPP = 0 and SPIE = 1, so sret needs no set-up:
// traps from user mode enter so, and trap_kernel restores it before it may switch threads.
#include "arch/riscv/asm.h"

#define SYSCALL_MAX 512
#define WORK_TRACE  20 // and WORK_PTRACE
#define WORK_EXIT   43 // all but those: reasons to stop on the way out

// x5-x7 = t0-t2, x10-x17 = a0-a7, x28-x31 = t3-t6; x8, x9, x18-x27 = s0-s11.
.macro caller_saved_but_a0 op
    .irp n, 1, 5, 6, 7, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
    \op x\n, F_X(\n)(sp)
    .endr
.endm

.macro callee_saved op
    .irp n, 3, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
    \op x\n, F_X(\n)(sp)
    .endr
.endm

.macro save_caller_saved
    caller_saved_but_a0 sd
    sd a0, F_X(10)(sp)
.endm

    .section .text.entry, "ax"
    .balign 64
    .globl trap_entry
trap_entry:
    csrrw tp, sscratch, tp
    beqz tp, trap_from_kernel
    sd sp, T_SCRATCH(tp)
    ld sp, T_KERNEL_SP(tp)
    save_caller_saved
    csrr t0, scause
    csrrw t1, sscratch, zero
    csrr t2, sepc
    ld t3, T_SCRATCH(tp)
    sd t1, F_X(4)(sp)
    sd t3, F_X(2)(sp)
    li t4, CAUSE_SYSCALL
    bne t0, t4, trap_from_user

    addi t2, t2, 4
    sd t2, F_PC(sp)
    sd a0, F_ORIG_A0(sp)
    li t0, SYSCALL_MAX
    bgeu a7, t0, syscall_slow
    slli t1, a7, 4
    lla t2, up_syscall_table
    add t1, t1, t2
    lw t4, T_WORK(tp)
    ld t3, 8(t1)
    ld t2, 0(t1)
    andi t4, t4, WORK_TRACE
    or t3, t3, t4
    bnez t3, syscall_slow
    csrsi sstatus, STATUS_SIE
    jalr t2

    csrci sstatus, STATUS_SIE
    lw t0, T_WORK(tp)
    ld t1, F_PC(sp)
    andi t0, t0, WORK_EXIT
    bnez t0, syscall_work
leave_fast: // a0 = the user's a0, t1 = pc
    csrw sepc, t1
    csrw sscratch, tp
    caller_saved_but_a0 ld
    ld tp, F_X(4)(sp)
    ld sp, F_X(2)(sp)
    sret

syscall_work:
    sd a0, F_X(10)(sp)
    li t0, CAUSE_SYSCALL
    sd t0, F_CAUSE(sp)
    li t0, 1
    sw t0, T_IN_SYSCALL(tp)
leave_slow:
    callee_saved sd
leave_full: // interrupts are off, every register is in the frame
    mv a0, sp
    call trap_exit_work
    ld t1, F_PC(sp)
    sc.w zero, t1, (sp) // ends a reservation from before a signal's handler; F_PC stays what it is
    csrw sepc, t1
    csrw sscratch, tp
    callee_saved ld
    caller_saved_but_a0 ld
    ld a0, F_X(10)(sp)
    ld tp, F_X(4)(sp)
    ld sp, F_X(2)(sp)
    sret

syscall_slow:
    callee_saved sd
    li t0, CAUSE_SYSCALL
    sd t0, F_CAUSE(sp)
    li t0, 1
    sw t0, T_IN_SYSCALL(tp)
    mv a0, sp
    mv s0, zero
    csrsi sstatus, STATUS_SIE
    call up_syscall_slow
    csrci sstatus, STATUS_SIE
    j leave_full

// Interrupts and exceptions. t0 = cause, t2 = pc.
trap_from_user:
    sd t2, F_PC(sp)
    sd t0, F_CAUSE(sp)
    sw zero, T_IN_SYSCALL(tp)
    bltz t0, user_interrupt
    csrr t1, stval
    sd t1, F_TVAL(sp)
    li t3, CAUSE_PAGE_FAULTS
    srl t3, t3, t0
    andi t3, t3, 1
    beqz t3, user_exception
    sw t3, T_IN_FAULT(tp)
    mv a0, sp
    call trap_user_fault
    sw zero, T_IN_FAULT(tp)
    bnez a0, user_fault_failed
    csrci sstatus, STATUS_SIE
user_leave:
    lw t0, T_WORK(tp)
    ld t1, F_PC(sp)
    andi t0, t0, WORK_EXIT
    bnez t0, leave_slow
    ld a0, F_X(10)(sp)
    j leave_fast
user_interrupt:
    mv a0, t0
    mv a1, t2
    call trap_interrupt
    j user_leave
user_exception:
    li a0, 0
user_fault_failed: // a0 = error; the s-registers still hold the user's values
    callee_saved sd
    mv a1, a0
    mv a0, sp
    mv s0, zero
    call trap_user_exception
    csrci sstatus, STATUS_SIE
    j leave_full

    .globl arch_return_to_user
arch_return_to_user:
    csrci sstatus, STATUS_SIE
    ld sp, T_KERNEL_SP(tp)
    mv s0, zero
    j leave_full

// sscratch = thread, tp = 0 and free. A stack lies in the upper half of an aligned slot of twice
// its size, so one address bit tells whether the frame still fits.
trap_from_kernel:
    addi sp, sp, -FRAME_SIZE
    slli tp, sp, 63 - KSTACK_BIT
    bgez tp, stack_overflow
    csrrw tp, sscratch, zero
    save_caller_saved
    addi t0, sp, FRAME_SIZE
    sd t0, F_X(2)(sp)
save_kernel_frame: // tp is the thread; caller-saved registers and sp are in the frame
    sd tp, F_X(4)(sp)
    callee_saved sd
    csrr t0, sepc
    csrr t1, sstatus
    csrr t2, scause
    csrr t3, stval
    sd t0, F_PC(sp)
    sd t1, F_STATUS(sp)
    sd t2, F_CAUSE(sp)
    sd t3, F_TVAL(sp)
    mv a0, sp
    call trap_kernel
    ld t0, F_PC(sp)
    ld t1, F_STATUS(sp)
    csrw sepc, t0
    csrr t2, sstatus
    xor t1, t1, t2
    li t3, STATUS_SPP | STATUS_SPIE | STATUS_SUM
    and t1, t1, t3
    beqz t1, 1f
    xor t2, t2, t1
    csrw sstatus, t2
1:  callee_saved ld
    caller_saved_but_a0 ld
    ld a0, F_X(10)(sp)
    ld sp, F_X(2)(sp)
    sret

// The stack has run into its guard: go on, for the report only, on the emergency stack, which the
// first hart to get here keeps.
stack_overflow:
    addi sp, sp, FRAME_SIZE // a fault from here on comes back: sp must not walk into other stacks
    csrrw tp, sscratch, zero
    sd t0, T_SCRATCH(tp)
    sd t1, T_CONTEXT(tp)
    lla t0, emergency_taken
    li t1, 1
    amoswap.w t1, t1, (t0)
2:  bnez t1, 2b
    mv t1, sp
    lla sp, emergency_stack_top - FRAME_SIZE
    sd t1, F_X(2)(sp)
    ld t0, T_SCRATCH(tp)
    ld t1, T_CONTEXT(tp)
    save_caller_saved
    lla t0, stack_overflowed
    li t1, 1
    sw t1, 0(t0)
    j save_kernel_frame

// struct arch_thread *context_switch(from, to): interrupts off.
    .globl context_switch
context_switch:
    addi t0, a0, T_CONTEXT
    addi t1, a1, T_CONTEXT
// struct arch_context: ra sp s0..s11 gp.
.macro context op, base
    .set at, 0
    .irp n, 1, 2, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 3
    \op x\n, at(\base)
    .set at, at + 8
    .endr
.endm
    context sd, t0
    addi t2, a0, T_SCRATCH
    sc.w zero, zero, (t2) // ends a user lr's reservation
    mv tp, a1
    context ld, t1
    ret

// First code of a new thread: s0 = function, s1 = argument.
    .globl context_start
context_start:
    mv a0, s1
    mv t0, s0
    mv s0, zero
    mv ra, zero
    jr t0

    .section .bss
    .balign 4
emergency_taken:
    .skip 4
    .globl stack_overflowed
stack_overflowed:
    .skip 4
