// SPDX-License-Identifier: MIT
// A fuzz target: fuzz_one() and nothing else. It must bear any bytes, and fails by fuzz_check() or
// a sanitizer's report.
#pragma once
#include "lib/macro.h"
#include "lib/types.h"

#define FUZZ_SIZE_MAX 4096

void fuzz_one(const u8 *data, size_t size);

void fuzz_failed(const char *what, const char *file, int line) NORETURN;

#define fuzz_check(x)                            \
    do {                                         \
        if (!(x))                                \
            fuzz_failed(#x, __FILE__, __LINE__); \
    } while (0)
