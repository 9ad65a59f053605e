// SPDX-License-Identifier: MIT
// Logical to physical blocks, whichever kind of map a file has; removal; blocks of directories.
#include "fs/ext4/map.h"
#include "fs/ext4/extent_node.h"
#include "fs/ext4/namei.h"
#include "lib/string.h"

static bool has_extents(const struct ext4_inode *i)
{
    return i->flags & EXT4_EXTENTS_FL;
}

void ext4_map_init(struct ext4_inode *i)
{
    struct ext4 *fs = ext4_of(&i->inode);

    for (unsigned n = 0; n < ARRAY_SIZE(i->block); n++)
        i->block[n] = 0;
    i->flags &= ~EXT4_EXTENTS_FL;
    if (EXT4_HAS_INCOMPAT(fs, EXTENTS)) {
        i->flags |= EXT4_EXTENTS_FL;
        extent_node_init((struct ext4_extent_header *)i->block, 4, 0);
    }
}

u64 ext4_map_max_blocks(const struct ext4_inode *i)
{
    return has_extents(i) ? EXTENT_END : indirect_max_blocks(i->inode.sb->private);
}

u64 ext4_map_max_run(const struct ext4_inode *i)
{
    struct ext4 *fs = i->inode.sb->private;

    return has_extents(i) ? EXT4_EXTENT_INIT_MAX - 1 : fs->block_size / sizeof(u32);
}

u32 ext4_map_credits(const struct ext4_inode *i, u32 runs)
{
    return has_extents(i) ? extent_credits(i, runs) : indirect_credits(runs);
}

int ext4_map_find(struct ext4_inode *i, struct ext4_map *m)
{
    if (i->flags & EXT4_INLINE_DATA_FL) {
        m->physical = EXT4_MAP_FAIL;
        m->unwritten = false;
        return 0;
    }
    return has_extents(i) ? extent_find(i, m) : indirect_find(i, m);
}

int ext4_map_change(struct handle *h, struct ext4_inode *i, const struct ext4_map *m, bool mapped)
{
    int err = has_extents(i) ? extent_change(h, i, m, mapped) : indirect_change(h, i, m);

    if (!err)
        i->blocks += (m->physical != EXT4_MAP_FAIL ? m->count : 0) - (mapped ? m->count : 0);
    return err;
}

int ext4_map_restart(struct handle *h, struct ext4_inode *i, u32 credits)
{
    int err;

    write_unlock(&i->map_lock);
    err = ext4_inode_write(h, &i->inode);
    if (!err)
        err = journal_restart(h, credits) ?: ext4_name_hold(h, &i->inode);
    write_lock(&i->map_lock);
    return err;
}

/* Removal */

#define REVOKES 256 // of one handle: a transaction has room for those of many

// At most a group's blocks, so that two groups at most are touched.
static int remove_run(struct handle *h, struct ext4_inode *i, const struct ext4_map *m)
{
    struct ext4_map hole = {m->logical, EXT4_MAP_FAIL, m->count, false};
    int err = ext4_blocks_hold(h, ext4_of(&i->inode), m->physical, m->count)
                  ?: ext4_map_change(h, i, &hole, true);

    return err ? err : ext4_blocks_free(h, i, m->physical, m->count, false);
}

int ext4_map_remove(struct handle *h, struct ext4_inode *i, u64 first, u64 last, u32 credits)
{
    bool revoked = ext4_blocks_revoked(i);
    u64 most = revoked ? REVOKES : ext4_of(&i->inode)->blocks_per_group, left = most;
    int err = 0;

    last = MIN(last, ext4_map_max_blocks(i) - 1);
    for (u64 at = first; !err && at <= last;) {
        struct ext4_map m = {.logical = at, .count = last - at + 1};
        u32 need = ext4_map_credits(i, 1) + 2 * EXT4_ALLOC_CREDITS + 1 + credits;

        err = ext4_map_find(i, &m);
        if (err)
            break;
        if (m.physical != EXT4_MAP_FAIL) {
            if (journal_credits(h) < need || !left) {
                err = ext4_map_restart(h, i, need + EXT4_BATCH_CREDITS);
                left = most;
            }
            m.count = MIN(m.count, left);
            left -= revoked ? m.count : 0;
            if (!err)
                err = remove_run(h, i, &m);
        }
        at += m.count;
    }
    return err;
}

/* Blocks of metadata */

int ext4_block_create(struct handle *h, struct ext4_inode *i, struct buf **out)
{
    struct ext4 *fs = ext4_of(&i->inode);
    u64 block;
    int err = ext4_block_new(h, i, &block);

    if (err)
        return err;
    err = buf_get(fs->cache, block, out);
    if (!err) {
        err = journal_change(h, *out);
        if (err)
            buf_put(*out);
    }
    if (err) {
        *out = NULL;
        return ext4_blocks_free(h, i, block, 1, true) ?: err;
    }
    memset((*out)->data, 0, fs->block_size);
    journal_changed(h, *out);
    return 0;
}

int ext4_file_block(struct inode *inode, u64 logical, struct buf **out)
{
    struct ext4_inode *i = ext4_i(inode);
    struct ext4_map m = {.logical = logical, .count = 1};
    int err;

    read_lock(&i->map_lock);
    err = ext4_map_find(i, &m);
    read_unlock(&i->map_lock);
    if (err || m.physical == EXT4_MAP_FAIL)
        return err ?: -ENOENT;
    return buf_read(ext4_of(inode)->cache, m.physical, out);
}

// map_lock is held. What is there already, past the file's end, is taken.
static int file_block_make(struct handle *h, struct ext4_inode *i, u64 logical, struct buf **out)
{
    struct ext4_map m = {.logical = logical, .count = 1};
    int err = ext4_map_find(i, &m);

    if (err)
        return err;
    if (m.physical != EXT4_MAP_FAIL)
        return buf_read(ext4_of(&i->inode)->cache, m.physical, out);
    err = ext4_block_create(h, i, out);
    if (err)
        return err;
    m.physical = (*out)->block;
    m.count = 1;
    i->goal = m.physical + 1;
    err = ext4_map_change(h, i, &m, false);
    if (err) {
        buf_put(*out);
        err = ext4_blocks_free(h, i, m.physical, 1, true) ?: err;
    }
    return err;
}

int ext4_file_block_new(struct handle *h, struct inode *inode, u64 logical, struct buf **out)
{
    struct ext4_inode *i = ext4_i(inode);
    int err = ext4_reserve(ext4_of(inode), 1);

    if (err)
        return err;
    write_lock(&i->map_lock);
    err = file_block_make(h, i, logical, out);
    write_unlock(&i->map_lock);
    ext4_unreserve(ext4_of(inode), 1);
    if (err)
        return err;
    err = journal_change(h, *out);
    if (err)
        buf_put(*out);
    return err;
}

int ext4_file_block_write(struct handle *h, struct inode *i, u64 logical, const void *from, u32 n)
{
    struct buf *b;
    int err = ext4_file_block_new(h, i, logical, &b);

    if (err)
        return err;
    memcpy(b->data, from, n);
    memset(b->data + n, 0, ext4_of(i)->block_size - n);
    journal_changed(h, b);
    buf_put(b);
    return 0;
}
