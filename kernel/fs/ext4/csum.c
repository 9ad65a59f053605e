// SPDX-License-Identifier: MIT
// Checksums of ext4's structures (PURE).
//
// With METADATA_CSUM each structure carries a CRC-32C that starts from a seed: the file system's
// (its UUID), or one made from it and an inode's number and generation, so that a block at the
// wrong place does not pass. A sum's own field counts as zero. Without the feature only group
// descriptors may have a sum: a CRC-16, with GDT_CSUM.
#include "fs/ext4/ext4.h"
#include "lib/crc32.h"
#include "lib/string.h"

static bool summed(const struct ext4 *fs)
{
    return EXT4_HAS_RO(fs, METADATA_CSUM);
}

// The sum of `size` bytes at p, of which the `skip` from `hole` on count as zero.
static u32 sum_with_hole(u32 crc, const void *p, size_t size, size_t hole, size_t skip)
{
    static const u8 zeroes[4];

    crc = crc32c(crc, p, hole);
    crc = crc32c(crc, zeroes, skip);
    return crc32c(crc, (const u8 *)p + hole + skip, size - hole - skip);
}

static u32 inode_seed(const struct ext4 *fs, u32 ino, u32 generation)
{
    return crc32c(crc32c(fs->csum_seed, &ino, sizeof(ino)), &generation, sizeof(generation));
}

static u32 seed_of(const struct ext4_inode *i)
{
    return inode_seed(i->inode.sb->private, i->inode.ino, i->generation);
}

/* Superblock */

#define SUPER_SUMMED offsetof(struct ext4_super, s_checksum)

bool ext4_super_verify(const struct ext4_super *s)
{
    if (s->s_rev_level == 0 || !(s->s_feature_ro_compat & EXT4_RO_METADATA_CSUM))
        return true;
    return s->s_checksum == crc32c(~0U, s, SUPER_SUMMED);
}

// The sum is in the second of two sectors, and what changes in the first: a power cut that tears
// them would leave a wrong sum. So the sum is left as it is, and a free word at the end of the
// first sector makes it right. That word and the sum of the bytes before go into the rest's as
// their exclusive or: it has to stay what it is.
static u32 super_balance(const struct ext4_super *s)
{
    return crc32c(~0U, s, offsetof(struct ext4_super, s_balance)) ^ s->s_balance;
}

void ext4_super_sealed(struct ext4 *fs, const struct ext4_super *s)
{
    fs->super_balance = super_balance(s);
    fs->super_checksum = s->s_checksum;
}

void ext4_super_seal(struct ext4 *fs)
{
    struct ext4_super *s = fs->super;

    if (!summed(fs))
        return;
    if (s->s_checksum == fs->super_checksum) {
        s->s_balance ^= fs->super_balance ^ super_balance(s);
    } else { // somebody wrote to the device
        s->s_checksum = crc32c(~0U, s, SUPER_SUMMED);
        ext4_super_sealed(fs, s);
    }
}

/* Group descriptors and bitmaps */

u16 ext4_group_sum(const struct ext4 *fs, u32 group, const struct ext4_group_desc *d)
{
    size_t hole = offsetof(struct ext4_group_desc, bg_checksum), rest = hole + sizeof(u16);
    u16 crc;

    if (!ext4_has_group_sums(fs))
        return d->bg_checksum;
    if (summed(fs))
        return sum_with_hole(crc32c(fs->csum_seed, &group, sizeof(group)), d, fs->desc_size, hole,
                             sizeof(u16));
    crc = crc16(0xffff, fs->super->s_uuid, sizeof(fs->super->s_uuid));
    crc = crc16(crc, &group, sizeof(group));
    crc = crc16(crc, d, hole);
    return crc16(crc, (const u8 *)d + rest, fs->desc_size - rest);
}

static u32 bitmap_sum(const struct ext4 *fs, const void *bits, bool inodes)
{
    return crc32c(fs->csum_seed, bits, (inodes ? fs->inodes_per_group : fs->blocks_per_group) / 8);
}

static u32 bitmap_sum_get(const struct ext4_group_desc *d, bool inodes)
{
    u32 lo = inodes ? d->bg_inode_bitmap_csum_lo : d->bg_block_bitmap_csum_lo;
    u32 hi = inodes ? d->bg_inode_bitmap_csum_hi : d->bg_block_bitmap_csum_hi;

    return lo | hi << 16;
}

static void bitmap_sum_set(const struct ext4 *fs, struct ext4_group_desc *d, bool inodes, u32 sum)
{
    *(inodes ? &d->bg_inode_bitmap_csum_lo : &d->bg_block_bitmap_csum_lo) = sum;
    if (fs->desc_size >= sizeof(*d))
        *(inodes ? &d->bg_inode_bitmap_csum_hi : &d->bg_block_bitmap_csum_hi) = sum >> 16;
}

