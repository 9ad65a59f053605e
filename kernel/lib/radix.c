// SPDX-License-Identifier: MIT
// 64-way radix tree: six bits of the index choose a slot at each level, the highest bits first.
#include "lib/radix.h"

#include "abi/errno.h"
#include "lib/bitmap.h"
#include "lib/string.h"

#define RADIX_BITS  6
#define RADIX_SLOTS 64
#define RADIX_DEPTH 11 // levels that cover 64 bits

// Outside of a running insertion no node is empty.
struct radix_node {
    void *slot[RADIX_SLOTS]; // nodes, or entries on the lowest level
    u64 present;             // bit i: slot[i] is not NULL
    u64 marked;              // bit i: slot[i] is a marked entry, or a node with one below it
};
static_assert(sizeof(struct radix_node) == RADIX_NODE_SIZE, "RADIX_NODE_SIZE");

static inline bool radix_covers(const struct radix *r, u64 index)
{
    return r->height >= RADIX_DEPTH || index >> (RADIX_BITS * r->height) == 0;
}

static inline u32 radix_slot(u64 index, u32 shift)
{
    return (index >> shift) & (RADIX_SLOTS - 1);
}

static struct radix_node *radix_node_create(struct radix *r)
{
    struct radix_node *n = r->mem->alloc(sizeof(*n));

    if (n)
        memset(n, 0, sizeof(*n));
    return n;
}

void radix_init(struct radix *r, const struct radix_mem *mem)
{
    r->root = NULL;
    r->height = 0;
    r->marked = false;
    r->mem = mem;
}

static void radix_node_destroy(struct radix *r, struct radix_node *n, u32 level)
{
    u32 i;

    if (level > 1) {
        BITMAP_FOR_EACH (i, &n->present, RADIX_SLOTS)
            radix_node_destroy(r, n->slot[i], level - 1);
    }
    r->mem->free(n, sizeof(*n));
}

void radix_fini(struct radix *r)
{
    if (r->root && r->height)
        radix_node_destroy(r, r->root, r->height);
    r->root = NULL;
    r->height = 0;
    r->marked = false;
}

void *radix_find(const struct radix *r, u64 index)
{
    void *p = r->root;
    u32 shift = RADIX_BITS * r->height;

    if (!radix_covers(r, index))
        return NULL;
    while (p && shift) {
        shift -= RADIX_BITS;
        p = ((struct radix_node *)p)->slot[radix_slot(index, shift)];
    }
    return p;
}

// Adds levels on top until `index` is covered. Their only content is what there was, at slot 0.
static int radix_grow(struct radix *r, u64 index)
{
    while (!radix_covers(r, index)) {
        if (r->root) {
            struct radix_node *n = radix_node_create(r);

            if (!n)
                return -ENOMEM;
            n->slot[0] = r->root;
            n->present = 1;
            n->marked = r->marked;
            r->root = n;
        }
        r->height++;
    }
    return 0;
}

// Clears the slots of `index` from path[depth - 1] upward, freeing the nodes that become empty.
static void radix_clear(struct radix *r, struct radix_node **path, u32 depth, u64 index)
{
    while (depth) {
        struct radix_node *n = path[depth - 1];
        u32 i = radix_slot(index, RADIX_BITS * (r->height - depth));

        n->slot[i] = NULL;
        n->present &= ~BIT(i);
        if (n->present)
            return;
        r->mem->free(n, sizeof(*n));
        depth--;
    }
    r->root = NULL;
    r->height = 0;
}

int radix_insert(struct radix *r, u64 index, void *entry)
{
    struct radix_node *path[RADIX_DEPTH];
    u32 depth = 0, shift;
    void **slot = &r->root;

    if (radix_grow(r, index) < 0)
        return -ENOMEM;
    for (shift = RADIX_BITS * r->height; shift;) {
        struct radix_node *n = *slot;

        if (!n) {
            n = radix_node_create(r);
            if (!n)
                goto undo;
            *slot = n;
        }
        path[depth++] = n;
        shift -= RADIX_BITS;
        n->present |= BIT(radix_slot(index, shift));
        slot = &n->slot[radix_slot(index, shift)];
    }
    if (*slot)
        return -EEXIST;
    *slot = entry;
    return 0;

undo:
    radix_clear(r, path, depth, index);
    return -ENOMEM;
}

// The entry at `index` or NULL, and the nodes above it, topmost first.
static void *radix_path(const struct radix *r, u64 index, struct radix_node **path, u32 *depth)
{
    u32 shift = RADIX_BITS * r->height;
    void *p = r->root;

    *depth = 0;
    if (!radix_covers(r, index))
        return NULL;
    while (p && shift) {
        path[(*depth)++] = p;
        shift -= RADIX_BITS;
        p = ((struct radix_node *)p)->slot[radix_slot(index, shift)];
    }
    return p;
}

void *radix_remove(struct radix *r, u64 index)
{
    struct radix_node *path[RADIX_DEPTH];
    u32 depth;
    void *p = radix_path(r, index, path, &depth);

    if (p && r->marked)
        radix_unmark(r, index);
    if (p)
        radix_clear(r, path, depth, index);
    return p;
}

/* Marks */

void radix_mark(struct radix *r, u64 index)
{
    struct radix_node *path[RADIX_DEPTH];
    u32 depth;

    radix_path(r, index, path, &depth);
    for (u32 i = 0; i < depth; i++)
        path[i]->marked |= BIT(radix_slot(index, RADIX_BITS * (r->height - i - 1)));
    r->marked = true;
}

void radix_unmark(struct radix *r, u64 index)
{
    struct radix_node *path[RADIX_DEPTH];
    u32 depth;

    radix_path(r, index, path, &depth);
    while (depth--) {
        path[depth]->marked &= ~BIT(radix_slot(index, RADIX_BITS * (r->height - depth - 1)));
        if (path[depth]->marked)
            return;
    }
    r->marked = false;
}

/* Walking */

// Looks for the first entry at or after *index along one path. True: the search is over, and *found
// is the entry or NULL. False: that path is exhausted, *index is moved behind it.
static inline bool radix_scan(const struct radix *r, u64 *index, bool marked, void **found)
{
    u32 shift = RADIX_BITS * r->height;
    void *p = radix_covers(r, *index) ? r->root : NULL;

    while (p && shift) {
        struct radix_node *n = p;
        u32 skip;
        u64 rest;

        shift -= RADIX_BITS;
        rest = (marked ? n->marked : n->present) >> radix_slot(*index, shift);
        if (!rest) {
            u32 above = shift + RADIX_BITS;
            u64 next = above < 64 ? ((*index >> above) + 1) << above : 0;

            *index = next;
            *found = NULL;
            return next == 0;
        }
        skip = bit_lowest(rest);
        if (skip)
            *index = ((*index >> shift) + skip) << shift;
        p = n->slot[radix_slot(*index, shift)];
    }
    *found = p;
    return true;
}

static inline void *radix_search(const struct radix *r, u64 *index, bool marked)
{
    u64 i = *index;
    void *p;

    while (!radix_scan(r, &i, marked, &p))
        ;
    if (p)
        *index = i;
    return p;
}

void *radix_next(const struct radix *r, u64 *index)
{
    return radix_search(r, index, false);
}

void *radix_next_marked(const struct radix *r, u64 *index)
{
    return r->marked ? radix_search(r, index, true) : NULL;
}
