// SPDX-License-Identifier: MIT
// Block groups: where they are, their descriptors, their bitmaps.
//
// A descriptor is copied at mount and written back through its block's buffer. Bitmaps are verified
// when they are first used; a group whose bitmap is wrong is passed over by all allocation from
// then on, and the rest of the file system works on.
#include "fs/ext4/group.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/slab.h"

/* Geometry */

u64 ext4_group_first(const struct ext4 *fs, u32 group)
{
    return fs->first_block + (u64)group * fs->blocks_per_group;
}

u32 ext4_group_blocks(const struct ext4 *fs, u32 group)
{
    return MIN((u64)fs->blocks_per_group, fs->block_count - ext4_group_first(fs, group));
}

static bool is_power_of(u32 n, u32 base)
{
    while (n > 1 && n % base == 0)
        n /= base;
    return n == 1;
}

// Without sparse_super every group has a copy of the superblock; with it 0, 1 and the powers of
// 3, 5 and 7; with sparse_super2 0 and the two that the superblock names.
static bool group_has_super(const struct ext4 *fs, u32 group)
{
    if (group == 0)
        return true;
    if (EXT4_HAS_COMPAT(fs, SPARSE_SUPER2))
        return group == fs->super->s_backup_bgs[0] || group == fs->super->s_backup_bgs[1];
    if (group == 1 || !EXT4_HAS_RO(fs, SPARSE_SUPER))
        return true;
    return is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7);
}

// The first group of a meta group whose descriptors are not in the table behind the superblock.
static u32 first_meta_group(const struct ext4 *fs)
{
    return EXT4_HAS_INCOMPAT(fs, META_BG) ? fs->super->s_first_meta_bg : ~0U;
}

// Blocks of descriptors that a group holds (META_BG: at most one; else the table and what is
// reserved for it to grow).
static u32 group_desc_blocks(const struct ext4 *fs, u32 group)
{
    u32 blocks = DIV_ROUND_UP(fs->group_count, fs->desc_per_block);
    u32 in_meta = group % fs->desc_per_block;

    if (group / fs->desc_per_block >= first_meta_group(fs))
        return in_meta <= 1 || in_meta == fs->desc_per_block - 1;
    if (!group_has_super(fs, group))
        return 0;
    blocks = MIN(blocks, first_meta_group(fs));
    return blocks + fs->super->s_reserved_gdt_blocks;
}

// The block of the device that has the n-th block of descriptors.
static u64 desc_block(const struct ext4 *fs, u32 n)
{
    u32 group = n * fs->desc_per_block;

    if (n < first_meta_group(fs))
        return fs->super_block + 1 + n;
    return ext4_group_first(fs, group) + group_has_super(fs, group);
}

bool ext4_blocks_valid(const struct ext4 *fs, u64 block, u64 count)
{
    u64 end, s, e;

    return !__builtin_add_overflow(block, count, &end) && block > fs->super_block &&
           end <= fs->block_count && !(ranges_next(&fs->system, block, &s, &e) && s < end);
}

/* Descriptors */

static u64 bitmap_block(const struct ext4_group *g, bool inodes)
{
    const struct ext4_group_desc *d = &g->desc;

    return inodes ? d->bg_inode_bitmap_lo | (u64)d->bg_inode_bitmap_hi << 32
                  : d->bg_block_bitmap_lo | (u64)d->bg_block_bitmap_hi << 32;
}

u64 ext4_group_inode_table(const struct ext4_group *g)
{
    return g->desc.bg_inode_table_lo | (u64)g->desc.bg_inode_table_hi << 32;
}

u32 ext4_group_free(const struct ext4_group *g, bool inodes)
{
    const struct ext4_group_desc *d = &g->desc;

    return inodes ? d->bg_free_inodes_count_lo | (u32)d->bg_free_inodes_count_hi << 16
                  : d->bg_free_blocks_count_lo | (u32)d->bg_free_blocks_count_hi << 16;
}

