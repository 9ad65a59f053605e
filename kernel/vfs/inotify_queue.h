// SPDX-License-Identifier: MIT
// The events of one inotify instance. The owner locks; nothing here sleeps.
#pragma once
#include "abi/inotify.h"
#include "abi/limits.h"
#include "lib/list.h"
#include "lib/types.h"

// An event as a program reads it.
struct inotify_record {
    struct inotify_event head;
    char name[NAME_MAX + 1];
};

struct inotify_item {
    struct list link;
    struct inotify_event head; // len: of the text, without padding
    char name[];               // not NUL-terminated
};

struct inotify_queue {
    struct list items;
    u32 count;
    u32 max;   // (c)
    u32 bytes; // that reading all takes
    struct inotify_item overflow;
};

void inotify_queue_init(struct inotify_queue *q, u32 max);
void inotify_queue_fini(struct inotify_queue *q);
// Adds an event; *head has all but its name, of head->len bytes. False: nothing new is to be
// read, for it equals the last, or the queue says already that events are missing.
bool inotify_queue_add(struct inotify_queue *q, const struct inotify_event *head, const char *name);
// Takes the first event, of at most `room` bytes: its size, 0 if there is none, -EINVAL.
ssize_t inotify_queue_take(struct inotify_queue *q, size_t room, struct inotify_record *out);
