// SPDX-License-Identifier: MIT
// What system calls need of ptrace(2).
#pragma once
#include "arch/thread.h"
#include "vm/uio.h"

// ptrace(2) itself.
s64 trace_request(s64 request, s32 tid, u64 addr, u64 data);
// Before and after a system call of a thread with WORK_PTRACE; false: the call is left out.
bool trace_syscall_begin(struct trapframe *frame);
void trace_syscall_end(void);

// process_vm_readv(2), process_vm_writev(2): between the caller's memory and those parts of tid's,
// up to the first byte that cannot be had. -ESRCH -EPERM -EFAULT -ENOMEM.
ssize_t process_memory_move(pid_t tid, struct uio *u, const struct iovec *remote, unsigned count,
                            bool write);
