// SPDX-License-Identifier: MIT
// The layout of ext2, ext3 and ext4 on disk. All fields are little-endian, as RISC-V is.
#pragma once
#include "lib/macro.h"
#include "lib/types.h"

#define EXT4_MAGIC       0xEF53
#define EXT4_SUPER_AT    1024 // bytes from the start of the device
#define EXT4_ROOT_INO    2
#define EXT4_JOURNAL_INO 8
#define EXT4_FIRST_INO   11 // revision 0
#define EXT4_LINK_MAX    65000
#define EXT4_NAME_MAX    255

enum { // compatible: unknown ones are ignored
    EXT4_COMPAT_DIR_PREALLOC = 0x1,
    EXT4_COMPAT_HAS_JOURNAL = 0x4,
    EXT4_COMPAT_EXT_ATTR = 0x8,
    EXT4_COMPAT_RESIZE_INODE = 0x10,
    EXT4_COMPAT_DIR_INDEX = 0x20,
    EXT4_COMPAT_SPARSE_SUPER2 = 0x200,
    EXT4_COMPAT_FAST_COMMIT = 0x400,
    EXT4_COMPAT_STABLE_INODES = 0x800,
    EXT4_COMPAT_ORPHAN_FILE = 0x1000,
};

enum { // incompatible: unknown ones refuse the mount
    EXT4_INCOMPAT_COMPRESSION = 0x1,
    EXT4_INCOMPAT_FILETYPE = 0x2,
    EXT4_INCOMPAT_RECOVER = 0x4,
    EXT4_INCOMPAT_JOURNAL_DEV = 0x8,
    EXT4_INCOMPAT_META_BG = 0x10,
    EXT4_INCOMPAT_EXTENTS = 0x40,
    EXT4_INCOMPAT_64BIT = 0x80,
    EXT4_INCOMPAT_MMP = 0x100,
    EXT4_INCOMPAT_FLEX_BG = 0x200,
    EXT4_INCOMPAT_EA_INODE = 0x400,
    EXT4_INCOMPAT_DIRDATA = 0x1000,
    EXT4_INCOMPAT_CSUM_SEED = 0x2000,
    EXT4_INCOMPAT_LARGEDIR = 0x4000,
    EXT4_INCOMPAT_INLINE_DATA = 0x8000,
    EXT4_INCOMPAT_ENCRYPT = 0x10000,
    EXT4_INCOMPAT_CASEFOLD = 0x20000,
};

enum { // read-only compatible: unknown ones allow reading
    EXT4_RO_SPARSE_SUPER = 0x1,
    EXT4_RO_LARGE_FILE = 0x2,
    EXT4_RO_BTREE_DIR = 0x4,
    EXT4_RO_HUGE_FILE = 0x8,
    EXT4_RO_GDT_CSUM = 0x10, // uninit_bg: crc16
    EXT4_RO_DIR_NLINK = 0x20,
    EXT4_RO_EXTRA_ISIZE = 0x40,
    EXT4_RO_QUOTA = 0x100,
    EXT4_RO_BIGALLOC = 0x200,
    EXT4_RO_METADATA_CSUM = 0x400,
    EXT4_RO_READONLY = 0x1000,
    EXT4_RO_PROJECT = 0x2000,
    EXT4_RO_VERITY = 0x8000,
    EXT4_RO_ORPHAN_PRESENT = 0x10000,
};

enum { EXT4_STATE_VALID = 1, EXT4_STATE_ERROR = 2, EXT4_STATE_ORPHAN = 4 };   // s_state
enum { EXT4_ERRORS_CONTINUE = 1, EXT4_ERRORS_RO = 2, EXT4_ERRORS_PANIC = 3 }; // s_errors

