// SPDX-License-Identifier: MIT
// The kernel log: a ring of the latest lines, and the console.
#pragma once
#include "lib/macro.h"
#include "lib/types.h"

// Appends one formatted line (newline added if missing) with a time stamp to the ring and, unless
// `quiet`, to the console. Any context.
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
// The same without time stamp, for dumps.
void log_raw(const char *fmt, ...) PRINTF_LIKE(1, 2);

// Where console output goes: SBI until a driver registers.
void log_set_console(void (*write)(const char *s, size_t n));
void log_set_quiet(bool quiet);
// From now on locks are ignored and output is direct: panic.
void log_enter_panic(void);

// Copies out the ring from byte position *pos on, for dmesg and /proc/kmsg; bytes copied.
size_t log_read(u64 *pos, char *buf, size_t n);
size_t log_size(void); // what the log keeps
u64 log_end(void);     // bytes ever logged
