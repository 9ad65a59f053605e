// SPDX-License-Identifier: MIT
// What scenarios about files need: the upper half of the kernel, user memory, short forms of calls.
#pragma once
#include "host.h"
#include "vfs/file.h"
#include "vm/space.h"

// For host_setup: vm, vfs, pipes, and a tmpfs as the root.
void world_setup(void);
// That, the buffer cache, a file system's own start, and /m to mount it on.
void world_setup_disks(void (*fs_init)(void));
struct disk *world_disk_create(const char *name, u64 size); // with a cache, which is never freed

// The device's file system appears at /m, and goes.
int world_mount(const char *source, const char *type, u32 flags, const char *options);
void world_unmount(void);

// Gives the running thread, and those that it spawns, an address space with `size` bytes of fresh
// user memory at the address returned, of which no page is present yet; end takes it away.
uaddr_t world_user_begin(u64 size);
void world_user_end(void);
// The running thread goes on in `s`, whose reference it has; NULL: in none.
void world_space_set(struct vm_space *s);

// read(2), write(2) on user memory, for the running thread.
ssize_t world_read(struct file *f, uaddr_t to, size_t n);
ssize_t world_write(struct file *f, uaddr_t from, size_t n);
// pwrite(2), of bytes of our own.
ssize_t world_pwrite(struct file *f, void *bytes, size_t n, u64 at);
// Makes a file of zeroes, of `size` bytes rounded up to 1 KiB.
int world_file_make(const char *path, u64 size);
