// SPDX-License-Identifier: MIT
// How much of the machine is used.
#pragma once

#include "kernel/types.h"

// Bytes of free memory and the number of processes; 0 or -errno.
int usage_get(uint64 *free, uint64 *processes);

// Bytes that programs could still be given: free, or full of what files hold too.
uint64 usage_available(void);
