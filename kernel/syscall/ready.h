// SPDX-License-Identifier: MIT
// What ppoll and pselect6 share: the time-out, the temporary signal mask, the list of files.
#pragma once
#include "vfs/file.h"
#include "vfs/poll.h"

#define READY_FAST_ITEMS 16 // as many need no memory but the stack

struct ready_wait {
    uaddr_t timeout; // user timespec that gets what is left, or 0
    ns_t deadline;   // 0: do not wait
    bool masked;
};

// Decode the time-out (-EFAULT -EINVAL), then the mask (0: none; -EINVAL -EFAULT), which takes
// effect.
int ready_wait_timeout(struct ready_wait *w, uaddr_t timeout);
int ready_wait_mask(struct ready_wait *w, uaddr_t mask, u64 mask_size);
// The call's result: writes back the time left, so that a restarted call waits for the rest. If a
// signal ended the wait the temporary mask stays until it is delivered.
s64 ready_wait_end(const struct ready_wait *w, s64 result);

// Drops the references to the files.
void poll_items_put(struct poll_item *items, u32 count);
