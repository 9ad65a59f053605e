// SPDX-License-Identifier: MIT
// Private to sched/: making threads out of contexts that exist already.
#pragma once
#include "sched/thread.h"

// Makes the cache of threads.
void threads_init(void);
// Makes the running boot context the thread `t`.
void thread_adopt(struct thread *t, const char *name);
