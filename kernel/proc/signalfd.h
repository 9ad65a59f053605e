// SPDX-License-Identifier: MIT
// signalfd(2): signals that are read.
#pragma once
#include "proc/process.h"

// flags: SFD_NONBLOCK. -ENOMEM.
int signalfd_create(u64 mask, u32 flags, struct file **out);
bool file_is_signalfd(const struct file *f);
void signalfd_set_mask(struct file *f, u64 mask);

void signalfd_wake_locked(struct process *p, int sig); // sig was queued; siglock held
void signalfd_leave(struct process *p);                // its last thread ends
