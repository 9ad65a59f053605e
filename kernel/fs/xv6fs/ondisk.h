// SPDX-License-Identifier: MIT
// The layout of the xv6 file system, and what can be decided from it alone (PURE).
//
//     block 0   boot, never touched
//           1   superblock
//               log: a header, then copies of blocks
//               inodes, 16 in a block; number 0 is not used, 1 is the root
//               bitmap, one bit for each block of the disk; set: in use
//               data
//
// Numbers are little-endian, as RISC-V is. Everything read from a disk may be hostile.
#pragma once
#include "lib/macro.h"
#include "lib/types.h"

#define XV6FS_MAGIC      0x10203040
#define XV6FS_BLOCK      1024 // bytes
#define XV6FS_SHIFT      10
#define XV6FS_ROOT       1
#define XV6FS_NAME_MAX   14
#define XV6FS_DIRECT     11
#define XV6FS_SLOTS      256 // block numbers in an indirect block
#define XV6FS_MAX_BLOCKS (XV6FS_DIRECT + XV6FS_SLOTS + XV6FS_SLOTS * XV6FS_SLOTS)
#define XV6FS_MAX_SIZE   ((u64)XV6FS_MAX_BLOCKS * XV6FS_BLOCK)
#define XV6FS_MAX_INODES 65536 // a directory entry's number has 16 bits
#define XV6FS_LINK_MAX   INT16_MAX
#define XV6FS_OP_BLOCKS  10 // that one operation may change

enum { XV6FS_FREE, XV6FS_DIR, XV6FS_FILE, XV6FS_DEVICE, XV6FS_SYMLINK }; // xv6fs_dinode.type

struct xv6fs_super {
    u32 magic, size, nblocks, ninodes, nlog, logstart, inodestart, bmapstart;
};
static_assert(sizeof(struct xv6fs_super) == 32, "superblock");

// The log's header: how many blocks follow it, and where each belongs. While `count` is not 0 they
// are the truth.
#define XV6FS_LOG_MAX (XV6FS_BLOCK / 4 - 1)
struct xv6fs_log_header {
    u32 count;
    u32 block[XV6FS_LOG_MAX];
};
static_assert(sizeof(struct xv6fs_log_header) == XV6FS_BLOCK, "log header");
// A transaction is no longer than this, so that what counts of the header is one sector, which the
// disk writes all or not at all.
#define XV6FS_LOG_ROOM 127

struct xv6fs_dinode {
    s16 type, major, minor, nlink;
    u32 size;                    // bytes
    u32 addrs[XV6FS_DIRECT + 2]; // direct, single indirect, double indirect; 0: a hole
};
static_assert(sizeof(struct xv6fs_dinode) == 64, "inode");
#define XV6FS_INODES_PER_BLOCK (XV6FS_BLOCK / sizeof(struct xv6fs_dinode))

struct xv6fs_dirent {
    u16 inum;                  // 0: no entry
    char name[XV6FS_NAME_MAX]; // padded with NULs, without one if it is as long as this
};
static_assert(sizeof(struct xv6fs_dirent) == 16, "directory entry");

// Where things are; valid for the device.
struct xv6fs_layout {
    u32 size;       // blocks
    u32 inodes;     // numbers below it
    u32 log_start;  // the header
    u32 log_copies; // blocks behind it, at least XV6FS_OP_BLOCKS
    u32 inode_start, bitmap_start, data_start;
};

// 0; -EINVAL: not this file system; -EUCLEAN: one that cannot be, or not on a device of that size.
int xv6fs_layout_read(const struct xv6fs_super *s, u64 device_blocks, struct xv6fs_layout *out);
// May the log's header be replayed? 0, -EUCLEAN.
int xv6fs_log_check(const struct xv6fs_layout *l, const struct xv6fs_log_header *h);
static inline bool xv6fs_is_data(const struct xv6fs_layout *l, u32 block)
{
    return block >= l->data_start && block < l->size;
}

// The way to a file's block: path[0] is a slot of addrs, path[1] and path[2] of the indirect blocks
// below. How many indirect blocks: 0..2; -EFBIG.
int xv6fs_path(u64 block, u32 path[3]);
u32 xv6fs_name_length(const struct xv6fs_dirent *e);
// An inode that may be: 0, -EUCLEAN.
int xv6fs_dinode_check(const struct xv6fs_dinode *d);
// The first block of a directory: "." is `ino`; *parent is "..". 0, -EUCLEAN.
int xv6fs_dots_check(const struct xv6fs_dirent *first, u32 ino, u32 *parent);
