// SPDX-License-Identifier: MIT
// pidfd_open(2): a process as a descriptor.
#pragma once
#include "proc/signal.h"

// Of a process, which it references; flags: O_NONBLOCK. -ENOMEM.
int pidfd_create(struct process *p, u32 flags, struct file **out);
struct process *file_pidfd_process(const struct file *f); // NULL: not a pidfd
// What pidfd_send_signal(2) takes besides: a directory /proc/<pid>. Referenced; -EBADF -ESRCH.
int pidfd_process_get(const struct file *f, struct process **out);
// pidfd_send_signal(2): as kill(2); -ESRCH once it was reaped.
int pidfd_send(struct process *p, int sig, const struct siginfo *info);
// pidfd_getfd(2): the file of its descriptor, referenced. -EPERM -ESRCH -EBADF.
int pidfd_take(struct process *p, int fd, struct file **out);
