// SPDX-License-Identifier: MIT
// The way into the function that sigalarm() named, and sigreturn(), the only way out of it.

#include "abi/syscall.h"

    .section .text.alarm, "ax"

// The kernel enters here with sp at the frame that holds all registers of what was interrupted.
    .globl alarm_entry
    .type alarm_entry, @function
alarm_entry:
    la      t0, alarm_frame
    sd      sp, 0(t0)
    la      t0, alarm_function
    ld      t0, 0(t0)
    jr      t0
    .size alarm_entry, . - alarm_entry

    .globl sigreturn
    .type sigreturn, @function
sigreturn:
    la      t0, alarm_frame
    ld      sp, 0(t0)
    call    alarm_forget
    li      a7, SYS_rt_sigreturn
    ecall
    .size sigreturn, . - sigreturn

    .section .bss.alarm, "aw", @nobits
    .balign 8
alarm_frame:
    .zero 8

    .section .note.GNU-stack, "", @progbits
