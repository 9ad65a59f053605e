// SPDX-License-Identifier: MIT
// The classic block map: 12 blocks in the inode, then tables of block numbers, one, two and three
// deep. A table that holds no number any more is freed.
#include "fs/ext4/map.h"
#include "lib/string.h"

#define DIRECT 12
#define LEVELS 4

// The way to a logical block: of the inode's table and those below, down to the one that has the
// block's number, or to where tables are missing.
struct walk {
    unsigned depth, level;   // of tables to go, gone
    u64 logical;             // from the first that is `depth` tables deep
    u32 *slot[LEVELS];       // the entry in each table
    struct buf *buf[LEVELS]; // tables 1 and up
};

static struct ext4 *fs_of(const struct ext4_inode *i)
{
    return i->inode.sb->private;
}

static unsigned table_shift(const struct ext4 *fs)
{
    return fs->block_shift - 2;
}

static u64 table_slots(const struct ext4 *fs)
{
    return 1UL << table_shift(fs);
}

u64 indirect_max_blocks(const struct ext4 *fs)
{
    u64 slots = table_slots(fs), all = DIRECT + slots + slots * slots + slots * slots * slots;

    return MIN(all, 0xFFFFFFFFUL);
}

static void walk_put(struct walk *w)
{
    for (unsigned level = 1; level <= w->level; level++)
        buf_put(w->buf[level]);
}

static u32 *walk_slot(const struct walk *w)
{
    return w->slot[w->level];
}

static void walk_enter(const struct ext4 *fs, struct walk *w, struct buf *b)
{
    unsigned shift = table_shift(fs) * (w->depth - ++w->level);

    w->buf[w->level] = b;
    w->slot[w->level] = (u32 *)b->data + (w->logical >> shift & (table_slots(fs) - 1));
}

static bool walk_begin(struct ext4_inode *i, u64 logical, struct walk *w)
{
    const struct ext4 *fs = fs_of(i);
    u64 size = DIRECT;

    *w = (struct walk){.logical = logical};
    for (; w->depth < LEVELS && w->logical >= size; w->depth++) {
        w->logical -= size;
        size = 1UL << table_shift(fs) * (w->depth + 1);
    }
    w->slot[0] = &i->block[w->depth ? DIRECT - 1 + w->depth : w->logical];
    return w->depth < LEVELS;
}

// As deep as there are tables; walk_put() ends it, unless this failed. -EFBIG: past the map's end.
static int walk_down(struct ext4_inode *i, u64 logical, struct walk *w)
{
    struct ext4 *fs = fs_of(i);
    int err = walk_begin(i, logical, w) ? 0 : -EFBIG;

    while (!err && w->level < w->depth && *walk_slot(w)) {
        struct buf *b;

        if (!ext4_blocks_valid(fs, *walk_slot(w), 1))
            err = ext4_corrupt(fs, i->inode.ino, *walk_slot(w), "block table out of place");
        else
            err = buf_read(fs->cache, *walk_slot(w), &b);
        if (!err)
            walk_enter(fs, w, b);
    }
    if (err)
        walk_put(w);
    return err;
}

/* Finding */

// How many logical blocks from the walk's on lie below its last entry, which is empty, and those
// behind it that are empty too.
static u64 hole_count(const struct ext4 *fs, const struct walk *w, u64 max)
{
    u64 span = 1UL << table_shift(fs) * (w->depth - w->level);
    u64 n = span - (w->logical & (span - 1));
    const u32 *slot = walk_slot(w), *end;

    if (w->level) {
        end = (u32 *)w->buf[w->level]->data + table_slots(fs);
        while (++slot < end && n < max && !*slot)
            n += span;
    }
    return MIN(n, max);
}

// How many entries from the walk's on go on as it begins: no block, or blocks in sequence.
static u64 run_count(const struct ext4 *fs, const struct walk *w, u64 max)
{
    const u32 *slot = walk_slot(w);
    u64 slots = table_slots(fs), n = 1;

    max = MIN(max, w->depth ? slots - (w->logical & (slots - 1)) : DIRECT - w->logical);
    while (n < max && slot[n] == (slot[0] ? slot[0] + n : 0))
        n++;
    return n;
}

int indirect_find(struct ext4_inode *i, struct ext4_map *m)
{
    struct ext4 *fs = fs_of(i);
    struct walk w;
    int err = walk_down(i, m->logical, &w);

    m->physical = EXT4_MAP_FAIL;
    m->unwritten = false;
    if (err)
        return err == -EFBIG ? 0 : err;
    if (w.level < w.depth) {
        m->count = hole_count(fs, &w, m->count);
    } else {
        m->count = run_count(fs, &w, m->count);
        if (*walk_slot(&w))
            m->physical = *walk_slot(&w);
    }
    walk_put(&w);
    if (m->physical != EXT4_MAP_FAIL && !ext4_blocks_valid(fs, m->physical, m->count))
        return ext4_corrupt(fs, i->inode.ino, m->physical, "block outside of the data area");
    return 0;
}

