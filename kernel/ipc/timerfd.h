// SPDX-License-Identifier: MIT
// timerfd(2): a timer that is read.
#pragma once
#include "vfs/file.h"

// flags: TFD_NONBLOCK. `clock` goes as CLOCK_REALTIME if `real`, else as CLOCK_MONOTONIC. -ENOMEM.
int timerfd_create(int clock, bool real, u32 flags, struct file **out);
bool file_is_timerfd(const struct file *f);
// value 0 disarms. flags: TFD_TIMER_*. Tells what was set before; -ECANCELED: set, but the clock
// had been changed.
int timerfd_set(struct file *f, u32 flags, ns_t value, ns_t interval, ns_t *left,
                ns_t *old_interval);
void timerfd_get(struct file *f, ns_t *left, ns_t *interval);
void timerfd_clock_was_set(void); // CLOCK_REALTIME has jumped