struct ext4_super { // many fields that the kernel has no use for are not named
    u32 s_inodes_count;
    u32 s_blocks_count_lo;
    u32 s_r_blocks_count_lo;
    u32 s_free_blocks_count_lo;
    u32 s_free_inodes_count;
    u32 s_first_data_block; // 1 for 1 KiB blocks, else 0
    u32 s_log_block_size;   // block size = 1024 << this
    u32 s_log_cluster_size;
    u32 s_blocks_per_group;
    u32 s_clusters_per_group;
    u32 s_inodes_per_group;
    u32 s_mtime;
    u32 s_wtime;
    u16 s_mnt_count;
    u16 s_max_mnt_count;
    u16 s_magic;
    u16 s_state;
    u16 s_errors;
    u16 s_minor_rev_level;
    u32 s_lastcheck;
    u8 unused1[8];
    u32 s_rev_level; // 0: fixed inode size 128, no features
    u16 s_def_resuid;
    u16 s_def_resgid;
    u32 s_first_ino;
    u16 s_inode_size;
    u16 s_block_group_nr;
    u32 s_feature_compat;
    u32 s_feature_incompat;
    u32 s_feature_ro_compat;
    u8 s_uuid[16];
    u8 unused2[86];
    u16 s_reserved_gdt_blocks;
    u8 s_journal_uuid[16];
    u32 s_journal_inum;
    u32 s_journal_dev;
    u32 s_last_orphan; // head of the orphan list
    u32 s_hash_seed[4];
    u8 s_def_hash_version;
    u8 s_jnl_backup_type;
    u16 s_desc_size; // with 64BIT
    u32 s_default_mount_opts;
    u32 s_first_meta_bg;
    u8 unused3[72];
    u32 s_blocks_count_hi;
    u32 s_r_blocks_count_hi;
    u32 s_free_blocks_count_hi;
    u8 unused4[4];
    u32 s_flags; // EXT4_SFLAG_*
    u16 s_raid_stride;
    u16 s_mmp_update_interval; // seconds
    u64 s_mmp_block;
    u8 unused5[36];
    u32 s_error_count;
    u32 s_first_error_time;
    u32 s_first_error_ino;
    u64 s_first_error_block;
    u8 unused6[36];
    u32 s_last_error_time;
    u32 s_last_error_ino;
    u32 s_last_error_line;
    u64 s_last_error_block;
    u8 s_last_error_func[28];
    u32 s_balance; // of s_last_error_func, mostly free: see csum.c; the first sector ends
    u8 s_mount_opts[64];
    u8 unused7[8];
    u32 s_overhead_blocks;
    u32 s_backup_bgs[2]; // sparse_super2
    u8 unused8[28];
    u32 s_checksum_seed; // with CSUM_SEED
    u8 s_wtime_hi;
    u8 unused9[11];
    u32 s_orphan_file_inum;
    u32 s_reserved[94];
    u32 s_checksum; // crc32c of all before
};
static_assert(sizeof(struct ext4_super) == 1024, "superblock");
static_assert(offsetof(struct ext4_super, s_mount_opts) == 512, "first sector");

enum { EXT4_SFLAG_SIGNED_HASH = 1, EXT4_SFLAG_UNSIGNED_HASH = 2 };
enum { // s_default_mount_opts
    EXT4_DEFM_JMODE_DATA = 0x20,
    EXT4_DEFM_JMODE_ORDERED = 0x40,
    EXT4_DEFM_JMODE_WBACK = 0x60,
};

struct ext4_group_desc { // 32 bytes without 64BIT
    u32 bg_block_bitmap_lo;
    u32 bg_inode_bitmap_lo;
    u32 bg_inode_table_lo;
    u16 bg_free_blocks_count_lo;
    u16 bg_free_inodes_count_lo;
    u16 bg_used_dirs_count_lo;
    u16 bg_flags; // EXT4_BG_*
    u32 bg_exclude_bitmap_lo;
    u16 bg_block_bitmap_csum_lo;
    u16 bg_inode_bitmap_csum_lo;
    u16 bg_itable_unused_lo;
    u16 bg_checksum;
    u32 bg_block_bitmap_hi;
    u32 bg_inode_bitmap_hi;
    u32 bg_inode_table_hi;
    u16 bg_free_blocks_count_hi;
    u16 bg_free_inodes_count_hi;
    u16 bg_used_dirs_count_hi;
    u16 bg_itable_unused_hi;
    u32 bg_exclude_bitmap_hi;
    u16 bg_block_bitmap_csum_hi;
    u16 bg_inode_bitmap_csum_hi;
    u32 bg_reserved;
};
static_assert(sizeof(struct ext4_group_desc) == 64, "group descriptor");

