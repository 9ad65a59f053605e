// SPDX-License-Identifier: MIT
// The only way to user memory.
//
// Addresses are checked against USER_TOP; a bad one is -EFAULT, never a crash. The plain functions
// act on the space that the current hart runs, may fault pages in and so may sleep, and are -EINTR
// when the thread was killed meanwhile; no spinlock may be held. The `_nofault` ones never sleep
// and stop at the first page that is not ready.
#pragma once
#include "arch/upcalls.h"
#include "lib/types.h"

// 0, or -EFAULT, -EINTR: some bytes may have been copied.
int copy_from_user(void *dst, uaddr_t src, size_t n);
int copy_to_user(uaddr_t dst, const void *src, size_t n);
int user_zero(uaddr_t dst, size_t n);

// Bytes copied before the first page that is absent or forbids the access.
size_t copy_from_user_nofault(void *dst, uaddr_t src, size_t n);
size_t copy_to_user_nofault(uaddr_t dst, const void *src, size_t n);

// Where n bytes at va lie in kernel memory, if within one page that is ready for `access`; else
// NULL. Valid while interrupts stay off, as they are.
void *user_window(uaddr_t va, size_t n, enum access access);

// Makes the first page of [va, va+n) present for `access`, and those after it as far as they can be
// had, at most 16; 0, or the first page's -EFAULT, -EINTR.
int user_prefault(uaddr_t va, size_t n, enum access access);

// Copies a NUL-terminated string of at most size-1 bytes; its length; -EFAULT, -EINTR,
// -ENAMETOOLONG when no NUL was found in size bytes.
ssize_t strncpy_from_user(char *dst, uaddr_t src, size_t size);

// One 32- or 64-bit value, read or written once if it is aligned; 0, -EFAULT, -EINTR.
int get_user_u32(u32 *out, uaddr_t src);
int get_user_u64(u64 *out, uaddr_t src);
int put_user_u32(uaddr_t dst, u32 value);
int put_user_u64(uaddr_t dst, u64 value);

// Atomic operations on an aligned user word (futex). cas: 0 and *seen = value found (== old: the
// store took place). fetch_op: *seen = old value.
enum user_op { USER_OP_SET, USER_OP_ADD, USER_OP_OR, USER_OP_ANDN, USER_OP_XOR };
int user_cas_u32(uaddr_t addr, u32 old, u32 new, u32 *seen);
int user_fetch_op_u32(uaddr_t addr, enum user_op op, u32 operand, u32 *seen);
