// SPDX-License-Identifier: MIT
// xv6's clock: ticks of a tenth of a second.
#include "lib/linux.h"
#include "lib/result.h"
#include "user/user.h"

#define TICKS_PER_SECOND 10
#define NSEC_PER_TICK    (1000000000 / TICKS_PER_SECOND)

int uptime(void)
{
    struct timespec now;

    if (ecall2(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now) < 0)
        return -1;
    return now.tv_sec * TICKS_PER_SECOND + now.tv_nsec / NSEC_PER_TICK;
}

int sleep(int ticks)
{
    struct timespec time = {
        .tv_sec = ticks / TICKS_PER_SECOND,
        .tv_nsec = (long)(ticks % TICKS_PER_SECOND) * NSEC_PER_TICK,
    };

    return ticks < 0 ? -1 : xv6_result(sys_nanosleep(&time));
}
