// SPDX-License-Identifier: MIT
// Entry of the test payload on each hart, and its trap vector.

    .section .entry, "ax"
    .global _start
_start: // a0 = hart, a1 = device tree
    la      t0, payload_main
    j       1f
    .global second_start
second_start: // a0 = hart, a1 = argument of hart_start
    la      t0, payload_second
1:  la      t1, trap_entry
    csrw    stvec, t1
    la      sp, stacks
    addi    t1, a0, 1
    slli    t1, t1, 12
    add     sp, sp, t1
    jr      t0

    .text
    .align 2
trap_entry:
    addi    sp, sp, -128
    sd      ra, 0(sp)
    sd      t0, 8(sp)
    sd      t1, 16(sp)
    sd      t2, 24(sp)
    sd      t3, 32(sp)
    sd      t4, 40(sp)
    sd      t5, 48(sp)
    sd      t6, 56(sp)
    sd      a0, 64(sp)
    sd      a1, 72(sp)
    sd      a2, 80(sp)
    sd      a3, 88(sp)
    sd      a4, 96(sp)
    sd      a5, 104(sp)
    sd      a6, 112(sp)
    sd      a7, 120(sp)
    call    trap_handle
    ld      ra, 0(sp)
    ld      t0, 8(sp)
    ld      t1, 16(sp)
    ld      t2, 24(sp)
    ld      t3, 32(sp)
    ld      t4, 40(sp)
    ld      t5, 48(sp)
    ld      t6, 56(sp)
    ld      a0, 64(sp)
    ld      a1, 72(sp)
    ld      a2, 80(sp)
    ld      a3, 88(sp)
    ld      a4, 96(sp)
    ld      a5, 104(sp)
    ld      a6, 112(sp)
    ld      a7, 120(sp)
    addi    sp, sp, 128
    sret

    .section .bss
    .align 4
stacks:
    .skip 64 * 4096
