// SPDX-License-Identifier: MIT
// epoll(7): waiting for any number of files, at a cost by those that are ready.
#pragma once
#include "abi/epoll.h"
#include "vfs/file.h"

int epoll_create(struct file **out); // -ENOMEM
bool file_is_epoll(const struct file *f);
// epoll_ctl(2): `op` for descriptor fd, which is open file f; e NULL for EPOLL_CTL_DEL. -EEXIST
// -ENOENT -EINVAL -EPERM -ELOOP -ENOSPC -ENOMEM.
int epoll_control(struct file *epoll, int op, int fd, struct file *f, const struct epoll_event *e);
// epoll_wait(2): how many events were put at user address `to`, 0 at the deadline; -EINTR -EFAULT.
s64 epoll_wait(struct file *epoll, uaddr_t to, u32 max, ns_t deadline);
