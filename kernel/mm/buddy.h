// SPDX-License-Identifier: MIT
// The buddy system over an array of frame descriptors: no locks, no harts, testable natively.
//
// A free block of order n is 2^n frames whose first frame number is a multiple of 2^n. Its head has
// kind FRAME_FREE, the order, and is on the order's list; no other frame has kind FRAME_FREE. Two
// free buddies never stand side by side: freeing merges them.
#pragma once
#include "mm/frame.h"

struct buddy {
    struct frame *table;                    // (c) descriptors of [base, base + count)
    pfn_t base;                             // (c)
    u64 count;                              // (c)
    u64 free;                               // (l) pages on the lists
    u64 orders;                             // (l) bit per order whose list is not empty
    struct list lists[FRAME_MAX_ORDER + 1]; // (l)
};

// `table` is all zero: every frame starts as FRAME_RESERVED, refs 0.
void buddy_init(struct buddy *b, struct frame *table, pfn_t base, u64 count);
// Frees any run of frames, as the largest aligned blocks that fit; O(log n) blocks and n / 1024.
void buddy_seed(struct buddy *b, pfn_t first, u64 pages);
// A block of exactly 2^order frames, or NULL. Its head's kind becomes FRAME_KERNEL.
struct frame *buddy_alloc(struct buddy *b, unsigned order);
// Up to `want` single frames, from the smallest blocks first; returns how many.
unsigned buddy_alloc_singles(struct buddy *b, struct frame **out, unsigned want);
void buddy_free(struct buddy *b, struct frame *f, unsigned order);
// True if every invariant above holds; O(free blocks).
bool buddy_check(const struct buddy *b);
