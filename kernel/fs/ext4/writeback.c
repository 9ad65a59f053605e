// SPDX-License-Identifier: MIT
// Changed pages on their way to the device.
//
// Pages are taken in runs. The blocks of a run become pieces: those that the map has, and those
// that were promised and get a place now, which nothing refers to yet. The data of all pieces of a
// round of runs, maybe of several files, is written and waited for; then a handle for each run
// marks the new blocks used, enters them in the map, and moves the size on disk. A crash before the
// handle's commit loses the new data, but nothing else. Blocks that are overwritten in place need
// no handle.
//
// With data=journal nothing is written here: new blocks are entered, and all contents handed to
// the journal, in the same handle.
//
// What cannot be written is lost: its pages count as clean, and fsync will tell. But for want of
// memory they are only marked again, and keep what was promised to them.
#include "base/planted.h"
#include "block/batch.h"
#include "fs/ext4/data.h"
#include "fs/ext4/map.h"
#include "lib/string.h"
#include "mm/slab.h"

#define RUN            64  // pages of a round without memory of its own, which is one run
#define ROUND_PAGES    448 // pages and runs of other rounds
#define ROUND_RUNS     64
#define PIECES         8  // of a run, written together
#define JOURNAL_BLOCKS 16 // of a piece that is journaled

struct piece {
    struct ext4_map map;
    bool new; // picked, but not in the map
};

struct run {
    struct inode *inode;
    struct ext4_span span;
    bool journaled;
    u64 size;       // bytes of the file
    u64 at, stop;   // blocks yet to be looked at
    unsigned pages; // of the span
    int error;      // the first
    int *result;    // the file's
    unsigned count;
    struct piece pieces[PIECES];
};

struct round {
    struct run *runs;
    struct frame **frames;
    unsigned run_room, frame_room;
    unsigned run_count, frame_count;
};

// After -ENOMEM all of the run is written again, and any other error comes again.
static void run_error(struct run *r, int err)
{
    if (!r->error || err == -ENOMEM)
        r->error = err;
}

// What nothing came of, for this error.
static void promise_end(struct run *r, u64 logical, u64 count, int err)
{
    if (err != -ENOMEM)
        ext4_delayed_drop(ext4_i(r->inode), logical, logical + count);
}

/* Gathering pieces; map_lock held */

static void piece_add(struct run *r, const struct ext4_map *m, bool new)
{
    r->pieces[r->count++] = (struct piece){*m, new};
    r->at += m->count;
    ext4_i(r->inode)->goal = m->physical + m->count;
}

static bool is_zero(const u8 *data, u32 bytes)
{
    const u64 *words = (const u64 *)data;

    for (u32 n = 0; n < bytes / sizeof(u64); n++)
        if (words[n])
            return false;
    return true;
}

// A block that nothing was promised to: beyond what was the end of the file when its page was made
// writable, or lost to an earlier error. Zeroes may stay a hole; else it is promised now.
static int gather_stray(struct run *r)
{
    u8 *data;
    u32 bytes;
    int err;

    ext4_span_piece(&r->span, r->at, 1, &data, &bytes);
    if (is_zero(data, bytes)) {
        r->at++;
        return 0;
    }
    err = ext4_delayed_promise(ext4_i(r->inode), r->at, 1);
    if (err)
        r->at++;
    return err;
}

static int gather_hole(struct run *r, struct ext4_map *m)
{
    struct ext4_inode *e = ext4_i(r->inode);
    u64 promised = m->count;
    u32 n;
    int err;

    if (!ext4_delayed_run(e, r->at, &promised))
        return gather_stray(r);
    n = MIN(promised, ext4_map_max_run(e));
    if (r->journaled)
        n = MIN(n, JOURNAL_BLOCKS);
    err = ext4_blocks_pick(e, &n, &m->physical);
    m->count = n;
    if (!err) {
        piece_add(r, m, true);
        return 0;
    }
    promise_end(r, r->at, promised, err);
    r->at += promised;
    return err;
}

static int gather_one(struct run *r)
{
    struct ext4_map m = {.logical = r->at, .count = r->stop - r->at};
    int err = ext4_map_find(ext4_i(r->inode), &m);

    if (err) {
        promise_end(r, r->at, r->stop - r->at, err);
        r->at = r->stop;
        return err;
    }
    if (m.physical == EXT4_MAP_FAIL)
        return gather_hole(r, &m);
    if (r->journaled)
        m.count = MIN(m.count, JOURNAL_BLOCKS);
    piece_add(r, &m, false);
    return 0;
}

static void gather(struct run *r)
{
    struct ext4_inode *e = ext4_i(r->inode);

    r->count = 0;
    write_lock(&e->map_lock);
    while (r->at < r->stop && r->count < PIECES) {
        int err = gather_one(r);

        if (err)
            run_error(r, err);
    }
    write_unlock(&e->map_lock);
}

