// SPDX-License-Identifier: MIT
// Restartable sequences.
#pragma once

#include "abi/base.h"

#define RSEQ_FLAG_UNREGISTER               1
#define RSEQ_CPU_ID_UNINITIALIZED          (-1)
#define RSEQ_CPU_ID_REGISTRATION_FAILED    (-2)
#define RSEQ_CS_FLAG_NO_RESTART_ON_PREEMPT 0x1
#define RSEQ_CS_FLAG_NO_RESTART_ON_SIGNAL  0x2
#define RSEQ_CS_FLAG_NO_RESTART_ON_MIGRATE 0x4

/* In the program's memory: one per thread, registered by rseq. */
struct rseq {
    abi_u32 cpu_id_start;
    abi_u32 cpu_id;
    abi_u64 rseq_cs; /* address of a struct rseq_cs, or 0 */
    abi_u32 flags;
} __attribute__((aligned(32)));
_Static_assert(sizeof(struct rseq) == 32, "rseq");
_Static_assert(__builtin_offsetof(struct rseq, rseq_cs) == 8, "rseq.rseq_cs");

struct rseq_cs {
    abi_u32 version;
    abi_u32 flags;
    abi_u64 start_ip;
    abi_u64 post_commit_offset;
    abi_u64 abort_ip; /* the word before it is the signature */
} __attribute__((aligned(32)));
_Static_assert(sizeof(struct rseq_cs) == 32, "rseq_cs");
_Static_assert(__builtin_offsetof(struct rseq_cs, start_ip) == 8, "rseq_cs.start_ip");
