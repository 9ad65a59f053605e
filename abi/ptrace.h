// SPDX-License-Identifier: MIT
// Requests of ptrace and the register set of a traced riscv64 thread.
#pragma once

#include "abi/base.h"

#define PTRACE_TRACEME           0
#define PTRACE_PEEKTEXT          1
#define PTRACE_PEEKDATA          2
#define PTRACE_PEEKUSR           3
#define PTRACE_POKETEXT          4
#define PTRACE_POKEDATA          5
#define PTRACE_POKEUSR           6
#define PTRACE_CONT              7
#define PTRACE_KILL              8
#define PTRACE_SINGLESTEP        9
#define PTRACE_ATTACH            16
#define PTRACE_DETACH            17
#define PTRACE_SYSCALL           24
#define PTRACE_SETOPTIONS        0x4200
#define PTRACE_GETEVENTMSG       0x4201
#define PTRACE_GETSIGINFO        0x4202
#define PTRACE_SETSIGINFO        0x4203
#define PTRACE_GETREGSET         0x4204
#define PTRACE_SETREGSET         0x4205
#define PTRACE_SEIZE             0x4206
#define PTRACE_INTERRUPT         0x4207
#define PTRACE_LISTEN            0x4208
#define PTRACE_PEEKSIGINFO       0x4209
#define PTRACE_GETSIGMASK        0x420a
#define PTRACE_SETSIGMASK        0x420b
#define PTRACE_GET_SYSCALL_INFO  0x420e
#define PTRACE_EVENT_FORK        1
#define PTRACE_EVENT_VFORK       2
#define PTRACE_EVENT_CLONE       3
#define PTRACE_EVENT_EXEC        4
#define PTRACE_EVENT_VFORK_DONE  5
#define PTRACE_EVENT_EXIT        6
#define PTRACE_EVENT_SECCOMP     7
#define PTRACE_EVENT_STOP        128
#define PTRACE_O_TRACESYSGOOD    0x1
#define PTRACE_O_TRACEFORK       0x2
#define PTRACE_O_TRACEVFORK      0x4
#define PTRACE_O_TRACECLONE      0x8
#define PTRACE_O_TRACEEXEC       0x10
#define PTRACE_O_TRACEVFORKDONE  0x20
#define PTRACE_O_TRACEEXIT       0x40
#define PTRACE_O_TRACESECCOMP    0x80
#define PTRACE_O_EXITKILL        0x100000
#define PTRACE_O_SUSPEND_SECCOMP 0x200000
#define PTRACE_O_MASK            0x3000ff

/* PTRACE_GET_SYSCALL_INFO. */
#define PTRACE_SYSCALL_INFO_NONE    0
#define PTRACE_SYSCALL_INFO_ENTRY   1
#define PTRACE_SYSCALL_INFO_EXIT    2
#define PTRACE_SYSCALL_INFO_SECCOMP 3
#define AUDIT_ARCH_RISCV64          0xc00000f3U

struct ptrace_syscall_info {
    abi_u8 op; /* PTRACE_SYSCALL_INFO_* */
    abi_u8 pad[3];
    abi_u32 arch;
    abi_u64 instruction_pointer;
    abi_u64 stack_pointer;
    union {
        struct {
            abi_u64 nr;
            abi_u64 args[6];
        } entry;
        struct {
            abi_s64 rval;
            abi_u8 is_error;
        } exit;
    };
};
_Static_assert(__builtin_offsetof(struct ptrace_syscall_info, entry) == 24, "syscall_info.entry");

/* Register sets of PTRACE_GETREGSET. */
#define NT_PRSTATUS 1
#define NT_PRFPREG  2

struct user_regs_struct {
    abi_u64 pc, ra, sp, gp, tp, t0, t1, t2, s0, s1;
    abi_u64 a0, a1, a2, a3, a4, a5, a6, a7;
    abi_u64 s2, s3, s4, s5, s6, s7, s8, s9, s10, s11;
    abi_u64 t3, t4, t5, t6;
};
_Static_assert(sizeof(struct user_regs_struct) == 256, "user_regs_struct");
_Static_assert(__builtin_offsetof(struct user_regs_struct, a0) == 80, "user_regs_struct.a0");
_Static_assert(__builtin_offsetof(struct user_regs_struct, s2) == 144, "user_regs_struct.s2");
_Static_assert(__builtin_offsetof(struct user_regs_struct, t3) == 224, "user_regs_struct.t3");
