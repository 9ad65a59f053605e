// SPDX-License-Identifier: MIT
// Orphans: inodes without a name that are still open, or that are being truncated. After a crash
// the next mount finds them and finishes.
//
// On disk they are a list, whose head is in the superblock and whose links are the inodes' i_dtime;
// or, with the feature, numbers in a file of their own, where each takes a slot without touching
// the others. The list also takes what the file has no room for.
#include "base/log.h"
#include "fs/ext4/super.h"
#include "mm/slab.h"

#define NO_SLOT         ~0U
#define FILE_BLOCKS_MAX (1UL << 16)

/* The list; super_lock is held */

// i_dtime of an inode.
static int link_write(struct handle *h, struct ext4_inode *e, u32 next)
{
    struct ext4 *fs = ext4_of(&e->inode);
    struct ext4_dinode *d;
    struct buf *b;
    int err = ext4_dinode_change(h, fs, e->inode.ino, &b, &d);

    if (err)
        return err;
    d->i_dtime = e->dtime = next;
    ext4_dinode_changed(h, fs, e->inode.ino, b);
    buf_put(b);
    return 0;
}

static int list_add(struct handle *h, struct ext4_inode *e)
{
    struct ext4 *fs = ext4_of(&e->inode);
    int err = ext4_super_change(h, fs) ?: link_write(h, e, fs->super->s_last_orphan);

    if (err)
        return err;
    fs->super->s_last_orphan = e->inode.ino;
    ext4_super_dirty(h, fs);
    list_insert_head(&fs->orphans, &e->orphan);
    return 0;
}

// All that may lack memory comes before the first change.
static int list_take(struct handle *h, struct ext4_inode *e)
{
    struct ext4 *fs = ext4_of(&e->inode);
    struct ext4_inode *before = container_of(e->orphan.prev, struct ext4_inode, orphan);
    bool first = e->orphan.prev == &fs->orphans;
    u32 next = e->dtime;
    int err = ext4_name_hold(h, &e->inode);

    if (!err)
        err = first ? ext4_super_change(h, fs) : ext4_name_hold(h, &before->inode);
    if (!err)
        err = link_write(h, e, 0);
    if (!err && !first)
        err = link_write(h, before, next);
    if (err)
        return err;
    if (first) {
        fs->super->s_last_orphan = next;
        ext4_super_dirty(h, fs);
    }
    list_remove(&e->orphan);
    return 0;
}

/* The file; super_lock is held */

static u32 slots_per_block(const struct ext4 *fs)
{
    return (fs->block_size - sizeof(struct ext4_orphan_tail)) / sizeof(u32);
}

static struct ext4_orphan_tail *tail_of(const struct buf *b)
{
    return (struct ext4_orphan_tail *)(b->data + b->cache->block_size) - 1;
}

static int slot_write(struct handle *h, struct ext4 *fs, struct buf *b, u32 slot, u32 ino)
{
    struct ext4_orphan_tail *tail = tail_of(b);
    int err = journal_change(h, b);

    if (err)
        return err;
    ((u32 *)b->data)[slot] = ino;
    tail->ob_checksum = ext4_orphan_sum(ext4_i(fs->orphan_file), b->block, b->data, tail);
    journal_changed(h, b);
    return 0;
}

static int block_read(struct ext4 *fs, u32 n, struct buf **out)
{
    const struct ext4_orphan_tail *tail;
    int err = buf_read(fs->cache, fs->orphan_places[n], out);

    if (err)
        return err;
    tail = tail_of(*out);
    if (tail->ob_magic == EXT4_ORPHAN_BLOCK_MAGIC &&
        tail->ob_checksum ==
            ext4_orphan_sum(ext4_i(fs->orphan_file), (*out)->block, (*out)->data, tail))
        return 0;
    buf_put(*out);
    return ext4_corrupt(fs, fs->orphan_file_inum, n, "block of the orphan file");
}

// A free slot of a block: 0 and *slot, or -ENOSPC.
static int slot_find(const struct ext4 *fs, const struct buf *b, u32 *slot)
{
    for (*slot = 0; *slot < slots_per_block(fs); (*slot)++)
        if (!((const u32 *)b->data)[*slot])
            return 0;
    return -ENOSPC;
}

