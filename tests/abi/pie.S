// SPDX-License-Identifier: MIT
// A static position-independent program: exits with 0 if it runs where its first instruction says
// it is, the kernel's auxiliary vector agrees (AT_ENTRY), and its data can be written.
#define SYS_exit 93
#define AT_ENTRY 9

        .globl  _start
_start: lla     s0, _start
        addi    t0, sp, 8
1:      ld      t1, 0(t0)               // behind the arguments and the environment ...
        addi    t0, t0, 8
        bnez    t1, 1b
2:      ld      t1, 0(t0)
        addi    t0, t0, 8
        bnez    t1, 2b
3:      ld      t1, 0(t0)               // ... is the auxiliary vector
        ld      t2, 8(t0)
        addi    t0, t0, 16
        beqz    t1, 4f
        li      t3, AT_ENTRY
        bne     t1, t3, 3b
        xor     a0, t2, s0
        snez    a0, a0
        lla     t4, word
        ld      t5, 0(t4)
        addi    t5, t5, 1
        sd      t5, 0(t4)
        j       5f
4:      li      a0, 2
5:      li      a7, SYS_exit
        ecall
        .data
        .align  3
word:   .dword  1
        .section .note.GNU-stack, "", @progbits
