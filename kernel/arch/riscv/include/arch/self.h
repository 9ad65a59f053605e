// SPDX-License-Identifier: MIT
// Which thread runs here.
#pragma once

struct arch_thread;

static inline struct arch_thread *arch_self(void)
{
    struct arch_thread *t;
    __asm__("mv %0, tp" : "=r"(t)); // not volatile: constant for the running thread
    return t;
}
