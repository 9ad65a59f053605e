// SPDX-License-Identifier: MIT
// How often each lock was taken and waited for, by its name in the lock order; /proc/lockstat shows
// it. Debug builds count; in others all stays zero, and taking a lock costs nothing more.
#pragma once
#include "base/lockorder.h"

struct lockstat {
    const char *name;
    u64 acquired;
    u64 contended; // of them, those that had to wait
    u64 spins;     // rounds of waiting, of spinlocks only
};

void lockstat_acquired(enum lock_rank rank);
void lockstat_contended(enum lock_rank rank, u64 spins); // beside lockstat_acquired()

void lockstat_get(enum lock_rank rank, struct lockstat *out); // summed over all harts
void lockstat_reset(void);
