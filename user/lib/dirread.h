// SPDX-License-Identifier: MIT
// read() on a directory, as xv6 programs expect it.
#pragma once

// Fills `buf` with as many whole 16-byte entries as fit `n` bytes and the directory still has.
// Returns the bytes filled, 0 at the end, -EINVAL if not even one fits, or the kernel's -errno.
int directory_read(int fd, void *buf, int n);
