// SPDX-License-Identifier: MIT
// Process 1 of one measurement: its first instruction reads the time since reset. It writes
// `first N` with N in ticks to the console, and powers the machine off.
#define SYS_openat 56
#define SYS_write  64
#define SYS_reboot 142
#define AT_FDCWD   -100
#define O_WRONLY   1

        .globl  _start
_start: rdtime  s0

        li      a0, AT_FDCWD
        la      a1, console
        li      a2, O_WRONLY
        li      a7, SYS_openat
        ecall
        mv      s1, a0

        la      a1, end                 // digits grow down from the end of the text
        li      t0, 10
digit:  remu    t1, s0, t0
        divu    s0, s0, t0
        addi    t1, t1, '0'
        addi    a1, a1, -1
        sb      t1, 0(a1)
        bnez    s0, digit
        la      t2, text
        addi    a1, a1, -6
        li      t3, 6
label:  lbu     t1, 0(t2)               // "first " goes in front of them
        sb      t1, 0(a1)
        addi    t2, t2, 1
        addi    a1, a1, 1
        addi    t3, t3, -1
        bnez    t3, label
        addi    a1, a1, -6

        la      a2, newline
        addi    a2, a2, 1
        sub     a2, a2, a1
        mv      a0, s1
        li      a7, SYS_write
        ecall

        li      a0, 0xfee1dead
        li      a1, 0x28121969
        li      a2, 0x4321fedc          // power off
        li      a7, SYS_reboot
        ecall
stop:   j       stop

        .section .rodata
console: .asciz "/dev/console"
text:   .ascii  "first "
        .data
        .space  32
end:
newline: .ascii "\n"
