// SPDX-License-Identifier: MIT
// Vectored I/O.
#pragma once

#include "abi/base.h"

#define UIO_MAXIOV 1024
#define IOV_MAX    1024

#define RWF_HIPRI  0x1
#define RWF_DSYNC  0x2
#define RWF_SYNC   0x4
#define RWF_NOWAIT 0x8
#define RWF_APPEND 0x10

struct iovec {
    abi_u64 iov_base;
    abi_u64 iov_len; /* bytes */
};
_Static_assert(sizeof(struct iovec) == 16, "iovec");
_Static_assert(__builtin_offsetof(struct iovec, iov_len) == 8, "iovec.iov_len");
