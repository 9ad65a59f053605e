// SPDX-License-Identifier: MIT
// /proc/lockstat: counts of locks by name, of debug builds; writing 0 clears them.
#include "abi/errno.h"
#include "base/lockstat.h"
#include "lib/parse.h"
#include "proc/procfs_private.h"

#define WORST 5 // most contended locks that are listed again

static void lock_print(struct text *t, const struct lockstat *s)
{
    text_printf(t, "%-14s %14lu %14lu %14lu\n", s->name, s->acquired, s->contended, s->spins);
}

// The rank that comes next after `last` from the most contended down, or RANK_NONE.
static enum lock_rank worst_after(const struct lockstat *all, enum lock_rank last)
{
    enum lock_rank found = RANK_NONE;

    for (u32 rank = 1; rank < RANK_COUNT; rank++) {
        u64 n = all[rank].contended;
        bool below = last == RANK_NONE || n < all[last].contended ||
                     (n == all[last].contended && rank > last);

        if (n && below && (found == RANK_NONE || n > all[found].contended))
            found = rank;
    }
    return found;
}

int proc_show_lockstat(struct text *t, const struct proc_place *p)
{
    struct lockstat all[RANK_COUNT], total = {.name = "total"};
    enum lock_rank worst = RANK_NONE;

    text_printf(t, "%-14s %14s %14s %14s\n", "lock", "acquired", "contended", "spins");
    for (u32 rank = 1; rank < RANK_COUNT; rank++) {
        lockstat_get(rank, &all[rank]);
        if (all[rank].acquired)
            lock_print(t, &all[rank]);
        total.acquired += all[rank].acquired;
        total.contended += all[rank].contended;
        total.spins += all[rank].spins;
    }
    text_printf(t, "--- most contended\n");
    for (u32 i = 0; i < WORST && (worst = worst_after(all, worst)) != RANK_NONE; i++)
        lock_print(t, &all[worst]);
    text_printf(t, "---\n");
    lock_print(t, &total);
    return 0;
}

int proc_write_lockstat(const char *s, const struct proc_place *p)
{
    u64 value;

    if (parse_u64(s, NULL, 0, &value) || value)
        return -EINVAL;
    lockstat_reset();
    return 0;
}
