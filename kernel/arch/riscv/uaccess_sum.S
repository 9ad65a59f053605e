// SPDX-License-Identifier: MIT
// User memory, back end "sum": the instructions that touch user addresses.
//
// Each function sets SUM, works, clears SUM and returns struct sum_result: a0 = bytes left, a1 = 0.
// a2 always holds the bytes left and a7 whether a fault must not sleep. No function uses the
// stack, so a fault that cannot be resolved continues at sum_fixup with a1 = error.
#include "arch/riscv/asm.h"

.macro enter
    li t6, STATUS_SUM
    csrs sstatus, t6
.endm

.macro leave
    csrc sstatus, t6
    mv a0, a2
    li a1, 0
    ret
.endm

    .section .text.uaccess, "ax"
    .globl sum_text_start, sum_text_end, sum_fixup
sum_text_start:

// sum_copy(dst, src, n, -, -, -, -, nofault)
    .globl sum_copy
sum_copy:
    enter
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
9:  leave

// sum_zero(dst, -, n, -, -, -, -, nofault)
    .globl sum_zero
sum_zero:
    enter
1:  beqz a2, 9f
    or t0, a0, a2
    andi t0, t0, 7
    beqz t0, 2f
    sb zero, 0(a0)
    addi a0, a0, 1
    addi a2, a2, -1
    j 1b
2:  sd zero, 0(a0)
    addi a0, a0, 8
    addi a2, a2, -8
    bnez a2, 2b
9:  leave

// sum_xxx(user address, u64 *seen, -, operand, -, -, -, 0): words.
.macro word_access name, op, reg
    .globl \name
\name:
    enter
    \op \reg, 0(a0)
    li a2, 0
.endm
    word_access sum_load32, lw, t0
    sd t0, 0(a1)
    leave
    word_access sum_load64, ld, t0
    sd t0, 0(a1)
    leave
    word_access sum_store32, sw, a3
    leave
    word_access sum_store64, sd, a3
    leave

.macro word_amo name, op
    .globl \name
\name:
    enter
    \op t0, a3, (a0)
    sd t0, 0(a1)
    li a2, 0
    leave
.endm
    word_amo sum_swap, amoswap.w.aqrl
    word_amo sum_add, amoadd.w.aqrl
    word_amo sum_or, amoor.w.aqrl
    word_amo sum_and, amoand.w.aqrl
    word_amo sum_xor, amoxor.w.aqrl

// sum_cas(user address, u64 *seen, -, new, old, -, -, 0)
    .globl sum_cas
sum_cas:
    enter
    sext.w a4, a4
1:  lr.w.aqrl t0, (a0)
    bne t0, a4, 2f
    sc.w.rl t1, a3, (a0)
    bnez t1, 1b
2:  sd t0, 0(a1)
    li a2, 0
    leave

sum_fixup: // a1 = error
    li t6, STATUS_SUM
    csrc sstatus, t6
    mv a0, a2
    ret
sum_text_end:
