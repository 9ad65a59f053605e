// SPDX-License-Identifier: MIT
// Free blocks: promised, picked, claimed, freed.
//
//               reserve            pick                  claim
//     free ------------> promised ------> in flight --------------> used
//       ^                   (the bitmap says free up to here)         |
//       |     the transaction is durable            free              |
//       +------------------------------ `freed' <---------------------+
//
// Invariants.
//   1. A block in `in_flight` or `freed` is free in its bitmap, and nobody else can pick it.
//   2. free_blocks counts what is free in the bitmaps and in neither set; all three change together
//      with the bitmaps under the group's lock, except that the sets alone need ranges_lock only.
//   3. A change of a bitmap and of its group's descriptor is in one transaction.
//
// Where: a run that starts at the goal continues what lies before it, so it is taken however short
// it is. Else the first run that is long enough, from the goal's group on; then what is an eighth
// as long; then anything.
#include "abi/capability.h"
#include "base/planted.h"
#include "fs/ext4/group.h"
#include "lib/bitmap.h"
#include "sched/thread.h"

#define TRIES_MAX 5 // again, while no more comes back than before

/* Promises */

static bool may_use_all(const struct ext4 *fs)
{
    const struct cred *c = thread_self()->cred;

    return cred_capable(c, CAP_SYS_RESOURCE) || c->fsuid == fs->super->s_def_resuid;
}

int ext4_reserve(struct ext4 *fs, u64 count)
{
    u64 kept = fs->slack_blocks + (may_use_all(fs) ? 0 : fs->root_blocks);
    int err = 0;

    spin_lock(&fs->ranges_lock);
    if (fs->free_blocks < kept + fs->reserved_blocks + count)
        err = -ENOSPC;
    else
        fs->reserved_blocks += count;
    spin_unlock(&fs->ranges_lock);
    return err;
}

void ext4_unreserve(struct ext4 *fs, u64 count)
{
    spin_lock(&fs->ranges_lock);
    assert(fs->reserved_blocks >= count);
    fs->reserved_blocks -= count;
    spin_unlock(&fs->ranges_lock);
}

bool ext4_again(struct ext4 *fs, int err, struct ext4_retry *r)
{
    bool came, any = false;
    u32 tid = 0;

    if (err != -ENOSPC)
        return false;
    spin_lock(&fs->ranges_lock);
    came = r->epoch != fs->freed_epoch;
    r->epoch = fs->freed_epoch;
    for (unsigned n = 0; n < 2; n++)
        if (fs->freed[n].total && (!any || (s32)(fs->freed_tid[n] - tid) > 0)) {
            tid = fs->freed_tid[n];
            any = true;
        }
    spin_unlock(&fs->ranges_lock);
    came |= any && !journal_commit_wait_end(fs->journal, tid);
    spin_lock(&fs->ranges_lock);
    if (fs->free_blocks > r->most) {
        r->most = fs->free_blocks;
        r->tries = 0;
    }
    spin_unlock(&fs->ranges_lock);
    return came && r->tries++ < TRIES_MAX;
}

/* Picking; the group's lock is held */

// Cuts [*start, *end) to its first part that is in none of the sets.
static void cut_unusable(struct ext4 *fs, u64 *start, u64 *end)
{
    struct ranges *sets[] = {&fs->in_flight, &fs->freed[0], &fs->freed[1]};
    u64 s, e;

    spin_lock(&fs->ranges_lock);
    for (unsigned n = 0; n < ARRAY_SIZE(sets) && *start < *end; n++) {
        if (!ranges_next(sets[n], *start, &s, &e) || s >= *end)
            continue;
        if (s > *start) {
            *end = s;
        } else {
            *start = e;
            n = -1U; // what begins now may be in a set that was passed
        }
    }
    spin_unlock(&fs->ranges_lock);
}

// The first run of usable blocks at or after *start, below `end`: its length, 0 if there is none.
static u32 run_next(struct ext4 *fs, u32 n, const u64 *map, u32 *start, u32 end)
{
    u64 first = ext4_group_first(fs, n), from, to;
    u32 at = *start;

    while ((at = bitmap_find_zero(map, end, at)) < end) {
        from = first + at;
        at = bitmap_find_set(map, end, at);
        to = first + at;
        cut_unusable(fs, &from, &to);
        if (from < to) {
            *start = from - first;
            return to - from;
        }
        at = MIN(from - first, (u64)end);
    }
    return 0;
}

struct pick {
    u64 goal; // 0: anywhere
    u32 goal_group, least;
    u32 groups; // from the first on, to look at
    u32 count;  // wanted; found
    u64 block;
    int error; // of a group that had to be passed over
};

