// SPDX-License-Identifier: MIT
// xv6's clock: ticks of a tenth of a second.
#include "lib/linux.h"
#include "lib/trace.h"
#include "lib/xv6.h"
#include "user/user.h"

#define TICKS_PER_SECOND 10
#define NSEC_PER_TICK    (1000000000 / TICKS_PER_SECOND)

int uptime(void)
{
    struct timespec now;
    long result = ecall2(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now);

    if (result == 0)
        result = now.tv_sec * TICKS_PER_SECOND + now.tv_nsec / NSEC_PER_TICK;
    return xv6_result(XV6_SYS_uptime, result);
}

int sleep(int ticks)
{
    struct timespec time = {
        .tv_sec = ticks / TICKS_PER_SECOND,
        .tv_nsec = (long)(ticks % TICKS_PER_SECOND) * NSEC_PER_TICK,
    };

    long result = ticks < 0 ? -EINVAL : -EINTR;

    while (result == -EINTR) // by sigalarm()'s signal, which xv6 has sleep through
        result = ecall2(SYS_nanosleep, (long)&time, (long)&time);
    return xv6_result(XV6_SYS_sleep, result);
}

int pause(int ticks)
{
    return sleep(ticks);
}
