// SPDX-License-Identifier: MIT
// For descriptors that the library needs beside a program's sixteen: they can be made above the
// limit while it is lifted, and stay open.
#pragma once

#include "abi/resource.h"

// Lets this process have as many as it may; gives what limit_restore() puts back.
struct rlimit64 limit_lift(void);
void limit_restore(const struct rlimit64 *limit);
