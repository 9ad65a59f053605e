// SPDX-License-Identifier: MIT
// Advisory locks: flock(2), POSIX fcntl locks, open-file-description locks.
#pragma once
#include "vfs/file.h"

// flock(2): operation is LOCK_SH, LOCK_EX or LOCK_UN, maybe with LOCK_NB. A lock of the other kind
// is given up first, and lost if the call fails.
// `pid` is for /proc/locks. 0, -EWOULDBLOCK, -EINTR, -ENOMEM.
int file_flock(struct file *f, int operation, pid_t pid);

// A byte range; end is inclusive, INT64_MAX for "to the end, wherever it moves".
struct file_range {
    loff_t start, end;
    int type;  // F_RDLCK, F_WRLCK, F_UNLCK
    pid_t pid; // of the owner, for F_GETLK; -1 for open-file-description locks
};

// fcntl locks. `owner` is the descriptor table (POSIX) or the file itself (F_OFD_*).
// 0, -EAGAIN (when not waiting), -EINTR, -ENOMEM.
int file_lock_set(struct file *f, const void *owner, const struct file_range *range, bool wait);
// The first lock that would be in the way, or type F_UNLCK; in place.
void file_lock_get(struct file *f, const void *owner, struct file_range *range);

// All locks of an owner on the file's inode go: a descriptor of the table was closed.
void file_locks_close(struct file *f, const void *owner);
// The last reference to the file is gone: its flock and open-file-description locks go.
void file_locks_release(struct file *f);

// Locks that are held, for /proc/locks: how many there are, the first `room` of them in *out.
struct file_lock_info {
    struct file_range range;
    u64 ino;
    dev_t dev;
    bool flock;
};
unsigned file_locks_all(struct file_lock_info *out, unsigned room);
