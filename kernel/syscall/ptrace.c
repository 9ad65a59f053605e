// SPDX-License-Identifier: MIT
// ptrace(2).

#include "proc/trace.h"
#include "syscall/args.h"

s64 sys_ptrace(u64 request, u64 tid, u64 addr, u64 data)
{
    return trace_request((s64)request, (s32)tid, addr, data);
}