static void free_set(struct ext4_group *g, bool inodes, u32 n)
{
    struct ext4_group_desc *d = &g->desc;

    *(inodes ? &d->bg_free_inodes_count_lo : &d->bg_free_blocks_count_lo) = n;
    *(inodes ? &d->bg_free_inodes_count_hi : &d->bg_free_blocks_count_hi) = n >> 16;
}

u32 ext4_group_dirs(const struct ext4_group *g)
{
    return g->desc.bg_used_dirs_count_lo | (u32)g->desc.bg_used_dirs_count_hi << 16;
}

void ext4_group_dirs_add(struct ext4 *fs, struct ext4_group *g, int step)
{
    u32 n = ext4_group_dirs(g) + step;

    g->desc.bg_used_dirs_count_lo = n;
    g->desc.bg_used_dirs_count_hi = n >> 16;
    atomic_fetch_add(&fs->dirs, step);
}

static void desc_load(struct ext4 *fs, struct ext4_group *g)
{
    memcpy(&g->desc, g->desc_buf->data + g->desc_offset, fs->desc_size);
}

struct ext4_group *ext4_group(const struct ext4 *fs, u32 group)
{
    return &fs->groups[group / EXT4_GROUPS_PER_CHUNK][group % EXT4_GROUPS_PER_CHUNK];
}

static int group_open(struct ext4 *fs, u32 n, struct buf *b)
{
    u32 chunk = n / EXT4_GROUPS_PER_CHUNK;
    struct ext4_group *g;

    if (!fs->groups[chunk])
        fs->groups[chunk] = kmalloc(EXT4_GROUPS_PER_CHUNK * sizeof(*g), ALLOC_ZERO);
    if (!fs->groups[chunk])
        return -ENOMEM;
    g = ext4_group(fs, n);
    mutex_init(&g->lock, RANK_GROUP);
    buf_ref(b);
    g->desc_buf = b;
    g->desc_offset = n % fs->desc_per_block * fs->desc_size;
    desc_load(fs, g);
    return 0;
}

int ext4_groups_open(struct ext4 *fs)
{
    u32 chunks = DIV_ROUND_UP(fs->group_count, EXT4_GROUPS_PER_CHUNK);
    int err = 0;

    fs->groups = kmalloc(chunks * sizeof(fs->groups[0]), ALLOC_ZERO);
    if (!fs->groups)
        return -ENOMEM;
    for (u32 n = 0; !err && n < fs->group_count; n += fs->desc_per_block) {
        u32 end = MIN(n + fs->desc_per_block, fs->group_count);
        struct buf *b;

        err = buf_read(fs->cache, desc_block(fs, n / fs->desc_per_block), &b);
        for (u32 group = n; !err && group < end; group++)
            err = group_open(fs, group, b);
        if (b)
            buf_put(b);
    }
    return err;
}

void ext4_groups_close(struct ext4 *fs)
{
    for (u32 n = 0; fs->groups && n < fs->group_count; n++)
        if (fs->groups[n / EXT4_GROUPS_PER_CHUNK])
            buf_put(ext4_group(fs, n)->desc_buf);
    for (u32 n = 0; fs->groups && n < fs->group_count; n += EXT4_GROUPS_PER_CHUNK)
        kfree(fs->groups[n / EXT4_GROUPS_PER_CHUNK]);
    kfree(fs->groups);
    fs->groups = NULL;
    ranges_clear(&fs->system);
    ranges_clear(&fs->in_flight);
    ranges_clear(&fs->freed[0]); // not empty when the journal has failed
    ranges_clear(&fs->freed[1]);
}

// A part of the groups' metadata: in the device, without FLEX_BG in its group, and nothing else.
static int system_add(struct ext4 *fs, u32 n, u64 block, u64 count)
{
    bool anywhere = EXT4_HAS_INCOMPAT(fs, FLEX_BG);
    u64 first = anywhere ? fs->first_block : ext4_group_first(fs, n);
    u64 end = anywhere ? fs->block_count : first + ext4_group_blocks(fs, n);

    if (block < first || block > end || count > end - block)
        return ext4_corrupt(fs, 0, block, "a group's metadata is out of place");
    if (ranges_count(&fs->system, block, block + count))
        return ext4_corrupt(fs, 0, block, "metadata of groups overlaps");
    return count ? ranges_add(&fs->system, block, block + count) : 0;
}

