// SPDX-License-Identifier: MIT
// Reset, trap entry and exit, entry into the payload, and accesses that may trap.
#include "firmware.h"

/*
 * mscratch holds the hart's stack top while supervisor or user code runs and 0
 * while the firmware does, so that a trap inside the firmware is recognized.
 */

    .section .entry, "ax"
    .global _start
_start: // a0 = hart, a1 = device tree, a2 = fw_dynamic information
    csrw    mie, zero
    csrw    mscratch, zero
    la      t0, trap_entry
    csrw    mtvec, t0
    li      t0, FW_HARTS
    bgeu    a0, t0, 9f
    la      sp, stacks
    addi    t1, a0, 1
    li      t0, FW_STACK_SIZE
    mul     t1, t1, t0
    add     sp, sp, t1

    la      t0, boot_lottery
    li      t1, 1
    amoswap.w t1, t1, (t0)
    bnez    t1, 3f

    la      t0, bss_start
    la      t1, bss_end
1:  bgeu    t0, t1, 2f
    sd      zero, (t0)
    addi    t0, t0, 8
    j       1b
2:  tail    boot_main

3:  la      t0, boot_done
4:  lw      t1, (t0)
    beqz    t1, 4b
    fence   rw, rw
    tail    hart_init

9:  wfi     // a hart that no record exists for
    j       9b

// The first registers of struct trap_frame.
.macro each_register op
    .set at, 0
    .irp reg, ra, t0, t1, t2, a0, a1, a2, a3, a4, a5, a6, a7, t3, t4, t5, t6
    \op  \reg, at(sp)
    .set at, at + 8
    .endr
.endm

    .text
    .align 2
    .global trap_entry
trap_entry:
    csrrw   sp, mscratch, sp
    beqz    sp, trap_nested
    addi    sp, sp, -FRAME_SIZE
    each_register sd
    csrrw   t0, mscratch, zero
    sd      t0, 128(sp)
    csrr    t0, mepc
    sd      t0, 136(sp)
    csrr    t0, mstatus
    sd      t0, 144(sp)
    mv      a0, sp
    call    trap_handle
    ld      t0, 144(sp)
    csrw    mstatus, t0
    ld      t0, 136(sp)
    csrw    mepc, t0
    addi    t0, sp, FRAME_SIZE
    csrw    mscratch, t0
    each_register ld
    ld      sp, 128(sp)
    mret

trap_nested: // the firmware itself trapped: go on with its stack, and report
    csrrw   sp, mscratch, sp
    tail    trap_fatal

    .global payload_enter
payload_enter: // a0 = hart, a1 = argument, a2 = entry
    csrw    mepc, a2
    la      t0, stacks
    addi    t1, a0, 1
    li      t2, FW_STACK_SIZE
    mul     t1, t1, t2
    add     t0, t0, t1
    csrw    mscratch, t0
    mret

// The probes run with a trap vector that skips the instruction and answers -1.
    .option push
    .option norvc
    .align 2
probe_trap:
    csrr    a0, mepc
    addi    a0, a0, 4
    csrw    mepc, a0
    li      a0, -1
    mret

.macro probe name
    .global \name
\name:
    la      t1, probe_trap
    csrrw   t1, mtvec, t1
.endm

.macro probe_end
    csrw    mtvec, t1
    ret
.endm

    probe   probe_load
    lbu     a0, 0(a0)
    probe_end

    probe   probe_store
    mv      t0, a0
    li      a0, 0
    sb      a1, 0(t0)
    probe_end

    probe   probe_menvcfg // menvcfg is 0x30a
    csrw    0x30a, a0
    csrr    a0, 0x30a
    probe_end

    probe   probe_stimecmp // stimecmp is 0x14d
    li      a0, 0
    csrr    t0, 0x14d
    probe_end
    .option pop

    .data // reloaded at each reset, so it starts from 0 again
    .align 2
boot_lottery:
    .word 0
    .global boot_done
boot_done:
    .word 0

    .section .noinit, "aw", @nobits
    .align 4
stacks:
    .skip FW_HARTS * FW_STACK_SIZE
