// SPDX-License-Identifier: MIT
// Start of a program written for xv6, on the stack that the kernel made; it is left for xv6's.

    .section .text, "ax"
    .globl _start
    .type _start, @function
_start:
    li      ra, 0               // the outermost frame: backtraces end here
    li      s0, 0
    mv      a0, sp
    andi    sp, sp, -16
    tail    xv6_start
    .size _start, . - _start

// xv6_enter(argc, argv): main's arguments, which lie where its stack ends.
    .globl xv6_enter
    .type xv6_enter, @function
xv6_enter:
    mv      sp, a1
    tail    xv6_run
    .size xv6_enter, . - xv6_enter

    .section .note.GNU-stack, "", @progbits
