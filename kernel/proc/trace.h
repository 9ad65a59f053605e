// SPDX-License-Identifier: MIT
// What system calls need of ptrace(2).
#pragma once
#include "arch/thread.h"

// ptrace(2) itself.
s64 trace_request(s64 request, s32 tid, u64 addr, u64 data);
// Before and after a system call of a thread with WORK_PTRACE; false: the call is left out.
bool trace_syscall_begin(struct trapframe *frame);
void trace_syscall_end(void);
