// SPDX-License-Identifier: MIT
// eventfd: a counter to sleep on.
#pragma once
#include "vfs/file.h"

// flags: EFD_SEMAPHORE, EFD_NONBLOCK (EFD_CLOEXEC is the caller's). -EINVAL, -ENOMEM.
int eventfd_create(u32 count, u32 flags, struct file **out);
