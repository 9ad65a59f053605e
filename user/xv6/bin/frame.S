// SPDX-License-Identifier: MIT
// For others to include: the registers that a function must keep for its caller, and a frame on the
// stack that keeps them and ra, with a word that is free at 0(sp).

#define SAVED    s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11
#define SAVED_FP fs0, fs1, fs2, fs3, fs4, fs5, fs6, fs7, fs8, fs9, fs10, fs11
#define FRAME    208

    .macro frame_each integer, double
    .set    at, 8
    .irp    r, ra, SAVED
    \integer \r, at(sp)
    .set    at, at + 8
    .endr
    .irp    r, SAVED_FP
    \double \r, at(sp)
    .set    at, at + 8
    .endr
    .endm

    .macro frame_begin
    addi    sp, sp, -FRAME
    frame_each sd, fsd
    .endm

    .macro frame_end
    frame_each ld, fld
    addi    sp, sp, FRAME
    .endm

    .section .note.GNU-stack, "", @progbits
