// SPDX-License-Identifier: MIT
// A file system in memory; see docs/tmpfs.md.
#pragma once
#include "vfs/path.h"

void tmpfs_init(void); // registers "tmpfs" and "ramfs"
// A fresh superblock (as mount does); options as in mount(2) or NULL. -EINVAL, -ENOMEM.
int tmpfs_create(const char *options, struct superblock **out);

// Of such a superblock, for file systems that keep their names here: inode_ops, superblock_ops.
int tmpfs_lookup(struct inode *dir, const struct name *name, struct inode **out);
int tmpfs_make(struct inode *dir, const struct name *name, const struct create_args *args,
               struct inode **out);
int tmpfs_unlink(struct inode *dir, const struct name *name, struct inode *victim);
void tmpfs_evict(struct inode *i);

// memfd_create(2), of a name of at most MEMFD_NAME_MAX bytes; -ENOMEM.
#define MEMFD_NAME_MAX 249
int tmpfs_memfd(const char *name, u32 flags, struct file **out);
// fcntl(2), F_GET_SEALS and F_ADD_SEALS: -EINVAL -EPERM -EBUSY.
int tmpfs_seals_get(const struct file *f);
int tmpfs_seals_add(struct file *f, u32 seals);
