// SPDX-License-Identifier: MIT
// Flags of eventfd2 and signalfd4, and what a signalfd reads.
#pragma once

#include "abi/base.h"

#define EFD_SEMAPHORE 01
#define EFD_CLOEXEC   02000000
#define EFD_NONBLOCK  04000
#define SFD_CLOEXEC   02000000
#define SFD_NONBLOCK  04000

struct signalfd_siginfo {
    abi_u32 ssi_signo;
    abi_s32 ssi_errno;
    abi_s32 ssi_code;
    abi_u32 ssi_pid;
    abi_u32 ssi_uid;
    abi_s32 ssi_fd;
    abi_u32 ssi_tid;
    abi_u32 ssi_band;
    abi_u32 ssi_overrun;
    abi_u32 ssi_trapno;
    abi_s32 ssi_status;
    abi_s32 ssi_int;
    abi_u64 ssi_ptr;
    abi_u64 ssi_utime;
    abi_u64 ssi_stime;
    abi_u64 ssi_addr;
    abi_u16 ssi_addr_lsb;
    abi_u16 pad;
    abi_s32 ssi_syscall;
    abi_u64 ssi_call_addr;
    abi_u32 ssi_arch;
    abi_u8 pad2[28];
};
_Static_assert(sizeof(struct signalfd_siginfo) == 128, "signalfd_siginfo");
_Static_assert(__builtin_offsetof(struct signalfd_siginfo, ssi_ptr) == 48, "ssi_ptr");
