// SPDX-License-Identifier: MIT
// Nodes of extent trees: looking up, checking, changing.
#include "fs/ext4/extent_node.h"
#include "lib/string.h"

#define ENTRY_SIZE sizeof(struct ext4_extent)

static struct ext4_extent *leaf_entry(const struct ext4_extent_header *node, unsigned at)
{
    return (struct ext4_extent *)(node + 1) + at;
}

static struct ext4_extent_index *index_entry(const struct ext4_extent_header *node, unsigned at)
{
    return (struct ext4_extent_index *)(node + 1) + at;
}

struct extent extent_entry(const struct ext4_extent_header *node, unsigned at)
{
    const struct ext4_extent *e = leaf_entry(node, at);
    bool unwritten = e->ee_len > EXT4_EXTENT_INIT_MAX;

    return (struct extent){
        .logical = e->ee_block,
        .count = unwritten ? e->ee_len - EXT4_EXTENT_INIT_MAX : e->ee_len,
        .physical = (u64)e->ee_start_hi << 32 | e->ee_start_lo,
        .unwritten = unwritten,
    };
}

static void entry_set(struct ext4_extent_header *node, unsigned at, const struct extent *e)
{
    *leaf_entry(node, at) = (struct ext4_extent){
        .ee_block = e->logical,
        .ee_len = e->count + (e->unwritten ? EXT4_EXTENT_INIT_MAX : 0),
        .ee_start_hi = e->physical >> 32,
        .ee_start_lo = e->physical,
    };
}

u32 extent_key(const struct ext4_extent_header *node, unsigned at)
{
    return leaf_entry(node, at)->ee_block; // an index entry's key is at the same place
}
static_assert(offsetof(struct ext4_extent, ee_block) == 0 &&
                  offsetof(struct ext4_extent_index, ei_block) == 0,
              "keys of both kinds of entries");

void extent_key_set(struct ext4_extent_header *node, unsigned at, u32 key)
{
    leaf_entry(node, at)->ee_block = key;
}

void extent_keys_shift(struct ext4_extent_header *node, unsigned at, s64 delta)
{
    for (; at < node->eh_entries; at++)
        leaf_entry(node, at)->ee_block += delta;
}

u64 extent_child(const struct ext4_extent_header *node, unsigned at)
{
    const struct ext4_extent_index *e = index_entry(node, at);

    return (u64)e->ei_leaf_hi << 32 | e->ei_leaf_lo;
}

