// SPDX-License-Identifier: MIT
// What sysinfo() reports.
#pragma once

#include "kernel/types.h"

struct sysinfo {
    uint64 freemem; // bytes of memory that nobody uses
    uint64 nproc;   // processes in any state, zombies too
};
