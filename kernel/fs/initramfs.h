// SPDX-License-Identifier: MIT
// Unpacks an initramfs into the root file system.
#pragma once
#include "lib/types.h"

// One or more cpio "newc" archives one behind the other, with zero bytes between. 0, -EINVAL
// (corrupt; what came before is there), -ENOMEM, -ENOSPC. The memory may be released afterwards.
int initramfs_unpack(const void *start, size_t size);
