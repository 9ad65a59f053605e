// SPDX-License-Identifier: MIT
// Futex operations and the robust list.
#pragma once

#include "abi/base.h"

#define FUTEX_WAIT             0
#define FUTEX_WAKE             1
#define FUTEX_FD               2
#define FUTEX_REQUEUE          3
#define FUTEX_CMP_REQUEUE      4
#define FUTEX_WAKE_OP          5
#define FUTEX_LOCK_PI          6
#define FUTEX_UNLOCK_PI        7
#define FUTEX_TRYLOCK_PI       8
#define FUTEX_WAIT_BITSET      9
#define FUTEX_WAKE_BITSET      10
#define FUTEX_WAIT_REQUEUE_PI  11
#define FUTEX_CMP_REQUEUE_PI   12
#define FUTEX_LOCK_PI2         13
#define FUTEX_PRIVATE_FLAG     128
#define FUTEX_CLOCK_REALTIME   256
#define FUTEX_CMD_MASK         (-385)
#define FUTEX_WAITERS          0x80000000U
#define FUTEX_OWNER_DIED       0x40000000
#define FUTEX_TID_MASK         0x3fffffff
#define FUTEX_BITSET_MATCH_ANY 0xffffffffU

/* FUTEX_WAKE_OP: val3 is op:4, cmp:4, oparg:12, cmparg:12, from the top bit down. */
#define FUTEX_OP_SET         0
#define FUTEX_OP_ADD         1
#define FUTEX_OP_OR          2
#define FUTEX_OP_ANDN        3
#define FUTEX_OP_XOR         4
#define FUTEX_OP_OPARG_SHIFT 8
#define FUTEX_OP_CMP_EQ      0
#define FUTEX_OP_CMP_NE      1
#define FUTEX_OP_CMP_LT      2
#define FUTEX_OP_CMP_LE      3
#define FUTEX_OP_CMP_GT      4
#define FUTEX_OP_CMP_GE      5

#define ROBUST_LIST_LIMIT 2048

/* In the program's memory; every pointer is the address of a struct robust_list. */
struct robust_list {
    abi_u64 next;
};
_Static_assert(sizeof(struct robust_list) == 8, "robust_list");

struct robust_list_head {
    struct robust_list list;
    abi_s64 futex_offset; /* from a list entry to its futex word */
    abi_u64 list_op_pending;
};
_Static_assert(sizeof(struct robust_list_head) == 24, "robust_list_head");
_Static_assert(__builtin_offsetof(struct robust_list_head, futex_offset) == 8, "futex_offset");
_Static_assert(__builtin_offsetof(struct robust_list_head, list_op_pending) == 16, "pending");
