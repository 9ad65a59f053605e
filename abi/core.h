// SPDX-License-Identifier: MIT
// Notes of a core dump of riscv64 (elf(5), core(5)), besides the register sets of abi/ptrace.h.
#pragma once

#include "abi/ptrace.h"
#include "abi/time.h"

#define NT_PRPSINFO 3
#define NT_AUXV     6
#define NT_SIGINFO  0x53494749
#define NT_FILE     0x46494c45

struct elf_siginfo {
    abi_s32 si_signo, si_code, si_errno;
};

/* NT_PRSTATUS: of one thread. */
struct elf_prstatus {
    struct elf_siginfo pr_info;
    abi_s16 pr_cursig;
    abi_u16 pad1;
    abi_u64 pr_sigpend, pr_sighold;
    abi_s32 pr_pid, pr_ppid, pr_pgrp, pr_sid;
    struct timeval pr_utime, pr_stime, pr_cutime, pr_cstime;
    struct user_regs_struct pr_reg;
    abi_s32 pr_fpvalid;
    abi_u32 pad2;
};
_Static_assert(sizeof(struct elf_prstatus) == 376, "elf_prstatus");
_Static_assert(__builtin_offsetof(struct elf_prstatus, pr_reg) == 112, "elf_prstatus.pr_reg");

/* NT_PRPSINFO: of the process. */
struct elf_prpsinfo {
    char pr_state, pr_sname, pr_zomb, pr_nice;
    abi_u32 pad;
    abi_u64 pr_flag;
    abi_u32 pr_uid, pr_gid;
    abi_s32 pr_pid, pr_ppid, pr_pgrp, pr_sid;
    char pr_fname[16];
    char pr_psargs[80];
};
_Static_assert(sizeof(struct elf_prpsinfo) == 136, "elf_prpsinfo");
_Static_assert(__builtin_offsetof(struct elf_prpsinfo, pr_fname) == 40, "elf_prpsinfo.pr_fname");
