// SPDX-License-Identifier: MIT
// The file systems without storage: devfs, the memory devices.
#pragma once
#include "vfs/path.h"

void memdev_init(void);   // null, zero, full, random, urandom
void blockdev_init(void); // nodes of block devices, registered before and later
void sysfs_init(void);    // registers "sysfs"
void devfs_init(void);    // registers "devtmpfs"; nodes for devices registered before and later
