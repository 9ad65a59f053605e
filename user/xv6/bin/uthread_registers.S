// SPDX-License-Identifier: MIT
// uthread_registers(seed, yield): gives each register that a function must keep a number of its own
// from seed + 1 on, calls yield(), and returns how many of them then hold another.

#include "frame.S"

#define SEED 0 // in the frame

    .text
    .globl uthread_registers
uthread_registers:
    frame_begin
    sd      a0, SEED(sp)
    .irp    r, SAVED
    addi    a0, a0, 1
    mv      \r, a0
    .endr
    .irp    r, SAVED_FP
    addi    a0, a0, 1
    fmv.d.x \r, a0
    .endr

    jalr    a1

    ld      t0, SEED(sp)
    li      a0, 0
    .irp    r, SAVED
    addi    t0, t0, 1
    xor     t1, t0, \r
    snez    t1, t1
    add     a0, a0, t1
    .endr
    .irp    r, SAVED_FP
    addi    t0, t0, 1
    fmv.x.d t1, \r
    xor     t1, t1, t0
    snez    t1, t1
    add     a0, a0, t1
    .endr
    frame_end
    ret

    .section .note.GNU-stack, "", @progbits
