// SPDX-License-Identifier: MIT
// openat2(2).
#pragma once

#include "abi/base.h"

struct open_how {
    abi_u64 flags; // O_*
    abi_u64 mode;
    abi_u64 resolve; // RESOLVE_*
};
_Static_assert(sizeof(struct open_how) == 24, "open_how");

#define RESOLVE_NO_XDEV       0x01
#define RESOLVE_NO_MAGICLINKS 0x02
#define RESOLVE_NO_SYMLINKS   0x04
#define RESOLVE_BENEATH       0x08
#define RESOLVE_IN_ROOT       0x10
#define RESOLVE_CACHED        0x20
