// SPDX-License-Identifier: MIT
// Pipes and FIFOs.
#pragma once
#include "vfs/file.h"

void pipe_init(void);
// Two open files; flags may have O_NONBLOCK. -ENOMEM.
int pipe_create(struct file **read_end, struct file **write_end, u32 flags);
// F_GETPIPE_SZ, F_SETPIPE_SZ: bytes; -EBADF if not a pipe, -EBUSY if what is in it does not fit or
// is being spliced, -EINVAL, -EPERM above 1 MiB without CAP_SYS_RESOURCE or beyond what a user may
// have, -ENOMEM.
s64 pipe_get_size(struct file *f);
s64 pipe_set_size(struct file *f, u64 size);

// For splice(2).
bool file_is_pipe(const struct file *f);
int pipe_await(struct file *f, bool write); // until pipe_claim or pipe_reserve may do more; -EINTR
// What can be moved now; -EAGAIN -EPIPE -EFAULT -ENOMEM.
ssize_t pipe_move(struct file *f, struct uio *u, bool write);
// The bytes that are there become the caller's until pipe_unclaim, which takes the first n away;
// other readers wait meanwhile. How many, 0: none, and nobody writes; -EAGAIN.
s64 pipe_claim(struct file *f);
void *pipe_peek(struct file *f, u64 at, size_t *n); // where number `at` of them lies, and n of them
void pipe_unclaim(struct file *f, size_t n);
// Room for up to n bytes becomes the caller's until pipe_fill, which adds the first n of them to
// the pipe; other writers wait meanwhile. How many, at which places; -EAGAIN -EPIPE -ENOMEM.
#define PIPE_PLACES 17U // a usual pipe's pages, one in two parts
s64 pipe_reserve(struct file *f, u64 n, struct iovec *places);
void pipe_fill(struct file *f, size_t n);
