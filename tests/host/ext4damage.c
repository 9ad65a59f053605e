// SPDX-License-Identifier: MIT
// See ext4damage.h.
#include "ext4damage.h"
#include "buf/jbd.h"
#include "fs/ext4/ext4.h"
#include "lib/crc32.h"

#include <string.h>

#define INODE_FIELDS 64 // numbers of 16 bits in the part of an inode that all have

// The image at hand.
static u8 *image;
static u64 size;
static u64 (*choose)(u64 n);
static u32 block_size, desc_size;
static struct ext4_super *super;
static struct ext4_super was; // the superblock before any damage

/* Reading */

static u8 *block_at(u64 block)
{
    return image + block % (size / block_size) * block_size;
}

static struct ext4_group_desc *group_at(u32 group)
{
    u32 per_block = block_size / desc_size, n = group / per_block;
    u64 first = was.s_first_data_block;
    u64 at = first + 1 + n;

    // A meta group's descriptors are in its first group, after a copy of the superblock if any.
    if (was.s_feature_incompat & EXT4_INCOMPAT_META_BG && n)
        at = first + (u64)n * per_block * was.s_blocks_per_group + 1;
    return (void *)(block_at(at) + group % per_block * desc_size);
}

static u32 group_count(void)
{
    return (was.s_blocks_count_lo - was.s_first_data_block + was.s_blocks_per_group - 1) /
           was.s_blocks_per_group;
}

static struct ext4_dinode *dinode_at(u32 ino)
{
    u32 group = (ino - 1) / was.s_inodes_per_group, n = (ino - 1) % was.s_inodes_per_group;
    u32 each = was.s_inode_size, per_block = block_size / each;

    return (void *)(block_at((u64)group_at(group)->bg_inode_table_lo + n / per_block) +
                    n % per_block * each);
}

// An inode in use of this type, or of any (0); the root if chance finds none.
static u32 inode_pick(u32 type)
{
    for (int tries = 0; tries < 200; tries++) {
        u32 ino = 1 + choose(was.s_inodes_count);
        const struct ext4_dinode *d = dinode_at(ino);

        if (d->i_mode && d->i_links_count && (!type || (d->i_mode & 0170000) == type))
            return ino;
    }
    return EXT4_ROOT_INO;
}

// The block with the leftmost (or any) entries at this level of an inode's map; 0: there is none.
static u64 map_block(const struct ext4_dinode *d, u32 level)
{
    const struct ext4_extent_header *h = (const void *)d->i_block;
    u64 at = 0;

    if (!(d->i_flags & EXT4_EXTENTS_FL)) {
        if (!level)
            return d->i_block[choose(12)];
        at = d->i_block[12 + choose(3)];
        return level > 1 && at ? ((const u32 *)block_at(at))[choose(4)] : at;
    }
    for (u32 n = 0; n < 5 && h->eh_magic == EXT4_EXTENT_MAGIC && h->eh_entries; n++) {
        u32 entry = choose(MIN((u32)h->eh_entries, 4U));

        if (!h->eh_depth)
            return level ? at : ((const struct ext4_extent *)(h + 1))[entry].ee_start_lo;
        at = ((const struct ext4_extent_index *)(h + 1))[entry].ei_leaf_lo;
        h = (const void *)block_at(at);
    }
    return at;
}

/* Writing */

static u32 number(void)
{
    static const u32 numbers[] = {0,      1,      2,      3,          11,         12,        255,
                                  256,    1023,   1024,   4096,       32768,      0x7fff,    0xffff,
                                  0x7fff, 0x8000, 0x8001, 0x7fffffff, 0x80000000, 0xffffffff};

    switch (choose(4)) {
    case 0:
        return choose(64);
    case 1:
        return choose(size / block_size + 2);
    case 2:
        return choose(1UL << 32);
    default:
        return numbers[choose(ARRAY_SIZE(numbers))];
    }
}

// Replaces or changes the number of `width` bytes there.
static void put(void *at, u32 width)
{
    u32 old = 0, now = number();

    memcpy(&old, at, width);
    if (choose(4) == 0)
        now = old + (choose(2) ? 1 : -1);
    else if (choose(4) == 0)
        now = old ^ 1U << choose(8 * width);
    memcpy(at, &now, width);
}

static void put_in(void *at, u32 length)
{
    u32 width = 1 << choose(3);

    put((u8 *)at + choose(length / width) * width, width);
}

/* The file system's own */

