// SPDX-License-Identifier: MIT
// fcntl's record locks: decoding of struct flock.
#pragma once
#include "lib/types.h"
#include "vfs/flock.h"

// F_GETLK and F_OFD_GETLK; F_SETLK, F_SETLKW and their OFD forms. `at` is a struct flock.
// -EFAULT -EINVAL -EBADF -EOVERFLOW, and the errors of vfs/flock.h.
s64 filelock_get(struct file *f, u32 command, uaddr_t at);
s64 filelock_set(struct file *f, int fd, u32 command, uaddr_t at);
