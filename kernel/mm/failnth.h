// SPDX-License-Identifier: MIT
// Failure injection: in debug builds the Nth allocation that a thread asks for fails.
#pragma once
#include "arch/thread.h"
#include "mm/frame.h"

static inline bool alloc_fails(unsigned flags)
{
    struct arch_thread *t = arch_self();

    if (!DEBUG || flags & ALLOC_NOFAIL_TEST || !t->fail_nth)
        return false;
    if (--t->fail_nth)
        return false;
    frames_out();
    return true;
}
