// SPDX-License-Identifier: MIT
// Decoding of system-call arguments.
//
// Handlers take every argument as u64 and say what it is: (int)fd, (u32)flags; the upper half of a
// register that holds an int is not looked at.
#pragma once
#include "abi/errno.h"
#include "abi/time.h"
#include "abi/uio.h"
#include "arch/uaccess.h"
#include "mm/slab.h"
#include "proc/signal.h"
#include "syscall/table.h"
#include "vfs/file.h"

// For a variable that is fresh memory, or NULL: declare it SCOPED(memory_end).
static inline void memory_end(void *variable)
{
    kfree(*(void **)variable);
}

// A path argument: its text, and where a relative one starts.
#define PATH_FAST 128
struct path_arg {
    struct path start; // dentry NULL: the working directory
    char *name;
    char fast[PATH_FAST]; // of a short name
};

// -EFAULT -ENAMETOOLONG -EBADF -ENOTDIR -ENOMEM; -ENOENT for "" unless empty_allowed. fini it in
// any case: declare it SCOPED(path_arg_fini).
int path_arg_init(struct path_arg *a, u64 dirfd, uaddr_t name, bool empty_allowed);
void path_arg_fini(struct path_arg *a);
static inline const struct path *path_arg_start(const struct path_arg *a)
{
    return a->start.dentry ? &a->start : NULL;
}
// The path itself: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH in `at_flags`.
int path_arg_lookup(u64 dirfd, uaddr_t name, u32 at_flags, struct path *out);

// The running thread's cred becomes a copy of this, a changed copy of what it was: -ENOMEM.
s64 cred_become(const struct cred *changed);
// The options of prctl(2) that are about capabilities.
s64 prctl_capability(int option, u64 a1, u64 a2, u64 a3, u64 a4);

// A user string of at most PATH_MAX bytes in fresh memory: -EFAULT -ENAMETOOLONG -ENOMEM; *out is
// left alone then.
int string_arg(uaddr_t src, char **out);

// A struct that grows from version to version: what is missing is 0, bytes past what we know must
// be. -EINVAL for less than `least` bytes, -E2BIG, -EFAULT.
int struct_arg(void *dst, size_t known, uaddr_t src, u64 size, size_t least);

// Copies in unless src is 0; copies a result out if there is no error yet, unless dst is 0.
// -EFAULT.
int optional_arg(void *dst, uaddr_t src, size_t size);
int optional_result(int err, uaddr_t dst, const void *src, size_t size);

// struct timespec: -EFAULT, -EINVAL for a bad one; NS_NEVER for what a deadline cannot hold.
int timespec_arg(uaddr_t src, ns_t *out);
int timespec_result(uaddr_t dst, ns_t ns);
struct timespec ns_timespec(ns_t ns);
// Deadline for a relative time-out that may be absent (0: NS_NEVER); 0 for none at all.
int deadline_arg(uaddr_t timespec, ns_t *deadline);

// The signal mask of a call like ppoll: in effect until signal_restore_mask. 0: none. -EFAULT
// -EINVAL.
int temporary_mask_arg(uaddr_t mask, u64 size);
// struct itimerspec.
int itimerspec_arg(uaddr_t src, ns_t *value, ns_t *interval);
int itimerspec_result(uaddr_t dst, ns_t value, ns_t interval);

// A segment list copied in and checked: -EINVAL -EFAULT -ENOMEM. `fast` holds short ones.
#define IOV_FAST 8
struct iov_arg {
    struct iovec fast[IOV_FAST];
    struct iovec *list;
    unsigned count;
};
int iov_arg_init(struct iov_arg *a, uaddr_t src, u64 count);
void iov_arg_fini(struct iov_arg *a);

void signal_self(int sig);

// What a thread puts into a siginfo goes as it is, but it can pose as kill or the kernel to itself
// alone, as its process or thread `to`: -EPERM.
int siginfo_check(const struct siginfo *info, pid_t to);

// Two descriptors for two files, told to the program; takes over the references if it succeeds.
s64 publish_pair(struct file *first, struct file *second, bool cloexec, uaddr_t out);

// The result of a call that moves data: raises what -EPIPE of a write and -EFBIG come with.
s64 transfer_failed(const struct file *f, s64 error, bool write);

// A wait that a signal broke off: the call is restarted if the handler allows.
static inline s64 restartable(s64 result)
{
    return result == -EINTR ? -ERESTARTSYS : result;
}
