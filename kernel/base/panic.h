// SPDX-License-Identifier: MIT
// The end of the machine on a broken invariant: never for bad input, bad media or exhaustion.
#pragma once
#include "lib/macro.h"
#include "lib/types.h"

// Prints "panic: ..." and a backtrace, stops the other harts, powers off.
void panic(const char *fmt, ...) NORETURN PRINTF_LIKE(1, 2);
// The same in one line, without a backtrace: for an end that is not the kernel's own fault.
void panic_line(const char *fmt, ...) NORETURN PRINTF_LIKE(1, 2);
void assert_failed(const char *what, const char *file, int line) NORETURN;

// An invariant; checked in debug builds only.
#define assert(x)                                  \
    do {                                           \
        if (DEBUG && unlikely(!(x)))               \
            assert_failed(#x, __FILE__, __LINE__); \
    } while (0)

// An invariant whose check is cheap beside the damage; always checked.
#define verify(x)                                  \
    do {                                           \
        if (unlikely(!(x)))                        \
            assert_failed(#x, __FILE__, __LINE__); \
    } while (0)
