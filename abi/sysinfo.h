// SPDX-License-Identifier: MIT
// What the sysinfo call reports.
#pragma once

#include "abi/base.h"

#define SI_LOAD_SHIFT 16 /* loads are fixed point with this many fraction bits */

struct sysinfo {
    abi_s64 uptime; /* seconds */
    abi_u64 loads[3];
    abi_u64 totalram; /* this and the next: in mem_unit bytes */
    abi_u64 freeram;
    abi_u64 sharedram;
    abi_u64 bufferram;
    abi_u64 totalswap;
    abi_u64 freeswap;
    abi_u16 procs;
    abi_u16 pad1;
    abi_u32 pad2;
    abi_u64 totalhigh;
    abi_u64 freehigh;
    abi_u32 mem_unit;
    abi_u32 pad3;
};
_Static_assert(sizeof(struct sysinfo) == 112, "sysinfo");
_Static_assert(__builtin_offsetof(struct sysinfo, totalram) == 32, "sysinfo.totalram");
_Static_assert(__builtin_offsetof(struct sysinfo, procs) == 80, "sysinfo.procs");
_Static_assert(__builtin_offsetof(struct sysinfo, mem_unit) == 104, "sysinfo.mem_unit");
