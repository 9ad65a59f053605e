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
#include "fs/ext4/super.h"
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
    struct ext4_extent_header *leaf; // of the last step
    int at;                          // there
    u64 start, end;                  // where the leaf begins, and the next one
    unsigned top;                    // see change_hold
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

// A block's checksum is behind the last possible entry.
static u32 *tail_of(struct ext4_extent_header *node)
{
    return (u32 *)(node + 1 + node->eh_max);
}
static_assert(sizeof(struct ext4_extent_header) == sizeof(struct ext4_extent), "tail");

static int corrupt(const struct ext4_inode *i, u64 block, const char *what)
{
    return ext4_corrupt(fs_of(i), i->inode.ino, block, what);
}

/* Finding */

static int node_read(const struct ext4_inode *i, u64 block, unsigned depth, u64 low, u64 high,
                     struct step *out)
{
    struct ext4 *fs = fs_of(i);
    const char *fault = NULL;
    struct buf *b;
    int err;

    if (!ext4_blocks_valid(fs, block, 1))
        return corrupt(i, block, "extent node outside of the data area");
    err = buf_read(fs->cache, block, &b);
    if (err)
        return err;
    *out = (struct step){.buf = b, .node = (struct ext4_extent_header *)b->data};
    if (!extent_node_sane(out->node, node_max(fs), depth))
        fault = "extent node has a bad header";
    else if (load_relaxed(&b->flags) & BUF_CHECKED)
        return 0;
    else if (*tail_of(out->node) != ext4_extent_sum(i, out->node, tail_of(out->node)))
        fault = "extent node has a bad checksum";
    else if (!extent_node_valid(out->node, low, high, fs->block_count))
        fault = "extent node has bad entries";
    if (fault) {
        buf_put(b);
        return corrupt(i, block, fault);
    }
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
    for (unsigned level = 0;; level++) {
        struct step *s = &p->step[level];
        int err;

        s->at = extent_position(s->node, logical);
        if (level == p->depth) {
            p->leaf = s->node;
            p->at = s->at;
            return 0;
        }
        if (s->at > 0)
            p->start = extent_key(s->node, s->at);
        s->at = MAX(s->at, 0);
        if (s->at + 1 < s->node->eh_entries)
            p->end = extent_key(s->node, s->at + 1);
        err = node_read(i, extent_child(s->node, s->at), p->depth - level - 1,
                        extent_key(s->node, s->at), p->end, s + 1);
        if (err) {
            p->depth = level; // as far as it is held
            path_put(p);
            return err;
        }
    }
}

// The way to the leaf that holds `logical`, or would. path_put() ends it, unless this failed.
static int path_find(const struct ext4_inode *i, u64 logical, struct path *p)
{
    struct ext4_extent_header *root = root_of(i);

    p->start = 0;
    p->end = EXTENT_END;
    if (root->eh_depth > EXT4_EXTENT_DEPTH_MAX ||
        !extent_node_sane(root, ROOT_MAX, root->eh_depth) ||
        !extent_node_valid(root, 0, EXTENT_END, fs_of(i)->block_count))
        return corrupt(i, 0, "bad extent root");
    p->depth = root->eh_depth;
    p->step[0] = (struct step){.node = root};
    return path_descend(i, logical, p);
}