static int file_add(struct handle *h, struct ext4_inode *e)
{
    struct ext4 *fs = ext4_of(&e->inode);
    int err = -ENOSPC;

    for (u32 i = 0; err == -ENOSPC && i < fs->orphan_file_blocks; i++) {
        u32 n = (fs->orphan_hint + i) % fs->orphan_file_blocks, slot;
        struct buf *b;

        err = block_read(fs, n, &b);
        if (err)
            break;
        err = slot_find(fs, b, &slot);
        if (!err)
            err = slot_write(h, fs, b, slot, e->inode.ino);
        buf_put(b);
        if (!err) {
            fs->orphan_hint = n;
            fs->orphan_slots++;
            e->orphan_slot = n * slots_per_block(fs) + slot;
        }
    }
    return err;
}

static int file_take(struct handle *h, struct ext4_inode *e)
{
    struct ext4 *fs = ext4_of(&e->inode);
    u32 n = e->orphan_slot / slots_per_block(fs);
    struct buf *b;
    int err = block_read(fs, n, &b);

    if (err)
        return err;
    err = slot_write(h, fs, b, e->orphan_slot % slots_per_block(fs), 0);
    buf_put(b);
    if (!err) {
        e->orphan_slot = NO_SLOT;
        fs->orphan_hint = n;
        fs->orphan_slots--;
    }
    return err;
}

/* Both */

static bool is_orphan(const struct ext4_inode *e)
{
    return !list_empty(&e->orphan) || e->orphan_slot != NO_SLOT;
}

// Something will have to be written at their end: like an open file, they keep the file system from
// becoming read-only.
static void count(struct ext4 *fs, int change)
{
    atomic_fetch_add(&fs->sb->writers, (u32)change);
}

int ext4_orphan_add(struct handle *h, struct inode *i)
{
    struct ext4 *fs = ext4_of(i);
    struct ext4_inode *e = ext4_i(i);
    int err = 0;

    mutex_lock(&fs->super_lock);
    if (!is_orphan(e)) {
        err = fs->orphan_file ? file_add(h, e) : -ENOSPC;
        if (err == -ENOSPC)
            err = list_add(h, e);
        count(fs, !err);
    }
    mutex_unlock(&fs->super_lock);
    return err;
}

int ext4_orphan_remove(struct handle *h, struct inode *i)
{
    struct ext4 *fs = ext4_of(i);
    struct ext4_inode *e = ext4_i(i);
    int err = 0;

    mutex_lock(&fs->super_lock);
    if (is_orphan(e)) {
        err = e->orphan_slot != NO_SLOT ? file_take(h, e) : list_take(h, e);
        count(fs, -!err);
    }
    mutex_unlock(&fs->super_lock);
    return err;
}

void ext4_orphan_forget(struct ext4_inode *e)
{
    struct ext4 *fs = ext4_of(&e->inode);

    mutex_lock(&fs->super_lock);
    count(fs, -is_orphan(e));
    list_remove(&e->orphan);
    e->orphan_slot = NO_SLOT;
    mutex_unlock(&fs->super_lock);
}

// Where the file's blocks are, so that nothing is looked up under super_lock.
static int places_read(struct ext4 *fs)
{
    struct ext4_inode *e = ext4_i(fs->orphan_file);
    int err = 0;

    read_lock(&e->map_lock);
    for (u32 n = 0; !err && n < fs->orphan_file_blocks; n++) {
        struct ext4_map m = {.logical = n, .count = 1};

        err = ext4_map_find(e, &m);
        if (!err && (m.physical == EXT4_MAP_FAIL || m.unwritten))
            err = ext4_corrupt(fs, fs->orphan_file_inum, n, "hole in the orphan file");
        fs->orphan_places[n] = m.physical;
    }
    read_unlock(&e->map_lock);
    return err;
}

