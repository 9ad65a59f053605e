// SPDX-License-Identifier: MIT
// 64-way radix tree: a sparse array of non-NULL pointers indexed by u64.
//
// The height follows the largest index, so a small array is shallow: index 0 alone needs no node
// at all, indices below 64 need one. An entry may carry a mark (a page cache: "dirty"); marked ones
// are found without looking at the others. The owner locks; callbacks may sleep if the owner can.
#pragma once

#include "lib/types.h"

// alloc returns `size` bytes (always RADIX_NODE_SIZE, 8-aligned, any contents) or NULL.
struct radix_mem {
    void *(*alloc)(size_t size);
    void (*free)(void *p, size_t size);
};

#define RADIX_NODE_SIZE 528

struct radix {
    void *root;  // height 0: the entry at index 0; else a node
    u32 height;  // levels of nodes
    bool marked; // some entry is
    const struct radix_mem *mem;
};

void radix_init(struct radix *r, const struct radix_mem *mem);

// Frees the nodes; the entries are the caller's.
void radix_fini(struct radix *r);

// The entry at `index`, or NULL.
void *radix_find(const struct radix *r, u64 index);

// `entry` is not NULL. 0, -EEXIST if occupied, -ENOMEM (the contents are then unchanged).
int radix_insert(struct radix *r, u64 index, void *entry);

// Returns the entry that was there, or NULL. Never allocates.
void *radix_remove(struct radix *r, u64 index);

// The first entry at an index >= *index, whose index is stored there; NULL (and *index unchanged)
// if there is none. To walk: for (i = 0; (p = radix_next(r, &i)); i++), which may stop at index
// U64_MAX only by the body's own test. The body may remove entries.
void *radix_next(const struct radix *r, u64 *index);

// The entry at `index`, which exists, gets or loses its mark; a removed entry has lost it.
void radix_mark(struct radix *r, u64 index);
void radix_unmark(struct radix *r, u64 index);
// As radix_next, among marked entries.
void *radix_next_marked(const struct radix *r, u64 *index);

static inline bool radix_empty(const struct radix *r)
{
    return r->root == NULL;
}
