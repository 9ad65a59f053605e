// SPDX-License-Identifier: MIT
// A program interpreter: checks what the kernel tells it of itself and of the program, and goes there.
#define AT_PHDR  3
#define AT_PHNUM 5
#define AT_BASE  7
#define AT_ENTRY 9
#define PT_LOAD  1
#define EXIT     93

    .globl _start
_start:
    ld t0, 0(sp) // argc, argv, NULL
    addi t1, sp, 16
    slli t0, t0, 3
    add t1, t1, t0
1:  ld t2, 0(t1) // environment, NULL
    addi t1, t1, 8
    bnez t2, 1b
2:  ld t2, 0(t1) // auxiliary vector
    ld t3, 8(t1)
    addi t1, t1, 16
    li t4, AT_PHDR
    bne t2, t4, 3f
    mv s1, t3
3:  li t4, AT_PHNUM
    bne t2, t4, 4f
    mv s2, t3
4:  li t4, AT_BASE
    bne t2, t4, 5f
    mv s3, t3
5:  li t4, AT_ENTRY
    bne t2, t4, 6f
    mv s4, t3
6:  bnez t2, 2b
    li a0, 101
    lla t0, __ehdr_start
    bne s3, t0, fail
    li a0, 102
    beqz s1, fail
    beqz s2, fail
    li a0, 103
    lw t0, 0(s1)
    li t1, PT_LOAD
    bne t0, t1, fail
    jr s4
fail:
    li a7, EXIT
    ecall
    .section .note.GNU-stack, "", @progbits
