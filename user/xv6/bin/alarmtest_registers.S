// SPDX-License-Identifier: MIT
// alarm_registers(flag): fills each register with a number of its own, waits until the int at `flag`
// is not 0, and returns how many registers then hold another. alarm_trash: sets that int, with every
// register overwritten, and returns by sigreturn().

#include "frame.S"

#define INTEGERS t1, t2, t3, t4, t5, t6, a0, a1, a2, a3, a4, a5, a6, a7, SAVED // t0, ra are used
#define DOUBLES  ft0, ft1, ft2, ft3, ft4, ft5, ft6, ft7, ft8, ft9, ft10, ft11, \
                 fa0, fa1, fa2, fa3, fa4, fa5, fa6, fa7, SAVED_FP
#define SPREAD   0x12345

    .text
    .globl alarm_registers
alarm_registers:
    frame_begin

    mv      ra, a0
    .set    number, SPREAD
    .irp    r, DOUBLES
    li      t0, number
    fmv.d.x \r, t0
    .set    number, number + SPREAD
    .endr
    .irp    r, INTEGERS
    li      \r, number
    .set    number, number + SPREAD
    .endr
1:
    lw      t0, 0(ra)
    beqz    t0, 1b

    li      ra, 0
    .irp    r, INTEGERS
    .set    number, number - SPREAD
    .endr
    .irp    r, INTEGERS
    li      t0, number
    xor     t0, t0, \r
    snez    t0, t0
    add     ra, ra, t0
    .set    number, number + SPREAD
    .endr
    .set    number, SPREAD
    .irp    r, DOUBLES
    li      t0, number
    fmv.x.d t1, \r
    xor     t0, t0, t1
    snez    t0, t0
    add     ra, ra, t0
    .set    number, number + SPREAD
    .endr
    mv      a0, ra

    frame_end
    ret

    .globl alarm_trash
alarm_trash:
    la      t0, alarm_flag
    li      t1, 1
    sw      t1, 0(t0)
    li      t0, -1
    .irp    r, DOUBLES
    fmv.d.x \r, t0
    .endr
    .irp    r, INTEGERS
    li      \r, -1
    .endr
    li      ra, -1
    tail    sigreturn

    .section .note.GNU-stack, "", @progbits
