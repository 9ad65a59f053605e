// SPDX-License-Identifier: MIT
// Extent trees: nodes in buffers, from the root in the inode down to the leaves.
//
// A change happens in one leaf. When its result does not fit, one node is split (the lowest whose
// parent has room; if there is none the tree grows at the root), which leaves a valid tree, and
// the change is tried again. A leaf that becomes empty goes, with all parents that it empties. The
// key of an index entry is always the first key of its child.
//
// A node is verified as a whole when its buffer is first seen (BUF_CHECKED), its header each time.
#include "fs/ext4/extent_node.h"
#include "fs/ext4/map.h"
#include "lib/string.h"

#define ROOT_MAX 4
#define LEVELS   (EXT4_EXTENT_DEPTH_MAX + 1)

struct step {
    struct buf *buf; // NULL for the root
    struct ext4_extent_header *node;
    int at; // the entry on the way; in the leaf as extent_position answers
};

struct path {
    unsigned depth;
    struct step step[LEVELS];
    u64 end; // where the next leaf begins
};

static struct ext4 *fs_of(const struct ext4_inode *i)
{
    return i->inode.sb->private;
}

static struct ext4_extent_header *root_of(const struct ext4_inode *i)
{
    return (struct ext4_extent_header *)i->block;
}

static unsigned node_max(const struct ext4 *fs)
{
    return (fs->block_size - sizeof(struct ext4_extent_header)) / sizeof(struct ext4_extent);
}

static int corrupt(const struct ext4_inode *i, u64 block, const char *what)
{
    return ext4_corrupt(fs_of(i), i->inode.ino, block, what);
}

/* Finding */

static int node_read(const struct ext4_inode *i, u64 block, unsigned depth, u64 low, u64 high,
                     struct step *out)
{
    struct ext4 *fs = fs_of(i);
    struct buf *b;
    int err;

    if (!ext4_blocks_valid(fs, block, 1))
        return corrupt(i, block, "extent node outside of the data area");
    err = buf_read(fs->cache, block, &b);
    if (err)
        return err;
    *out = (struct step){.buf = b, .node = (struct ext4_extent_header *)b->data};
    if (!extent_node_sane(out->node, node_max(fs), depth))
        return corrupt(i, block, "extent node has a bad header");
    if (load_relaxed(&b->flags) & BUF_CHECKED)
        return 0;
    if (!ext4_extent_verify(i, b->data))
        return corrupt(i, block, "extent node has a bad checksum");
    if (!extent_node_valid(out->node, low, high, fs->block_count))
        return corrupt(i, block, "extent node has bad entries");
    buf_set_flags(b, BUF_CHECKED);
    return 0;
}

static void path_put(struct path *p)
{
    for (unsigned level = 1; level <= p->depth; level++)
        buf_put(p->step[level].buf);
}

static int path_descend(const struct ext4_inode *i, u64 logical, struct path *p)
{
    u64 low = 0;
    int err = 0;

    for (unsigned level = 0;; level++) {
        struct step *s = &p->step[level];

        s->at = extent_position(s->node, logical);
        if (level == p->depth)
            return 0;
        s->at = MAX(s->at, 0);
        low = extent_key(s->node, s->at);
        if (s->at + 1 < s->node->eh_entries)
            p->end = extent_key(s->node, s->at + 1);
        err = node_read(i, extent_child(s->node, s->at), p->depth - level - 1, low, p->end, s + 1);
        if (err)
            return err;
    }
}

// The way to the leaf that holds `logical`, or would. path_put() ends it, unless this failed.
static int path_find(const struct ext4_inode *i, u64 logical, struct path *p)
{
    struct ext4_extent_header *root = root_of(i);
    int err;

    memset(p, 0, sizeof(*p));
    if (root->eh_depth > EXT4_EXTENT_DEPTH_MAX ||
        !extent_node_sane(root, ROOT_MAX, root->eh_depth) ||
        !extent_node_valid(root, 0, EXTENT_END, fs_of(i)->block_count))
        return corrupt(i, 0, "bad extent root");
    p->depth = root->eh_depth;
    p->step[0].node = root;
    p->end = EXTENT_END;
    err = path_descend(i, logical, p);
    if (err)
        path_put(p);
    return err;
}

static struct ext4_extent_header *leaf_of(const struct path *p)
{
    return p->step[p->depth].node;
}

