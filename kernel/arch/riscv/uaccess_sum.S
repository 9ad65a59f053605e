// SPDX-License-Identifier: MIT
// Copies by the hardware to and from user addresses, for the kernel built with UACCESS=sum.
#include "arch/riscv/asm.h"

// sum_copy(dst, src, n) sets SUM, copies, clears SUM and returns the bytes left, which a2 always
// holds. It does not use the stack, so a fault ends it at sum_fixup.
    .section .text.uaccess, "ax"
    .globl sum_copy, sum_text_start, sum_text_end, sum_fixup
sum_text_start:
sum_copy:
    li t6, STATUS_SUM
    csrs sstatus, t6
    xor t0, a0, a1
    andi t0, t0, 7
    bnez t0, 3f
1:  beqz a2, 9f // up to the first word boundary
    andi t0, a0, 7
    beqz t0, 2f
    lb t1, 0(a1)
    sb t1, 0(a0)
    addi a0, a0, 1
    addi a1, a1, 1
    addi a2, a2, -1
    j 1b
2:  li t0, 64
    bltu a2, t0, 4f
    ld t1, 0(a1)
    ld t2, 8(a1)
    ld t3, 16(a1)
    ld t4, 24(a1)
    sd t1, 0(a0)
    sd t2, 8(a0)
    sd t3, 16(a0)
    sd t4, 24(a0)
    ld t1, 32(a1)
    ld t2, 40(a1)
    ld t3, 48(a1)
    ld t4, 56(a1)
    sd t1, 32(a0)
    sd t2, 40(a0)
    sd t3, 48(a0)
    sd t4, 56(a0)
    addi a0, a0, 64
    addi a1, a1, 64
    addi a2, a2, -64
    j 2b
4:  li t0, 8
    bltu a2, t0, 3f
    ld t1, 0(a1)
    sd t1, 0(a0)
    addi a0, a0, 8
    addi a1, a1, 8
    addi a2, a2, -8
    j 4b
3:  beqz a2, 9f
    lb t1, 0(a1)
    sb t1, 0(a0)
    addi a0, a0, 1
    addi a1, a1, 1
    addi a2, a2, -1
    j 3b

sum_fixup:
9:  li t6, STATUS_SUM
    csrc sstatus, t6
    mv a0, a2
    ret
sum_text_end:
