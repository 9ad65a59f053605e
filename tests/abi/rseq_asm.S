// SPDX-License-Identifier: MIT
// Restartable sections for rseq.c. a0 is the thread's struct rseq.
#define RSEQ_CS   8
#define CPU_ID    4
#define SIGNATURE 0xf1401073

        .macro  section name, version, flags
        .section .data
        .balign 32
        .globl  \name\()_section
\name\()_section:
        .word   \version, \flags
        .quad   \name\()_first, \name\()_end - \name\()_first, \name\()_abort
        .text
        .endm

        .macro  enter name
        lla     t0, \name\()_section
        sd      t0, RSEQ_CS(a0)
        .endm

// int spin(area): 1 when it was disturbed; there is no other end.
        section spin, 0, 0
        .globl  spin
spin:   enter   spin
spin_first:
        j       spin_first
spin_end:
        .word   SIGNATURE
spin_abort:
        li      a0, 1
        ret

// int spin_unsigned(area): the same, without the signature.
        section spin_unsigned, 0, 0
        .globl  spin_unsigned
spin_unsigned:
        enter   spin_unsigned
spin_unsigned_first:
        j       spin_unsigned_first
spin_unsigned_end:
        .word   0
spin_unsigned_abort:
        li      a0, 1
        ret

// int add(area, counters, spins): adds 1 to its hart's counter, 64 bytes apart from the next's, in
// `spins` rounds between load and store. 0, or 1 when it was disturbed and has not.
        section add, 0, 0
        .globl  add
add:    enter   add
add_first:
        lwu     t1, CPU_ID(a0)
        slli    t1, t1, 6
        add     t1, t1, a1
        ld      t2, 0(t1)
1:      addi    a2, a2, -1
        bgtz    a2, 1b
        addi    t2, t2, 1
        sd      t2, 0(t1)
add_end:
        li      a0, 0
        ret
        .word   SIGNATURE
add_abort:
        li      a0, 1
        ret
