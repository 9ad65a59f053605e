// SPDX-License-Identifier: MIT
// The dispatch table, and the slow way in.

#include "syscall/table.h"
#include "abi/errno.h"
#include "abi/syscall.h"
#include "arch/upcalls.h"
#include "proc/trace.h"
#include "syscall/args.h"
#include "syscall/trace.h"

static s64 sys_missing(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
    return -ENOSYS;
}

#define FAST 0
#define FULL SYSCALL_FULL_FRAME
#define SYSCALL_ENTRY(name, arity, frame, types) \
    [SYS_##name] = {(syscall_fn)(void (*)(void))sys_##name, frame},

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
const struct syscall_entry up_syscall_table[SYSCALL_MAX] = {
    [0 ... SYSCALL_MAX - 1] = {sys_missing, 0}, SYSCALL_LIST(SYSCALL_ENTRY)};
#pragma GCC diagnostic pop

// execve and rt_sigreturn replace the frame; they return the a0 that the new one shall have.
static inline s64 syscall_call(const u64 *x)
{
    u64 number = x[FRAME_A7];
    syscall_fn fn = number < SYSCALL_MAX ? up_syscall_table[number].fn : sys_missing;

    return fn(x[FRAME_A0], x[FRAME_A1], x[FRAME_A2], x[FRAME_A3], x[FRAME_A4], x[FRAME_A5]);
}

// A tracer may change the call, or leave it out.
static __attribute__((noinline)) void syscall_watched(struct trapframe *frame, u32 work)
{
    u64 *x = frame->x, number;

    if ((work & WORK_PTRACE) && !trace_syscall_begin(frame))
        return;
    number = x[FRAME_A7];
    if (work & WORK_TRACE)
        syscall_trace_enter(number, &x[FRAME_A0]);
    x[FRAME_A0] = (u64)syscall_call(x);
    if (work & WORK_TRACE)
        syscall_trace_exit(number, (s64)x[FRAME_A0]);
}

// A tracer may come and go during the call.
void up_syscall_slow(struct trapframe *frame)
{
    u32 *work = &arch_self()->work;

    if (unlikely(load_relaxed(work) & (WORK_TRACE | WORK_PTRACE)))
        syscall_watched(frame, load_relaxed(work));
    else
        frame->x[FRAME_A0] = (u64)syscall_call(frame->x);
    if (unlikely(load_relaxed(work) & WORK_PTRACE))
        trace_syscall_end();
}
