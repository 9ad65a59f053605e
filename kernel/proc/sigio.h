// SPDX-License-Identifier: MIT
// SIGIO: what becomes ready in a file with O_ASYNC is told by signal.
#pragma once
#include "vfs/file.h"

// F_SETFL's O_ASYNC, and FIOASYNC: from now on, or no more. `fd` is what siginfo names. -ENOTTY if
// the file cannot; -ENOMEM.
int sigio_set_async(struct file *f, int fd, bool on);
// fcntl(2): F_SETOWN, F_GETOWN, F_SETOWN_EX, F_GETOWN_EX, F_SETSIG, F_GETSIG. -EINVAL -ESRCH
// -EFAULT -ENOMEM.
s64 sigio_fcntl(struct file *f, u32 command, u64 arg);