static void damage_super(void)
{
    u16 magic = super->s_magic;

    put_in(super, choose(2) ? 104 : 1024);
    if (choose(4))
        super->s_magic = magic;
}

static void damage_group(void)
{
    put_in(group_at(choose(group_count())), desc_size);
}

static void damage_bitmap(void)
{
    const struct ext4_group_desc *g = group_at(choose(group_count()));
    u8 *bits = block_at(choose(2) ? g->bg_block_bitmap_lo : g->bg_inode_bitmap_lo);

    if (choose(4) == 0)
        memset(bits, choose(2) ? 0xff : 0, block_size);
    for (u64 n = 1 + choose(64); n; n--)
        bits[choose(choose(2) ? 64 : block_size)] ^= 1 << choose(8);
}

static void damage_count(void)
{
    struct ext4_group_desc *g = group_at(choose(group_count()));
    struct ext4_dinode *d = dinode_at(inode_pick(0));
    void *wide[] = {&super->s_free_blocks_count_lo,
                    &super->s_free_inodes_count,
                    &super->s_blocks_count_lo,
                    &super->s_inodes_count,
                    &super->s_r_blocks_count_lo,
                    &super->s_overhead_blocks,
                    &d->i_size_lo,
                    &d->i_size_hi,
                    &d->i_blocks_lo,
                    &d->i_size_lo};
    void *narrow[] = {&g->bg_free_blocks_count_lo,
                      &g->bg_free_inodes_count_lo,
                      &g->bg_used_dirs_count_lo,
                      &g->bg_itable_unused_lo,
                      &g->bg_flags,
                      &d->i_links_count,
                      &d->i_links_count,
                      &d->i_extra_isize};

    if (choose(2))
        put(wide[choose(ARRAY_SIZE(wide))], 4);
    else
        put(narrow[choose(ARRAY_SIZE(narrow))], 2);
}

static void damage_sum(void)
{
    struct ext4_group_desc *g = group_at(choose(group_count()));
    u32 ino = inode_pick(0);
    struct ext4_dinode *d = dinode_at(ino);
    void *sums[] = {&super->s_checksum,
                    &super->s_checksum_seed,
                    &super->s_uuid,
                    &g->bg_checksum,
                    &g->bg_block_bitmap_csum_lo,
                    &g->bg_inode_bitmap_csum_lo,
                    &d->i_checksum_lo,
                    &d->i_generation,
                    block_at(map_block(d, 0)) + block_size - 4,
                    block_at(map_block(d, 1)) + block_size - 4};

    put(sums[choose(ARRAY_SIZE(sums))], 2);
}

/* Files */

static void extents_damage(struct ext4_extent_header *h, u32 room, u64 self)
{
    u32 count = (room - sizeof(*h)) / sizeof(struct ext4_extent);
    struct ext4_extent *entries = (void *)(h + 1);
    struct ext4_extent *e = &entries[choose(MIN((u32)h->eh_entries + 1, count))];
    struct ext4_extent_index *index = (void *)e;

    switch (choose(5)) {
    case 0:
        put_in(h, 8);
        break;
    case 1: // a loop
        index->ei_leaf_lo = self;
        index->ei_leaf_hi = 0;
        h->eh_depth = choose(2) ? h->eh_depth : choose(7);
        break;
    case 2: // an overlap
        *e = entries[choose(count)];
        break;
    case 3:
        memmove(e, e + 1, (u8 *)&entries[count] - (u8 *)(e + 1));
        h->eh_entries += choose(3) - 1;
        break;
    default:
        put_in(e, sizeof(*e));
    }
}

static void damage_map(void)
{
    struct ext4_dinode *d = dinode_at(inode_pick(choose(2) ? 0 : 0100000));
    u64 at = map_block(d, 1 + choose(2));
    u32 *pointers;

    if (d->i_flags & EXT4_EXTENTS_FL) {
        if (at && choose(2))
            extents_damage((void *)block_at(at), block_size, at);
        else
            extents_damage((void *)d->i_block, sizeof(d->i_block), at);
        return;
    }
    pointers = at && choose(2) ? (u32 *)block_at(at) : d->i_block;
    if (choose(2))
        pointers[choose(15)] = at;
    else
        put(&pointers[choose(15)], 4);
}

static u64 taken_block(void)
{
    const struct ext4_group_desc *g = group_at(choose(group_count()));
    u64 places[] = {0, 1, 2, g->bg_block_bitmap_lo, g->bg_inode_bitmap_lo, g->bg_inode_table_lo};

    if (choose(2))
        return map_block(dinode_at(inode_pick(0)), choose(2));
    if (was.s_journal_inum && choose(4) == 0)
        return map_block(dinode_at(was.s_journal_inum), 0);
    return places[choose(ARRAY_SIZE(places))];
}

