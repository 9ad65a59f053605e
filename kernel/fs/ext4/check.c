// SPDX-License-Identifier: MIT
// The superblock: is it one, can this kernel read it, may it write, and what it says.
//
// Nothing else has been read yet, so every number is checked here before it is used as a divisor, a
// size or a count.
#include "base/log.h"
#include "fs/ext4/super.h"
#include "lib/bitmap.h"
#include "lib/crc32.h"
#include "lib/string.h"

#define INCOMPAT_KNOWN                                                              \
    (EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_RECOVER | EXT4_INCOMPAT_META_BG |       \
     EXT4_INCOMPAT_EXTENTS | EXT4_INCOMPAT_64BIT | EXT4_INCOMPAT_FLEX_BG |          \
     EXT4_INCOMPAT_CSUM_SEED | EXT4_INCOMPAT_LARGEDIR | EXT4_INCOMPAT_INLINE_DATA | \
     EXT4_INCOMPAT_EA_INODE | EXT4_INCOMPAT_MMP)
#define RO_KNOWN                                                                          \
    (EXT4_RO_SPARSE_SUPER | EXT4_RO_LARGE_FILE | EXT4_RO_BTREE_DIR | EXT4_RO_HUGE_FILE |  \
     EXT4_RO_GDT_CSUM | EXT4_RO_DIR_NLINK | EXT4_RO_EXTRA_ISIZE | EXT4_RO_METADATA_CSUM | \
     EXT4_RO_ORPHAN_PRESENT)

struct feature {
    u32 bit;
    const char *name;
};

static const struct feature incompat_names[] = {
    {EXT4_INCOMPAT_COMPRESSION, "compression"}, {EXT4_INCOMPAT_JOURNAL_DEV, "journal_dev"},
    {EXT4_INCOMPAT_DIRDATA, "dirdata"},         {EXT4_INCOMPAT_ENCRYPT, "encrypt"},
    {EXT4_INCOMPAT_CASEFOLD, "casefold"},
};
static const struct feature ro_names[] = {
    {EXT4_RO_QUOTA, "quota"},     {EXT4_RO_BIGALLOC, "bigalloc"}, {EXT4_RO_READONLY, "readonly"},
    {EXT4_RO_PROJECT, "project"}, {EXT4_RO_VERITY, "verity"},
};

static bool refuse(const struct ext4 *fs, const char *why)
{
    log_info("ext4 (%s): not mounted: %s", fs->name, why);
    return false;
}

// A line for each feature of `bits`.
static void features_tell(const struct ext4 *fs, const char *what, u32 bits,
                          const struct feature *names, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (bits & names[i].bit)
            log_info("ext4 (%s): %s: feature %s", fs->name, what, names[i].name);
        bits &= ~names[i].bit;
    }
    if (bits)
        log_info("ext4 (%s): %s: unknown features 0x%x", fs->name, what, bits);
}

static bool features_load(struct ext4 *fs, const struct ext4_super *s)
{
    u32 unknown;

    if (s->s_rev_level == 0) {
        fs->compat = fs->incompat = fs->ro_compat = 0;
        return true;
    }
    fs->compat = s->s_feature_compat;
    fs->incompat = s->s_feature_incompat;
    fs->ro_compat = s->s_feature_ro_compat;
    unknown = fs->incompat & ~INCOMPAT_KNOWN;
    features_tell(fs, "not mounted", unknown, incompat_names, ARRAY_SIZE(incompat_names));
    return !unknown;
}

static bool type_fits(const struct ext4 *fs, const char *type)
{
    bool journal = EXT4_HAS_COMPAT(fs, HAS_JOURNAL);
    u32 new =
        fs->incompat & ~(EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_RECOVER | EXT4_INCOMPAT_META_BG);
    u32 new_ro = fs->ro_compat & ~(EXT4_RO_SPARSE_SUPER | EXT4_RO_LARGE_FILE | EXT4_RO_BTREE_DIR);

    if (!strcmp(type, "ext2"))
        return !journal && !new && !new_ro;
    return !strcmp(type, "ext4") || (journal && !new && !new_ro);
}

static bool sizes_load(struct ext4 *fs, const struct ext4_super *s)
{
    if (s->s_log_block_size > 2)
        return refuse(fs, "blocks larger than a page");
    fs->block_shift = 10 + s->s_log_block_size;
    fs->block_size = 1U << fs->block_shift;
    fs->first_block = s->s_first_data_block;
    fs->super_block = EXT4_SUPER_AT >> fs->block_shift;
    fs->inode_size = s->s_rev_level ? s->s_inode_size : EXT4_GOOD_OLD_INODE_SIZE;
    fs->first_ino = s->s_rev_level ? s->s_first_ino : EXT4_FIRST_INO;
    fs->desc_size = 32;
    if (EXT4_HAS_INCOMPAT(fs, 64BIT))
        fs->desc_size = s->s_desc_size;
    if (fs->desc_size != 32 && fs->desc_size != sizeof(struct ext4_group_desc))
        return refuse(fs, "size of descriptors");
    fs->desc_per_block = fs->block_size / fs->desc_size;
    if (fs->inode_size < EXT4_GOOD_OLD_INODE_SIZE || fs->inode_size > fs->block_size ||
        fs->inode_size & (fs->inode_size - 1) || fs->first_ino < EXT4_FIRST_INO)
        return refuse(fs, "size or first number of inodes");
    return fs->first_block == fs->super_block || refuse(fs, "first block");
}

