// SPDX-License-Identifier: MIT
// A file system in memory; see docs/tmpfs.md.
#pragma once
#include "vfs/path.h"

void tmpfs_init(void); // registers "tmpfs" and "ramfs"
// A fresh superblock (as mount does); options as in mount(2) or NULL. -EINVAL, -ENOMEM.
int tmpfs_create(const char *options, struct superblock **out);

// memfd_create(2), of a name of at most MEMFD_NAME_MAX bytes; -ENOMEM.
#define MEMFD_NAME_MAX 249
int tmpfs_memfd(const char *name, u32 flags, struct file **out);
// fcntl(2), F_GET_SEALS and F_ADD_SEALS: -EINVAL -EPERM -EBUSY.
int tmpfs_seals_get(const struct file *f);
int tmpfs_seals_add(struct file *f, u32 seals);
