// SPDX-License-Identifier: MIT
// What each user has of things that no process's own limit holds.
#pragma once
#include "lib/types.h"

enum user_count {
    USER_PROCESSES,
    USER_SIGNALS, // queued: RLIMIT_SIGPENDING
    USER_PIPE_PAGES,
    USER_EPOLL_WATCHES,
    USER_INOTIFY_INSTANCES,
    USER_INOTIFY_WATCHES,
    USER_IN_FLIGHT,   // files sent and not yet received, connections not accepted
    USER_QUEUE_BYTES, // RLIMIT_MSGQUEUE
    USER_COUNTS
};

// n more, if that makes `limit` at most; -EAGAIN, -ENOMEM.
int user_count_add(uid_t uid, enum user_count what, u64 n, u64 limit);
bool user_count_exceeds(uid_t uid, enum user_count what, u64 limit);
void user_count_sub(uid_t uid, enum user_count what, u64 n);
bool user_is_limited(void); // the running thread may not go beyond limits of users