int ext4_orphan_file_open(struct ext4 *fs)
{
    int err;

    if (!fs->orphan_file_inum || fs->orphan_file)
        return 0;
    err = ext4_inode_get_special(fs->sb, fs->orphan_file_inum, &fs->orphan_file);
    if (err)
        return err;
    fs->orphan_file_blocks = MIN(fs->orphan_file->size >> fs->block_shift, FILE_BLOCKS_MAX);
    fs->orphan_places = kmalloc(MAX(fs->orphan_file_blocks, 1U) * sizeof(u64), 0);
    return fs->orphan_places ? places_read(fs) : -ENOMEM;
}

/* At mount */

static int remove_in(struct handle *h, void *inode)
{
    return ext4_orphan_remove(h, inode);
}

// What was open is deleted by its last reference, here; what was being truncated is truncated.
static int orphan_finish(struct ext4 *fs, struct inode *i)
{
    int err = 0;

    if (!i->nlink)
        return 0;
    write_lock(&i->lock);
    if (S_ISREG(i->mode))
        err = ext4_truncate(i, i->size);
    write_unlock(&i->lock);
    if (err || !is_orphan(ext4_i(i)))
        return err;
    return ext4_operate(fs, EXT4_ORPHAN_CREDITS, remove_in, i);
}

// An orphan's inode, counted; NULL if it cannot be one.
static struct inode *orphan_get(struct ext4 *fs, u32 ino)
{
    struct inode *i;

    if (ino < fs->first_ino || ino > fs->inode_count || ino == fs->orphan_file_inum ||
        ext4_inode_get_special(fs->sb, ino, &i)) {
        ext4_corrupt(fs, ino, 0, "an orphan's number");
        return NULL;
    }
    if (!is_orphan(ext4_i(i))) {
        count(fs, 1);
        return i;
    }
    inode_put(i);
    ext4_corrupt(fs, ino, 0, "it is an orphan twice");
    return NULL;
}

// Reads the list into memory, where a loop shows; each of fs->orphans has a reference then.
static int list_read(struct ext4 *fs)
{
    u32 ino = fs->super->s_last_orphan;
    struct inode *i;

    while (ino) {
        i = orphan_get(fs, ino);
        if (!i)
            return -EUCLEAN;
        list_insert_tail(&fs->orphans, &ext4_i(i)->orphan);
        ino = ext4_i(i)->dtime;
    }
    return 0;
}

// Each leaves the list by its own end; after an error they stay on disk, and are only let go of.
static int list_recover(struct ext4 *fs, u32 *count)
{
    struct ext4_inode *e;
    int err = list_read(fs);

    while ((e = list_first(&fs->orphans, struct ext4_inode, orphan))) {
        err = err ? err : orphan_finish(fs, &e->inode);
        if (err) {
            store_relaxed(&fs->read_only, true);
            ext4_orphan_forget(e);
        }
        inode_put(&e->inode);
        ++*count;
    }
    return err;
}

static int slot_recover(struct ext4 *fs, u32 ino, u32 slot, u32 *count)
{
    struct inode *i = orphan_get(fs, ino);
    int err;

    if (!i)
        return -EUCLEAN;
    ext4_i(i)->orphan_slot = slot;
    fs->orphan_slots++;
    err = orphan_finish(fs, i);
    inode_put(i);
    ++*count;
    return err;
}

static int file_recover(struct ext4 *fs, u32 *count)
{
    u32 per_block = slots_per_block(fs);
    int err = 0;

    fs->orphan_slots = 1; // there may be, until all have been seen

    for (u32 n = 0; !err && n < fs->orphan_file_blocks; n++) {
        struct buf *b;

        err = block_read(fs, n, &b);
        if (err)
            break;
        for (u32 slot = 0; !err && slot < per_block; slot++) {
            u32 ino = ((const u32 *)b->data)[slot];

            if (ino)
                err = slot_recover(fs, ino, n * per_block + slot, count);
        }
        buf_put(b);
    }
    fs->orphan_slots -= !err;
    return err;
}

int ext4_orphans_recover(struct ext4 *fs)
{
    u32 count = 0;
    int err = list_recover(fs, &count);

    if (!err && fs->orphan_file)
        err = file_recover(fs, &count);
    if (count)
        log_info("ext4 (%s): %u orphans deleted or truncated", fs->name, count);
    return err;
}
