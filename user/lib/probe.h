// SPDX-License-Identifier: MIT
// Asks the kernel about pointers that a caller handed to a call which the library does part of: a
// bad one makes the call fail, as in xv6, and does not end the process.
#pragma once

#include <stdbool.h>

#include "kernel/types.h"

// Whether the first and last of `n` bytes can be written.
bool probe_write(void *p, uint n);
// Whether what is there up to a zero can be read, or 4096 bytes of it.
bool probe_string(const void *text);
