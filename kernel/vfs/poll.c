// SPDX-License-Identifier: MIT
// Waiting for readiness of many files at once: poll and select.
//
// In the first round each file's poll adds an entry with a callback to its queues; later rounds
// only ask. A callback marks the call as triggered and wakes the thread; the thread sets its state
// before it looks at the mark, so no wake-up is lost.
#include "vfs/poll.h"
#include "abi/errno.h"
#include "mm/slab.h"
#include "vfs/internal.h"

#define INLINE_ENTRIES 8

struct poll_call;

struct poll_entry {
    struct wait_entry wait;
    struct poll_entry *next;
    struct poll_call *call;
    u32 events;
};

struct poll_call {
    struct poll_table table;
    struct thread *thread;
    u32 triggered; // (a)
    u32 events;    // of the file being asked
    int error;
    u32 used; // entries in all: the first few are here, the others allocated
    struct poll_entry *latest;
    struct poll_entry first[INLINE_ENTRIES];
};

static bool poll_woken(struct wait_entry *wait, u64 key)
{
    struct poll_entry *e = container_of(wait, struct poll_entry, wait);

    if (key && !(key & e->events))
        return false;
    store_relaxed(&e->call->triggered, 1);
    smp_mb();
    sched_wake(e->call->thread, 1 << THREAD_INTERRUPTIBLE);
    return true;
}

static void poll_add(struct poll_table *table, struct wait_queue *q)
{
    struct poll_call *call = container_of(table, struct poll_call, table);
    struct poll_entry *e =
        call->used < INLINE_ENTRIES ? &call->first[call->used] : kmalloc(sizeof(*e), 0);

    if (!e) {
        call->error = -ENOMEM;
        return;
    }
    call->used++;
    e->next = call->latest;
    call->latest = e;
    wait_entry_init(&e->wait);
    e->wait.wake = poll_woken;
    e->call = call;
    e->events = call->events;
    wait_entry_add(q, &e->wait);
}

static void poll_forget(struct poll_call *call)
{
    struct poll_entry *e = call->latest, *next;

    for (; e; e = next) {
        next = e->next;
        wait_entry_remove(&e->wait);
        if (call->used-- > INLINE_ENTRIES)
            kfree(e);
    }
}

u32 file_poll(struct file *f, struct poll_table *table)
{
    if (f->ops->poll)
        return f->ops->poll(f, table);
    return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

// How many items are ready; stops registering at the first.
static int poll_round(struct poll_call *call, struct poll_item *items, unsigned count,
                      struct poll_table *table)
{
    int ready = 0;

    for (unsigned i = 0; i < count; i++) {
        struct poll_item *item = &items[i];

        if (item->file) {
            call->events = item->events;
            item->revents = file_poll(item->file, table) & item->events;
        }
        if (item->revents) {
            ready++;
            table = NULL;
        }
    }
    return ready;
}

static int poll_sleep(struct poll_call *call, ns_t deadline)
{
    int err = 0;

    sched_set_state(THREAD_INTERRUPTIBLE);
    smp_mb();
    if (!load_relaxed(&call->triggered))
        err = wait_sleep(WAIT_INTERRUPTIBLE, deadline);
    sched_set_state(THREAD_RUNNING);
    store_relaxed(&call->triggered, 0);
    smp_mb();
    return err;
}

int poll_files(struct poll_item *items, unsigned count, ns_t deadline)
{
    struct poll_call call;
    struct poll_table *table = deadline ? &call.table : NULL;
    int ready, err = 0;

    call.table.add = poll_add;
    call.thread = thread_self();
    call.triggered = 0;
    call.error = 0;
    call.used = 0;
    call.latest = NULL;
    for (;;) {
        ready = poll_round(&call, items, count, table);
        table = NULL;
        if (ready || call.error || err || deadline == 0)
            break;
        err = poll_sleep(&call, deadline);
    }
    poll_forget(&call);
    if (ready)
        return ready;
    return call.error ? call.error : err == -ETIMEDOUT ? 0 : err;
}

/* Entries that stay */

struct watching {
    struct poll_table table;
    struct poll_watches *watches;
    struct poll_watch model;
    bool failed;
};

static void watch_add(struct poll_table *table, struct wait_queue *q)
{
    struct watching *a = container_of(table, struct watching, table);
    struct poll_watch *w = &a->watches->first;

    if (w->owner) {
        w = kmalloc(sizeof(*w), 0);
        if (!w) {
            a->failed = true;
            return;
        }
        w->next = a->watches->more;
        a->watches->more = w;
    }
    w->owner = a->model.owner;
    wait_entry_init(&w->wait);
    w->wait.wake = a->model.wait.wake;
    w->wait.exclusive = a->model.wait.exclusive;
    wait_entry_add(q, &w->wait);
}

int poll_watches_begin(struct poll_watches *w, struct file *f, void *owner,
                       bool (*wake)(struct wait_entry *entry, u64 key), bool exclusive, u32 *ready)
{
    struct watching a = {
        .table.add = watch_add,
        .watches = w,
        .model = {.wait = {.wake = wake, .exclusive = exclusive}, .owner = owner},
    };

    *ready = file_poll(f, &a.table);
    return a.failed ? -ENOMEM : 0;
}

void poll_watches_end(struct poll_watches *w)
{
    struct poll_watch *at = w->more, *next;

    if (w->first.owner)
        wait_entry_remove(&w->first.wait);
    for (; at; at = next) {
        next = at->next;
        wait_entry_remove(&at->wait);
        kfree(at);
    }
    *w = (struct poll_watches){0};
}