enum { EXT4_BG_INODE_UNINIT = 1, EXT4_BG_BLOCK_UNINIT = 2, EXT4_BG_INODE_ZEROED = 4 };

struct ext4_dinode {
    u16 i_mode;
    u16 i_uid_lo;
    u32 i_size_lo;
    u32 i_atime;
    u32 i_ctime;
    u32 i_mtime;
    u32 i_dtime; // of orphans: the next in the list
    u16 i_gid_lo;
    u16 i_links_count;
    u32 i_blocks_lo; // 512-byte units, or blocks with EXT4_HUGE_FILE_FL
    u32 i_flags;     // EXT4_*_FL
    u32 i_version_lo;
    u32 i_block[15]; // block map, extent root, short link, or inline data
    u32 i_generation;
    u32 i_file_acl_lo;
    u32 i_size_hi;
    u32 i_obso_faddr;
    u16 i_blocks_hi;
    u16 i_file_acl_hi;
    u16 i_uid_hi;
    u16 i_gid_hi;
    u16 i_checksum_lo;
    u16 i_reserved;
    u16 i_extra_isize; // bytes used from here on; all before is 128 bytes
    u16 i_checksum_hi;
    u32 i_ctime_extra; // nanoseconds << 2 | two more bits of seconds
    u32 i_mtime_extra;
    u32 i_atime_extra;
    u32 i_crtime;
    u32 i_crtime_extra;
    u32 i_version_hi;
    u32 i_projid;
};
static_assert(sizeof(struct ext4_dinode) == 160, "inode");
#define EXT4_GOOD_OLD_INODE_SIZE 128

enum {
    EXT4_SYNC_FL = 0x8,
    EXT4_IMMUTABLE_FL = 0x10,
    EXT4_APPEND_FL = 0x20,
    EXT4_NODUMP_FL = 0x40,
    EXT4_NOATIME_FL = 0x80,
    EXT4_ENCRYPT_FL = 0x800,
    EXT4_INDEX_FL = 0x1000, // hashed directory
    EXT4_JOURNAL_DATA_FL = 0x4000,
    EXT4_DIRSYNC_FL = 0x10000,
    EXT4_TOPDIR_FL = 0x20000,
    EXT4_HUGE_FILE_FL = 0x40000,
    EXT4_EXTENTS_FL = 0x80000,
    EXT4_VERITY_FL = 0x100000,
    EXT4_EA_INODE_FL = 0x200000,
    EXT4_INLINE_DATA_FL = 0x10000000,
    EXT4_CASEFOLD_FL = 0x40000000,
};

/* Extent trees: a header, then entries, in the inode (4 of them) or a block */

#define EXT4_EXTENT_MAGIC     0xF30A
#define EXT4_EXTENT_DEPTH_MAX 5
#define EXT4_EXTENT_INIT_MAX  32768 // blocks; a longer ee_len: unwritten, ee_len - 32768 blocks

struct ext4_extent_header {
    u16 eh_magic;
    u16 eh_entries;
    u16 eh_max;
    u16 eh_depth; // 0: leaf
    u32 eh_generation;
};

struct ext4_extent_index {
    u32 ei_block; // covers logical blocks from here on
    u32 ei_leaf_lo;
    u16 ei_leaf_hi;
    u16 ei_unused;
};

struct ext4_extent {
    u32 ee_block;
    u16 ee_len;
    u16 ee_start_hi;
    u32 ee_start_lo;
};
static_assert(sizeof(struct ext4_extent_header) == 12 && sizeof(struct ext4_extent_index) == 12 &&
                  sizeof(struct ext4_extent) == 12,
              "extent tree");

struct ext4_extent_tail { // after the last possible entry of a block, with METADATA_CSUM
    u32 et_checksum;
};

