// SPDX-License-Identifier: MIT
// Sizes: making files longer and shorter, and freeing what a deleted file has.
//
// A file that gets shorter is an orphan until its blocks are free: a crash in between leaves them
// to the next mount. One that gets longer must not show what its last block held past the end: that
// is zeroed, and written, before the new size gets to the disk.
//
// Invariant: if disk_size < size, the page of the last byte is changed, and its write-back will
// move the size. So who drops changed pages, or makes the file end elsewhere, moves disk_size
// itself.
#include "fs/ext4/data.h"
#include "fs/ext4/map.h"
#include "fs/ext4/super.h"

#define ORPHAN_CREDITS (2 * EXT4_ORPHAN_CREDITS + 1)

/* Changes in which pages go, or the size changes */

int ext4_map_begin(struct inode *i, u32 credits, struct handle **h)
{
    int err = journal_begin(ext4_of(i)->journal, credits, h);

    if (err)
        return err;
    err = ext4_check_writable(ext4_of(i)) ?: ext4_name_hold(*h, i); // as in ext4_operate
    if (err)
        return journal_finish(*h, err);
    write_lock(&ext4_i(i)->map_lock);
    return 0;
}

int ext4_map_end(struct handle *h, struct inode *i, int err)
{
    struct ext4_inode *e = ext4_i(i);
    int one;

    write_unlock(&e->map_lock);
    one = ext4_inode_write(h, i);
    store_relaxed(&e->data_tid, load_relaxed(&e->tid));
    if (!one && err == -ENOMEM)
        journal_undone(h); // nothing is half done: see ext4_map_change and its like
    return journal_finish(h, err ? err : one);
}

int ext4_change_begin(struct inode *i, u32 credits, struct handle **h)
{
    struct vm_object *o = &i->object;
    int err;

    mutex_lock(&o->write_lock);
    mutex_lock(&o->fill_lock);
    err = ext4_map_begin(i, credits + EXT4_BATCH_CREDITS, h);
    if (err) {
        mutex_unlock(&o->fill_lock);
        mutex_unlock(&o->write_lock);
    }
    return err;
}

void ext4_size_set(struct inode *i, u64 size, u64 disk_size)
{
    store_relaxed(&i->size, size);
    vm_object_truncate(&i->object, size);
    ext4_i(i)->disk_size = disk_size;
}

int ext4_change_end(struct handle *h, struct inode *i, int err)
{
    err = ext4_map_end(h, i, err);
    mutex_unlock(&i->object.fill_lock);
    mutex_unlock(&i->object.write_lock);
    return err;
}

// Without HUGE_FILE the blocks of a file are counted in 32 bits as sectors, those of its map too.
static u64 blocks_countable(const struct ext4 *fs)
{
    u64 all = 0xFFFFFFFFUL >> (fs->block_shift - 9), slots = fs->block_size / sizeof(u32);

    return EXT4_HAS_RO(fs, HUGE_FILE) ? ~0UL : all - all / (slots - 1) - 4;
}

u64 ext4_size_max(const struct inode *i)
{
    const struct ext4 *fs = i->sb->private;
    u64 blocks = ext4_map_max_blocks((const struct ext4_inode *)i);

    return MIN(blocks, blocks_countable(fs)) << fs->block_shift;
}

/* Longer */

int ext4_zero(struct inode *i, u64 start, u64 end)
{
    struct ext4_inode *e = ext4_i(i);
    struct ext4_map m = {.logical = start >> ext4_of(i)->block_shift, .count = 1};
    bool promised;
    int err;

    if (start >= end)
        return 0;
    read_lock(&e->map_lock);
    promised = ext4_delayed_run(e, m.logical, &m.count);
    err = ext4_map_find(e, &m);
    read_unlock(&e->map_lock);
    if (err || (m.physical == EXT4_MAP_FAIL && !promised))
        return err;
    return vm_object_zero(&i->object, start, end);
}

static int tail_clear(struct inode *i)
{
    u64 size = i->size, page = size >> PAGE_SHIFT;

    if (!(size & (ext4_of(i)->block_size - 1)))
        return 0;
    return ext4_zero(i, size, ALIGN_UP(size, PAGE_SIZE)) ?: vm_object_sync(&i->object, page, page);
}

int ext4_size_settle(struct inode *i, u64 size)
{
    u64 known = load_relaxed(&ext4_i(i)->disk_size), page = known >> PAGE_SHIFT;

    if (known >= size || !(known & (ext4_of(i)->block_size - 1)))
        return 0;
    return vm_object_sync(&i->object, page, page);
}

int ext4_size_grow(struct inode *i, u64 size)
{
    struct handle *h;
    int err = ext4_size_settle(i, size) ?: tail_clear(i) ?: ext4_change_begin(i, 1, &h);

    if (err)
        return err;
    ext4_size_set(i, size, size);
    return ext4_change_end(h, i, 0);
}

/* Shorter */

static bool is_orphan(const struct ext4_inode *e)
{
    return !list_empty(&e->orphan) || e->orphan_slot != ~0U;
}

// What is left of a file after an error is an orphan's.
static int size_shrink(struct inode *i, u64 size)
{
    struct ext4_inode *e = ext4_i(i);
    u64 first = DIV_ROUND_UP(size, ext4_of(i)->block_size);
    struct handle *h;
    bool any;
    int err = ext4_size_settle(i, size) ?: ext4_change_begin(i, ORPHAN_CREDITS, &h);

    if (err)
        return err;
    any = e->blocks || is_orphan(e);
    err = any ? ext4_orphan_add(h, i) : 0;
    if (!err) {
        ext4_size_set(i, size, size);
        ext4_delayed_drop(e, first, ~0UL);
    }
    if (!err && any)
        err = ext4_map_remove(h, e, first, ~0UL, ORPHAN_CREDITS) ?: ext4_orphan_remove(h, i);
    return ext4_change_end(h, i, err);
}

int ext4_truncate(struct inode *i, u64 size)
{
    int err = ext4_check_writable(ext4_of(i));
    unsigned tries = 0;

    if (!err && size > i->size && size > ext4_size_max(i))
        err = -EFBIG;
    if (!err && ext4_has_inline(i))
        err = ext4_inline_convert(i);
    if (err)
        return err;
    if (size > i->size)
        return ext4_size_grow(i, size);
    do
        err = size_shrink(i, size);
    while (ext4_memory_may_come(err, &tries));
    if (err == -ENOMEM && is_orphan(ext4_i(i))) // what is left of it would be seen if the file grew
        ext4_stop_writing(ext4_of(i), err);
    return err;
}

/* The end of a file */

bool ext4_has_map(const struct inode *i)
{
    return (S_ISREG(i->mode) || S_ISDIR(i->mode) || S_ISLNK(i->mode)) && !ext4_has_inline(i) &&
           !ext4_is_fast_link(i);
}

int ext4_delete_contents(struct handle *h, struct inode *i, u32 credits)
{
    int err;

    if (!ext4_has_map(i))
        return 0;
    write_lock(&ext4_i(i)->map_lock);
    err = ext4_map_remove(h, ext4_i(i), 0, ~0UL, credits);
    write_unlock(&ext4_i(i)->map_lock);
    return err;
}