int extent_find(struct ext4_inode *i, struct ext4_map *m)
{
    struct path p;
    struct extent e = {0};
    u64 end;
    int err = path_find(i, m->logical, &p), at;

    if (err)
        return err;
    at = p.step[p.depth].at;
    if (at >= 0)
        e = extent_entry(leaf_of(&p), at);
    end = at + 1 < leaf_of(&p)->eh_entries ? extent_key(leaf_of(&p), at + 1) : p.end;
    path_put(&p);
    m->physical = EXT4_MAP_FAIL;
    m->unwritten = false;
    if (at >= 0 && m->logical - e.logical < e.count) {
        end = e.logical + e.count;
        m->physical = e.physical + (m->logical - e.logical);
        m->unwritten = e.unwritten;
    }
    if (end <= m->logical && m->logical < EXTENT_END)
        return corrupt(i, 0, "extents are not in order");
    if (end < EXTENT_END || m->physical != EXT4_MAP_FAIL)
        m->count = MIN(m->count, end - m->logical);
    if (m->physical != EXT4_MAP_FAIL && !ext4_blocks_valid(fs_of(i), m->physical, m->count))
        return corrupt(i, m->physical, "extent outside of the data area");
    return 0;
}

/* Changing one node */

static int step_get_write(struct handle *h, struct step *s)
{
    return s->buf ? journal_get_write(h, s->buf) : 0;
}

static void step_begin(struct step *s)
{
    if (s->buf)
        buf_lock(s->buf);
}

static void step_end(struct handle *h, const struct ext4_inode *i, struct step *s)
{
    if (!s->buf)
        return;
    ext4_extent_seal(i, s->node);
    buf_unlock(s->buf);
    journal_dirty(h, s->buf);
}

static int steps_get_write(struct handle *h, struct path *p, unsigned from, unsigned to)
{
    int err = 0;

    for (unsigned level = from; !err && level <= to; level++)
        err = step_get_write(h, &p->step[level]);
    return err;
}

// The topmost level with a key to change if the first key of the node at `level` changes.
static unsigned key_top(const struct path *p, unsigned level)
{
    while (level > 0 && p->step[--level].at == 0)
        ;
    return level;
}

// Makes the keys above `level` the first of their children's; steps_get_write was called.
static void keys_update(struct handle *h, struct ext4_inode *i, struct path *p, unsigned level,
                        unsigned top)
{
    while (level-- > top) {
        struct step *s = &p->step[level];

        step_begin(s);
        extent_key_set(s->node, s->at, extent_key(s[1].node, 0));
        step_end(h, i, s);
    }
}

/* The tree's shape */

// A new empty node, locked; step_end() ends that.
static int node_new(struct handle *h, struct ext4_inode *i, unsigned depth, struct step *out)
{
    struct ext4 *fs = fs_of(i);
    u64 block;
    int err = ext4_block_new(h, fs, i->goal, &block);

    if (err)
        return err;
    err = buf_get(fs->cache, block, &out->buf);
    if (!err) {
        err = journal_get_create(h, out->buf);
        if (err)
            buf_put(out->buf);
    }
    if (err) {
        ext4_blocks_free(h, i, block, 1, true);
        return err;
    }
    i->blocks++;
    out->node = (struct ext4_extent_header *)out->buf->data;
    buf_lock(out->buf);
    memset(out->node, 0, fs->block_size);
    extent_node_init(out->node, node_max(fs), depth);
    buf_set_flags(out->buf, BUF_CHECKED);
    return 0;
}

// The root's entries move to a new node below it.
static int grow(struct handle *h, struct ext4_inode *i)
{
    struct ext4_extent_header *root = root_of(i);
    struct step s;
    u32 key = extent_key(root, 0);
    int err;

    if (root->eh_depth == EXT4_EXTENT_DEPTH_MAX)
        return -EFBIG;
    err = node_new(h, i, root->eh_depth, &s);
    if (err)
        return err;
    extent_node_copy(root, 0, s.node);
    root->eh_entries = 0;
    root->eh_depth++;
    extent_index_insert(root, 0, key, s.buf->block);
    step_end(h, i, &s);
    buf_put(s.buf);
    return 0;
}

// Moves the upper entries of the node at `level` to a new one; the parent has room. Who appends
// leaves a full node behind.
static int split(struct handle *h, struct ext4_inode *i, struct path *p, unsigned level)
{
    struct step *s = &p->step[level], *parent = s - 1, new;
    unsigned entries = s->node->eh_entries;
    unsigned at = s->at + 1 == entries ? entries - 1 : entries / 2;
    int err;

    if (!at)
        return corrupt(i, s->buf->block, "extent node is too small");
    err = steps_get_write(h, p, level - 1, level);
    if (!err)
        err = node_new(h, i, s->node->eh_depth, &new);
    if (err)
        return err;
    if (s->node->eh_entries != entries || parent->at >= parent->node->eh_entries) {
        step_end(h, i, &new);
        buf_put(new.buf);
        return corrupt(i, s->buf->block, "a block in use was free");
    }
    extent_node_copy(s->node, at, new.node);
    step_end(h, i, &new);
    step_begin(s);
    s->node->eh_entries = at;
    step_end(h, i, s);
    step_begin(parent);
    extent_index_insert(parent->node, parent->at + 1, extent_key(new.node, 0), new.buf->block);
    step_end(h, i, parent);
    buf_put(new.buf);
    return 0;
}

