// SPDX-License-Identifier: MIT
// Free inode numbers.
//
// Where: files go to the group of their directory. A directory right below the root (or below one
// marked TOPDIR) goes where there are fewest, so that what is unrelated does not share a group; one
// deeper down goes near its parent, unless that group has more than its share of directories or
// less than its share of room (Orlov's allocator).
#include "fs/ext4/group.h"
#include "lib/bitmap.h"

static void free_inodes_set(struct ext4_group *g, u32 n)
{
    g->desc.bg_free_inodes_count_lo = n;
    g->desc.bg_free_inodes_count_hi = n >> 16;
}

static void dirs_add(struct ext4 *fs, struct ext4_group *g, int step)
{
    u32 n = ext4_group_dirs(g) + step;

    g->desc.bg_used_dirs_count_lo = n;
    g->desc.bg_used_dirs_count_hi = n >> 16;
    atomic_fetch_add(&fs->dirs, step);
}

static bool has_sums(const struct ext4 *fs)
{
    return fs->ro_compat & (EXT4_RO_METADATA_CSUM | EXT4_RO_GDT_CSUM);
}

/* Choosing a group; counts are read without locks */

struct shares { // what a group has to have
    u32 inodes, blocks, dirs;
};

static bool group_fits(const struct ext4 *fs, u32 n, const struct shares *s)
{
    const struct ext4_group *g = ext4_group(fs, n);
    u32 free = ext4_group_free_inodes(g);

    return free && !(g->bad & EXT4_INODE_BITMAP) && free >= s->inodes &&
           ext4_group_free_blocks(g) >= s->blocks && ext4_group_dirs(g) <= s->dirs;
}

// The first group from `start` on that fits; group_count: none does.
static u32 group_first_fit(const struct ext4 *fs, u32 start, const struct shares *s)
{
    for (u32 i = 0; i < fs->group_count; i++) {
        u32 n = (start + i) % fs->group_count;

        if (group_fits(fs, n, s))
            return n;
    }
    return fs->group_count;
}

static u32 group_fewest_dirs(const struct ext4 *fs, const struct shares *s)
{
    u32 best = fs->group_count;

    for (u32 n = 0; n < fs->group_count; n++)
        if (group_fits(fs, n, s) &&
            (best == fs->group_count ||
             ext4_group_dirs(ext4_group(fs, n)) < ext4_group_dirs(ext4_group(fs, best))))
            best = n;
    return best;
}

static const struct shares anything = {.dirs = ~0U};

static u32 less(u32 a, u32 b)
{
    return a > b ? a - b : 0;
}

static u32 group_for_directory(const struct ext4 *fs, struct inode *parent, u32 near)
{
    struct shares mean = {
        .inodes = load_relaxed(&fs->free_inodes) / fs->group_count,
        .blocks = load_relaxed(&fs->free_blocks) / fs->group_count,
        .dirs = load_relaxed(&fs->dirs) / fs->group_count,
    };
    struct shares fair = {
        .inodes = less(mean.inodes, fs->inodes_per_group / 4),
        .blocks = less(mean.blocks, fs->blocks_per_group / 4),
        .dirs = mean.dirs + fs->inodes_per_group / 16,
    };

    mean.dirs = ~0U;
    if (parent->ino == EXT4_ROOT_INO || ext4_i(parent)->flags & EXT4_TOPDIR_FL)
        return group_fewest_dirs(fs, &mean);
    return group_first_fit(fs, near, &fair);
}

static u32 group_choose(const struct ext4 *fs, struct inode *parent, bool directory)
{
    static const struct shares room = {.inodes = 1, .blocks = 1, .dirs = ~0U};
    u32 near = (parent->ino - 1) / fs->inodes_per_group, n;

    n = directory ? group_for_directory(fs, parent, near) : group_first_fit(fs, near, &room);
    return n < fs->group_count ? n : group_first_fit(fs, near, &anything);
}

/* Taking and giving back */