bool ext4_bitmap_verify(const struct ext4 *fs, const struct ext4_group_desc *d, const void *bits,
                        bool inodes)
{
    u32 mask = fs->desc_size < sizeof(*d) ? 0xffff : ~0U;

    return !summed(fs) || !((bitmap_sum_get(d, inodes) ^ bitmap_sum(fs, bits, inodes)) & mask);
}

void ext4_bitmap_seal(const struct ext4 *fs, struct ext4_group_desc *d, const void *bits,
                      bool inodes)
{
    if (summed(fs))
        bitmap_sum_set(fs, d, inodes, bitmap_sum(fs, bits, inodes));
}

#define FLIP_BYTES 64 // most that are worth it

// The bytes in which the bits differ.
static void flip_make(u8 *change, u32 first, u32 count)
{
    for (u32 bit = first; bit < first + count; bit++)
        change[bit / 8 - first / 8] |= 1U << bit % 8;
}

void ext4_bitmap_flipped(const struct ext4 *fs, struct ext4_group_desc *d, const void *bits,
                         bool inodes, u32 first, u32 count)
{
    u32 all = (inodes ? fs->inodes_per_group : fs->blocks_per_group) / 8;
    u32 bytes = (first + count - 1) / 8 - first / 8 + 1;
    u8 change[FLIP_BYTES] = {0};

    if (bytes > FLIP_BYTES) {
        ext4_bitmap_seal(fs, d, bits, inodes);
        return;
    }
    flip_make(change, first, count);
    if (summed(fs))
        bitmap_sum_set(
            fs, d, inodes,
            crc32c_patch(bitmap_sum_get(d, inodes), change, bytes, all - first / 8 - bytes));
}

/* Inodes */

static bool has_high_sum(const struct ext4 *fs, const struct ext4_dinode *d)
{
    return fs->inode_size > EXT4_GOOD_OLD_INODE_SIZE && d->i_extra_isize >= 4;
}

static u32 inode_sum(const struct ext4 *fs, u32 ino, const struct ext4_dinode *d)
{
    u32 crc = sum_with_hole(inode_seed(fs, ino, d->i_generation), d, EXT4_GOOD_OLD_INODE_SIZE,
                            offsetof(struct ext4_dinode, i_checksum_lo), sizeof(u16));
    const u8 *rest = (const u8 *)d + EXT4_GOOD_OLD_INODE_SIZE;
    u32 size = fs->inode_size - EXT4_GOOD_OLD_INODE_SIZE;

    if (has_high_sum(fs, d))
        return sum_with_hole(crc, rest, size,
                             offsetof(struct ext4_dinode, i_checksum_hi) - EXT4_GOOD_OLD_INODE_SIZE,
                             sizeof(u16));
    return crc32c(crc, rest, size);
}

bool ext4_dinode_verify(const struct ext4 *fs, u32 ino, const struct ext4_dinode *d)
{
    u32 sum;

    if (!summed(fs))
        return true;
    sum = inode_sum(fs, ino, d);
    return d->i_checksum_lo == (sum & 0xffff) &&
           (!has_high_sum(fs, d) || d->i_checksum_hi == sum >> 16);
}

void ext4_dinode_seal(const struct ext4 *fs, u32 ino, struct ext4_dinode *d)
{
    u32 sum;

    if (!summed(fs))
        return;
    sum = inode_sum(fs, ino, d);
    d->i_checksum_lo = sum;
    if (has_high_sum(fs, d))
        d->i_checksum_hi = sum >> 16;
}

/* Blocks of files: extent tree, directories, extended attributes */

u32 ext4_extent_sum(const struct ext4_inode *i, const void *node, const u32 *tail)
{
    return summed(i->inode.sb->private) ? crc32c(seed_of(i), node, (u8 *)tail - (u8 *)node) : *tail;
}

static struct ext4_dir_tail *dir_tail(const struct ext4 *fs, const void *block)
{
    return (struct ext4_dir_tail *)((u8 *)block + fs->block_size - sizeof(struct ext4_dir_tail));
}

static u32 dir_sum(const struct ext4_inode *dir, const void *block, const struct ext4_dir_tail *t)
{
    return crc32c(seed_of(dir), block, (const u8 *)t - (const u8 *)block);
}

bool ext4_dir_verify(const struct ext4_inode *dir, const void *block)
{
    const struct ext4 *fs = dir->inode.sb->private;
    const struct ext4_dir_tail *t = dir_tail(fs, block);

    return !summed(fs) ||
           (!t->det_reserved_zero1 && t->det_rec_len == sizeof(*t) && !t->det_reserved_zero2 &&
            t->det_reserved_ft == EXT4_FT_CSUM && t->det_checksum == dir_sum(dir, block, t));
}

