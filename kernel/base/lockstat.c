// SPDX-License-Identifier: MIT
// Counts of locks: a row of its own for each hart, written with interrupts off and read by anyone,
// so that counting makes no lock contended.
#include "base/lockstat.h"
#include "arch/irq.h"
#include "arch/layout.h"
#include "arch/smp.h"
#include "lib/atomic.h"

static struct lockstat counts[DEBUG ? MAX_HARTS : 1][RANK_COUNT]; // (hart)

static void count_add(u64 *count, u64 n)
{
    store_relaxed(count, *count + n);
}

void lockstat_acquired(enum lock_rank rank)
{
    irqflags_t irq = irq_save();

    if (DEBUG)
        count_add(&counts[hart_index()][rank].acquired, 1);
    irq_restore(irq);
}

void lockstat_contended(enum lock_rank rank, u64 spins)
{
    irqflags_t irq = irq_save();

    if (DEBUG) {
        count_add(&counts[hart_index()][rank].contended, 1);
        count_add(&counts[hart_index()][rank].spins, spins);
    }
    irq_restore(irq);
}

void lockstat_get(enum lock_rank rank, struct lockstat *out)
{
    *out = (struct lockstat){.name = lockorder_name(rank)};
    for (u32 i = 0; i < ARRAY_SIZE(counts); i++) {
        out->acquired += load_relaxed(&counts[i][rank].acquired);
        out->contended += load_relaxed(&counts[i][rank].contended);
        out->spins += load_relaxed(&counts[i][rank].spins);
    }
}

// What is counted meanwhile may outlive it.
void lockstat_reset(void)
{
    for (u32 i = 0; i < ARRAY_SIZE(counts); i++) {
        for (u32 rank = 0; rank < RANK_COUNT; rank++) {
            store_relaxed(&counts[i][rank].acquired, 0);
            store_relaxed(&counts[i][rank].contended, 0);
            store_relaxed(&counts[i][rank].spins, 0);
        }
    }
}
