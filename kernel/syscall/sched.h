// SPDX-License-Identifier: MIT
// Threads whose scheduling a call asks for or changes.
#pragma once
#include "proc/process.h"

// The thread with this id (0: the caller), which cannot go away until proctree_lock, taken if this
// succeeds, is given back by sched_thread_end, which returns its argument. -ESRCH, -EPERM
// (only if it is to be changed).
int sched_thread_begin(pid_t tid, bool change, struct thread **out);
s64 sched_thread_end(s64 result);
// The same, or the real, user, or CAP_SYS_NICE; proctree_lock held.
bool sched_may_change_locked(const struct thread *t);
// RLIMIT_NICE of the thread's process, or CAP_SYS_NICE, allows this value.
bool sched_may_be_nice(const struct thread *t, int nice);
