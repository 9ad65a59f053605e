// SPDX-License-Identifier: MIT
// Work queues: functions that interrupt handlers and atomic code hand to a kernel thread.
#pragma once
#include "lib/list.h"
#include "lib/types.h"

struct work {
    struct list link;          // (queue's lock)
    void (*fn)(struct work *); // (c) runs in a kernel thread, may sleep, may re-queue itself
    u32 pending;               // (a)
};

void work_init(struct work *w, void (*fn)(struct work *));
// Queues it on this hart's worker unless it is pending already; any context.
void work_queue(struct work *w);
// The same from the callback of a wait entry, whose queue's lock is held.
void work_queue_nested(struct work *w);
void workqueue_init(void); // starts the workers; panics if memory is out at boot
