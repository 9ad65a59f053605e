// SPDX-License-Identifier: MIT
// Nanoseconds from the time counter.
#include "base/clock.h"
#include "arch/timer.h"
#include "base/spinlock.h"
#include "lib/atomic.h"

#define INEXACT_SHIFT 32

u64 clock_hz = NS_PER_SEC;
void (*clock_changed_hook)(void);
static struct clock_params params = {.mult = 1}; // (c) after clock_init
static s64 realtime_offset;                      // (a) ns; written under set_lock
static struct spinlock set_lock = SPINLOCK_INIT(RANK_NONE);

void clock_init(u64 hz)
{
    clock_hz = hz;
    params.base = timer_ticks();
    params.shift = NS_PER_SEC % hz ? INEXACT_SHIFT : 0;
    params.mult = (NS_PER_SEC << params.shift) / hz;
}

ns_t clock_monotonic(void)
{
    u64 ticks = timer_ticks() - params.base;

    if (likely(params.shift == 0))
        return ticks * params.mult;
    return (ns_t)((unsigned __int128)ticks * params.mult >> INEXACT_SHIFT);
}

s64 clock_realtime_offset(void)
{
    return load_relaxed(&realtime_offset);
}

ns_t clock_realtime(void)
{
    return clock_monotonic() + (u64)clock_realtime_offset();
}

ns_t deadline_monotonic(ns_t deadline)
{
    s64 offset, wall = deadline & ~NS_WALL;

    if (likely(deadline < NS_WALL) || deadline == NS_NEVER)
        return deadline;
    offset = clock_realtime_offset();
    return wall > offset ? wall - offset : 0;
}

void clock_set_realtime(ns_t now)
{
    spin_lock(&set_lock);
    store_relaxed(&realtime_offset, (s64)(now - clock_monotonic()));
    if (clock_changed_hook)
        clock_changed_hook();
    spin_unlock(&set_lock);
}

// The first count at which clock_monotonic shows `ns`, so that a timer never fires before its time.
// By its truncated `mult` the clock is a little behind what the rate says.
u64 clock_to_ticks(ns_t ns)
{
    u64 sec = ns / NS_PER_SEC, ticks, whole, behind;

    if (params.shift == 0) {
        ticks = ns / params.mult + (ns % params.mult != 0);
    } else {
        if (__builtin_mul_overflow(sec, clock_hz, &whole))
            return ~0UL;
        ticks = ns % NS_PER_SEC * clock_hz / NS_PER_SEC;
        if (__builtin_add_overflow(ticks, whole, &ticks))
            return ~0UL;
        behind = ((unsigned __int128)ns << INEXACT_SHIFT) - (unsigned __int128)ticks * params.mult;
        ticks += DIV_ROUND_UP(behind, params.mult);
    }
    return ns == NS_NEVER || ticks > ~0UL - params.base ? ~0UL : ticks + params.base;
}

struct clock_params clock_get_params(void)
{
    return params;
}