// Below `unused` from the end the table was never written: the lowest free number never leaves a
// gap of such inodes before it.
static void table_used_up_to(struct ext4 *fs, struct ext4_group *g, u32 index)
{
    u32 unused = g->desc.bg_itable_unused_lo | (u32)g->desc.bg_itable_unused_hi << 16;

    if (!has_sums(fs))
        return;
    unused = MIN(unused, fs->inodes_per_group - index - 1);
    g->desc.bg_itable_unused_lo = unused;
    g->desc.bg_itable_unused_hi = unused >> 16;
    g->desc.bg_flags &= ~EXT4_BG_INODE_UNINIT;
}

static int store(struct handle *h, struct ext4 *fs, u32 n, struct buf *b, u32 index, bool use)
{
    struct ext4_group *g = ext4_group(fs, n);

    buf_lock(b);
    if (use)
        bitmap_set((u64 *)b->data, index);
    else
        bitmap_clear((u64 *)b->data, index);
    ext4_bitmap_flipped(fs, &g->desc, b->data, true, index, 1);
    buf_unlock(b);
    journal_dirty(h, b);
    free_inodes_set(g, ext4_group_free_inodes(g) + (use ? -1 : 1));
    atomic_fetch_add(&fs->free_inodes, use ? -1 : 1);
    return ext4_group_write(h, fs, n);
}

// The group's lock is held.
static int take_in_map(struct handle *h, struct ext4 *fs, u32 n, struct buf *b, bool directory,
                       u32 *ino)
{
    struct ext4_group *g = ext4_group(fs, n);
    u32 index = bitmap_find_zero((const u64 *)b->data, fs->inodes_per_group, 0);
    int err;

    *ino = n * fs->inodes_per_group + index + 1;
    if (index == fs->inodes_per_group || *ino < fs->first_ino) {
        g->bad |= EXT4_INODE_BITMAP;
        return ext4_corrupt(fs, *ino, b->block, "bitmap of inodes");
    }
    err = journal_get_write(h, b);
    if (!err)
        err = journal_get_write(h, g->desc_buf);
    if (err)
        return err;
    table_used_up_to(fs, g, index);
    if (directory)
        dirs_add(fs, g, 1);
    return store(h, fs, n, b, index, true);
}

// -EAGAIN: another took the last one.
static int take_in_group(struct handle *h, struct ext4 *fs, u32 n, bool directory, u32 *ino)
{
    struct ext4_group *g = ext4_group(fs, n);
    struct buf *b;
    int err = -EAGAIN;

    mutex_lock(&g->lock);
    if (ext4_group_free_inodes(g))
        err = ext4_group_bitmap(fs, n, true, &b);
    if (!err) {
        err = take_in_map(h, fs, n, b, directory, ino);
        buf_put(b);
    }
    mutex_unlock(&g->lock);
    return err;
}

int ext4_ino_new(struct handle *h, struct inode *dir, bool directory, u32 *ino)
{
    struct ext4 *fs = ext4_of(dir);
    int err;

    do {
        u32 n = group_choose(fs, dir, directory);

        err = n < fs->group_count ? take_in_group(h, fs, n, directory, ino) : -ENOSPC;
    } while (err == -EAGAIN);
    return err;
}

// The group's lock is held.
static int free_in_map(struct handle *h, struct ext4 *fs, u32 ino, struct buf *b, bool directory)
{
    u32 n = (ino - 1) / fs->inodes_per_group, index = (ino - 1) % fs->inodes_per_group;
    struct ext4_group *g = ext4_group(fs, n);
    int err;

    if (!bitmap_test((const u64 *)b->data, index))
        return ext4_corrupt(fs, ino, b->block, "an inode was freed twice");
    err = journal_get_write(h, b);
    if (!err)
        err = journal_get_write(h, g->desc_buf);
    if (err)
        return err;
    if (directory && ext4_group_dirs(g))
        dirs_add(fs, g, -1);
    return store(h, fs, n, b, index, false);
}

int ext4_ino_free(struct handle *h, struct ext4 *fs, u32 ino, bool directory)
{
    u32 n = (ino - 1) / fs->inodes_per_group;
    struct ext4_group *g = ext4_group(fs, n);
    struct buf *b;
    int err;

    mutex_lock(&g->lock);
    err = ext4_group_bitmap(fs, n, true, &b);
    if (!err) {
        err = free_in_map(h, fs, ino, b, directory);
        buf_put(b);
    }
    mutex_unlock(&g->lock);
    return err;
}