/* Writing them */

static int write_data(const struct run *runs, unsigned count)
{
    struct block_batch batch;

    block_batch_begin(&batch, runs->span.fs->cache->device, BLOCK_WRITE, 0);
    block_plug();
    for (const struct run *r = runs; r < runs + count; r++) {
        for (const struct piece *p = r->pieces; !r->journaled && p < r->pieces + r->count; p++)
            ext4_span_add(&r->span, &batch, p->map.logical, p->map.physical, p->map.count);
    }
    return block_batch_wait(&batch);
}

// Takes hold of the blocks, so that journal_data cannot fail.
static int journal_hold(struct handle *h, const struct run *r, const struct ext4_map *m)
{
    int err = 0;

    for (u32 n = 0; !err && n < m->count; n++) {
        struct buf *b;

        err = buf_get(r->span.fs->cache, m->physical + n, &b) ?: journal_get_write(h, b);
        buf_put(b);
    }
    return err;
}

static int journal_block(struct handle *h, const struct run *r, u64 logical, u64 physical)
{
    struct buf *b;
    u8 *data;
    u32 bytes;
    int err = buf_get(r->span.fs->cache, physical, &b);

    if (err)
        return err;
    err = journal_change(h, b);
    if (!err) {
        ext4_span_piece(&r->span, logical, 1, &data, &bytes);
        memcpy(b->data, data, bytes);
        journal_changed(h, b);
    }
    buf_put(b);
    return err;
}

static int journal_data(struct handle *h, const struct run *r, const struct ext4_map *m)
{
    int err = 0;

    for (u32 n = 0; !err && n < m->count; n++)
        err = journal_block(h, r, m->logical + n, m->physical + n);
    return err;
}

static void size_raise(struct run *r, u64 blocks)
{
    struct ext4_inode *e = ext4_i(r->inode);

    e->disk_size = MAX(e->disk_size, MIN(r->size, blocks << r->span.fs->block_shift));
}

static u32 piece_credits(const struct run *r, const struct piece *p)
{
    return 1 + EXT4_ALLOC_CREDITS + ext4_map_credits(ext4_i(r->inode), 1) +
           (r->journaled ? p->map.count : 0);
}

static int enter_piece(struct handle *h, struct run *r, struct piece *p)
{
    struct ext4_inode *e = ext4_i(r->inode);
    bool new = p->new, unwritten = p->map.unwritten;
    u32 need = piece_credits(r, p);
    int err = 0;

    if (journal_credits(h) < need)
        err = ext4_map_restart(h, e, need + EXT4_BATCH_CREDITS);
    if (!err && r->journaled)
        err = journal_hold(h, r, &p->map);
    if (err)
        return err;
    p->new = p->map.unwritten = false;
    if (new)
        err = ext4_map_enter(h, e, &p->map);
    else if (unwritten)
        err = ext4_map_change(h, e, &p->map, true);
    if (!err && r->journaled)
        err = journal_data(h, r, &p->map);
    if (!err)
        size_raise(r, p->map.logical + p->map.count);
    return err;
}

static int enter(struct run *r)
{
    u32 credits = 1 + EXT4_BATCH_CREDITS + (r->count ? piece_credits(r, &r->pieces[0]) : 0);
    struct handle *h;
    int err = ext4_map_begin(r->inode, credits, &h);

    if (err)
        return err;
    for (unsigned n = 0; !err && n < r->count; n++)
        err = enter_piece(h, r, &r->pieces[n]);
    if (!err)
        size_raise(r, r->at);
    store_relaxed(&ext4_i(r->inode)->times_changed, 0);
    smp_mb();
    return ext4_map_end(h, r->inode, err);
}

static bool needs_handle(const struct run *r)
{
    bool needed = r->journaled ||
                  MIN(r->size, r->at << r->span.fs->block_shift) > ext4_i(r->inode)->disk_size;

    for (unsigned n = 0; n < r->count; n++)
        needed = needed || r->pieces[n].new || r->pieces[n].map.unwritten;
    return needed;
}

// New blocks that got nowhere are free again.
static void give_up(struct run *r, int err)
{
    write_lock(&ext4_i(r->inode)->map_lock);
    for (unsigned n = 0; n < r->count; n++) {
        const struct ext4_map *m = &r->pieces[n].map;

        if (!r->pieces[n].new)
            continue;
        ext4_blocks_unpick(r->span.fs, m->physical, m->count);
        promise_end(r, m->logical, m->count, err);
    }
    write_unlock(&ext4_i(r->inode)->map_lock);
}

