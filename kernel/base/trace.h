// SPDX-License-Identifier: MIT
// Tracepoints: fixed-size records in a per-hart ring, read by `trace=` and on panic.
#pragma once
#include "lib/types.h"

enum trace_event {
    TRACE_NONE,
    TRACE_SWITCH,       // a = next tid
    TRACE_WAKE,         // a = tid
    TRACE_FAULT,        // a = address, b = access
    TRACE_EXIT,         // a = pid, b = status
    TRACE_SIGNAL,       // a = pid, b = signal
    TRACE_BLOCK_SUBMIT, // a = device << 32 | operation, b = sector of the whole device
    TRACE_BLOCK_DONE,   // the same
    TRACE_COUNT,
};

void trace_record(enum trace_event event, u64 a, u64 b);
// Prints the newest records of all harts in time order.
void trace_dump(unsigned count);

extern bool trace_enabled; // (c) after boot

static inline void trace(enum trace_event event, u64 a, u64 b)
{
    if (trace_enabled)
        trace_record(event, a, b);
}
