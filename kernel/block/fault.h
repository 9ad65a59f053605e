// SPDX-License-Identifier: MIT
// Failure injection, in debug builds: chosen requests end with -EIO before a driver sees them.
//
//     io:N            the Nth request from now on, of any device
//     io:N+           and all that follow it
//     io:N,DEVICE     only requests of this device or partition count, and fail; io:N+,DEVICE
//     io:0            none
//
// A request to a partition is one of its device, too. What the kernel submits by itself counts like
// any other; flushes and discards count.
#pragma once
#include "abi/errno.h"
#include "block/block.h"
#include "lib/atomic.h"

#define BLOCK_FAULT_TEXT 40 // bytes that such a text needs

int block_fault_set(const char *text);             // any context; -EINVAL
void block_fault_text(char out[BLOCK_FAULT_TEXT]); // what is still to come

extern u64 block_fault_left; // (fault.c's lock) requests until the one that fails; 0: none
bool block_fault_hits(const struct block_device *d);

static inline int block_fault(const struct block_device *d)
{
    return DEBUG && unlikely(load_relaxed(&block_fault_left)) && block_fault_hits(d) ? -EIO : 0;
}