static int group_system(struct ext4 *fs, u32 n, const struct ext4_group *g)
{
    u32 copies = group_has_super(fs, n), descs = group_desc_blocks(fs, n);
    u32 table = DIV_ROUND_UP((u64)fs->inodes_per_group * fs->inode_size, fs->block_size);

    return system_add(fs, n, ext4_group_first(fs, n),
                      MIN(copies + descs, ext4_group_blocks(fs, n)))
               ?: system_add(fs, n, bitmap_block(g, false), 1)
               ?: system_add(fs, n, bitmap_block(g, true), 1)
               ?: system_add(fs, n, ext4_group_inode_table(g), table);
}

static int group_read(struct ext4 *fs, u32 n)
{
    struct ext4_group *g = ext4_group(fs, n);

    desc_load(fs, g);
    if (g->desc.bg_checksum != ext4_group_sum(fs, n, &g->desc))
        return ext4_corrupt(fs, 0, g->desc_buf->block, "checksum of a group's descriptor");
    if (ext4_group_free(g, false) > ext4_group_blocks(fs, n) ||
        ext4_group_free(g, true) > fs->inodes_per_group ||
        ext4_group_dirs(g) > fs->inodes_per_group)
        return ext4_corrupt(fs, 0, g->desc_buf->block, "counts of a group");
    g->largest_free = ext4_group_free(g, false);
    memset(g->checked, 0, sizeof(g->checked));
    memset(g->bad, 0, sizeof(g->bad));
    fs->free_blocks += ext4_group_free(g, false);
    fs->free_inodes += ext4_group_free(g, true);
    fs->dirs += ext4_group_dirs(g);
    return group_system(fs, n, g);
}

int ext4_groups_read(struct ext4 *fs)
{
    int err;

    ranges_clear(&fs->system);
    err = fs->first_block ? ranges_add(&fs->system, 0, fs->first_block) : 0;
    fs->free_blocks = 0;
    fs->free_inodes = fs->dirs = 0;
    for (u32 n = 0; !err && n < fs->group_count; n++)
        err = group_read(fs, n);
    if (EXT4_HAS_RO(fs, BIGALLOC)) // counted in clusters
        fs->free_blocks <<= fs->cluster_shift;
    return err;
}

/* Bitmaps; the group's lock is held */

static void bits_fill(u64 *map, u32 from, u32 end, bool set)
{
    while (from < end) {
        if (from % 64 || end - from < 64) {
            map[from / 64] = (map[from / 64] & ~BIT(from % 64)) | (u64)set << from % 64;
            from++;
        } else {
            map[from / 64] = set ? ~0UL : 0;
            from += 64;
        }
    }
}

// The next of the groups' metadata in the group, from bit *from on: [*from, *to).
static bool system_next(const struct ext4 *fs, u32 n, u32 *from, u32 *to)
{
    u64 first = ext4_group_first(fs, n), end = first + ext4_group_blocks(fs, n), s, e;

    if (first + *from >= end || !ranges_next(&fs->system, first + *from, &s, &e) || s >= end)
        return false;
    *from = s - first;
    *to = MIN(e, end) - first;
    return true;
}

static u32 bits_of(const struct ext4 *fs, u32 n, bool inodes)
{
    return inodes ? fs->inodes_per_group : ext4_group_blocks(fs, n);
}

// What a bitmap that was never written would say: the groups' metadata is in use, and all bits
// past the group's end are set.
static void bitmap_make(const struct ext4 *fs, u32 n, bool inodes, u64 *map)
{
    memset(map, 0, fs->block_size);
    for (u32 from = 0, to; !inodes && system_next(fs, n, &from, &to); from = to)
        bits_fill(map, from, to, true);
    bits_fill(map, bits_of(fs, n, inodes), fs->block_size * 8, true);
}

