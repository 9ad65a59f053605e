// SPDX-License-Identifier: MIT
// Small macros that C lacks: containers, limits, alignment, branch and compiler hints.
#pragma once

#include "lib/types.h"

#ifndef static_assert
#define static_assert _Static_assert
#endif

// The structure of `type` whose `member` is at `ptr`.
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

// MIN and MAX evaluate each argument once; they are not constant expressions.
#define MIN(a, b)        MACRO_PICK(a, <, b, __COUNTER__)
#define MAX(a, b)        MACRO_PICK(a, >, b, __COUNTER__)
#define CLAMP(x, lo, hi) MIN(MAX(x, lo), hi)

#define MACRO_PICK(a, op, b, id) MACRO_PICK_ID(a, op, b, id)
#define MACRO_PICK_ID(a, op, b, id)                         \
    ({                                                      \
        __auto_type pick_a##id = (a);                       \
        __auto_type pick_b##id = (b);                       \
        pick_a##id op pick_b##id ? pick_a##id : pick_b##id; \
    })

// `a` is a power of two; the result has the type of `x`. Constant for constant arguments.
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define ALIGN_UP(x, a)   ALIGN_DOWN((x) + ((__typeof__(x))(a)-1), a)
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a)-1)) == 0)

#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))
#define BIT(n)             (1UL << (n))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

// One access that the compiler neither repeats, splits nor drops; no ordering between harts.
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))

// The compiler moves no memory access across this point; the hart still may.
#define barrier() __asm__ volatile("" ::: "memory")

#define NORETURN          __attribute__((noreturn))
#define ALIGNED(n)        __attribute__((aligned(n)))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