// A run that starts at the goal or is long enough, from the goal on and then before; 0: there is
// none.
static u32 group_search(struct ext4 *fs, u32 n, const u64 *map, const struct pick *p, u32 *start)
{
    u64 first = ext4_group_first(fs, n);
    u32 from = p->goal && n == p->goal_group ? p->goal - first : 0;
    u32 size = ext4_group_blocks(fs, n), longest = 0, length;

    for (unsigned round = 0; round < 2; round++) {
        u32 end = round ? MIN(from + p->least, size) : size;

        for (*start = round ? 0 : from; (length = run_next(fs, n, map, start, end));
             *start += length) {
            if (length >= p->least || first + *start == p->goal)
                return length;
            longest = MAX(longest, length);
        }
    }
    store_relaxed(&ext4_group(fs, n)->largest_free, longest);
    return 0;
}

static int in_flight_add(struct ext4 *fs, u64 block, u32 count)
{
    int err;

    spin_lock(&fs->ranges_lock);
    err = ranges_add(&fs->in_flight, block, block + count);
    if (!err)
        fs->free_blocks -= count;
    spin_unlock(&fs->ranges_lock);
    return err;
}

static bool pick_in_map(struct ext4 *fs, u32 n, const u64 *map, struct pick *p)
{
    u32 start, length = group_search(fs, n, map, p, &start);

    if (!length)
        return false;
    p->block = ext4_group_first(fs, n) + start;
    p->count = MIN(p->count, length);
    p->error = in_flight_add(fs, p->block, p->count);
    return !p->error;
}

static bool pick_in_group(struct ext4 *fs, u32 n, struct pick *p)
{
    struct ext4_group *g = ext4_group(fs, n);
    bool found = false;
    struct buf *b;
    int err;

    mutex_lock(&g->lock);
    if (ext4_group_free(g, false) && !g->bad[false]) {
        err = ext4_group_bitmap(fs, n, false, &b);
        if (!err) {
            found = pick_in_map(fs, n, (const u64 *)b->data, p);
            buf_put(b);
        }
        p->error = err ? err : p->error;
    }
    mutex_unlock(&g->lock);
    return found;
}

static bool pick_anywhere(struct ext4 *fs, struct pick *p)
{
    for (u32 i = 0; i < p->groups; i++) {
        u32 n = (p->goal_group + i) % p->groups;

        if (p->least > 1 && load_relaxed(&ext4_group(fs, n)->largest_free) < p->least)
            continue;
        if (pick_in_group(fs, n, p))
            return true;
    }
    return false;
}

// Whether its blocks are named in 32 bits: by a block map that it has, or is going to have.
static bool is_narrow(const struct ext4_inode *i)
{
    const struct ext4 *fs = i->inode.sb->private;

    if (i->flags & EXT4_INLINE_DATA_FL)
        return !EXT4_HAS_INCOMPAT(fs, EXTENTS);
    return !(i->flags & EXT4_EXTENTS_FL) && ext4_has_map(&i->inode);
}

int ext4_blocks_pick(const struct ext4_inode *i, u32 *count, u64 *block)
{
    struct ext4 *fs = i->inode.sb->private;
    struct pick p = {.count = *count, .least = *count};
    u64 group = (i->goal - fs->first_block) / fs->blocks_per_group;

    p.groups = is_narrow(i) ? fs->narrow_groups : fs->group_count;
    if (i->goal >= fs->first_block && i->goal < fs->block_count && group < p.groups) {
        p.goal = i->goal;
        p.goal_group = group;
    }
    for (;; p.least = p.least > 8 ? p.least / 8 : 1) {
        if (!load_relaxed(&fs->free_blocks))
            return -ENOSPC;
        if (pick_anywhere(fs, &p)) {
            *count = p.count;
            *block = p.block;
            return 0;
        }
        if (p.least == 1)
            return p.error ? p.error : -ENOSPC;
    }
}

// Without memory to split a range it stays in flight: nobody gets the blocks until the next mount.
void ext4_blocks_unpick(struct ext4 *fs, u64 block, u32 count)
{
    u32 group = (block - fs->first_block) / fs->blocks_per_group;

    spin_lock(&fs->ranges_lock);
    if (!ranges_remove(&fs->in_flight, block, block + count))
        fs->free_blocks += count;
    spin_unlock(&fs->ranges_lock);
    store_relaxed(&ext4_group(fs, group)->largest_free, fs->blocks_per_group);
}

/* Claiming */

static int bits_begin(struct handle *h, struct ext4 *fs, u64 block, struct ext4_bits *c, u32 *from)
{
    u64 at = block - fs->first_block;

    *from = at % fs->blocks_per_group;
    return ext4_bits_begin(h, fs, at / fs->blocks_per_group, false, c);
}

