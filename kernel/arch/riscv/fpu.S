// SPDX-License-Identifier: MIT
// Moves the FP registers to and from struct fpu_state. sstatus.FS must not be off.
    .option arch, +d

.macro each_register op
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \op f\n, \n * 8(a0)
    .endr
.endm

    .text
    .globl fpu_store
fpu_store:
    each_register fsd
    frcsr t0
    sw t0, 256(a0)
    ret

    .globl fpu_load
fpu_load:
    each_register fld
    lw t0, 256(a0)
    fscsr t0
    ret
