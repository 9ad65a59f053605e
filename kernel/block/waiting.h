// SPDX-License-Identifier: MIT
// Reads and writes that wait for the device, sorted by sector and merged where they touch. PURE.
#pragma once
#include "block/block.h"

struct block_waiting {
    struct rb_root tree;  // transfers by first sector
    struct list arrivals; // the same, oldest first
    u64 position;         // sector behind the last one taken
    u32 passed;           // transfers taken since the oldest one was
};

void waiting_init(struct block_waiting *w);
// Adds a request, or a transfer; returns how many merges were made: 0..2.
unsigned waiting_add(struct block_waiting *w, const struct block_limits *limits,
                     struct block_request *r);
// The next transfer, upwards from the last; now and then the oldest, so that none starves. NULL.
struct block_request *waiting_take(struct block_waiting *w);
