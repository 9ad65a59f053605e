// SPDX-License-Identifier: MIT
// A loop that holds a known value in every register and looks at them all the time, and a function
// for sigalarm() that puts other values into all of them.

#define VALUE 0x51020304

    .macro each_register operation
    .set number, 0
    .irp register, ra, sp, gp, tp, t0, t1, t2, s0, s1, a0, a1, a2, a3, a4, a5, a6, a7, s2, s3, s4, s5, \
        s6, s7, s8, s9, s10, s11, t3, t4
    .set number, number + 1
    \operation \register
    .endr
    .endm

    .macro set register
    li      \register, VALUE + number * 0x10101
    .endm

    .macro look register
    li      t6, VALUE + number * 0x10101
    bne     \register, t6, 2f
    .endm

    .macro spoil register
    li      \register, -number
    .endm

    .macro save register
    sd      \register, number * 8(t6)
    .endm

    .macro restore register
    ld      \register, number * 8(t6)
    .endm

    .text

// long alarm_spin(long count): 0 once alarm_count has reached it; otherwise what a register that has
// changed held before.
    .globl alarm_spin
    .type alarm_spin, @function
alarm_spin:
    la      t6, saved
    sd      a0, 0(t6)
    each_register save
    each_register set
1:  each_register look
    li      t5, VALUE
    li      t6, VALUE
    bne     t5, t6, 2f
    la      t5, alarm_count
    ld      t5, 0(t5)
    la      t6, saved
    ld      t6, 0(t6)
    blt     t5, t6, 1b
    li      t6, 0
2:  mv      t5, t6
    la      t6, saved
    each_register restore
    mv      a0, t5
    ret
    .size alarm_spin, . - alarm_spin

    .globl alarm_spoil
    .type alarm_spoil, @function
alarm_spoil:
    la      t0, inside
    ld      t1, 0(t0)
    la      t2, alarm_again
    ld      t3, 0(t2)
    add     t3, t3, t1
    sd      t3, 0(t2)
    li      t1, 1
    sd      t1, 0(t0)
    la      t2, alarm_count
    ld      t1, 0(t2)
    addi    t1, t1, 1
    sd      t1, 0(t2)
    sd      zero, 0(t0)
    each_register spoil
    li      t5, -30
    li      t6, -31
    tail    sigreturn
    .size alarm_spoil, . - alarm_spoil

    .bss
    .balign 8
    .globl alarm_count, alarm_again
alarm_count:
    .zero 8
alarm_again: // times that it was entered before it was done
    .zero 8
inside:
    .zero 8
saved:
    .zero 30 * 8

    .section .note.GNU-stack, "", @progbits
