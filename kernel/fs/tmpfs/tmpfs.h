// SPDX-License-Identifier: MIT
// A file system in memory; see docs/tmpfs.md.
#pragma once
#include "vfs/path.h"

void tmpfs_init(void); // registers "tmpfs" and "ramfs"
// A fresh superblock (as mount does); options as in mount(2) or NULL. -EINVAL, -ENOMEM.
int tmpfs_create(const char *options, struct superblock **out);
