// SPDX-License-Identifier: MIT
// Red-black tree of nodes embedded in their objects, with optional per-subtree summaries.
//
// The caller searches and compares; this file only links, unlinks and balances. To insert, walk
// from root->node to the empty link where the node belongs, then:
//
//     struct rb_node **link = &root->node, *parent = NULL;
//     while (*link) {
//         parent = *link;
//         link = less(new, parent) ? &parent->left : &parent->right;
//     }
//     rb_link(root, &new->rb, parent, link);
//
// With an `augment` callback every node can keep a summary of its subtree (largest gap, largest
// end...). The callback recomputes one node's summary from itself and its children; the tree calls
// it, children first, for every node whose subtree changed. Insertion, removal and the summaries
// cost O(log n). The owner locks; nothing here allocates or sleeps.
#pragma once

#include "lib/macro.h"

struct rb_node {
    u64 parent_black; // parent pointer | RB_BLACK
    struct rb_node *left, *right;
};

struct rb_root {
    struct rb_node *node;
    void (*augment)(struct rb_node *n); // (c) NULL for a plain tree
};

#define RB_BLACK 1UL

static inline struct rb_node *rb_parent(const struct rb_node *n)
{
    return (struct rb_node *)(n->parent_black & ~RB_BLACK);
}

// Inserts `n` at `*link`, the empty child link of `parent` (or &root->node with parent NULL).
void rb_link(struct rb_root *root, struct rb_node *n, struct rb_node *parent,
             struct rb_node **link);

// `n` must be on the tree.
void rb_remove(struct rb_root *root, struct rb_node *n);

// In key order; NULL at the ends. A whole walk is O(n), one step O(log n) at worst.
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);

// After a node's own contribution changed: recomputes its summary and its ancestors'.
void rb_augment_path(struct rb_root *root, struct rb_node *n);

// True if colours, heights and parent links are consistent. O(n); for tests and debug builds.
bool rb_check(const struct rb_root *root);
