// SPDX-License-Identifier: MIT
// Damages images of ext2, ext3 and ext4 where it hurts. What is damaged, and how, a stream of
// choices decides: the simulated machine's randomness, or the bytes of a fuzzer's input.
#pragma once
#include "lib/types.h"

enum ext4_damage {
    DAMAGE_SUPER,   // any number of the superblock
    DAMAGE_GROUP,   // of a descriptor
    DAMAGE_BITMAP,  // used blocks or inodes that are free, and the other way round
    DAMAGE_MAP,     // extents and pointers: loops, overlaps, depths, wild and absurd ones
    DAMAGE_COUNT,   // sizes, links, blocks, free and used ones
    DAMAGE_CROSS,   // blocks that two files have, or a file and the file system
    DAMAGE_SUM,     // checksums
    DAMAGE_CYCLE,   // directories in themselves, in two places, with a wrong ".."
    DAMAGE_ENTRY,   // entries of directories and of their indexes
    DAMAGE_INODE,   // any number of an inode
    DAMAGE_ORPHAN,  // lists and files of orphans
    DAMAGE_XATTR,   // in inodes and in blocks
    DAMAGE_JOURNAL, // its superblock, descriptors, revokes, commits
    DAMAGE_BLOCK,   // a block that is a copy of another, or noise
    DAMAGE_KINDS,
};

extern const char *const ext4_damage_names[DAMAGE_KINDS];

// The image is that of a good file system, in which as much can be damaged as one likes. below(n)
// chooses one of n.
void ext4_damage_begin(u8 *image, u64 size, u64 (*below)(u64 n));
void ext4_damage(enum ext4_damage kind);

// While it is set, the kernel finds every checksum right (a wrong one would hide what is behind).
extern bool ext4_damage_trust;
