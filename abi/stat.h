// SPDX-License-Identifier: MIT
// File modes, struct stat and statx, and the encoding of device numbers.
#pragma once

#include "abi/base.h"

#define S_IFMT    0170000
#define S_IFSOCK  0140000
#define S_IFLNK   0120000
#define S_IFREG   0100000
#define S_IFBLK   060000
#define S_IFDIR   040000
#define S_IFCHR   020000
#define S_IFIFO   010000
#define S_ISUID   04000
#define S_ISGID   02000
#define S_ISVTX   01000
#define S_IRWXU   0700
#define S_IRUSR   0400
#define S_IWUSR   0200
#define S_IXUSR   0100
#define S_IRWXG   070
#define S_IRGRP   040
#define S_IWGRP   020
#define S_IXGRP   010
#define S_IRWXO   07
#define S_IROTH   04
#define S_IWOTH   02
#define S_IXOTH   01
#define S_IRWXUGO 0777
#define S_IALLUGO 07777

#define S_ISSOCK(mode) (((mode)&S_IFMT) == S_IFSOCK)
#define S_ISLNK(mode)  (((mode)&S_IFMT) == S_IFLNK)
#define S_ISREG(mode)  (((mode)&S_IFMT) == S_IFREG)
#define S_ISBLK(mode)  (((mode)&S_IFMT) == S_IFBLK)
#define S_ISDIR(mode)  (((mode)&S_IFMT) == S_IFDIR)
#define S_ISCHR(mode)  (((mode)&S_IFMT) == S_IFCHR)
#define S_ISFIFO(mode) (((mode)&S_IFMT) == S_IFIFO)

/* utimensat: values of tv_nsec with a special meaning. */
#define UTIME_NOW  0x3fffffff
#define UTIME_OMIT 0x3ffffffe

/* What newfstatat and fstat fill in; Linux calls it struct stat. */
struct linux_stat {
    abi_u64 st_dev;
    abi_u64 st_ino;
    abi_u32 st_mode;
    abi_u32 st_nlink;
    abi_u32 st_uid;
    abi_u32 st_gid;
    abi_u64 st_rdev;
    abi_u64 pad1;
    abi_s64 st_size;    /* bytes */
    abi_s32 st_blksize; /* bytes */
    abi_s32 pad2;
    abi_s64 st_blocks; /* of 512 bytes */
    abi_s64 st_atime;
    abi_u64 st_atime_nsec;
    abi_s64 st_mtime;
    abi_u64 st_mtime_nsec;
    abi_s64 st_ctime;
    abi_u64 st_ctime_nsec;
    abi_u32 unused[2];
};
_Static_assert(sizeof(struct linux_stat) == 128, "linux_stat");
_Static_assert(__builtin_offsetof(struct linux_stat, st_mode) == 16, "linux_stat.st_mode");
_Static_assert(__builtin_offsetof(struct linux_stat, st_rdev) == 32, "linux_stat.st_rdev");
_Static_assert(__builtin_offsetof(struct linux_stat, st_size) == 48, "linux_stat.st_size");
_Static_assert(__builtin_offsetof(struct linux_stat, st_blocks) == 64, "linux_stat.st_blocks");
_Static_assert(__builtin_offsetof(struct linux_stat, st_atime) == 72, "linux_stat.st_atime");
_Static_assert(__builtin_offsetof(struct linux_stat, st_ctime) == 104, "linux_stat.st_ctime");

#define STATX_TYPE            0x1
#define STATX_MODE            0x2
#define STATX_NLINK           0x4
#define STATX_UID             0x8
#define STATX_GID             0x10
#define STATX_ATIME           0x20
#define STATX_MTIME           0x40
#define STATX_CTIME           0x80
#define STATX_INO             0x100
#define STATX_SIZE            0x200
#define STATX_BLOCKS          0x400
#define STATX_BASIC_STATS     0x7ff
#define STATX_BTIME           0x800
#define STATX_MNT_ID          0x1000
#define STATX_DIOALIGN        0x2000
#define STATX_ALL             0xfff
#define STATX__RESERVED       0x80000000U
#define STATX_ATTR_COMPRESSED 0x4
#define STATX_ATTR_IMMUTABLE  0x10
#define STATX_ATTR_APPEND     0x20
#define STATX_ATTR_NODUMP     0x40
#define STATX_ATTR_ENCRYPTED  0x800
#define STATX_ATTR_AUTOMOUNT  0x1000
#define STATX_ATTR_MOUNT_ROOT 0x2000
#define STATX_ATTR_VERITY     0x100000
#define STATX_ATTR_DAX        0x200000

struct statx_timestamp {
    abi_s64 tv_sec;
    abi_u32 tv_nsec;
    abi_s32 pad;
};
_Static_assert(sizeof(struct statx_timestamp) == 16, "statx_timestamp");

struct statx {
    abi_u32 stx_mask; /* STATX_* fields that are valid */
    abi_u32 stx_blksize;
    abi_u64 stx_attributes;
    abi_u32 stx_nlink;
    abi_u32 stx_uid;
    abi_u32 stx_gid;
    abi_u16 stx_mode;
    abi_u16 pad1;
    abi_u64 stx_ino;
    abi_u64 stx_size;
    abi_u64 stx_blocks; /* of 512 bytes */
    abi_u64 stx_attributes_mask;
    struct statx_timestamp stx_atime;
    struct statx_timestamp stx_btime;
    struct statx_timestamp stx_ctime;
    struct statx_timestamp stx_mtime;
    abi_u32 stx_rdev_major;
    abi_u32 stx_rdev_minor;
    abi_u32 stx_dev_major;
    abi_u32 stx_dev_minor;
    abi_u64 stx_mnt_id;
    abi_u32 stx_dio_mem_align;
    abi_u32 stx_dio_offset_align;
    abi_u64 pad2[12];
};
_Static_assert(sizeof(struct statx) == 256, "statx");
_Static_assert(__builtin_offsetof(struct statx, stx_mode) == 28, "statx.stx_mode");
_Static_assert(__builtin_offsetof(struct statx, stx_size) == 40, "statx.stx_size");
_Static_assert(__builtin_offsetof(struct statx, stx_atime) == 64, "statx.stx_atime");
_Static_assert(__builtin_offsetof(struct statx, stx_rdev_major) == 128, "statx.stx_rdev_major");
_Static_assert(__builtin_offsetof(struct statx, stx_mnt_id) == 144, "statx.stx_mnt_id");

/*
 * A device number: the low 8 bits of the minor, 12 bits of major, then the
 * other bits of the minor. 12-bit majors and 20-bit minors fill 32 bits.
 */
static inline abi_u64 makedev(abi_u32 major, abi_u32 minor)
{
    return (minor & 0xff) | (abi_u64)(major & 0xfff) << 8 | (abi_u64)(minor & 0xfff00) << 12;
}

static inline abi_u32 dev_major(abi_u64 dev)
{
    return dev >> 8 & 0xfff;
}

static inline abi_u32 dev_minor(abi_u64 dev)
{
    return (dev & 0xff) | (dev >> 12 & 0xfff00);
}