static bool is_full(const struct ext4_extent_header *node)
{
    return node->eh_entries >= node->eh_max;
}

static int make_room(struct handle *h, struct ext4_inode *i, struct path *p)
{
    unsigned level = p->depth;

    while (level && is_full(p->step[level - 1].node))
        level--;
    return level ? split(h, i, p, level) : grow(h, i);
}

static int node_free(struct handle *h, struct ext4_inode *i, u64 block)
{
    i->blocks--;
    return ext4_blocks_free(h, i, block, 1, true);
}

// The leaf loses its last entry and goes, with the parents that had nothing else.
static int leaf_drop(struct handle *h, struct ext4_inode *i, struct path *p)
{
    unsigned level = p->depth - 1, top;
    struct step *s;
    int err;

    while (level && p->step[level].node->eh_entries == 1)
        level--;
    s = &p->step[level];
    top = s->at ? level : key_top(p, level);
    err = steps_get_write(h, p, top, level);
    for (unsigned gone = level + 1; !err && gone <= p->depth; gone++)
        err = node_free(h, i, p->step[gone].buf->block);
    if (err)
        return err;
    if (s->node->eh_entries == 1) { // the root's
        extent_node_init(s->node, ROOT_MAX, 0);
        return 0;
    }
    step_begin(s);
    extent_index_remove(s->node, s->at);
    step_end(h, i, s);
    if (!s->at)
        keys_update(h, i, p, level, top);
    return 0;
}

// A single node below the root whose entries have room in the root moves there.
static int shrink(struct handle *h, struct ext4_inode *i)
{
    struct ext4_extent_header *root = root_of(i), *node;
    struct path p;
    int err;

    if (!root->eh_depth || root->eh_entries > 1)
        return 0;
    err = path_find(i, 0, &p);
    if (err)
        return err;
    node = p.step[1].node;
    if (node->eh_entries && node->eh_entries <= ROOT_MAX) {
        extent_node_init(root, ROOT_MAX, root->eh_depth - 1);
        root->eh_entries = node->eh_entries;
        memcpy(root + 1, node + 1, node->eh_entries * sizeof(struct ext4_extent));
        err = node_free(h, i, p.step[1].buf->block);
    }
    path_put(&p);
    return err;
}

/* Changing mappings */

static int leaf_apply(struct handle *h, struct ext4_inode *i, struct path *p,
                      const struct extent_plan *plan)
{
    unsigned depth = p->depth, top;
    struct step *s = &p->step[depth];
    int err;

    if (depth && s->node->eh_entries == plan->removed && !plan->count)
        return leaf_drop(h, i, p);
    top = plan->at ? depth : key_top(p, depth);
    err = steps_get_write(h, p, top, depth);
    if (err)
        return err;
    step_begin(s);
    extent_plan_apply(s->node, plan);
    step_end(h, i, s);
    keys_update(h, i, p, depth, top);
    return 0;
}

static int change(struct handle *h, struct ext4_inode *i, enum extent_change what,
                  const struct extent *e)
{
    bool done = false;

    while (!done) {
        struct extent_plan plan;
        struct path p;
        int err = path_find(i, e->logical, &p);

        if (err)
            return err;
        if (e->logical + e->count > p.end || !extent_plan(leaf_of(&p), what, e, &plan))
            err = corrupt(i, 0, "extents are not what they were");
        else if ((done = extent_plan_fits(leaf_of(&p), &plan)))
            err = leaf_apply(h, i, &p, &plan);
        else
            err = make_room(h, i, &p);
        path_put(&p);
        if (err)
            return err;
    }
    return 0;
}

int extent_insert(struct handle *h, struct ext4_inode *i, const struct ext4_map *m)
{
    struct extent e = {m->logical, m->count, m->physical, m->unwritten};
    int err = change(h, i, EXTENT_INSERT, &e);

    if (!err)
        i->blocks += m->count;
    return err;
}

int extent_written(struct handle *h, struct ext4_inode *i, u64 logical, u64 count)
{
    struct extent e = {.logical = logical, .count = count};

    return change(h, i, EXTENT_WRITE, &e);
}

