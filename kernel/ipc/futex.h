// SPDX-License-Identifier: MIT
// Futexes: sleep on a user word while it holds a value.
#pragma once
#include "base/clock.h"
#include "lib/types.h"

// Each as in futex(2); deadlines are base/clock.h's (NS_NEVER: none). `private` keys by address
// space only.
int futex_wait(uaddr_t addr, u32 value, u32 bitset, bool private_only,
               ns_t deadline); // 0 -EAGAIN -EINTR -ETIMEDOUT -EFAULT
s64 futex_wake(uaddr_t addr, u32 count, u32 bitset, bool private_only); // woken, -EFAULT -EINVAL
s64 futex_requeue(uaddr_t from, uaddr_t to, u32 wake, u32 move, const u32 *expected,
                  bool private_only);
s64 futex_wake_op(uaddr_t addr1, uaddr_t addr2, u32 wake1, u32 wake2, u32 op, bool private_only);
// Locks with priority inheritance. A wait that a signal breaks off is -ERESTARTNOINTR, or -EAGAIN
// when it has been moved to the lock.
int futex_lock_pi(uaddr_t addr, bool private_only, bool try, ns_t deadline);
int futex_unlock_pi(uaddr_t addr, bool private_only);
int futex_wait_requeue_pi(uaddr_t from, u32 value, uaddr_t to, bool private_only, ns_t deadline);
s64 futex_cmp_requeue_pi(uaddr_t from, uaddr_t to, u32 move, u32 expected, bool private_only);
// A thread exits: robust locks it holds get FUTEX_OWNER_DIED.
void futex_exit_robust(uaddr_t head, pid_t tid);
void futex_init(void);