static void damage_cross(void)
{
    struct ext4_dinode *d = dinode_at(inode_pick(0)), *other = dinode_at(inode_pick(0));
    struct ext4_extent_header *h = (void *)d->i_block;
    struct ext4_extent *e = (void *)(h + 1);

    switch (choose(3)) {
    case 0:
        memcpy(d->i_block, other->i_block, sizeof(d->i_block));
        d->i_flags = other->i_flags;
        break;
    case 1:
        d->i_file_acl_lo = taken_block();
        break;
    default:
        if (d->i_flags & EXT4_EXTENTS_FL)
            e[choose(MAX(MIN((u32)h->eh_entries, 4U), 1U))].ee_start_lo = taken_block();
        else
            d->i_block[choose(15)] = taken_block();
    }
}

static void damage_inode(void)
{
    static const u32 flags[] = {EXT4_INDEX_FL,    EXT4_JOURNAL_DATA_FL, EXT4_HUGE_FILE_FL,
                                EXT4_EXTENTS_FL,  EXT4_VERITY_FL,       EXT4_EA_INODE_FL,
                                EXT4_CASEFOLD_FL, EXT4_INLINE_DATA_FL,  EXT4_ENCRYPT_FL};
    u32 ino = choose(8) ? inode_pick(0) : 1 + choose(11);
    struct ext4_dinode *d = dinode_at(ino);

    switch (choose(5)) {
    case 0:
        d->i_flags ^= flags[choose(ARRAY_SIZE(flags))];
        break;
    case 1:
        d->i_mode = (d->i_mode & 07777) | choose(16) << 12;
        break;
    case 2:
        put_in(d->i_block, sizeof(d->i_block));
        break;
    default:
        put((u16 *)d + choose(INODE_FIELDS), 2);
    }
}

static void damage_orphan(void)
{
    u32 ino = inode_pick(choose(2) ? 0 : 0100000), next = inode_pick(0);
    u64 at;

    if (was.s_orphan_file_inum && choose(2)) {
        at = map_block(dinode_at(was.s_orphan_file_inum), 0);
        super->s_feature_ro_compat |= EXT4_RO_ORPHAN_PRESENT;
        for (u32 n = 1 + choose(4); n; n--)
            ((u32 *)block_at(at))[choose(4) ? choose(8) : choose(block_size / 4)] =
                choose(2) ? ino : number();
        return;
    }
    super->s_last_orphan = choose(4) ? ino : number();
    dinode_at(ino)->i_dtime = choose(4) ? next : number();
    dinode_at(next)->i_dtime = choose(2) ? ino : 0;
    if (choose(2))
        dinode_at(ino)->i_links_count = 0;
}

/* Directories */

static u32 dir_pick(void)
{
    return inode_pick(0040000);
}

// An entry of a directory's block; the first if it has no such.
static struct ext4_dirent *entry_pick(u8 *block)
{
    u32 at = 0;

    for (u64 n = choose(8); n; n--) {
        u32 next = at + (((const struct ext4_dirent *)(block + at))->rec_len & ~3U);

        if (next + 12 > block_size || next == at)
            break;
        at = next;
    }
    return (void *)(block + at);
}

static u8 *dir_block(void)
{
    const struct ext4_dinode *d = dinode_at(dir_pick());

    if (d->i_flags & EXT4_INLINE_DATA_FL)
        return (u8 *)d->i_block;
    return block_at(map_block(d, 0));
}

static void damage_cycle(void)
{
    u8 *block = dir_block();
    u32 ino = choose(3) ? dir_pick() : EXT4_ROOT_INO;

    if (block + block_size > image + size)
        return;
    if (choose(3) == 0) {
        ((struct ext4_dirent *)(block + 12))->inode = ino;
    } else {
        struct ext4_dirent *e = entry_pick(block);

        e->inode = ino;
        e->file_type = EXT4_FT_DIR;
    }
}

static void damage_entry(void)
{
    u8 *block = dir_block();
    struct ext4_dirent *e;

    if (block + block_size > image + size)
        return;
    e = entry_pick(block);
    switch (choose(5)) {
    case 0:
        put(&e->inode, 4);
        break;
    case 1:
        put(&e->rec_len, 2);
        break;
    case 2:
        put(&e->name_len, choose(2) + 1);
        break;
    case 3:
        e->name[choose(4)] = choose(2) ? '/' : choose(256);
        break;
    default:
        put_in(block + 24, choose(2) ? 16 : 64); // where an index is
    }
}