void ext4_dir_seal(const struct ext4_inode *dir, void *block)
{
    const struct ext4 *fs = dir->inode.sb->private;
    struct ext4_dir_tail *t = dir_tail(fs, block);

    if (summed(fs))
        *t = (struct ext4_dir_tail){.det_rec_len = sizeof(*t),
                                    .det_reserved_ft = EXT4_FT_CSUM,
                                    .det_checksum = dir_sum(dir, block, t)};
}

void ext4_dir_reseal(const struct ext4_inode *dir, void *block, const void *change, u32 from, u32 n)
{
    const struct ext4 *fs = dir->inode.sb->private;
    struct ext4_dir_tail *t = dir_tail(fs, block);

    if (summed(fs))
        t->det_checksum =
            crc32c_patch(t->det_checksum, change, n, fs->block_size - sizeof(*t) - from - n);
}

// Where the counts of an index block are: behind an empty entry that spans it, or in the root
// behind ".", ".." and the root's information. 0: it is neither.
static u32 index_counts(const struct ext4 *fs, const void *block)
{
    const struct ext4_dirent *first = block;
    const struct ext4_dirent *second = (const void *)((const u8 *)block + 12);
    const struct ext4_dx_root_info *info = (const void *)((const u8 *)block + 24);

    if (first->rec_len == fs->block_size)
        return 8;
    if (first->rec_len == 12 && second->rec_len == fs->block_size - 12 && !info->reserved_zero &&
        info->info_length == sizeof(*info))
        return 32;
    return 0;
}

// The tail of an index block, and its right sum; NULL if the block's counts make no sense.
static struct ext4_dx_tail *index_tail(const struct ext4_inode *dir, const void *block, u32 *sum)
{
    const struct ext4 *fs = dir->inode.sb->private;
    u32 at = index_counts(fs, block);
    const struct ext4_dx_countlimit *c = (const void *)((const u8 *)block + at);
    u32 end = at + c->limit * sizeof(struct ext4_dx_entry);
    struct ext4_dx_tail *t = (struct ext4_dx_tail *)((u8 *)block + end);

    if (!at || c->count > c->limit || end + sizeof(*t) > fs->block_size)
        return NULL;
    *sum = crc32c(seed_of(dir), block, at + c->count * sizeof(struct ext4_dx_entry));
    *sum = sum_with_hole(*sum, t, sizeof(*t), sizeof(u32), sizeof(u32));
    return t;
}

bool ext4_index_verify(const struct ext4_inode *dir, const void *block)
{
    const struct ext4_dx_tail *t;
    u32 sum;

    if (!summed(dir->inode.sb->private))
        return true;
    t = index_tail(dir, block, &sum);
    return t && t->dt_checksum == sum;
}

void ext4_index_seal(const struct ext4_inode *dir, void *block)
{
    u32 sum;
    struct ext4_dx_tail *t = summed(dir->inode.sb->private) ? index_tail(dir, block, &sum) : NULL;

    if (t)
        t->dt_checksum = sum;
}

u32 ext4_xattr_sum(const struct ext4 *fs, u64 block, const struct ext4_xattr_header *h)
{
    return summed(fs)
               ? sum_with_hole(crc32c(fs->csum_seed, &block, sizeof(block)), h, fs->block_size,
                               offsetof(struct ext4_xattr_header, h_checksum), sizeof(u32))
               : h->h_checksum;
}

/* Orphan file, multiple mount protection */

u32 ext4_orphan_sum(const struct ext4_inode *i, u64 block, const void *data,
                    const struct ext4_orphan_tail *tail)
{
    return summed(i->inode.sb->private)
               ? crc32c(crc32c(seed_of(i), &block, sizeof(block)), data, (u8 *)tail - (u8 *)data)
               : tail->ob_checksum;
}

static u32 mmp_sum(const struct ext4 *fs, const struct ext4_mmp *m)
{
    return crc32c(fs->csum_seed, m, offsetof(struct ext4_mmp, mmp_checksum));
}

bool ext4_mmp_verify(const struct ext4 *fs, const struct ext4_mmp *m)
{
    return m->mmp_magic == EXT4_MMP_MAGIC && (!summed(fs) || m->mmp_checksum == mmp_sum(fs, m));
}

u32 ext4_mmp_balance(const struct ext4 *fs, const struct ext4_mmp *m)
{
    return crc32c(fs->csum_seed, m, offsetof(struct ext4_mmp, mmp_balance)) ^ m->mmp_balance;
}

void ext4_mmp_seal(const struct ext4 *fs, struct ext4_mmp *m, u32 balance)
{
    if (summed(fs))
        m->mmp_balance ^= balance ^ ext4_mmp_balance(fs, m);
}
