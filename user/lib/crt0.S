// SPDX-License-Identifier: MIT
// Start of every program: the kernel enters here with sp at argc, argv, 0, environ, 0, auxv.

    .section .text.start, "ax"
    .globl _start
    .type _start, @function
_start:
    li      ra, 0               // the outermost frame: backtraces end here
    li      s0, 0
    mv      a0, sp
    andi    sp, sp, -16
    tail    start
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
