// SPDX-License-Identifier: MIT
// Offsets and bits that assembly shares with C; layout.c asserts them.
#pragma once

#define T_KERNEL_SP  0
#define T_SCRATCH    8
#define T_WORK       16
#define T_HART       24
#define T_IN_SYSCALL 36
#define T_IN_FAULT   40
#define T_CONTEXT    48

#define F_PC       0
#define F_X(n)     ((n)*8)
#define F_STATUS   256
#define F_CAUSE    264
#define F_TVAL     272
#define F_ORIG_A0  280
#define FRAME_SIZE 288

#define STATUS_SIE      0x2
#define STATUS_SPIE     0x20
#define STATUS_SPP      0x100
#define STATUS_FS       0x6000
#define STATUS_VS       0x600
#define STATUS_FS_CLEAN 0x4000
#define STATUS_SUM      0x40000

#define CAUSE_SYSCALL     8
#define CAUSE_PAGE_FAULTS 0xb000 // bits 12, 13, 15: fetch, load, store

#define SBI_HSM      0x48534d
#define SBI_HSM_STOP 1

#define KSTACK_BIT 14 // log2 KSTACK_SIZE: set in every good stack address
#define SATP_SV39  (8 << 60)
