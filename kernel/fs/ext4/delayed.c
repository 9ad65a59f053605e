// SPDX-License-Identifier: MIT
// Delayed allocation: blocks promised to pages that are going to be written.
//
// Before a page may be changed, each of its blocks that the map does not have is promised one, and
// noted in inode.delayed until write-back has found it a place. With blocks smaller than a page
// that covers some past the end of the file; write-back gives those back.
#include "fs/ext4/data.h"

bool ext4_delayed_run(const struct ext4_inode *i, u64 logical, u64 *count)
{
    u64 start, end;

    if (!ranges_next(&i->delayed, logical, &start, &end))
        return false;
    *count = MIN(*count, (start <= logical ? end : start) - logical);
    return start <= logical;
}

int ext4_delayed_promise(struct ext4_inode *i, u64 logical, u64 count)
{
    struct ext4 *fs = ext4_of(&i->inode);
    int err = ext4_reserve(fs, count);

    if (err)
        return err;
    err = ranges_add(&i->delayed, logical, logical + count);
    if (err)
        ext4_unreserve(fs, count);
    return err;
}

void ext4_delayed_drop(struct ext4_inode *i, u64 first, u64 end)
{
    u64 n = ranges_count(&i->delayed, first, end);

    if (n && !ranges_remove(&i->delayed, first, end))
        ext4_unreserve(ext4_of(&i->inode), n);
}

void ext4_delayed_settle(struct inode *i)
{
    struct ext4_inode *e = ext4_i(i);

    write_lock(&e->map_lock);
    if (!load_acquire(&e->writing))
        ext4_delayed_drop(e, DIV_ROUND_UP(load_relaxed(&i->object.size), ext4_of(i)->block_size),
                          ~0UL);
    write_unlock(&e->map_lock);
}

int ext4_map_enter(struct handle *h, struct ext4_inode *i, const struct ext4_map *m)
{
    int err = ext4_blocks_claim(h, ext4_of(&i->inode), m->physical, m->count);

    if (!err) {
        err = ext4_map_change(h, i, m, false);
        if (err)
            err = ext4_blocks_free(h, i, m->physical, m->count, false) ?: err;
    }
    if (err != -ENOMEM)
        ext4_delayed_drop(i, m->logical, m->logical + m->count);
    return err;
}

static int promise_holes(struct ext4_inode *i, u64 first, u64 end)
{
    int err = 0;

    for (u64 at = first; !err && at < end;) {
        struct ext4_map m = {.logical = at, .count = end - at};

        if (!ext4_delayed_run(i, at, &m.count)) {
            err = ext4_map_find(i, &m);
            if (!err && m.physical == EXT4_MAP_FAIL)
                err = ext4_delayed_promise(i, at, m.count);
        }
        at += m.count;
    }
    return err;
}

int ext4_make_writable(struct vm_object *o, u64 index)
{
    struct inode *i = o->owner;
    struct ext4_inode *e = ext4_i(i);
    struct ext4 *fs = ext4_of(i);
    u32 shift = PAGE_SHIFT - fs->block_shift;
    u64 first = index << shift, end = MIN((index + 1) << shift, ext4_map_max_blocks(e));
    int err = ext4_check_writable(fs);
    struct ext4_retry retry = {0};
    bool cut; // the page of a fault, which has left the file meanwhile

    if (err)
        return err;
    do {
        write_lock(&e->map_lock);
        cut = !load_acquire(&e->writing) && index << PAGE_SHIFT >= load_relaxed(&o->size);
        err = cut ? 0 : promise_holes(e, first, end);
        write_unlock(&e->map_lock);
    } while (ext4_again(fs, err, &retry));
    return err;
}
