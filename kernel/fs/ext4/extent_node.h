// SPDX-License-Identifier: MIT
// One node of an extent tree as a sorted array in memory. PURE.
//
// A change of a leaf is planned first: which entries go and which pieces take their place, with
// neighbours merged. If the plan does not fit, the leaf is split, and it is planned again.
#pragma once
#include "fs/ext4/ondisk.h"

#define EXTENT_END    0xFFFFFFFFUL // logical blocks are below
#define EXTENT_PIECES 5

struct extent { // an entry, decoded
    u64 logical, count, physical;
    bool unwritten;
};

enum extent_change {
    EXTENT_INSERT, // where there is a hole
    EXTENT_REMOVE, // a part of one entry, or all of it
    EXTENT_WRITE,  // a part of an unwritten entry becomes written
    EXTENT_CUT,    // an entry is cut in two before `logical`
};

struct extent_plan {
    unsigned at, removed; // entries that go
    unsigned count;       // of pieces that come
    struct extent piece[EXTENT_PIECES];
};

struct extent extent_entry(const struct ext4_extent_header *node, unsigned at);
u32 extent_key(const struct ext4_extent_header *node, unsigned at); // leaf or index
u64 extent_child(const struct ext4_extent_header *node, unsigned at);
// The last entry whose key is <= logical, or -1.
int extent_position(const struct ext4_extent_header *node, u64 logical);

void extent_node_init(struct ext4_extent_header *node, unsigned max, unsigned depth);
// The header alone: enough to look at entries without leaving the node.
bool extent_node_sane(const struct ext4_extent_header *node, unsigned max, unsigned depth);
// Entries are sorted, do not overlap, lie in [low, high), and point into the device.
bool extent_node_valid(const struct ext4_extent_header *node, u64 low, u64 high, u64 device_blocks);

// False: the change does not agree with what the leaf holds.
bool extent_plan(const struct ext4_extent_header *leaf, enum extent_change change,
                 const struct extent *e, struct extent_plan *plan);
bool extent_plan_fits(const struct ext4_extent_header *leaf, const struct extent_plan *plan);
void extent_plan_apply(struct ext4_extent_header *leaf, const struct extent_plan *plan);

// Makes the entries from `at` on those of another, empty node.
void extent_node_copy(const struct ext4_extent_header *from, unsigned at,
                      struct ext4_extent_header *to);
void extent_index_insert(struct ext4_extent_header *node, unsigned at, u32 key, u64 child);
void extent_index_remove(struct ext4_extent_header *node, unsigned at);
void extent_key_set(struct ext4_extent_header *node, unsigned at, u32 key);
// Adds delta to the keys of the entries from `at` on.
void extent_keys_shift(struct ext4_extent_header *node, unsigned at, s64 delta);
