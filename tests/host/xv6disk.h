// SPDX-License-Identifier: MIT
// Disks with the xv6 file system, and mounting them at /m.
#pragma once
#include "disk.h"
#include "world.h"

// A disk with an empty file system; its cache is never freed.
struct disk *xv6_disk_create(const char *name, u32 blocks, u32 inodes, u32 log);
int xv6_mount(const char *source);
void xv6_image_check(const struct disk *d, bool crashed); // as xv6_check
