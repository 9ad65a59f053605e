// SPDX-License-Identifier: MIT
// uthread_registers(seed, yield): gives each register that a function must keep a number of its own
// from seed + 1 on, calls yield(), and returns how many of them then hold another.

#define SAVED    s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11
#define SAVED_FP fs0, fs1, fs2, fs3, fs4, fs5, fs6, fs7, fs8, fs9, fs10, fs11
#define SEED     0
#define RA       8
#define FIRST    16
#define FRAME    208

    .text
    .globl uthread_registers
uthread_registers:
    addi    sp, sp, -FRAME
    sd      a0, SEED(sp)
    sd      ra, RA(sp)
    .set    at, FIRST
    .irp    r, SAVED
    sd      \r, at(sp)
    addi    a0, a0, 1
    mv      \r, a0
    .set    at, at + 8
    .endr
    .irp    r, SAVED_FP
    fsd     \r, at(sp)
    addi    a0, a0, 1
    fmv.d.x \r, a0
    .set    at, at + 8
    .endr

    jalr    a1

    ld      t0, SEED(sp)
    li      a0, 0
    .set    at, FIRST
    .irp    r, SAVED
    addi    t0, t0, 1
    xor     t1, t0, \r
    snez    t1, t1
    add     a0, a0, t1
    ld      \r, at(sp)
    .set    at, at + 8
    .endr
    .irp    r, SAVED_FP
    addi    t0, t0, 1
    fmv.x.d t1, \r
    xor     t1, t1, t0
    snez    t1, t1
    add     a0, a0, t1
    fld     \r, at(sp)
    .set    at, at + 8
    .endr
    ld      ra, RA(sp)
    addi    sp, sp, FRAME
    ret

    .section .note.GNU-stack, "", @progbits
