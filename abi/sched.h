// SPDX-License-Identifier: MIT
// Constants and structures of clone, clone3 and the scheduler calls.
#pragma once

#include "abi/base.h"

#define CSIGNAL              0xff
#define CLONE_VM             0x100
#define CLONE_FS             0x200
#define CLONE_FILES          0x400
#define CLONE_SIGHAND        0x800
#define CLONE_PIDFD          0x1000
#define CLONE_PTRACE         0x2000
#define CLONE_VFORK          0x4000
#define CLONE_PARENT         0x8000
#define CLONE_THREAD         0x10000
#define CLONE_NEWNS          0x20000
#define CLONE_SYSVSEM        0x40000
#define CLONE_SETTLS         0x80000
#define CLONE_PARENT_SETTID  0x100000
#define CLONE_CHILD_CLEARTID 0x200000
#define CLONE_DETACHED       0x400000
#define CLONE_UNTRACED       0x800000
#define CLONE_CHILD_SETTID   0x1000000
#define CLONE_NEWCGROUP      0x2000000
#define CLONE_NEWUTS         0x4000000
#define CLONE_NEWIPC         0x8000000
#define CLONE_NEWUSER        0x10000000
#define CLONE_NEWPID         0x20000000
#define CLONE_NEWNET         0x40000000
#define CLONE_IO             0x80000000U
#define CLONE_NEWTIME        0x80
/* clone3 only. */
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#define CLONE_INTO_CGROUP   0x200000000ULL

struct clone_args {
    abi_u64 flags;
    abi_u64 pidfd;
    abi_u64 child_tid;
    abi_u64 parent_tid;
    abi_u64 exit_signal;
    abi_u64 stack;      /* lowest byte */
    abi_u64 stack_size; /* bytes */
    abi_u64 tls;
    abi_u64 set_tid;
    abi_u64 set_tid_size;
    abi_u64 cgroup;
};
#define CLONE_ARGS_SIZE_VER0 64
#define CLONE_ARGS_SIZE_VER1 80
#define CLONE_ARGS_SIZE_VER2 88
_Static_assert(sizeof(struct clone_args) == CLONE_ARGS_SIZE_VER2, "clone_args");
_Static_assert(__builtin_offsetof(struct clone_args, set_tid) == CLONE_ARGS_SIZE_VER0, "VER0");
_Static_assert(__builtin_offsetof(struct clone_args, cgroup) == CLONE_ARGS_SIZE_VER1, "VER1");

#define SCHED_NORMAL             0
#define SCHED_OTHER              0
#define SCHED_FIFO               1
#define SCHED_RR                 2
#define SCHED_BATCH              3
#define SCHED_IDLE               5
#define SCHED_DEADLINE           6
#define SCHED_RESET_ON_FORK      0x40000000
#define SCHED_FLAG_RESET_ON_FORK 0x1
#define SCHED_FLAG_RECLAIM       0x2
#define SCHED_FLAG_DL_OVERRUN    0x4
#define SCHED_FLAG_KEEP_POLICY   0x8
#define SCHED_FLAG_KEEP_PARAMS   0x10

struct sched_param {
    abi_s32 sched_priority;
};
_Static_assert(sizeof(struct sched_param) == 4, "sched_param");

struct sched_attr {
    abi_u32 size;
    abi_u32 sched_policy;
    abi_u64 sched_flags;
    abi_s32 sched_nice;
    abi_u32 sched_priority;
    abi_u64 sched_runtime;
    abi_u64 sched_deadline;
    abi_u64 sched_period;
    abi_u32 sched_util_min;
    abi_u32 sched_util_max;
};
#define SCHED_ATTR_SIZE_VER0 48
#define SCHED_ATTR_SIZE_VER1 56
_Static_assert(sizeof(struct sched_attr) == SCHED_ATTR_SIZE_VER1, "sched_attr");
_Static_assert(__builtin_offsetof(struct sched_attr, sched_runtime) == 24, "sched_runtime");