/* Changing */

static int slots_hold(struct handle *h, const struct walk *w)
{
    return w->level ? journal_get_write(h, w->buf[w->level]) : 0;
}

static void slots_begin(struct walk *w)
{
    if (w->level)
        buf_lock(w->buf[w->level]);
}

static void slots_end(struct handle *h, struct walk *w)
{
    if (w->level)
        journal_changed(h, w->buf[w->level]);
}

// Makes the tables that the walk misses.
static int walk_complete(struct handle *h, struct ext4_inode *i, struct walk *w)
{
    while (w->level < w->depth) {
        struct buf *b;
        int err = slots_hold(h, w) ?: ext4_block_create(h, i, &b);

        if (err)
            return err;
        i->blocks++;
        slots_begin(w);
        *walk_slot(w) = b->block;
        slots_end(h, w);
        walk_enter(fs_of(i), w, b);
    }
    return 0;
}

// Whether the walk's last table has nothing but, maybe, the walk's slot and those up to `n`. Looks
// behind them first: files are removed from their beginning on.
static bool table_empty(const struct ext4 *fs, const struct walk *w, u64 n)
{
    const u32 *table = (u32 *)w->buf[w->level]->data;
    u64 slots = table_slots(fs), from = walk_slot(w) - table;

    for (; n < slots; n++)
        if (table[(from + n) & (slots - 1)])
            return false;
    return true;
}

// Takes hold of what walk_prune changes when `n` slots are empty.
static int prune_hold(struct handle *h, const struct ext4_inode *i, struct walk w, u64 n)
{
    int err = 0;

    for (; !err && w.level && table_empty(fs_of(i), &w, n); n = 1) {
        err = ext4_blocks_hold(h, fs_of(i), w.buf[w.level]->block, 1);
        w.level--;
        err = err ?: slots_hold(h, &w);
    }
    return err;
}

// Frees the tables at the walk's end that hold nothing.
static int walk_prune(struct handle *h, struct ext4_inode *i, struct walk *w)
{
    int err = 0;

    while (!err && w->level && table_empty(fs_of(i), w, 0)) {
        u64 block = w->buf[w->level]->block;

        buf_put(w->buf[w->level--]);
        err = slots_hold(h, w);
        if (err)
            break;
        slots_begin(w);
        *walk_slot(w) = 0;
        slots_end(h, w);
        i->blocks--;
        err = ext4_blocks_free(h, i, block, 1, true);
    }
    return err;
}

// As many blocks as lie in one table, of *n: how many.
static int change_some(struct handle *h, struct ext4_inode *i, u64 logical, u64 physical, u64 *n)
{
    bool hole = physical == EXT4_MAP_FAIL;
    struct walk w;
    int err = walk_down(i, logical, &w), one;

    if (err)
        return err;
    if (!hole)
        err = walk_complete(h, i, &w);
    if (!err && (w.level < w.depth || !*walk_slot(&w) == hole))
        err = ext4_corrupt(fs_of(i), i->inode.ino, physical, "block map is not what it was");
    if (!err)
        *n = run_count(fs_of(i), &w, *n);
    if (!err && hole)
        err = prune_hold(h, i, w, *n);
    if (!err)
        err = slots_hold(h, &w);
    if (!err) {
        slots_begin(&w);
        for (u64 at = 0; at < *n; at++)
            walk_slot(&w)[at] = hole ? 0 : physical + at;
        slots_end(h, &w);
    }
    one = err || hole ? walk_prune(h, i, &w) : 0;
    walk_put(&w);
    return one ?: err;
}

int indirect_change(struct handle *h, struct ext4_inode *i, const struct ext4_map *m)
{
    bool hole = m->physical == EXT4_MAP_FAIL;
    u64 n;

    if (m->unwritten)
        return -EOPNOTSUPP;
    if (!hole && m->physical + m->count > 0xFFFFFFFFUL)
        return -EFBIG;
    for (u64 done = 0; done < m->count; done += n) {
        int err;

        n = m->count - done;
        err = change_some(h, i, m->logical + done, hole ? m->physical : m->physical + done, &n);
        // What was entered is in the transaction: to take it back is safe.
        if (err && done && !hole &&
            indirect_change(h, i, &(struct ext4_map){m->logical, EXT4_MAP_FAIL, done, false}))
            err = -EIO;
        if (err)
            return err;
    }
    return 0;
}

// A run has at most as many blocks as a table, so it touches two tables of each depth but the last.
u32 indirect_credits(u32 runs)
{
    return runs * 5 * (1 + EXT4_ALLOC_CREDITS);
}
