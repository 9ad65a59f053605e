// SPDX-License-Identifier: MIT
// Where signal handlers return to, with unwind rules that lead to the interrupted code.
#include "abi/syscall.h"

#define FRAME_GREGS (128 + 176) // siginfo, then ucontext.uc_mcontext in struct rt_sigframe

    .text
    nop // unwinders look at the byte before the return address
    .globl __vdso_rt_sigreturn
    .type __vdso_rt_sigreturn, @function
__vdso_rt_sigreturn:
    .cfi_startproc
    .cfi_signal_frame
    .cfi_def_cfa x2, FRAME_GREGS
    .cfi_offset 64, 0 // pc, through the alternate return column
    .cfi_return_column 64
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    .cfi_offset \n, 8 * \n
    .endr
    li a7, SYS_rt_sigreturn
    ecall
    .cfi_endproc
    .size __vdso_rt_sigreturn, . - __vdso_rt_sigreturn
    .section .note.GNU-stack, "", @progbits
