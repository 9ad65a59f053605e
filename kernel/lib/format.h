// SPDX-License-Identifier: MIT
// printf-style formatting into a buffer, without floating point.
//
// Conversions: %d %u %x %o %c %s %p %%; flags 0 - #; width and precision, also as `*`; sizes l ll
// z. %s of NULL prints "(null)". An unknown conversion is copied as it stands.
#pragma once

#include "lib/macro.h"

// Writes at most n bytes including the terminator (n may be 0, buf then unused). Returns the
// length the whole text would have, without the terminator.
int vsnformat(char *buf, size_t n, const char *fmt, va_list args) PRINTF_LIKE(3, 0);
int snformat(char *buf, size_t n, const char *fmt, ...) PRINTF_LIKE(3, 4);
