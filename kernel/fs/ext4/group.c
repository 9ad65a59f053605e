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
bool ext4_group_has_super(const struct ext4 *fs, u32 group)
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
    if (!ext4_group_has_super(fs, group))
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
    return ext4_group_first(fs, group) + ext4_group_has_super(fs, group);
}

bool ext4_blocks_valid(const struct ext4 *fs, u64 block, u64 count)
{
    u64 end, s, e;

    return !__builtin_add_overflow(block, count, &end) && block > fs->super_block &&
           end <= fs->block_count && !(ranges_next(&fs->system, block, &s, &e) && s < end);
}

/* Descriptors */

static u64 wide(u32 lo, u32 hi)
{
    return lo | (u64)hi << 32;
}

u64 ext4_group_block_bitmap(const struct ext4_group *g)
{
    return wide(g->desc.bg_block_bitmap_lo, g->desc.bg_block_bitmap_hi);
}

u64 ext4_group_inode_bitmap(const struct ext4_group *g)
{
    return wide(g->desc.bg_inode_bitmap_lo, g->desc.bg_inode_bitmap_hi);
}

u64 ext4_group_inode_table(const struct ext4_group *g)
{
    return wide(g->desc.bg_inode_table_lo, g->desc.bg_inode_table_hi);
}

static u32 table_blocks(const struct ext4 *fs)
{
    return DIV_ROUND_UP((u64)fs->inodes_per_group * fs->inode_size, fs->block_size);
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

static bool in_device(const struct ext4 *fs, u64 block, u64 count)
{
    return block > fs->super_block && block < fs->block_count && count <= fs->block_count - block;
}

static bool placed_well(const struct ext4 *fs, u32 n, const struct ext4_group *g)
{
    u64 first = ext4_group_first(fs, n), end = first + ext4_group_blocks(fs, n);
    u64 place[] = {ext4_group_block_bitmap(g), ext4_group_inode_bitmap(g),
                   ext4_group_inode_table(g)};
    u64 size[] = {1, 1, table_blocks(fs)};

    for (unsigned i = 0; i < 3; i++) {
        if (!in_device(fs, place[i], size[i]))
            return false;
        if (!EXT4_HAS_INCOMPAT(fs, FLEX_BG) && (place[i] < first || place[i] + size[i] > end))
            return false;
    }
    return true;
}

static int system_add(struct ext4 *fs, u64 block, u64 count)
{
    return count ? ranges_add(&fs->system, block, block + count) : 0;
}

// Nothing of a group's metadata may lie where another's is.
static int system_add_alone(struct ext4 *fs, u64 block, u64 count)
{
    if (ranges_count(&fs->system, block, block + count))
        return ext4_corrupt(fs, 0, block, "metadata of groups overlaps");
    return system_add(fs, block, count);
}

static int group_system(struct ext4 *fs, u32 n, const struct ext4_group *g)
{
    u64 first = ext4_group_first(fs, n);
    u32 copies = ext4_group_has_super(fs, n);
    int err;

    copies += group_desc_blocks(fs, n);
    err = system_add_alone(fs, first, MIN(copies, ext4_group_blocks(fs, n)));
    if (!err)
        err = system_add_alone(fs, ext4_group_block_bitmap(g), 1);
    if (!err)
        err = system_add_alone(fs, ext4_group_inode_bitmap(g), 1);
    return err ? err : system_add_alone(fs, ext4_group_inode_table(g), table_blocks(fs));
}

u32 ext4_group_free_blocks(const struct ext4_group *g)
{
    return g->desc.bg_free_blocks_count_lo | (u32)g->desc.bg_free_blocks_count_hi << 16;
}

u32 ext4_group_free_inodes(const struct ext4_group *g)
{
    return g->desc.bg_free_inodes_count_lo | (u32)g->desc.bg_free_inodes_count_hi << 16;
}

u32 ext4_group_dirs(const struct ext4_group *g)
{
    return g->desc.bg_used_dirs_count_lo | (u32)g->desc.bg_used_dirs_count_hi << 16;
}

static int group_read(struct ext4 *fs, u32 n)
{
    struct ext4_group *g = ext4_group(fs, n);

    desc_load(fs, g);
    if (!ext4_group_verify(fs, n, &g->desc))
        return ext4_corrupt(fs, 0, g->desc_buf->block, "checksum of a group's descriptor");
    if (!placed_well(fs, n, g))
        return ext4_corrupt(fs, 0, g->desc_buf->block, "a group's metadata is out of place");
    if (ext4_group_free_blocks(g) > ext4_group_blocks(fs, n) ||
        ext4_group_free_inodes(g) > fs->inodes_per_group ||
        ext4_group_dirs(g) > fs->inodes_per_group)
        return ext4_corrupt(fs, 0, g->desc_buf->block, "counts of a group");
    g->largest_free = ext4_group_free_blocks(g);
    g->checked = 0;
    g->bad = 0;
    fs->free_blocks += ext4_group_free_blocks(g);
    fs->free_inodes += ext4_group_free_inodes(g);
    fs->dirs += ext4_group_dirs(g);
    return group_system(fs, n, g);
}

int ext4_groups_read(struct ext4 *fs)
{
    int err;

    ranges_clear(&fs->system);
    err = system_add(fs, 0, fs->first_block);
    fs->free_blocks = 0;
    fs->free_inodes = fs->dirs = 0;
    for (u32 n = 0; !err && n < fs->group_count; n++)
        err = group_read(fs, n);
    if (EXT4_HAS_RO(fs, BIGALLOC)) // counted in clusters
        fs->free_blocks <<= fs->cluster_shift;
    return err;
}

int ext4_group_write(struct handle *h, struct ext4 *fs, u32 n)
{
    struct ext4_group *g = ext4_group(fs, n);
    int err;

    assert(mutex_held(&g->lock));
    err = journal_get_write(h, g->desc_buf);
    if (err)
        return err;
    ext4_group_seal(fs, n, &g->desc);
    buf_lock(g->desc_buf);
    memcpy(g->desc_buf->data + g->desc_offset, &g->desc, fs->desc_size);
    buf_unlock(g->desc_buf);
    journal_dirty(h, g->desc_buf);
    return 0;
}

/* Bitmaps; the group's lock is held */

static void bits_set(u64 *map, u32 from, u32 end)
{
    for (; from < end && from % 64; from++)
        bitmap_set(map, from);
    for (; from + 64 <= end; from += 64)
        map[from / 64] = ~0UL;
    for (; from < end; from++)
        bitmap_set(map, from);
}

// What a bitmap that was never written would say: the groups' metadata is in use, and all bits
// past the group's end are set.
static void block_bitmap_make(const struct ext4 *fs, u32 n, u64 *map)
{
    u64 first = ext4_group_first(fs, n), end = first + ext4_group_blocks(fs, n), at = first, s, e;

    memset(map, 0, fs->block_size);
    while (at < end && ranges_next(&fs->system, at, &s, &e) && s < end) {
        bits_set(map, s - first, MIN(e, end) - first);
        at = e;
    }
    bits_set(map, end - first, fs->block_size * 8);
}

static void inode_bitmap_make(const struct ext4 *fs, u64 *map)
{
    memset(map, 0, fs->block_size);
    bits_set(map, fs->inodes_per_group, fs->block_size * 8);
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

static bool own_blocks_set(const struct ext4 *fs, u32 n, const u64 *map)
{
    u64 first = ext4_group_first(fs, n), end = first + ext4_group_blocks(fs, n), at = first, s, e;

    while (at < end && ranges_next(&fs->system, at, &s, &e) && s < end) {
        e = MIN(e, end);
        if (bitmap_find_zero(map, e - first, s - first) < e - first)
            return false;
        at = e;
    }
    return true;
}

static bool bitmap_good(const struct ext4 *fs, u32 n, const struct ext4_group *g, const u64 *map,
                        bool inodes)
{
    if (!ext4_bitmap_verify(fs, &g->desc, map, inodes))
        return false;
    if (inodes)
        return count_zeroes(map, fs->inodes_per_group) == ext4_group_free_inodes(g);
    return own_blocks_set(fs, n, map) &&
           count_zeroes(map, ext4_group_blocks(fs, n)) == ext4_group_free_blocks(g);
}

static int bitmap_check(struct ext4 *fs, u32 n, struct ext4_group *g, struct buf *b, bool inodes)
{
    u8 kind = inodes ? EXT4_INODE_BITMAP : EXT4_BLOCK_BITMAP;
    u16 uninit = inodes ? EXT4_BG_INODE_UNINIT : EXT4_BG_BLOCK_UNINIT;
    bool sums = fs->ro_compat & (EXT4_RO_METADATA_CSUM | EXT4_RO_GDT_CSUM);

    if (sums && g->desc.bg_flags & uninit) {
        buf_lock(b);
        if (inodes)
            inode_bitmap_make(fs, (u64 *)b->data);
        else
            block_bitmap_make(fs, n, (u64 *)b->data);
        ext4_bitmap_seal(fs, &g->desc, b->data, inodes);
        buf_unlock(b);
    } else if (!(g->checked & kind) && !bitmap_good(fs, n, g, (u64 *)b->data, inodes)) {
        g->bad |= kind;
        return ext4_corrupt(fs, 0, b->block, inodes ? "bitmap of inodes" : "bitmap of blocks");
    }
    g->checked |= kind;
    return 0;
}

int ext4_group_bitmap(struct ext4 *fs, u32 n, bool inodes, struct buf **out)
{
    struct ext4_group *g = ext4_group(fs, n);
    struct buf *b;
    int err;

    assert(mutex_held(&g->lock));
    if (g->bad & (inodes ? EXT4_INODE_BITMAP : EXT4_BLOCK_BITMAP))
        return -EUCLEAN;
    err = buf_read(fs->cache, inodes ? ext4_group_inode_bitmap(g) : ext4_group_block_bitmap(g), &b);
    if (err)
        return err;
    err = bitmap_check(fs, n, g, b, inodes);
    if (err)
        buf_put(b);
    else
        *out = b;
    return err;
}