int extent_find(struct ext4_inode *i, struct ext4_map *m)
{
    struct path p;
    struct ext4_map e = {.physical = EXT4_MAP_FAIL};
    u64 end;
    int err = path_find(i, m->logical, &p);

    if (err)
        return err;
    end = p.at + 1 < p.leaf->eh_entries ? extent_key(p.leaf, p.at + 1) : p.end;
    if (p.at >= 0)
        e = extent_entry(p.leaf, p.at);
    path_put(&p);
    m->physical = EXT4_MAP_FAIL;
    m->unwritten = false;
    if (m->logical - e.logical < e.count) {
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

/* Changing nodes */

static void step_begin(struct step *s)
{
    if (s->buf)
        buf_lock(s->buf);
}

static void step_end(struct handle *h, const struct ext4_inode *i, struct step *s)
{
    if (!s->buf)
        return;
    *tail_of(s->node) = ext4_extent_sum(i, s->node, tail_of(s->node));
    journal_changed(h, s->buf);
}

static int steps_hold(struct handle *h, struct path *p, unsigned from, unsigned to)
{
    int err = 0;

    for (unsigned level = from; !err && level <= to; level++)
        if (p->step[level].buf)
            err = journal_get_write(h, p->step[level].buf);
    return err;
}

// A change of the node at `level`. If its first key changes, so do those above it, up to the first
// that is not its node's first.
static int change_hold(struct handle *h, struct path *p, unsigned level, bool first)
{
    p->top = level;
    while (first && p->top > 0 && p->step[--p->top].at == 0)
        ;
    return steps_hold(h, p, p->top, level);
}

static void change_end(struct handle *h, const struct ext4_inode *i, struct path *p, unsigned level)
{
    step_end(h, i, &p->step[level]);
    while (level-- > p->top) {
        struct step *s = &p->step[level];

        step_begin(s);
        extent_key_set(s->node, s->at, extent_key(s[1].node, 0));
        step_end(h, i, s);
    }
}

/* The tree's shape */

static int node_new(struct handle *h, struct ext4_inode *i, unsigned depth, struct step *out)
{
    int err = ext4_block_create(h, i, &out->buf);

    if (err)
        return err;
    i->blocks++;
    out->node = (struct ext4_extent_header *)out->buf->data;
    extent_node_init(out->node, node_max(fs_of(i)), depth);
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
    step_begin(&s);
    extent_node_copy(root, 0, s.node);
    step_end(h, i, &s);
    root->eh_entries = 0;
    root->eh_depth++;
    extent_index_insert(root, 0, key, s.buf->block);
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
    bool done;
    int err;

    if (!at)
        return corrupt(i, s->buf->block, "extent node is too small");
    err = steps_hold(h, p, level - 1, level);
    if (!err)
        err = node_new(h, i, s->node->eh_depth, &new);
    if (err)
        return err;
    if (s->node->eh_entries != entries || parent->at >= parent->node->eh_entries) {
        buf_put(new.buf);
        return corrupt(i, s->buf->block, "a block in use was free");
    }
    step_begin(&new);
    extent_node_copy(s->node, at, new.node);
    step_end(h, i, &new);
    step_begin(s);
    s->node->eh_entries = at;
    step_end(h, i, s);
    step_begin(parent);
    done =
        extent_index_insert(parent->node, parent->at + 1, extent_key(new.node, 0), new.buf->block);
    step_end(h, i, parent);
    buf_put(new.buf);
    return done ? 0 : corrupt(i, s->buf ? s->buf->block : 0, "extent node is in two trees");
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

// A single node below the root whose entries have room in the root moves there, if there is memory
// for that.
static int shrink(struct handle *h, struct ext4_inode *i)
{
    struct ext4_extent_header *root = root_of(i), *node;
    struct path p;
    int err = 0;

    if (!root->eh_depth || root->eh_entries > 1 || path_find(i, 0, &p))
        return 0;
    node = p.step[1].node;
    if (node->eh_entries && node->eh_entries <= ROOT_MAX &&
        !ext4_blocks_hold(h, fs_of(i), p.step[1].buf->block, 1)) {
        extent_node_init(root, ROOT_MAX, root->eh_depth - 1);
        root->eh_entries = node->eh_entries;
        memcpy(root + 1, node + 1, node->eh_entries * sizeof(struct ext4_extent));
        err = node_free(h, i, p.step[1].buf->block);
    }
    path_put(&p);
    return err;
}

/* Changing mappings */

// Without any entry left the leaf goes, with the parents that had nothing else.
static int leaf_apply(struct handle *h, struct ext4_inode *i, struct path *p,
                      const struct extent_plan *plan)
{
    bool empty = !plan->count && plan->removed == p->leaf->eh_entries, first;
    unsigned level = p->depth;
    bool done = true;
    struct step *s;
    int err;

    while (empty && level && p->step[--level].node->eh_entries == 1)
        ;
    s = &p->step[level];
    first = level < p->depth
                ? !s->at
                : !plan->at && (!plan->count || plan->piece[0].logical != extent_key(p->leaf, 0));
    err = change_hold(h, p, level, first);
    for (unsigned gone = level + 1; !err && gone <= p->depth; gone++)
        err = ext4_blocks_hold(h, fs_of(i), p->step[gone].buf->block, 1);
    for (unsigned gone = level + 1; !err && gone <= p->depth; gone++)
        err = node_free(h, i, p->step[gone].buf->block);
    if (err)
        return err;
    step_begin(s);
    if (level == p->depth)
        done = extent_plan_apply(s->node, plan);
    else if (s->node->eh_entries == 1) // the root's
        extent_node_init(s->node, ROOT_MAX, 0);
    else
        done = extent_index_remove(s->node, s->at);
    change_end(h, i, p, level);
    return done ? 0 : corrupt(i, s->buf ? s->buf->block : 0, "extent node is in two trees");
}

// Once, if there is room, else after nodes were split.
static int change(struct handle *h, struct ext4_inode *i, const struct ext4_map *m, bool mapped)
{
    bool done = false;
    int err = 0;

    while (!err && !done) {
        struct extent_plan plan;
        struct path p;

        err = path_find(i, m->logical, &p);
        if (err)
            break;
        if (m->logical + m->count > p.end || !extent_plan(p.leaf, m, mapped, &plan))
            err = corrupt(i, 0, "extents are not what they were");
        else if ((done = extent_plan_fits(p.leaf, &plan)))
            err = leaf_apply(h, i, &p, &plan);
        else
            err = make_room(h, i, &p);
        path_put(&p);
    }
    return err;
}

int extent_change(struct handle *h, struct ext4_inode *i, const struct ext4_map *m, bool mapped)
{
    int err = change(h, i, m, mapped);

    return err || m->physical != EXT4_MAP_FAIL ? err : shrink(h, i);
}

// Each change may split or make, or empty, a node of every level and one more.
u32 extent_credits(const struct ext4_inode *i, u32 runs)
{
    unsigned depth = MIN(root_of(i)->eh_depth, (u16)EXT4_EXTENT_DEPTH_MAX);

    return runs * (depth + 2) * (2 + EXT4_ALLOC_CREDITS);
}

/* Shifting: leaf by leaf, so that the tree is in order after each */

// The entries from `first` on of the leaf of `logical`; p says what the leaf spans.
static int shift_leaf(struct handle *h, struct ext4_inode *i, u64 logical, u64 first, s64 delta,
                      struct path *p)
{
    unsigned at;
    u32 credits;
    int err = path_find(i, logical, p);

    if (err)
        return err;
    at = first ? extent_position(p->leaf, first - 1) + 1 : 0;
    credits = p->depth + 2; // the way, and the inode
    if (at < p->leaf->eh_entries) {
        if (journal_credits(h) < credits)
            err = ext4_map_restart(h, i, credits + EXT4_BATCH_CREDITS);
        if (!err)
            err = change_hold(h, p, p->depth, !at);
        if (!err) {
            step_begin(&p->step[p->depth]);
            extent_keys_shift(p->leaf, at, delta);
            change_end(h, i, p, p->depth);
        }
    }
    path_put(p);
    return err;
}

// An extent that goes on over `at` ends there, and another begins.
static int cut(struct handle *h, struct ext4_inode *i, u64 at)
{
    struct ext4_map before = {.logical = at - 1, .count = 2};
    int err = at ? extent_find(i, &before) : 0;

    if (err || !at || before.physical == EXT4_MAP_FAIL || before.count < 2)
        return err;
    return change(h, i, &(struct ext4_map){.logical = at, .physical = EXT4_MAP_FAIL}, true);
}

// There is no way back, and nothing on the disk tells which part is where it was.
static int half_moved(const struct ext4_inode *i, int err)
{
    (void)corrupt(i, 0, "moving its blocks ended half way");
    ext4_stop_writing(fs_of(i), err);
    return -EIO;
}

int ext4_map_shift(struct handle *h, struct ext4_inode *i, u64 first, s64 delta)
{
    struct ext4_map last = {0};
    struct path p;
    u64 at, end;
    bool moved = false;
    int err = path_find(i, EXTENT_END - 1, &p);

    if (err)
        return err;
    if (p.at >= 0)
        last = extent_entry(p.leaf, p.at);
    path_put(&p);
    end = last.logical + last.count;
    if (end <= first)
        return 0;
    if (delta > 0 && end + delta > EXTENT_END)
        return -EFBIG;
    err = cut(h, i, first);
    at = delta > 0 ? end - 1 : first;
    while (!err && at >= first && at < EXTENT_END) {
        err = shift_leaf(h, i, at, first, delta, &p);
        if (!err && !moved && delta > 0) // nothing written may lie past it meanwhile
            i->disk_size += (u64)delta << fs_of(i)->block_shift;
        moved = moved || !err;
        at = delta < 0 ? p.end : p.start - 1; // below `first`, or ~0, if it was the leftmost
    }
    return err && moved ? half_moved(i, err) : err;
}