int extent_unmap(struct handle *h, struct ext4_inode *i, const struct ext4_map *m)
{
    struct extent e = {.logical = m->logical, .count = m->count};
    int err = change(h, i, EXTENT_REMOVE, &e);

    if (err)
        return err;
    i->blocks -= m->count;
    return shrink(h, i);
}

// Each change may split or make, or empty, a node of every level and one more.
u32 extent_credits(const struct ext4_inode *i, u32 runs)
{
    unsigned depth = MIN(root_of(i)->eh_depth, (u16)EXT4_EXTENT_DEPTH_MAX);

    return runs * (depth + 2) * (2 + EXT4_ALLOC_CREDITS);
}

/* Shifting: leaf by leaf, so that the tree is in order after each */

static u32 shift_credits(const struct path *p)
{
    return p->depth + 2; // the way, and the inode
}

static int shift_restart(struct handle *h, struct ext4_inode *i, u32 credits)
{
    if (journal_credits(h) >= credits)
        return 0;
    return ext4_map_restart(h, i, credits + EXT4_BATCH_CREDITS);
}

static int shift_leaf(struct handle *h, struct ext4_inode *i, struct path *p, unsigned at,
                      s64 delta)
{
    struct step *s = &p->step[p->depth];
    unsigned top = at ? p->depth : key_top(p, p->depth);
    int err = steps_get_write(h, p, top, p->depth);

    if (err)
        return err;
    step_begin(s);
    extent_keys_shift(s->node, at, delta);
    step_end(h, i, s);
    keys_update(h, i, p, p->depth, top);
    return 0;
}

static bool is_leftmost(const struct path *p)
{
    for (unsigned level = 0; level < p->depth; level++)
        if (p->step[level].at)
            return false;
    return true;
}

// The entries of one leaf that begin in [first, end), where the leaf is the one of `logical`.
// *low, *high: what the leaf spans.
static int shift_step(struct handle *h, struct ext4_inode *i, u64 logical, u64 first, s64 delta,
                      u64 *low, u64 *high)
{
    struct path p;
    unsigned at;
    int err = path_find(i, logical, &p);

    if (err)
        return err;
    *high = p.end;
    *low = is_leftmost(&p) || !leaf_of(&p)->eh_entries ? 0 : extent_key(leaf_of(&p), 0);
    *low = MIN(*low, logical);
    at = extent_position(leaf_of(&p), first) + 1;
    if (at && extent_key(leaf_of(&p), at - 1) == first)
        at--;
    if (at < leaf_of(&p)->eh_entries)
        err = shift_restart(h, i, shift_credits(&p)) ?: shift_leaf(h, i, &p, at, delta);
    path_put(&p);
    return err;
}

// The end of the last mapping.
static int last_block(struct ext4_inode *i, u64 *end)
{
    struct path p;
    struct extent e;
    int err = path_find(i, EXTENT_END - 1, &p), at;

    if (err)
        return err;
    at = p.step[p.depth].at;
    *end = 0;
    if (at >= 0) {
        e = extent_entry(leaf_of(&p), at);
        *end = e.logical + e.count;
    }
    path_put(&p);
    return 0;
}

static int shift_down(struct handle *h, struct ext4_inode *i, u64 first, s64 delta)
{
    u64 low, high = first;
    int err = 0;

    while (!err && high < EXTENT_END)
        err = shift_step(h, i, high, first, delta, &low, &high);
    return err;
}

static int shift_up(struct handle *h, struct ext4_inode *i, u64 first, s64 delta)
{
    u64 low = EXTENT_END, high;
    int err = 0;

    while (!err && low > first)
        err = shift_step(h, i, low - 1, first, delta, &low, &high);
    return err;
}

int ext4_map_shift(struct handle *h, struct ext4_inode *i, u64 first, s64 delta)
{
    struct ext4_map m = {.logical = first, .count = 1};
    struct extent e = {.logical = first};
    struct ext4_map before = {.logical = first - 1, .count = 2};
    u64 end;
    int err = last_block(i, &end);

    if (err || end <= first)
        return err;
    if (delta > 0 && end + delta > EXTENT_END)
        return -EFBIG;
    if (first && !(err = extent_find(i, &m)) && m.physical != EXT4_MAP_FAIL) {
        err = extent_find(i, &before);
        if (!err && before.physical != EXT4_MAP_FAIL && before.count == 2)
            err = change(h, i, EXTENT_CUT, &e);
    }
    if (err)
        return err;
    return delta < 0 ? shift_down(h, i, first, delta) : shift_up(h, i, first, delta);
}
