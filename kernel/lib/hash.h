// SPDX-License-Identifier: MIT
// Hash functions for tables in memory: fast, well spread, not for adversaries, not for disks.
#pragma once

#include "lib/types.h"

// All 32 bits are usable: mask or shift to the table's size.
static inline u32 hash_u64(u64 x)
{
    x *= 0x9e3779b97f4a7c15UL; // 2^64 / golden ratio: spreads neighbours
    return (u32)(x >> 32) ^ (u32)(x >> 56);
}
