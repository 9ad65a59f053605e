// SPDX-License-Identifier: MIT
// Resource limits, resource usage and priorities.
#pragma once

#include "abi/time.h"

#define RLIMIT_CPU        0
#define RLIMIT_FSIZE      1
#define RLIMIT_DATA       2
#define RLIMIT_STACK      3
#define RLIMIT_CORE       4
#define RLIMIT_RSS        5
#define RLIMIT_NPROC      6
#define RLIMIT_NOFILE     7
#define RLIMIT_MEMLOCK    8
#define RLIMIT_AS         9
#define RLIMIT_LOCKS      10
#define RLIMIT_SIGPENDING 11
#define RLIMIT_MSGQUEUE   12
#define RLIMIT_NICE       13
#define RLIMIT_RTPRIO     14
#define RLIMIT_RTTIME     15
#define RLIM_NLIMITS      16
#define RLIM_INFINITY     (~0ULL)

#define RUSAGE_SELF     0
#define RUSAGE_CHILDREN (-1)
#define RUSAGE_THREAD   1
#define RUSAGE_BOTH     (-2) /* wait4 inside the kernel */
#define PRIO_PROCESS    0
#define PRIO_PGRP       1
#define PRIO_USER       2
#define PRIO_MIN        (-20)
#define PRIO_MAX        20

/* prlimit64, getrlimit and setrlimit. */
struct rlimit64 {
    abi_u64 rlim_cur;
    abi_u64 rlim_max;
};
_Static_assert(sizeof(struct rlimit64) == 16, "rlimit64");
_Static_assert(__builtin_offsetof(struct rlimit64, rlim_max) == 8, "rlimit64.rlim_max");

struct rusage {
    struct timeval ru_utime;
    struct timeval ru_stime;
    abi_s64 ru_maxrss; /* KiB */
    abi_s64 ru_ixrss;
    abi_s64 ru_idrss;
    abi_s64 ru_isrss;
    abi_s64 ru_minflt;
    abi_s64 ru_majflt;
    abi_s64 ru_nswap;
    abi_s64 ru_inblock;
    abi_s64 ru_oublock;
    abi_s64 ru_msgsnd;
    abi_s64 ru_msgrcv;
    abi_s64 ru_nsignals;
    abi_s64 ru_nvcsw;
    abi_s64 ru_nivcsw;
};
_Static_assert(sizeof(struct rusage) == 144, "rusage");
_Static_assert(__builtin_offsetof(struct rusage, ru_maxrss) == 32, "rusage.ru_maxrss");
_Static_assert(__builtin_offsetof(struct rusage, ru_minflt) == 64, "rusage.ru_minflt");
_Static_assert(__builtin_offsetof(struct rusage, ru_nivcsw) == 136, "rusage.ru_nivcsw");