static u32 count_zeroes(const u64 *map, u32 bits)
{
    u32 n = 0, at = 0;

    while ((at = bitmap_find_zero(map, bits, at)) < bits) {
        u32 end = bitmap_find_set(map, bits, at);

        n += end - at;
        at = end;
    }
    return n;
}

static bool bitmap_good(const struct ext4 *fs, u32 n, bool inodes, const u64 *map)
{
    const struct ext4_group *g = ext4_group(fs, n);

    if (!ext4_bitmap_verify(fs, &g->desc, map, inodes))
        return false;
    for (u32 from = 0, to; !inodes && system_next(fs, n, &from, &to); from = to)
        if (bitmap_find_zero(map, to, from) < to)
            return false;
    return count_zeroes(map, bits_of(fs, n, inodes)) == ext4_group_free(g, inodes);
}

static int bitmap_check(struct ext4 *fs, u32 n, bool inodes, struct buf *b)
{
    u16 uninit = inodes ? EXT4_BG_INODE_UNINIT : EXT4_BG_BLOCK_UNINIT;
    struct ext4_group *g = ext4_group(fs, n);

    if (ext4_has_group_sums(fs) && g->desc.bg_flags & uninit) {
        buf_lock(b);
        bitmap_make(fs, n, inodes, (u64 *)b->data);
        ext4_bitmap_seal(fs, &g->desc, b->data, inodes);
        buf_unlock(b);
    }
    if (!g->checked[inodes] && !bitmap_good(fs, n, inodes, (u64 *)b->data)) {
        g->bad[inodes] = true;
        return ext4_corrupt(fs, 0, b->block, inodes ? "bitmap of inodes" : "bitmap of blocks");
    }
    g->checked[inodes] = true;
    return 0;
}

int ext4_group_bitmap(struct ext4 *fs, u32 n, bool inodes, struct buf **out)
{
    struct ext4_group *g = ext4_group(fs, n);
    int err = g->bad[inodes] ? -EUCLEAN : buf_read(fs->cache, bitmap_block(g, inodes), out);

    assert(mutex_held(&g->lock));
    if (err)
        return err;
    err = bitmap_check(fs, n, inodes, *out);
    if (err)
        buf_put(*out);
    return err;
}

int ext4_bits_begin(struct handle *h, struct ext4 *fs, u32 n, bool inodes, struct ext4_bits *c)
{
    int err;

    *c = (struct ext4_bits){.group = ext4_group(fs, n), .number = n, .inodes = inodes};
    mutex_lock(&c->group->lock);
    err = ext4_group_bitmap(fs, n, inodes, &c->b);
    if (err) {
        c->b = NULL;
        return err;
    }
    c->map = (u64 *)c->b->data;
    return journal_get_write(h, c->b) ?: journal_get_write(h, c->group->desc_buf);
}

bool ext4_bits_are(const struct ext4_bits *c, bool used, u32 from, u32 count)
{
    u32 end = from + count;

    return (used ? bitmap_find_zero(c->map, end, from) : bitmap_find_set(c->map, end, from)) >= end;
}

void ext4_bits_flip(struct handle *h, struct ext4 *fs, struct ext4_bits *c, bool use, u32 from,
                    u32 count)
{
    struct ext4_group *g = c->group;
    u32 free = ext4_group_free(g, c->inodes);

    buf_lock(c->b);
    bits_fill(c->map, from, from + count, use);
    ext4_bitmap_flipped(fs, &g->desc, c->map, c->inodes, from, count);
    journal_changed(h, c->b);
    free_set(g, c->inodes, use ? free - count : free + count);
    g->desc.bg_flags &= ~(c->inodes ? EXT4_BG_INODE_UNINIT : EXT4_BG_BLOCK_UNINIT);
    g->desc.bg_checksum = ext4_group_sum(fs, c->number, &g->desc);
    buf_lock(g->desc_buf);
    memcpy(g->desc_buf->data + g->desc_offset, &g->desc, fs->desc_size);
    journal_changed(h, g->desc_buf);
}

void ext4_bits_end(struct ext4_bits *c)
{
    mutex_unlock(&c->group->lock);
    buf_put(c->b);
}
