// SPDX-License-Identifier: MIT
// What fstat() and stat() report, in xv6's shape.
#pragma once

#include "kernel/types.h"

#define T_DIR     1
#define T_FILE    2
#define T_DEVICE  3
#define T_SYMLINK 4

struct stat {
    int dev;     // device that holds the file
    uint ino;    // inode number, its low 32 bits
    short type;  // T_*
    short nlink; // number of directory entries that name it
    uint64 size; // bytes
};
