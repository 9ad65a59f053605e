// SPDX-License-Identifier: MIT
// Clocks, timers and the structures that carry times.
#pragma once

#include "abi/base.h"

#define CLOCK_REALTIME           0
#define CLOCK_MONOTONIC          1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID  3
#define CLOCK_MONOTONIC_RAW      4
#define CLOCK_REALTIME_COARSE    5
#define CLOCK_MONOTONIC_COARSE   6
#define CLOCK_BOOTTIME           7
#define CLOCK_REALTIME_ALARM     8
#define CLOCK_BOOTTIME_ALARM     9
#define CLOCK_TAI                11
#define TIMER_ABSTIME            1
#define ITIMER_REAL              0
#define ITIMER_VIRTUAL           1
#define ITIMER_PROF              2
#define TFD_NONBLOCK             04000
#define TFD_CLOEXEC              02000000
#define TFD_TIMER_ABSTIME        1
#define TFD_TIMER_CANCEL_ON_SET  2
#define TFD_IOC_SET_TICKS        0x40085400
#define CLK_TCK                  100 /* ticks per second in times() and /proc */

struct timespec {
    abi_s64 tv_sec;
    abi_s64 tv_nsec;
};
_Static_assert(sizeof(struct timespec) == 16, "timespec");
_Static_assert(__builtin_offsetof(struct timespec, tv_nsec) == 8, "timespec.tv_nsec");

struct timeval {
    abi_s64 tv_sec;
    abi_s64 tv_usec;
};
_Static_assert(sizeof(struct timeval) == 16, "timeval");
_Static_assert(__builtin_offsetof(struct timeval, tv_usec) == 8, "timeval.tv_usec");

struct timezone {
    abi_s32 tz_minuteswest;
    abi_s32 tz_dsttime;
};
_Static_assert(sizeof(struct timezone) == 8, "timezone");

struct itimerval {
    struct timeval it_interval;
    struct timeval it_value;
};
_Static_assert(sizeof(struct itimerval) == 32, "itimerval");
_Static_assert(__builtin_offsetof(struct itimerval, it_value) == 16, "itimerval.it_value");

struct itimerspec {
    struct timespec it_interval;
    struct timespec it_value;
};
_Static_assert(sizeof(struct itimerspec) == 32, "itimerspec");
_Static_assert(__builtin_offsetof(struct itimerspec, it_value) == 16, "itimerspec.it_value");

/* times(); in ticks of CLK_TCK. */
struct tms {
    abi_s64 tms_utime;
    abi_s64 tms_stime;
    abi_s64 tms_cutime;
    abi_s64 tms_cstime;
};
_Static_assert(sizeof(struct tms) == 32, "tms");
_Static_assert(__builtin_offsetof(struct tms, tms_cutime) == 16, "tms.tms_cutime");
