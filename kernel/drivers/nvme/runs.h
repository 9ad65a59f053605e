// SPDX-License-Identifier: MIT
// The segments of a transfer as runs that one command can name (PRPs, section 4.3): lists of pages
// of which only the first may start, and only the last may end, in the middle. PURE.
#pragma once
#include "block/block.h"

#define NVME_PAGE 4096U // of memory, for the controller

struct run_cursor {
    const struct block_request *request; // {transfer, 0} at first; NULL: at the end
    u32 segment;
};

// Takes the next run: its bytes (0 at the end), and the addresses of its pages, the first with the
// offset in it, in `pages` (NULL: they are not wanted, and *count is 0). A run of n bytes has at
// most n / NVME_PAGE + 1 pages if that is a whole number, one more if not.
u32 run_take(struct run_cursor *c, u64 *pages, u32 *count);
u32 run_count(const struct block_request *transfer);
