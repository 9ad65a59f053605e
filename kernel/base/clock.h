// SPDX-License-Identifier: MIT
// Time in nanoseconds.
#pragma once
#include "lib/types.h"

#define NS_PER_SEC 1000000000UL
#define NS_NEVER   (~0UL)

extern u64 clock_hz; // (c) counts a second of the time counter

void clock_init(u64 hz);
ns_t clock_monotonic(void);        // since boot
ns_t clock_realtime(void);         // since 1970
void clock_set_realtime(ns_t now); // also for the RTC driver
s64 clock_realtime_offset(void);   // realtime - monotonic
u64 clock_to_ticks(ns_t ns);       // time-counter value for a monotonic time; saturates

// A deadline is a monotonic time below NS_WALL, or NS_NEVER, or a wall time with NS_WALL: that one
// follows CLOCK_REALTIME when it is set (timers_clock_was_set).
#define NS_WALL (1UL << 63)
static inline ns_t deadline_wall(ns_t realtime)
{
    return realtime < NS_WALL ? realtime | NS_WALL : NS_NEVER;
}
static inline ns_t deadline_in(ns_t ns)
{
    ns_t now = clock_monotonic();

    return ns < NS_WALL - now ? now + ns : NS_NEVER;
}
ns_t deadline_monotonic(ns_t deadline); // as the clocks are set now; 0 for what was before boot

// Called after the real-time clock was set, for the vDSO; NULL: nobody.
extern void (*clock_changed_hook)(void);

// Numbers of `monotonic = ((ticks - base) * mult) >> shift`, for the vDSO's page. The product has
// 128 bits unless shift is 0 (any counter whose period is a whole number of nanoseconds).
struct clock_params {
    u64 base;
    u64 mult;
    u32 shift;
};
struct clock_params clock_get_params(void);
