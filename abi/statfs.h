// SPDX-License-Identifier: MIT
// File-system statistics and magic numbers.
#pragma once

#include "abi/base.h"

#define TMPFS_MAGIC         0x1021994
#define RAMFS_MAGIC         0x858458f6U
#define PROC_SUPER_MAGIC    0x9fa0
#define SYSFS_MAGIC         0x62656572
#define DEVPTS_SUPER_MAGIC  0x1cd1
#define EXT4_SUPER_MAGIC    0xef53
#define MSDOS_SUPER_MAGIC   0x4d44
#define ISOFS_SUPER_MAGIC   0x9660
#define SOCKFS_MAGIC        0x534f434b
#define V9FS_MAGIC          0x1021997
#define NFS_SUPER_MAGIC     0x6969
#define CGROUP2_SUPER_MAGIC 0x63677270
#define DEBUGFS_MAGIC       0x64626720
#define PIPEFS_MAGIC        0x50495045
#define ANON_INODE_FS_MAGIC 0x09041934
#define MQUEUE_MAGIC        0x19800202
#define XV6FS_MAGIC         0x10203040

#define ST_RDONLY      0x1
#define ST_NOSUID      0x2
#define ST_NODEV       0x4
#define ST_NOEXEC      0x8
#define ST_SYNCHRONOUS 0x10
#define ST_MANDLOCK    0x40
#define ST_NOATIME     0x400
#define ST_NODIRATIME  0x800
#define ST_RELATIME    0x1000
#define ST_VALID       0x20 /* f_flags is filled in */

struct statfs64 {
    abi_s64 f_type;
    abi_s64 f_bsize; /* bytes */
    abi_u64 f_blocks;
    abi_u64 f_bfree;
    abi_u64 f_bavail;
    abi_u64 f_files;
    abi_u64 f_ffree;
    abi_s32 f_fsid[2];
    abi_s64 f_namelen;
    abi_s64 f_frsize;
    abi_s64 f_flags; /* ST_* */
    abi_s64 f_spare[4];
};
_Static_assert(sizeof(struct statfs64) == 120, "statfs64");
_Static_assert(__builtin_offsetof(struct statfs64, f_blocks) == 16, "statfs64.f_blocks");
_Static_assert(__builtin_offsetof(struct statfs64, f_fsid) == 56, "statfs64.f_fsid");
_Static_assert(__builtin_offsetof(struct statfs64, f_flags) == 80, "statfs64.f_flags");