int extent_position(const struct ext4_extent_header *node, u64 logical)
{
    int low = 0, high = node->eh_entries;

    while (low < high) {
        int middle = (low + high) / 2;

        if (extent_key(node, middle) <= logical)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

/* Whole nodes */

void extent_node_init(struct ext4_extent_header *node, unsigned max, unsigned depth)
{
    *node = (struct ext4_extent_header){
        .eh_magic = EXT4_EXTENT_MAGIC,
        .eh_max = max,
        .eh_depth = depth,
    };
}

bool extent_node_sane(const struct ext4_extent_header *node, unsigned max, unsigned depth)
{
    return node->eh_magic == EXT4_EXTENT_MAGIC && node->eh_max && node->eh_max <= max &&
           node->eh_entries <= node->eh_max && node->eh_depth == depth &&
           (!depth || node->eh_entries);
}

static bool inside(u64 start, u64 count, u64 size)
{
    return start && start < size && count <= size - start;
}

bool extent_node_valid(const struct ext4_extent_header *node, u64 low, u64 high, u64 device_blocks)
{
    for (unsigned at = 0; at < node->eh_entries; at++) {
        struct extent e = extent_entry(node, at);

        if (node->eh_depth)
            e = (struct extent){e.logical, 1, extent_child(node, at), false};
        if (e.logical < low || !e.count || e.logical + e.count > high ||
            !inside(e.physical, e.count, device_blocks))
            return false;
        low = e.logical + e.count;
    }
    return true;
}

/* Changes of leaves */

static void plan_piece(struct extent_plan *p, u64 logical, u64 count, u64 physical, bool unwritten)
{
    struct extent *last = p->count ? &p->piece[p->count - 1] : NULL;
    u64 max = unwritten ? EXT4_EXTENT_INIT_MAX - 1 : EXT4_EXTENT_INIT_MAX;

    if (!count)
        return;
    if (last && last->unwritten == unwritten && last->logical + last->count == logical &&
        last->physical + last->count == physical && last->count + count <= max)
        last->count += count;
    else
        p->piece[p->count++] = (struct extent){logical, count, physical, unwritten};
}

static void plan_entry(struct extent_plan *p, const struct ext4_extent_header *leaf, unsigned at)
{
    struct extent e = extent_entry(leaf, at);

    plan_piece(p, e.logical, e.count, e.physical, e.unwritten);
}

static bool plan_insert(const struct ext4_extent_header *leaf, const struct extent *e,
                        struct extent_plan *p)
{
    int before = extent_position(leaf, e->logical);
    unsigned after = before + 1;
    struct extent left;

    *p = (struct extent_plan){.at = after};
    if (before >= 0) {
        left = extent_entry(leaf, before);
        if (left.logical + left.count > e->logical)
            return false;
        p->at = before;
        p->removed = 1;
        plan_entry(p, leaf, before);
    }
    plan_piece(p, e->logical, e->count, e->physical, e->unwritten);
    if (after < leaf->eh_entries) {
        if (extent_key(leaf, after) < e->logical + e->count)
            return false;
        p->removed++;
        plan_entry(p, leaf, after);
    }
    return true;
}

// The part of an entry that is changed, and what is left on both sides.
static bool plan_change(const struct ext4_extent_header *leaf, enum extent_change change,
                        const struct extent *e, struct extent_plan *p)
{
    int at = extent_position(leaf, e->logical);
    struct extent old;
    u64 left, right;

    if (at < 0)
        return false;
    old = extent_entry(leaf, at);
    left = e->logical - old.logical;
    if (left >= old.count || e->count > old.count - left ||
        (change == EXTENT_WRITE && !old.unwritten))
        return false;
    right = old.count - left - e->count;
    *p = (struct extent_plan){.at = at, .removed = 1};
    if (change == EXTENT_WRITE && at > 0) {
        p->at--;
        p->removed++;
        plan_entry(p, leaf, at - 1);
    }
    plan_piece(p, old.logical, left, old.physical, old.unwritten);
    if (change == EXTENT_WRITE)
        plan_piece(p, e->logical, e->count, old.physical + left, false);
    plan_piece(p, e->logical + e->count, right, old.physical + left + e->count, old.unwritten);
    if (change == EXTENT_WRITE && (unsigned)at + 1 < leaf->eh_entries) {
        p->removed++;
        plan_entry(p, leaf, at + 1);
    }
    return true;
}

static bool plan_cut(const struct ext4_extent_header *leaf, const struct extent *e,
                     struct extent_plan *p)
{
    int at = extent_position(leaf, e->logical);
    struct extent old;
    u64 left;

    if (at < 0)
        return false;
    old = extent_entry(leaf, at);
    left = e->logical - old.logical;
    if (!left || left >= old.count)
        return false;
    *p = (struct extent_plan){.at = at, .removed = 1, .count = 2};
    p->piece[0] = (struct extent){old.logical, left, old.physical, old.unwritten};
    p->piece[1] = (struct extent){e->logical, old.count - left, old.physical + left, old.unwritten};
    return true;
}

bool extent_plan(const struct ext4_extent_header *leaf, enum extent_change change,
                 const struct extent *e, struct extent_plan *plan)
{
    if (change == EXTENT_INSERT)
        return plan_insert(leaf, e, plan);
    if (change == EXTENT_CUT)
        return plan_cut(leaf, e, plan);
    return plan_change(leaf, change, e, plan);
}

bool extent_plan_fits(const struct ext4_extent_header *leaf, const struct extent_plan *plan)
{
    return leaf->eh_entries - plan->removed + plan->count <= leaf->eh_max;
}

// Makes the `removed` entries from `at` on `added` ones.
static void entries_move(struct ext4_extent_header *node, unsigned at, unsigned removed,
                         unsigned added)
{
    memmove(leaf_entry(node, at + added), leaf_entry(node, at + removed),
            (node->eh_entries - at - removed) * ENTRY_SIZE);
    node->eh_entries += added - removed;
}

void extent_plan_apply(struct ext4_extent_header *leaf, const struct extent_plan *plan)
{
    entries_move(leaf, plan->at, plan->removed, plan->count);
    for (unsigned n = 0; n < plan->count; n++)
        entry_set(leaf, plan->at + n, &plan->piece[n]);
}

/* Changes of the tree's shape */

void extent_node_copy(const struct ext4_extent_header *from, unsigned at,
                      struct ext4_extent_header *to)
{
    to->eh_entries = from->eh_entries - at;
    memcpy(to + 1, leaf_entry(from, at), to->eh_entries * ENTRY_SIZE);
}

void extent_index_insert(struct ext4_extent_header *node, unsigned at, u32 key, u64 child)
{
    entries_move(node, at, 0, 1);
    *index_entry(node, at) = (struct ext4_extent_index){
        .ei_block = key,
        .ei_leaf_lo = child,
        .ei_leaf_hi = child >> 32,
    };
}

void extent_index_remove(struct ext4_extent_header *node, unsigned at)
{
    entries_move(node, at, 1, 0);
}
