// SPDX-License-Identifier: MIT
// The xv6 file system's layout on disk, and the directory entry that read() on a directory yields.
#pragma once

#include "kernel/types.h"

#define ROOTINO 1    // inode number of the root directory
#define BSIZE   1024 // bytes of a block
#define DIRSIZ  14   // bytes of a name; a full-length name has no terminating zero
#define FSMAGIC 0x10203040

// Blocks of a file: named in its inode, in one block of numbers, in a block of such blocks.
#define NDIRECT   11
#define NINDIRECT (BSIZE / sizeof(uint))
#define MAXFILE   (NDIRECT + NINDIRECT + NINDIRECT * NINDIRECT)

struct superblock { // block 1
    uint magic;     // FSMAGIC
    uint size;      // blocks of the file system
    uint nblocks;   // of data
    uint ninodes;
    uint nlog;
    uint logstart; // first block of the log
    uint inodestart;
    uint bmapstart;
};

struct dinode {
    short type; // T_*, 0 if free
    short major, minor;
    short nlink;
    uint size;
    uint addrs[NDIRECT + 2];
};

#define IPB           (BSIZE / sizeof(struct dinode)) // inodes of a block
#define IBLOCK(i, sb) ((i) / IPB + (sb).inodestart)
#define BPB           (BSIZE * 8) // bits of a block
#define BBLOCK(b, sb) ((b) / BPB + (sb).bmapstart)

struct dirent {
    ushort inum; // 1..65535, or 0 for a free entry
    char name[DIRSIZ];
};
