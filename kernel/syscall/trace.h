// SPDX-License-Identifier: MIT
// System-call tracing: one log line a call with decoded arguments.
#pragma once
#include "lib/types.h"

void syscall_trace_enter(u64 number, const u64 *args);
void syscall_trace_exit(u64 number, s64 result);
// True if the boot option `trace=` asks for this program name (or for all: `trace=all`).
bool syscall_trace_wanted(const char *program);
void syscall_trace_init(void);