// Without waiting for memory: the pages are marked again, and with them the times are stored.
static int times_store(struct run *r)
{
    u32 *changed = &ext4_i(r->inode)->times_changed;
    int err = atomic_xchg(changed, 0U) ? ext4_inode_update(r->inode) : 0;

    if (err == -ENOMEM)
        store_relaxed(changed, 1);
    return err;
}

// Of what was lost the times stay.
static int enter_written(struct run *r, int err)
{
    int one = err || !needs_handle(r) ? times_store(r) : enter(r);

    if (!err || one == -ENOMEM)
        err = one;
    if (err)
        give_up(r, err);
    return err;
}

// If writing together fails, each run is tried alone: only those have the error whose it is.
static void write_pieces(struct run *runs, unsigned count)
{
    bool late = planted(BUG_COMMIT_BEFORE_DATA);
    int err = late ? 0 : write_data(runs, count);

    for (struct run *r = runs; r < runs + count; r++) {
        int one = enter_written(r, err && count > 1 ? write_data(r, 1) : err);

        if (late && !one)
            one = journal_sync(r->span.fs->journal) ?: write_data(r, 1);
        if (one)
            run_error(r, one);
    }
}

/* Rounds */

static void run_start(struct run *r, struct inode *i, u64 index, struct frame **frames, unsigned n)
{
    struct ext4 *fs = ext4_of(i);
    u32 shift = PAGE_SHIFT - fs->block_shift;

    r->inode = i;
    r->span = (struct ext4_span){fs, frames, index};
    r->journaled = ext4_is_journal_data(i);
    r->size = load_relaxed(&i->object.size);
    r->at = index << shift;
    r->stop = MIN((index + n) << shift, DIV_ROUND_UP(r->size, fs->block_size));
    r->pages = n;
    r->error = 0;
    gather(r);
}

static void run_end(struct run *r)
{
    for (unsigned k = 0; k < r->pages; k++) {
        if (r->error == -ENOMEM)
            vm_object_mark_dirty(&r->inode->object, r->span.frames[k]);
        frame_put(r->span.frames[k]);
    }
    *r->result = vm_write_back_join(&r->inode->object, *r->result, r->error);
}

static void round_write(struct round *w)
{
    if (!w->run_count)
        return;
    write_pieces(w->runs, w->run_count);
    for (struct run *r = w->runs; r < w->runs + w->run_count; r++) {
        while (r->at < r->stop) {
            gather(r);
            write_pieces(r, 1);
        }
        run_end(r);
    }
    w->run_count = w->frame_count = 0;
}

// A run that has more than its pieces is the last of a round, so that the size on disk does not
// pass what follows them.
static void round_add(struct round *w, struct vm_object *o, u64 first, u64 last, int *result)
{
    unsigned n;

    for (;;) {
        struct run *r = &w->runs[w->run_count];
        struct frame **frames = &w->frames[w->frame_count];

        n = vm_object_take_dirty(o, &first, last, frames, w->frame_room - w->frame_count);
        if (!n)
            break;
        r->result = result;
        run_start(r, o->owner, first, frames, n);
        first += n;
        w->run_count++;
        w->frame_count += n;
        if (r->at < r->stop || w->run_count == w->run_room || w->frame_count == w->frame_room)
            round_write(w);
    }
}

struct large_round {
    struct run runs[ROUND_RUNS];
    struct frame *frames[ROUND_PAGES];
};

static void write_many(struct vm_object **objects, int *errors, unsigned n, u64 first, u64 last)
{
    struct run run;
    struct frame *frames[RUN];
    struct round w = {&run, frames, 1, RUN, 0, 0};
    struct large_round *large = NULL;

    if (n > 1 || load_relaxed(&objects[0]->page_count) > RUN)
        large = kmalloc(sizeof(*large), 0);
    if (large)
        w = (struct round){large->runs, large->frames, ROUND_RUNS, ROUND_PAGES, 0, 0};
    for (unsigned i = 0; i < n; i++) {
        errors[i] = 0;
        round_add(&w, objects[i], first, last, &errors[i]);
    }
    round_write(&w);
    kfree(large);
    for (unsigned i = 0; i < n; i++)
        ext4_delayed_settle(objects[i]->owner);
}

// Pages between the size on disk and the range go too, so that the size never passes data that was
// not written.
int ext4_write_back(struct vm_object *o, u64 first, u64 last)
{
    u64 known = load_relaxed(&ext4_i(o->owner)->disk_size) >> PAGE_SHIFT;
    int err;

    write_many(&o, &err, 1, last >= known ? MIN(first, known) : first, last);
    return err;
}

void ext4_write_back_many(struct vm_object **objects, int *errors, unsigned n)
{
    write_many(objects, errors, n, 0, ~0UL);
}

int ext4_data_flush(struct inode *i)
{
    return vm_object_sync(&i->object, 0, ~0UL);
}
