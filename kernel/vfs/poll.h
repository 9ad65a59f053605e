// SPDX-License-Identifier: MIT
// Waiting for readiness of many files: poll, select, epoll.
#pragma once
#include "abi/poll.h"
#include "sync/wait.h"

// file_ops.poll calls poll_wait once for each queue that will be woken (wake_key with POLL* bits,
// or wake_all) when its answer may change. Only then it looks: the barrier pairs with the waker's,
// between what it has made true and its look at the queue.
struct poll_table {
    void (*add)(struct poll_table *table, struct wait_queue *q);
};

static inline void poll_wait(struct poll_table *table, struct wait_queue *q)
{
    if (table) {
        table->add(table, q);
        smp_mb();
    }
}

struct file;
u32 file_poll(struct file *f, struct poll_table *table);

// Entries that stay on all queues of a file, with one callback: epoll's, SIGIO's. All zero: none.
struct poll_watch {
    struct wait_entry wait;
    void *owner; // (c) for the callback; NULL: not in use
    struct poll_watch *next;
};
struct poll_watches {
    struct poll_watch first, *more; // (c) once begun; most files have one queue, a few two
};

static inline void *poll_watch_owner(struct wait_entry *wait)
{
    return container_of(wait, struct poll_watch, wait)->owner;
}

// *ready: what the file says, once the entries are there. -ENOMEM: end them all the same.
int poll_watches_begin(struct poll_watches *w, struct file *f, void *owner,
                       bool (*wake)(struct wait_entry *entry, u64 key), bool exclusive, u32 *ready);
// No callback runs any more, and there are none: they may begin again.
void poll_watches_end(struct poll_watches *w);

// One set of files for poll(2): events wanted and found.
struct poll_item {
    struct file *file; // NULL: descriptor was negative (ignored) or bad (revents POLLNVAL)
    u32 events;        // alone: errors and hang-ups too must be asked for
    u32 revents;
};
// Number of items with revents, 0 at the deadline, -EINTR, -ENOMEM.
int poll_files(struct poll_item *items, unsigned count, ns_t deadline);
