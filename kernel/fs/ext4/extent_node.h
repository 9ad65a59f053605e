// SPDX-License-Identifier: MIT
// One node of an extent tree as a sorted array in memory. PURE.
//
// A change of a leaf is planned first: which entries go and which pieces take their place, with
// neighbours merged. If the plan does not fit, the leaf is split, and it is planned again.
#pragma once
#include "fs/ext4/ext4.h"

#define EXTENT_END    0xFFFFFFFFUL // logical blocks are below
#define EXTENT_PIECES 7

struct extent_plan {
    unsigned at, removed; // entries that go
    unsigned count;       // of pieces that come
    struct ext4_map piece[EXTENT_PIECES];
};

struct ext4_map extent_entry(const struct ext4_extent_header *node, unsigned at);
u32 extent_key(const struct ext4_extent_header *node, unsigned at); // leaf or index
u64 extent_child(const struct ext4_extent_header *node, unsigned at);
// The last entry whose key is <= logical, or -1.
int extent_position(const struct ext4_extent_header *node, u64 logical);

void extent_node_init(struct ext4_extent_header *node, unsigned max, unsigned depth);
// The header alone: enough to look at entries without leaving the node.
bool extent_node_sane(const struct ext4_extent_header *node, unsigned max, unsigned depth);
// Entries are sorted, do not overlap, lie in [low, high), and point into the device.
bool extent_node_valid(const struct ext4_extent_header *node, u64 low, u64 high, u64 device_blocks);

// [logical, logical + count) becomes what m says: a hole if physical is EXT4_MAP_FAIL. False: the
// leaf does not agree, as it was to be mapped, or not, until now. Without a count the entry is cut
// in two before `logical`.
bool extent_plan(const struct ext4_extent_header *leaf, const struct ext4_map *m, bool mapped,
                 struct extent_plan *plan);
bool extent_plan_fits(const struct ext4_extent_header *leaf, const struct extent_plan *plan);
// These answer false, and change nothing, if the node has not the entries, or no room: it is part
// of another file's tree too, which was changed meanwhile.
bool extent_plan_apply(struct ext4_extent_header *leaf, const struct extent_plan *plan);
bool extent_index_insert(struct ext4_extent_header *node, unsigned at, u32 key, u64 child);
bool extent_index_remove(struct ext4_extent_header *node, unsigned at);

// Makes the entries from `at` on those of another, empty node.
void extent_node_copy(const struct ext4_extent_header *from, unsigned at,
                      struct ext4_extent_header *to);
void extent_key_set(struct ext4_extent_header *node, unsigned at, u32 key);
// Adds delta to the keys of the entries from `at` on.
void extent_keys_shift(struct ext4_extent_header *node, unsigned at, s64 delta);
