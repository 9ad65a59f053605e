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

#define ORPHAN_CREDITS (2 * EXT4_ORPHAN_CREDITS + 1)

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

// Whether the block of the last byte may hold anything, here or on the device.
static int tail_exists(struct inode *i, bool *yes)
{
    struct ext4_inode *e = ext4_i(i);
    struct ext4_map m = {.logical = i->size >> ext4_of(i)->block_shift, .count = 1};
    int err = 0;

    read_lock(&e->map_lock);
    *yes = ext4_delayed_run(e, m.logical, &m.count);
    if (!*yes) {
        err = ext4_map_find(e, &m);
        *yes = m.physical != EXT4_MAP_FAIL;
    }
    read_unlock(&e->map_lock);
    return err;
}

static int tail_clear(struct inode *i)
{
    u64 page = i->size >> PAGE_SHIFT;
    bool yes = false;
    int err = i->size & (ext4_of(i)->block_size - 1) ? tail_exists(i, &yes) : 0;

    if (err || !yes)
        return err;
    err = vm_object_clear_tail(&i->object);
    return err ? err : vm_object_sync(&i->object, page, page);
}

int ext4_size_settle(struct inode *i, u64 size)
{
    u64 known = load_relaxed(&ext4_i(i)->disk_size), page = known >> PAGE_SHIFT;

    if (known >= size || !(known & (ext4_of(i)->block_size - 1)))
        return 0;
    return vm_object_sync(&i->object, page, page);
}

static int set_size_on_disk(struct handle *h, struct inode *i, u64 size)
{
    struct ext4_inode *e = ext4_i(i);

    write_lock(&e->map_lock);
    e->disk_size = size;
    write_unlock(&e->map_lock);
    store_relaxed(&e->data_tid, journal_handle_tid(h));
    return ext4_inode_write(h, i);
}

int ext4_size_grow(struct inode *i, u64 size)
{
    struct vm_object *o = &i->object;
    struct handle *h;
    int err = ext4_size_settle(i, size) ?: tail_clear(i), end;

    if (err)
        return err;
    mutex_lock(&o->write_lock);
    err = journal_begin(ext4_of(i)->journal, 1, &h);
    if (!err) {
        store_relaxed(&i->size, size);
        vm_object_truncate(o, size);
        err = set_size_on_disk(h, i, size);
        end = journal_end(h);
        err = err ? err : end;
    }
    mutex_unlock(&o->write_lock);
    return err;
}

/* Shorter */

// Frees the blocks from `first` on. What is left of a file after an error is an orphan's.
static int free_blocks(struct handle *h, struct inode *i, u64 first)
{
    struct ext4_inode *e = ext4_i(i);
    int err;

    write_lock(&e->map_lock);
    err = ext4_map_remove(h, e, first, ~0UL, ORPHAN_CREDITS);
    write_unlock(&e->map_lock);
    return err;
}

static int shrink_map(struct handle *h, struct inode *i, u64 size)
{
    struct ext4_inode *e = ext4_i(i);
    struct ext4 *fs = ext4_of(i);
    u64 first = DIV_ROUND_UP(size, fs->block_size);
    bool any;
    int err = 0, one;

    write_lock(&e->map_lock);
    ext4_delayed_drop(e, first, ~0UL);
    any = e->blocks;
    write_unlock(&e->map_lock);
    if (any)
        err = ext4_orphan_add(h, i);
    if (!err)
        err = set_size_on_disk(h, i, size);
    if (!err && any)
        err = free_blocks(h, i, first);
    if (!err && any)
        err = ext4_orphan_remove(h, i);
    store_relaxed(&e->data_tid, journal_handle_tid(h));
    one = ext4_inode_write(h, i);
    return err ? err : one;
}

static int size_shrink(struct inode *i, u64 size)
{
    struct vm_object *o = &i->object;
    struct handle *h;
    int err = ext4_size_settle(i, size), end;

    if (err)
        return err;
    mutex_lock(&o->write_lock);
    mutex_lock(&o->fill_lock);
    err = journal_begin(ext4_of(i)->journal, ORPHAN_CREDITS + EXT4_BATCH_CREDITS, &h);
    if (!err) {
        store_relaxed(&i->size, size);
        vm_object_truncate(o, size);
    }
    mutex_unlock(&o->fill_lock);
    if (!err) {
        err = shrink_map(h, i, size);
        end = journal_end(h);
        err = err ? err : end;
    }
    mutex_unlock(&o->write_lock);
    return err;
}

int ext4_truncate(struct inode *i, u64 size)
{
    int err = ext4_check_writable(ext4_of(i));

    if (!err && size > i->size && size > ext4_size_max(i))
        err = -EFBIG;
    if (!err && ext4_has_inline(i))
        err = ext4_inline_convert(i);
    if (err)
        return err;
    return size > i->size ? ext4_size_grow(i, size) : size_shrink(i, size);
}

/* The end of a file */

static bool has_map(const struct inode *i)
{
    return (S_ISREG(i->mode) || S_ISDIR(i->mode) || S_ISLNK(i->mode)) && !ext4_has_inline(i) &&
           i->ops != &ext4_fast_link_inode_ops;
}

int ext4_delete_contents(struct inode *i)
{
    struct handle *h;
    int err, end;

    if (!has_map(i))
        return 0;
    err = journal_begin(ext4_of(i)->journal, ORPHAN_CREDITS + EXT4_BATCH_CREDITS, &h);
    if (err)
        return err;
    err = free_blocks(h, i, 0);
    end = ext4_inode_write(h, i);
    err = err ? err : end;
    end = journal_end(h);
    return err ? err : end;
}