int ext4_blocks_claim(struct handle *h, struct ext4 *fs, u64 block, u32 count)
{
    struct ext4_bits c;
    u32 from;
    int err = bits_begin(h, fs, block, &c, &from);

    if (!err && !ext4_bits_are(&c, false, from, count))
        err = ext4_corrupt(fs, 0, block, "a block in use was marked free");
    if (!err) {
        spin_lock(&fs->ranges_lock);
        err = ranges_remove(&fs->in_flight, block, block + count);
        spin_unlock(&fs->ranges_lock);
    }
    if (!err)
        ext4_bits_flip(h, fs, &c, true, from, count);
    ext4_bits_end(&c);
    if (err)
        ext4_blocks_unpick(fs, block, count);
    return err;
}

int ext4_block_new(struct handle *h, const struct ext4_inode *i, u64 *block)
{
    u32 one = 1;

    return ext4_blocks_pick(i, &one, block)
               ?: ext4_blocks_claim(h, i->inode.sb->private, *block, 1);
}

/* Freeing */

// With a journal the blocks wait until the transaction is durable.
static int freed_add(struct handle *h, struct ext4 *fs, u64 block, u32 count)
{
    u32 tid = journal_handle_tid(h), slot = tid & 1;
    int err = 0;

    spin_lock(&fs->ranges_lock);
    if (fs->journal && !planted(BUG_REUSED_BLOCK)) {
        assert(!fs->freed[slot].total || fs->freed_tid[slot] == tid);
        fs->freed_tid[slot] = tid;
        err = ranges_add(&fs->freed[slot], block, block + count);
    } else {
        fs->free_blocks += count;
        fs->freed_epoch++;
    }
    spin_unlock(&fs->ranges_lock);
    return err;
}

static int free_in_group(struct handle *h, struct ext4 *fs, u64 block, u32 count, bool revoke)
{
    struct ext4_bits c;
    u32 from;
    int err = bits_begin(h, fs, block, &c, &from);

    if (!err && !ext4_bits_are(&c, true, from, count))
        err = ext4_corrupt(fs, 0, block, "a block was freed twice");
    // Whoever had them has let go of them: an error of memory would look as if he had not.
    if (!err &&
        ((revoke && journal_revoke(h, fs->cache, block, count)) || freed_add(h, fs, block, count)))
        err = -EIO;
    if (!err) {
        ext4_bits_flip(h, fs, &c, false, from, count);
        store_relaxed(&c.group->largest_free, ext4_group_free(c.group, false));
    }
    ext4_bits_end(&c);
    return err;
}

int ext4_blocks_hold(struct handle *h, struct ext4 *fs, u64 block, u64 count)
{
    u64 end = block + count;
    int err = 0;

    while (!err && block < end && ext4_blocks_valid(fs, block, 1)) {
        struct ext4_bits c;
        u32 from;

        err = bits_begin(h, fs, block, &c, &from);
        ext4_bits_end(&c);
        block += fs->blocks_per_group - from;
    }
    return err;
}

bool ext4_blocks_revoked(const struct ext4_inode *i)
{
    return !S_ISREG(i->inode.mode) || i->flags & EXT4_EA_INODE_FL ||
           ext4_is_journal_data(&i->inode);
}

int ext4_blocks_free(struct handle *h, struct ext4_inode *i, u64 block, u64 count, bool metadata)
{
    struct ext4 *fs = ext4_of(&i->inode);
    bool revoke = metadata || ext4_blocks_revoked(i);
    int err = 0;

    if (!ext4_blocks_valid(fs, block, count))
        return ext4_corrupt(fs, i->inode.ino, block, "blocks to be freed are not a file's");
    while (!err && count) {
        u32 in_group = fs->blocks_per_group - (block - fs->first_block) % fs->blocks_per_group;
        u32 n = MIN(count, (u64)in_group);

        err = free_in_group(h, fs, block, n, revoke);
        block += n;
        count -= n;
    }
    return err;
}

// Groups that get blocks back are worth searching again.
static void hints_reset(struct ext4 *fs, const struct ranges *r)
{
    u64 at = 0, s, e;

    while (ranges_next(r, at, &s, &e)) {
        u32 n = (s - fs->first_block) / fs->blocks_per_group;
        u32 last = (e - 1 - fs->first_block) / fs->blocks_per_group;

        for (; n <= last; n++)
            store_relaxed(&ext4_group(fs, n)->largest_free, fs->blocks_per_group);
        at = e;
    }
}

void ext4_freed_durable(struct ext4 *fs, u32 tid)
{
    struct ranges *r = &fs->freed[tid & 1];

    spin_lock(&fs->ranges_lock);
    if (r->total && fs->freed_tid[tid & 1] == tid) {
        hints_reset(fs, r);
        fs->free_blocks += r->total;
        fs->freed_epoch++;
        ranges_clear(r);
    }
    spin_unlock(&fs->ranges_lock);
}
