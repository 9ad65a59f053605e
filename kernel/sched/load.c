// SPDX-License-Identifier: MIT
// Totals and load averages.
//
// The load of a period is the mean number of running and waiting threads. Running time is known
// from idle time; waiting time is summed by ticks, which run while anything waits. A period ends at
// the first tick, end of idling, or reading after five seconds: while none of these happens,
// nothing changes, so one period stands for all that passed. No periodic tick is needed.
#include "arch/smp.h"
#include "base/log.h"
#include "base/panic.h"
#include "lib/bitmap.h"
#include "sched/hart.h"

#define LOAD_ONE    2048UL // 11 fractional bits
#define LOAD_PERIOD (5 * NS_PER_SEC)

// LOAD_ONE * e^(-5/60), e^(-5/300), e^(-5/900): what remains of a value after one period.
static const u64 decay[3] = {1884, 2014, 2037};

static struct {
    ns_t start;   // (a) of the present period; whoever moves it owns the update
    u64 activity; // (a) total running and waiting time at `start`, thread-ns
    u64 load[3];  // (a)
} average;

// Running and waiting time of all threads since boot.
static u64 activity_total(ns_t now)
{
    ns_t times[CPU_MODES];
    u64 sum = 0;

    for (unsigned i = 0; i < hart_count; i++)
        if (load_relaxed(&sched_online) >> i & 1) {
            sched_hart_times(i, times);
            sum += now - MIN(now, times[CPU_IDLE]) + load_relaxed(&sched_harts[i].waited);
        }
    return sum;
}

// LOAD_ONE * (decay / LOAD_ONE) ^ n
static u64 decay_power(u64 factor, u64 n)
{
    u64 result = LOAD_ONE;

    for (; n; n >>= 1) {
        if (n & 1)
            result = (result * factor + LOAD_ONE / 2) / LOAD_ONE;
        factor = (factor * factor + LOAD_ONE / 2) / LOAD_ONE;
    }
    return result;
}

void sched_load_sample(ns_t now)
{
    ns_t start = load_relaxed(&average.start);
    u64 periods, total, mean;

    if (likely(now < start + LOAD_PERIOD))
        return;
    periods = (now - start) / LOAD_PERIOD;
    if (!atomic_cas(&average.start, start, start + periods * LOAD_PERIOD))
        return;
    total = activity_total(now);
    mean = (total - MIN(total, average.activity)) * LOAD_ONE / (now - start);
    store_relaxed(&average.activity, total);
    for (unsigned i = 0; i < 3; i++) {
        u64 keep = decay_power(decay[i], periods);
        u64 load = average.load[i] * keep + mean * (LOAD_ONE - keep);

        store_relaxed(&average.load[i], load / LOAD_ONE);
    }
}

void sched_stats_get(struct sched_stats *out)
{
    sched_load_sample(clock_monotonic());
    *out = (struct sched_stats){0};
    for (unsigned i = 0; i < hart_count; i++) {
        struct sched_hart *h = &sched_harts[i];

        out->switches += load_relaxed(&h->switches);
        out->running += load_relaxed(&h->rq.count) + (load_relaxed(&h->current) != h->idle);
    }
    for (unsigned i = 0; i < 3; i++)
        out->load[i] = load_relaxed(&average.load[i]);
}

void sched_check(void)
{
    for (unsigned i = 0; i < hart_count; i++) {
        struct sched_hart *h = &sched_harts[i];
        irqflags_t irq = spin_lock_irqsave(&h->lock);

        verify(runq_check(&h->rq));
        verify(!h->current->queued && h->current->on_hart);
        verify(h->current->arch.hart == i && h->current->mode < CPU_MODES);
        verify(h->current == h->idle || h->tick != NS_NEVER);
        spin_unlock_irqrestore(&h->lock, irq);
    }
}