static bool geometry_load(struct ext4 *fs, const struct ext4_super *s)
{
    u64 groups;

    fs->block_count = s->s_blocks_count_lo;
    if (EXT4_HAS_INCOMPAT(fs, 64BIT))
        fs->block_count |= (u64)s->s_blocks_count_hi << 32;
    fs->blocks_per_group = s->s_blocks_per_group;
    fs->inodes_per_group = s->s_inodes_per_group;
    fs->inode_count = s->s_inodes_count;
    if (EXT4_HAS_RO(fs, BIGALLOC))
        fs->cluster_shift = s->s_log_cluster_size - s->s_log_block_size;
    if (fs->cluster_shift > 16)
        return refuse(fs, "size of clusters");
    if (!EXT4_HAS_RO(fs, BIGALLOC) && (fs->blocks_per_group > fs->block_size * 8 ||
                                       fs->blocks_per_group % 8 || fs->blocks_per_group < 256))
        return refuse(fs, "blocks in a group");
    if (!fs->blocks_per_group || fs->inodes_per_group < fs->block_size / fs->inode_size ||
        fs->inodes_per_group > fs->block_size * 8 || fs->inodes_per_group % 8)
        return refuse(fs, "blocks or inodes in a group");
    if (fs->block_count <= fs->first_block ||
        fs->block_count > fs->device->sectors >> (fs->block_shift - SECTOR_SHIFT))
        return refuse(fs, "the file system is larger than the device");
    groups = DIV_ROUND_UP(fs->block_count - fs->first_block, fs->blocks_per_group);
    if (groups * fs->inodes_per_group != fs->inode_count || groups > EXT4_GROUPS_MAX ||
        fs->inode_count < fs->first_ino)
        return refuse(fs, "number of groups or inodes");
    fs->group_count = groups;
    fs->narrow_groups =
        fs->block_count >> 32 ? (0xFFFFFFFFUL - fs->first_block) / fs->blocks_per_group : groups;
    return true;
}

static u64 blocks_of(const struct ext4 *fs, u32 lo, u32 hi)
{
    return EXT4_HAS_INCOMPAT(fs, 64BIT) ? lo | (u64)hi << 32 : lo;
}

static void policy_load(struct ext4 *fs, const struct ext4_super *s)
{
    fs->csum_seed = EXT4_HAS_INCOMPAT(fs, CSUM_SEED) ? s->s_checksum_seed
                                                     : crc32c(~0U, s->s_uuid, sizeof(s->s_uuid));
    memcpy(fs->hash_seed, s->s_hash_seed, sizeof(fs->hash_seed));
    fs->hash_default = s->s_def_hash_version;
    fs->hash_unsigned = (s->s_flags & EXT4_SFLAG_UNSIGNED_HASH) != 0;
    fs->orphan_file_inum = EXT4_HAS_COMPAT(fs, ORPHAN_FILE) ? s->s_orphan_file_inum : 0;
    fs->root_blocks = blocks_of(fs, s->s_r_blocks_count_lo, s->s_r_blocks_count_hi);
    fs->root_blocks = MIN(fs->root_blocks, fs->block_count / 2);
    fs->slack_blocks = MIN(fs->block_count / 50, 4096UL);
    fs->overhead_blocks = s->s_overhead_blocks;
    ext4_super_sealed(fs, s);
}

int ext4_super_load(struct ext4 *fs, const struct ext4_super *s, const char *type)
{
    bool ok = s->s_magic == EXT4_MAGIC || refuse(fs, "no ext2, ext3 or ext4");

    ok = ok && (s->s_rev_level <= 1 || refuse(fs, "revision"));
    ok = ok && features_load(fs, s);
    ok = ok && (type_fits(fs, type) || refuse(fs, "it has features that this type has not"));
    ok = ok && (ext4_super_verify(s) || refuse(fs, "checksum of the superblock"));
    ok = ok && sizes_load(fs, s) && geometry_load(fs, s);
    if (ok)
        policy_load(fs, s);
    return ok ? 0 : -EINVAL;
}

bool ext4_super_writable(const struct ext4 *fs, const struct ext4_super *s)
{
    u32 unknown = fs->ro_compat & ~RO_KNOWN;

    features_tell(fs, "read-only", unknown, ro_names, ARRAY_SIZE(ro_names));
    return !unknown && !fs->device->read_only;
}