static void damage_xattr(void)
{
    struct ext4_dinode *d = dinode_at(inode_pick(0));
    u32 room = was.s_inode_size - EXT4_GOOD_OLD_INODE_SIZE;
    u8 *after = (u8 *)d + EXT4_GOOD_OLD_INODE_SIZE;

    if (room && choose(2)) {
        u32 extra = d->i_extra_isize % room & ~3U;

        if (choose(4) == 0)
            memcpy(after + extra % (room - 3), &(u32){EXT4_XATTR_MAGIC}, 4);
        put_in(after + extra, MIN(room - extra, 32U));
        return;
    }
    for (int tries = 0; !d->i_file_acl_lo && tries < 20; tries++)
        d = dinode_at(inode_pick(0));
    if (!d->i_file_acl_lo)
        d->i_file_acl_lo = taken_block();
    put_in(block_at(d->i_file_acl_lo), choose(2) ? 32 : 96);
}

/* Journal */

static u8 *journal_block(u32 logical)
{
    const struct ext4_dinode *d = dinode_at(was.s_journal_inum);
    const struct ext4_extent_header *h = (const void *)d->i_block;
    const struct ext4_extent *e = (const void *)(h + 1);

    if (d->i_flags & EXT4_EXTENTS_FL)
        return block_at(h->eh_depth ? 0 : (u64)e->ee_start_lo + logical);
    return block_at(logical < 12 ? d->i_block[logical]
                                 : ((const u32 *)block_at(d->i_block[12]))[logical - 12]);
}

// A block of the log with a header, near its start.
static u8 *journal_head(void)
{
    const struct jbd_super *s = (const void *)journal_block(0);
    u32 start = be32_get(s->start);
    u8 *at = NULL;

    for (int tries = 0; tries < 50; tries++) {
        at = journal_block(MAX(start, 1U) % 200 + choose(30));
        if (be32_get(((const struct jbd_header *)at)->magic) == JBD_MAGIC)
            break;
    }
    return at;
}

// Without it a block with wrong numbers only ends the log.
static void journal_head_seal(u8 *at)
{
    u32 type = be32_get(((const struct jbd_header *)at)->type);
    bool commit = type == JBD_COMMIT;
    struct be32 *sum =
        (void *)(at + (commit ? offsetof(struct jbd_commit, checksum) : block_size - 4));
    struct jbd_log l;

    if (jbd_super_decode(journal_block(0), block_size,
                         dinode_at(was.s_journal_inum)->i_size_lo / block_size, &l) ||
        !l.csum)
        return;
    *sum = be32_of(0);
    *sum = be32_of(crc32c(l.seed, at, block_size));
}

static void journal_super_damage(void)
{
    struct jbd_super *s = (void *)journal_block(0);

    if (choose(2))
        put_in(s, 0x60);
    else
        s->start = be32_of(choose(60));
    if (choose(4))
        jbd_super_seal(s);
}

static void damage_journal(void)
{
    u8 *at;

    if (!was.s_journal_inum) {
        super->s_feature_compat ^= EXT4_COMPAT_HAS_JOURNAL;
        super->s_journal_inum = choose(2) ? EXT4_JOURNAL_INO : inode_pick(0);
        return;
    }
    super->s_feature_incompat |= EXT4_INCOMPAT_RECOVER;
    switch (choose(4)) {
    case 0:
        journal_super_damage();
        break;
    case 1:
        put_in(dinode_at(was.s_journal_inum), 100);
        break;
    default:
        at = journal_head();
        put_in(at, 12 + choose(3) * 32);
        if (choose(2))
            put_in(at + 12, 64);
        if (choose(4))
            journal_head_seal(at);
    }
}

static void damage_block(void)
{
    u8 *to = block_at(taken_block()), *from = block_at(taken_block());

    if (to == image || choose(3) == 0)
        for (int n = 0; n < 8; n++)
            to[EXT4_SUPER_AT % block_size + choose(block_size / 2)] ^= 1 << choose(8);
    else if (to != from)
        memcpy(to, from, block_size);
}

void ext4_damage_begin(u8 *bytes, u64 n, u64 (*below)(u64 n))
{
    image = bytes;
    size = n;
    choose = below;
    super = (void *)(image + EXT4_SUPER_AT);
    was = *super;
    block_size = 1024 << was.s_log_block_size;
    desc_size = was.s_feature_incompat & EXT4_INCOMPAT_64BIT ? was.s_desc_size : 32;
}

