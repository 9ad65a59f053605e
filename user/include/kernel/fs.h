// SPDX-License-Identifier: MIT
// The directory entry that read() on a directory yields, and the xv6 file system's block size.
#pragma once

#include "kernel/types.h"

#define ROOTINO 1    // inode number of the root directory
#define BSIZE   1024 // bytes of a block
#define DIRSIZ  14   // bytes of a name; a full-length name has no terminating zero

struct dirent {
    ushort inum; // 1..65535, or 0 for a free entry
    char name[DIRSIZ];
};
