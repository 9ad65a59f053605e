// SPDX-License-Identifier: MIT
// A caller's buffer for reads and writes: user or kernel memory, in one or more segments.
#pragma once
#include "abi/uio.h"
#include "arch/uaccess.h"
#include "lib/types.h"

struct uio {
    u64 base;                 // address of the rest of the current segment
    size_t length;            // bytes left in the current segment
    size_t left;              // bytes left in all
    const struct iovec *next; // following segments, a kernel copy
    u32 segments;             // how many follow
    bool kernel;              // addresses are kernel pointers
    u8 flags;                 // of this one transfer: RWF_APPEND, RWF_NOWAIT
};

// What a long transfer moves at most before it looks whether its thread is to die.
#define UIO_ROUND (1UL << 20)

static inline void uio_init_user(struct uio *u, uaddr_t base, size_t n)
{
    *u = (struct uio){.base = base, .length = n, .left = n};
}

static inline void uio_init_kernel(struct uio *u, void *base, size_t n)
{
    *u = (struct uio){.base = (u64)base, .length = n, .left = n, .kernel = true};
}

void uio_init_iov(struct uio *u, const struct iovec *iov, unsigned count);

// Moves n <= u->left bytes between kernel memory and the buffer and advances it. `put` fills the
// caller's buffer (a read), `get` takes from it (a write). 0 or -EFAULT (advance is then partial:
// compare u->left). May fault and sleep.
int uio_put(struct uio *u, const void *src, size_t n);
int uio_get(struct uio *u, void *dst, size_t n);
int uio_zero(struct uio *u, size_t n);
// The same without faults: bytes moved before the first page that is not ready.
size_t uio_put_nofault(struct uio *u, const void *src, size_t n);
size_t uio_get_nofault(struct uio *u, void *dst, size_t n);
// Makes the next bytes present for a following _nofault call: access as seen by user memory
// (a read(2) writes to it). 0, -EFAULT, -EINTR.
int uio_prefault(struct uio *u, enum access access);
// After a copy to or from pages moved nothing (0, or its error): gets what it lacked, the buffer's
// next bytes or memory. 0: it may be tried again; the error that stays. May sleep.
int uio_try_again(struct uio *u, int error, enum access access);
void uio_advance(struct uio *u, size_t n);
