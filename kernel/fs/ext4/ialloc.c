// SPDX-License-Identifier: MIT
// Free inode numbers.
//
// Where: files go to the group of their directory. A directory right below the root (or below one
// marked TOPDIR) goes where there are fewest, so that what is unrelated does not share a group; one
// deeper down goes near its parent, unless that group has more than its share of directories or
// less than its share of room (Orlov's allocator).
#include "fs/ext4/group.h"
#include "lib/bitmap.h"

/* Choosing a group; counts are read without locks */

struct shares { // what a group has to have
    u32 inodes, blocks, dirs;
};

static bool group_fits(const struct ext4 *fs, u32 n, const struct shares *s)
{
    const struct ext4_group *g = ext4_group(fs, n);
    u32 free = ext4_group_free(g, true);

    return free && !g->bad[true] && free >= s->inodes && ext4_group_free(g, false) >= s->blocks &&
           ext4_group_dirs(g) <= s->dirs;
}

// The first group from `start` on that fits, or of those the one with the fewest directories;
// group_count: none does.
static u32 group_find(const struct ext4 *fs, u32 start, const struct shares *s, bool fewest)
{
    u32 best = fs->group_count;

    for (u32 i = 0; i < fs->group_count; i++) {
        u32 n = (start + i) % fs->group_count;

        if (!group_fits(fs, n, s))
            continue;
        if (!fewest)
            return n;
        if (best == fs->group_count ||
            ext4_group_dirs(ext4_group(fs, n)) < ext4_group_dirs(ext4_group(fs, best)))
            best = n;
    }
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
        return group_find(fs, 0, &mean, true);
    return group_find(fs, near, &fair, false);
}

static u32 group_choose(const struct ext4 *fs, struct inode *parent, bool directory)
{
    static const struct shares room = {.inodes = 1, .blocks = 1, .dirs = ~0U};
    u32 near = (parent->ino - 1) / fs->inodes_per_group, n;

    n = directory ? group_for_directory(fs, parent, near) : group_find(fs, near, &room, false);
    return n < fs->group_count ? n : group_find(fs, near, &anything, false);
}

/* Taking and giving back */

// The last `unused` inodes of the table were never written: the lowest free number never leaves a
// gap of such inodes before it.
static void table_used_up_to(struct ext4 *fs, struct ext4_group *g, u32 index)
{
    u32 unused = g->desc.bg_itable_unused_lo | (u32)g->desc.bg_itable_unused_hi << 16;

    if (!ext4_has_group_sums(fs))
        return;
    unused = MIN(unused, fs->inodes_per_group - index - 1);
    g->desc.bg_itable_unused_lo = unused;
    g->desc.bg_itable_unused_hi = unused >> 16;
}

// -EAGAIN: another took the last one.
static int take_in_group(struct handle *h, struct ext4 *fs, u32 n, bool directory, u32 *ino)
{
    struct ext4_bits c;
    int err = ext4_bits_begin(h, fs, n, true, &c);

    if (!err && !ext4_group_free(c.group, true))
        err = -EAGAIN;
    if (!err) {
        u32 index = bitmap_find_zero(c.map, fs->inodes_per_group, 0);

        *ino = n * fs->inodes_per_group + index + 1;
        if (index == fs->inodes_per_group || *ino < fs->first_ino ||
            inode_cache_has(fs->sb, *ino)) {
            c.group->bad[true] = true;
            err = ext4_corrupt(fs, *ino, c.b->block, "bitmap of inodes");
        } else {
            table_used_up_to(fs, c.group, index);
            if (directory)
                ext4_group_dirs_add(fs, c.group, 1);
            ext4_bits_flip(h, fs, &c, true, index, 1);
            atomic_fetch_sub(&fs->free_inodes, 1);
        }
    }
    ext4_bits_end(&c);
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

int ext4_ino_free(struct handle *h, struct ext4 *fs, u32 ino, bool directory)
{
    u32 n = (ino - 1) / fs->inodes_per_group, index = (ino - 1) % fs->inodes_per_group;
    struct ext4_bits c;
    int err = ext4_bits_begin(h, fs, n, true, &c);

    if (!err && !ext4_bits_are(&c, true, index, 1))
        err = ext4_corrupt(fs, ino, c.b->block, "an inode was freed twice");
    if (!err) {
        if (directory && ext4_group_dirs(c.group))
            ext4_group_dirs_add(fs, c.group, -1);
        ext4_bits_flip(h, fs, &c, false, index, 1);
        atomic_fetch_add(&fs->free_inodes, 1);
    }
    ext4_bits_end(&c);
    return err;
}
