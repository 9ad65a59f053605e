// SPDX-License-Identifier: MIT
// A set of u64 numbers, kept as the fewest disjoint ranges [start, end) in a tree.
//
// The owner locks. Adding and removing may need memory, from the callbacks of `mem`; a failure
// leaves the set unchanged.
#pragma once
#include "lib/rbtree.h"
#include "lib/types.h"

struct range {
    struct rb_node node;
    u64 start, end;
};

struct ranges_mem {
    void *(*alloc)(size_t size); // sizeof(struct range) bytes, or NULL
    void (*free)(void *p, size_t size);
};

struct ranges {
    struct rb_root tree;
    u64 total; // numbers in the set
    const struct ranges_mem *mem;
};

void ranges_init(struct ranges *r, const struct ranges_mem *mem);
void ranges_clear(struct ranges *r);
// [start, end) becomes part of the set (parts of it may be already); -ENOMEM.
int ranges_add(struct ranges *r, u64 start, u64 end);
int ranges_remove(struct ranges *r, u64 start, u64 end); // -ENOMEM: a range would split in two
bool ranges_has(const struct ranges *r, u64 n);
// The first range that ends after n, cut to [n, ...): false if there is none.
bool ranges_next(const struct ranges *r, u64 n, u64 *start, u64 *end);
// How many numbers of [start, end) are in the set.
u64 ranges_count(const struct ranges *r, u64 start, u64 end);
bool ranges_check(const struct ranges *r); // O(n)
