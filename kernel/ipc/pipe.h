// SPDX-License-Identifier: MIT
// Pipes and FIFOs.
#pragma once
#include "vfs/file.h"

void pipe_init(void);
// Two open files; flags may have O_NONBLOCK, O_DIRECT is ignored. -ENOMEM.
int pipe_create(struct file **read_end, struct file **write_end, u32 flags);
// F_GETPIPE_SZ, F_SETPIPE_SZ: bytes; -EBADF if not a pipe, -EBUSY unless empty, -EINVAL, -EPERM
// above 1 MiB without CAP_SYS_RESOURCE, -ENOMEM.
s64 pipe_get_size(struct file *f);
s64 pipe_set_size(struct file *f, u64 size);
