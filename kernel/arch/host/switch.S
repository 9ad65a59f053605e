// SPDX-License-Identifier: MIT
// void context_swap(u64 *save_sp, u64 load_sp): the registers that a call preserves (System V ABI
// for AMD64), and the stack. A new stack holds six zeros and the address of where to start.
    .text
    .globl context_swap
    .type context_swap, @function
context_swap:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
    .size context_swap, . - context_swap
    .section .note.GNU-stack, "", @progbits
