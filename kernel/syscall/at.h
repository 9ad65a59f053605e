// SPDX-License-Identifier: MIT
// The file that a call on attributes means: named by a path, or a descriptor's own.
#pragma once
#include "syscall/args.h"

struct at_file {
    struct inode *inode;
    struct path path;  // mount NULL: a file without a path (pipe)
    struct file *file; // by descriptor: holds the references
};

// By path; with AT_EMPTY_PATH an empty one means `dirfd` itself, whatever it is (O_PATH too).
// -EFAULT and the errors of a path walk; at_file_end() it after 0.
int at_file_find(struct at_file *a, u64 dirfd, uaddr_t name, u32 at_flags);
// By descriptor; O_PATH ones only if `any`. -EBADF.
int at_file_of_fd(struct at_file *a, u64 fd, bool any);
// Puts it and returns `result`.
s64 at_file_end(struct at_file *a, s64 result);
// 0 or -EROFS.
int at_file_may_write(const struct at_file *a);
