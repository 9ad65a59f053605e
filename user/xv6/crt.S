// SPDX-License-Identifier: MIT
// Start of a program written for xv6: as every program's, but by xv6_start, on the stack that the
// kernel made; it is left for xv6's.

#define start xv6_start
#include "lib/crt0.S"

    .text

// xv6_enter(argc, argv): main's arguments, which lie where its stack ends.
    .globl xv6_enter
    .type xv6_enter, @function
xv6_enter:
    mv      sp, a1
    tail    xv6_run
    .size xv6_enter, . - xv6_enter