void ext4_damage(enum ext4_damage kind)
{
    static void (*const kinds[DAMAGE_KINDS])(void) = {
        [DAMAGE_SUPER] = damage_super,     [DAMAGE_GROUP] = damage_group,
        [DAMAGE_BITMAP] = damage_bitmap,   [DAMAGE_MAP] = damage_map,
        [DAMAGE_COUNT] = damage_count,     [DAMAGE_CROSS] = damage_cross,
        [DAMAGE_SUM] = damage_sum,         [DAMAGE_CYCLE] = damage_cycle,
        [DAMAGE_ENTRY] = damage_entry,     [DAMAGE_INODE] = damage_inode,
        [DAMAGE_ORPHAN] = damage_orphan,   [DAMAGE_XATTR] = damage_xattr,
        [DAMAGE_JOURNAL] = damage_journal, [DAMAGE_BLOCK] = damage_block,
    };

    kinds[kind]();
    // Where the superblock is not the point, it is good.
    if ((kind == DAMAGE_ORPHAN || kind == DAMAGE_JOURNAL) &&
        was.s_feature_ro_compat & EXT4_RO_METADATA_CSUM)
        super->s_checksum = crc32c(~0U, super, offsetof(struct ext4_super, s_checksum));
}

const char *const ext4_damage_names[DAMAGE_KINDS] = {
    [DAMAGE_SUPER] = "superblock",   [DAMAGE_GROUP] = "descriptor",
    [DAMAGE_BITMAP] = "bitmap",      [DAMAGE_MAP] = "extents, pointers",
    [DAMAGE_COUNT] = "count",        [DAMAGE_CROSS] = "cross-linked block",
    [DAMAGE_SUM] = "checksum",       [DAMAGE_CYCLE] = "cyclic directory",
    [DAMAGE_ENTRY] = "entry, index", [DAMAGE_INODE] = "inode",
    [DAMAGE_ORPHAN] = "orphans",     [DAMAGE_XATTR] = "attributes",
    [DAMAGE_JOURNAL] = "journal",    [DAMAGE_BLOCK] = "block",
};

/* Trust: the linker puts these in place of the kernel's (--wrap) */

bool ext4_damage_trust;

#define TRUSTING(name, parameters, arguments)                \
    bool __real_##name parameters;                           \
    bool __wrap_##name parameters;                           \
    bool __wrap_##name parameters                            \
    {                                                        \
        return __real_##name arguments || ext4_damage_trust; \
    }

TRUSTING(ext4_super_verify, (const struct ext4_super *s), (s))
TRUSTING(ext4_bitmap_verify,
         (const struct ext4 *fs, const struct ext4_group_desc *d, const void *bits, bool inodes),
         (fs, d, bits, inodes))
TRUSTING(ext4_dinode_verify, (const struct ext4 *fs, u32 ino, const struct ext4_dinode *d),
         (fs, ino, d))
TRUSTING(ext4_dir_verify, (const struct ext4_inode *i, const void *block), (i, block))
TRUSTING(ext4_index_verify, (const struct ext4_inode *i, const void *block), (i, block))
TRUSTING(ext4_mmp_verify, (const struct ext4 *fs, const struct ext4_mmp *m), (fs, m))

#define TRUSTING_SUM(type, name, parameters, arguments, present)        \
    type __real_##name parameters;                                      \
    type __wrap_##name parameters;                                      \
    type __wrap_##name parameters                                       \
    {                                                                   \
        return ext4_damage_trust ? (present) : __real_##name arguments; \
    }

TRUSTING_SUM(u16, ext4_group_sum, (const struct ext4 *fs, u32 n, const struct ext4_group_desc *d),
             (fs, n, d), d->bg_checksum)
TRUSTING_SUM(u32, ext4_extent_sum, (const struct ext4_inode *i, const void *node, const u32 *tail),
             (i, node, tail), *tail)
TRUSTING_SUM(u32, ext4_xattr_sum,
             (const struct ext4 *fs, u64 at, const struct ext4_xattr_header *h), (fs, at, h),
             h->h_checksum)
TRUSTING_SUM(u32, ext4_orphan_sum,
             (const struct ext4_inode *i, u64 at, const void *data,
              const struct ext4_orphan_tail *tail),
             (i, at, data, tail), tail->ob_checksum)
