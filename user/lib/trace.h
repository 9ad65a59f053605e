// SPDX-License-Identifier: MIT
// trace(): lines about xv6's calls, written by the library on each one's way out.
#pragma once

extern int trace_mask; // (bit n: call n of kernel/syscall.h) 0: nothing is traced

// "<pid>: syscall <name> -> <result>" if `call`, one of XV6_SYS_*, is in the mask.
void trace_line(int call, long result);

// At the start of a program: goes on with what the program before it traced, with exec() first.
void trace_resume(int argc);

// The environment with which a program is started that traces what this one does.
char **trace_environ(void);

// From the kernel's way to report an error to xv6's, at the end of `call`.
static inline long xv6_result(int call, long result)
{
    if (result < 0)
        result = -1;
    if (trace_mask)
        trace_line(call, result);
    return result;
}
