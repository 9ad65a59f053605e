// SPDX-License-Identifier: MIT
// What scenarios about files need: the upper half of the kernel, user memory, short forms of calls.
#pragma once
#include "host.h"
#include "vfs/file.h"
#include "vm/space.h"

// For host_setup: vm, vfs, pipes, and a tmpfs as the root.
void world_setup(void);

// Gives the running thread, and those that it spawns, an address space with `size` bytes of fresh
// user memory at the address returned, of which no page is present yet; end takes it away.
uaddr_t world_user_begin(u64 size);
void world_user_end(void);

// read(2), write(2) on user memory, for the running thread.
ssize_t world_read(struct file *f, uaddr_t to, size_t n);
ssize_t world_write(struct file *f, uaddr_t from, size_t n);