/* Directories */

struct ext4_dirent {
    u32 inode;   // 0: unused
    u16 rec_len; // to the next; 0 or 65535 for a whole 64 KiB block
    u8 name_len;
    u8 file_type; // EXT4_FT_* with FILETYPE, else high byte of the name length
    char name[];
};
enum {
    EXT4_FT_UNKNOWN,
    EXT4_FT_REG,
    EXT4_FT_DIR,
    EXT4_FT_CHR,
    EXT4_FT_BLK,
    EXT4_FT_FIFO,
    EXT4_FT_SOCK,
    EXT4_FT_LINK,
    EXT4_FT_CSUM = 0xDE, // the tail, a dirent without inode and name
};

struct ext4_dir_tail { // last 12 bytes of each leaf block with METADATA_CSUM
    u32 det_reserved_zero1;
    u16 det_rec_len; // 12
    u8 det_reserved_zero2;
    u8 det_reserved_ft; // EXT4_FT_CSUM
    u32 det_checksum;
};
static_assert(sizeof(struct ext4_dir_tail) == 12, "directory tail");

enum { // hash versions of an index; the superblock's SFLAG says whether signed
    EXT4_HASH_LEGACY,
    EXT4_HASH_HALF_MD4,
    EXT4_HASH_TEA,
    EXT4_HASH_LEGACY_UNSIGNED,
    EXT4_HASH_HALF_MD4_UNSIGNED,
    EXT4_HASH_TEA_UNSIGNED,
    EXT4_HASH_SIPHASH,
};

struct ext4_dx_root_info { // in the root block, after "." (12 bytes) and ".." (12 bytes)
    u32 reserved_zero;
    u8 hash_version;
    u8 info_length; // 8
    u8 indirect_levels;
    u8 unused_flags;
};

struct ext4_dx_countlimit { // in place of the first entry's hash, which is 0
    u16 limit;
    u16 count;
};

struct ext4_dx_entry {
    u32 hash; // the lowest of its block; bit 0: goes on from the block before
    u32 block;
};

struct ext4_dx_tail { // after the last possible entry with METADATA_CSUM
    u32 dt_reserved;
    u32 dt_checksum;
};

/* Extended attributes */

#define EXT4_XATTR_MAGIC 0xEA020000

struct ext4_xattr_header { // of a block; in the inode only the magic
    u32 h_magic;
    u32 h_refcount;
    u32 h_blocks;
    u32 h_hash;
    u32 h_checksum;
    u32 h_reserved[3];
};

struct ext4_xattr_entry {
    u8 e_name_len;
    u8 e_name_index;
    u16 e_value_offs;
    u32 e_value_inum;
    u32 e_value_size;
    u32 e_hash;
    char e_name[];
};
static_assert(sizeof(struct ext4_xattr_header) == 32 && sizeof(struct ext4_xattr_entry) == 16,
              "extended attributes");

/* Multiple mount protection */

#define EXT4_MMP_MAGIC     0x004D4D50
#define EXT4_MMP_SEQ_CLEAN 0xFF4D4D50
#define EXT4_MMP_SEQ_FSCK  0xE24D4D50
#define EXT4_MMP_SEQ_MAX   0xE24D4D4F

struct ext4_mmp {
    u32 mmp_magic;
    u32 mmp_seq;
    u64 mmp_time;
    char mmp_nodename[64];
    char mmp_bdevname[32];
    u16 mmp_check_interval;
    u16 mmp_pad1;
    u32 mmp_pad2[98];
    u32 mmp_balance; // of mmp_pad2, as in the superblock
    u32 mmp_pad3[127];
    u32 mmp_checksum;
};
static_assert(sizeof(struct ext4_mmp) == 1024, "multiple mount protection");
static_assert(offsetof(struct ext4_mmp, mmp_pad3) == 512, "first sector");

#define EXT4_ORPHAN_BLOCK_MAGIC 0x0B10CA04

struct ext4_orphan_tail { // at the end of each block of the orphan file
    u32 ob_magic;
    u32 ob_checksum;
};
