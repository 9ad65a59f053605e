// SPDX-License-Identifier: MIT
// Fills every register, lets something happen, and stores every register: the machine's half of
// regs.c. a0 is a struct regs_frame, below which there is room for a signal's frame.
#define F_OFFSET   256
#define CSR_OFFSET 512
#define OUT        528
#define SAVED_SP   1056
#define SPACE      240

        .macro  enter
        addi    sp, sp, -SPACE
        sd      ra, 0(sp)
        sd      gp, 8(sp)
        sd      tp, 16(sp)
        .irp    n, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
        sd      x\n, 8*\n(sp)
        .endr
        addi    sp, sp, -112
        .irp    n, 8, 9
        fsd     f\n, 8*(\n-8)(sp)
        .endr
        .irp    n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
        fsd     f\n, 8*(\n-16)(sp)
        .endr
        frcsr   t0
        sd      t0, 96(sp)
        sd      sp, SAVED_SP(a0)
        mv      sp, a0
        ld      t0, CSR_OFFSET(sp)
        fscsr   t0
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        fld     f\n, (F_OFFSET+8*\n)(sp)
        .endr
        .irp    n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        ld      x\n, 8*\n(sp)
        .endr
        .endm

        .macro  leave
        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        sd      x\n, (OUT+8*\n)(sp)
        .endr
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        fsd     f\n, (OUT+F_OFFSET+8*\n)(sp)
        .endr
        frcsr   t0
        sd      t0, (OUT+CSR_OFFSET)(sp)
        ld      sp, SAVED_SP(sp)
        ld      t0, 96(sp)
        fscsr   t0
        .irp    n, 8, 9
        fld     f\n, 8*(\n-8)(sp)
        .endr
        .irp    n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
        fld     f\n, 8*(\n-16)(sp)
        .endr
        addi    sp, sp, 112
        ld      ra, 0(sp)
        ld      gp, 8(sp)
        ld      tp, 16(sp)
        .irp    n, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
        ld      x\n, 8*\n(sp)
        .endr
        addi    sp, sp, SPACE
        ret
        .endm

        .text
        .option norelax

// void regs_call(struct regs_frame *): one system call with the registers given.
        .globl  regs_call
regs_call:
        enter
        ecall
        leave

// void regs_spin(struct regs_frame *): reads the word that t5 points to until it is not 0.
        .globl  regs_spin
regs_spin:
        enter
1:      lw      t6, 0(t5)
        beqz    t6, 1b
        leave

// void regs_fault(struct regs_frame *): ebreak, whose handler goes on behind it.
        .globl  regs_fault
regs_fault:
        enter
        .option push
        .option norvc
        ebreak
        .option pop
        leave

// A signal handler that leaves no register as it was, but for sp and ra.
        .globl  regs_clobber
regs_clobber:
        li      t0, 0xe1                // rounding mode and flags
        fscsr   t0
        li      t0, 0x5a5a5a5a
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        fmv.d.x f\n, t0
        .endr
        .irp    n, 3,4,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        mv      x\n, t0
        .endr
        ret

// The same, and makes the interrupted program go on 4 bytes further: uc_mcontext.pc is at 176.
        .globl  regs_clobber_skip
regs_clobber_skip:
        ld      t0, 176(a2)
        addi    t0, t0, 4
        sd      t0, 176(a2)
        j       regs_clobber
        .section .note.GNU-stack, "", @progbits
