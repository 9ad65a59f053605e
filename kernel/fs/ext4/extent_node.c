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

struct ext4_map extent_entry(const struct ext4_extent_header *node, unsigned at)
{
    const struct ext4_extent *e = leaf_entry(node, at);
    bool unwritten = e->ee_len > EXT4_EXTENT_INIT_MAX;

    return (struct ext4_map){
        .logical = e->ee_block,
        .count = unwritten ? e->ee_len - EXT4_EXTENT_INIT_MAX : e->ee_len,
        .physical = (u64)e->ee_start_hi << 32 | e->ee_start_lo,
        .unwritten = unwritten,
    };
}

static void entry_set(struct ext4_extent_header *node, unsigned at, const struct ext4_map *e)
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
        struct ext4_map e = extent_entry(node, at);

        if (node->eh_depth)
            e = (struct ext4_map){e.logical, extent_child(node, at), 1, false};
        if (e.logical < low || !e.count || e.logical + e.count > high ||
            !inside(e.physical, e.count, device_blocks))
            return false;
        low = e.logical + e.count;
    }
    return true;
}

/* Changes of leaves */

// The part of a mapping in [low, high), if any; the piece before grows if it can. Its length.
static u64 plan_add(struct extent_plan *p, const struct ext4_map *m, u64 low, u64 high, bool join)
{
    struct ext4_map *last = p->count && join ? &p->piece[p->count - 1] : NULL;
    u64 start = MAX(m->logical, low), end = MIN(m->logical + m->count, high);
    u64 physical = m->physical + (start - m->logical);
    u64 max = m->unwritten ? EXT4_EXTENT_INIT_MAX - 1 : EXT4_EXTENT_INIT_MAX;

    if (start >= end)
        return 0;
    if (last && last->unwritten == m->unwritten && last->logical + last->count == start &&
        last->physical + last->count == physical && last->count + end - start <= max)
        last->count += end - start;
    else
        p->piece[p->count++] = (struct ext4_map){start, physical, end - start, m->unwritten};
    return end - start;
}

bool extent_plan(const struct ext4_extent_header *leaf, const struct ext4_map *m, bool mapped,
                 struct extent_plan *p)
{
    int at = extent_position(leaf, m->logical);
    unsigned from = MAX(at - 1, 0), to = MIN(at + 2, (int)leaf->eh_entries);
    u64 end = m->logical + m->count, covered = 0;

    *p = (struct extent_plan){.at = from, .removed = to - from};
    for (unsigned n = from; n < to; n++) {
        struct ext4_map old = extent_entry(leaf, n);

        covered += old.count - plan_add(p, &old, 0, m->logical, true);
    }
    if (m->physical != EXT4_MAP_FAIL)
        plan_add(p, m, 0, EXTENT_END, true);
    for (unsigned n = from; n < to; n++) {
        struct ext4_map old = extent_entry(leaf, n);

        covered -= plan_add(p, &old, end, ~0UL, m->count);
    }
    return covered == (mapped ? m->count : 0);
}

bool extent_plan_fits(const struct ext4_extent_header *leaf, const struct extent_plan *plan)
{
    return leaf->eh_entries - plan->removed + plan->count <= leaf->eh_max;
}

// Makes the `removed` entries from `at` on `added` ones, if the node is still what it was.
static bool entries_move(struct ext4_extent_header *node, unsigned at, unsigned removed,
                         unsigned added)
{
    if (at + removed > node->eh_entries || node->eh_entries - removed + added > node->eh_max)
        return false;
    memmove(leaf_entry(node, at + added), leaf_entry(node, at + removed),
            (node->eh_entries - at - removed) * ENTRY_SIZE);
    node->eh_entries += added - removed;
    return true;
}

bool extent_plan_apply(struct ext4_extent_header *leaf, const struct extent_plan *plan)
{
    if (!entries_move(leaf, plan->at, plan->removed, plan->count))
        return false;
    for (unsigned n = 0; n < plan->count; n++)
        entry_set(leaf, plan->at + n, &plan->piece[n]);
    return true;
}

/* Changes of the tree's shape */

void extent_node_copy(const struct ext4_extent_header *from, unsigned at,
                      struct ext4_extent_header *to)
{
    to->eh_entries = from->eh_entries - at;
    memcpy(to + 1, leaf_entry(from, at), to->eh_entries * ENTRY_SIZE);
}

bool extent_index_insert(struct ext4_extent_header *node, unsigned at, u32 key, u64 child)
{
    if (!entries_move(node, at, 0, 1))
        return false;
    *index_entry(node, at) = (struct ext4_extent_index){
        .ei_block = key,
        .ei_leaf_lo = child,
        .ei_leaf_hi = child >> 32,
    };
    return true;
}

bool extent_index_remove(struct ext4_extent_header *node, unsigned at)
{
    return entries_move(node, at, 1, 0);
}
