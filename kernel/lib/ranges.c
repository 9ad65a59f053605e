// SPDX-License-Identifier: MIT
// Sets of numbers as disjoint ranges, no two of which touch.
#include "lib/ranges.h"

#include "abi/errno.h"

#define RANGE(n) container_of(n, struct range, node)

void ranges_init(struct ranges *r, const struct ranges_mem *mem)
{
    *r = (struct ranges){.mem = mem};
}

static void range_drop(struct ranges *r, struct range *g)
{
    r->total -= g->end - g->start;
    rb_remove(&r->tree, &g->node);
    r->mem->free(g, sizeof(*g));
}

void ranges_clear(struct ranges *r)
{
    struct rb_node *n;

    while ((n = rb_first(&r->tree)))
        range_drop(r, RANGE(n));
}

// The first range whose end is >= n (it holds n - 1, n or what comes after), or NULL.
static struct range *range_reaching(const struct ranges *r, u64 n)
{
    struct rb_node *at = r->tree.node;
    struct range *best = NULL;

    while (at) {
        if (RANGE(at)->end >= n) {
            best = RANGE(at);
            at = at->left;
        } else {
            at = at->right;
        }
    }
    return best;
}

static struct range *range_after(const struct range *g)
{
    struct rb_node *n = rb_next(&g->node);

    return n ? RANGE(n) : NULL;
}

static int range_insert(struct ranges *r, u64 start, u64 end)
{
    struct rb_node **link = &r->tree.node, *parent = NULL;
    struct range *g = r->mem->alloc(sizeof(*g));

    if (!g)
        return -ENOMEM;
    g->start = start;
    g->end = end;
    while (*link) {
        parent = *link;
        link = start < RANGE(parent)->start ? &parent->left : &parent->right;
    }
    rb_link(&r->tree, &g->node, parent, link);
    r->total += end - start;
    return 0;
}

// Sets the bounds of a range, which keeps its place in the order.
static void range_resize(struct ranges *r, struct range *g, u64 start, u64 end)
{
    r->total += (end - start) - (g->end - g->start);
    g->start = start;
    g->end = end;
}

int ranges_add(struct ranges *r, u64 start, u64 end)
{
    struct range *g = range_reaching(r, start), *next;

    if (start >= end)
        return 0;
    if (!g || g->start > end)
        return range_insert(r, start, end);
    while ((next = range_after(g)) && next->start <= end) {
        end = MAX(end, next->end);
        range_drop(r, next);
    }
    range_resize(r, g, MIN(start, g->start), MAX(end, g->end));
    return 0;
}

int ranges_remove(struct ranges *r, u64 start, u64 end)
{
    struct range *g = range_reaching(r, start + 1), *next;

    if (start >= end)
        return 0;
    if (g && g->start < start && end < g->end) {
        u64 tail = g->end;

        range_resize(r, g, g->start, start);
        if (!range_insert(r, end, tail))
            return 0;
        range_resize(r, g, g->start, tail);
        return -ENOMEM;
    }
    for (; g && g->start < end; g = next) {
        next = range_after(g);
        if (g->start < start)
            range_resize(r, g, g->start, start);
        else if (g->end > end)
            range_resize(r, g, end, g->end);
        else
            range_drop(r, g);
    }
    return 0;
}

bool ranges_has(const struct ranges *r, u64 n)
{
    struct range *g = range_reaching(r, n + 1);

    return g && g->start <= n;
}

bool ranges_next(const struct ranges *r, u64 n, u64 *start, u64 *end)
{
    struct range *g = range_reaching(r, n + 1);

    if (!g)
        return false;
    *start = MAX(n, g->start);
    *end = g->end;
    return true;
}

u64 ranges_count(const struct ranges *r, u64 start, u64 end)
{
    u64 n = 0, from, to;

    while (start < end && ranges_next(r, start, &from, &to) && from < end) {
        n += MIN(to, end) - from;
        start = to;
    }
    return n;
}

bool ranges_check(const struct ranges *r)
{
    u64 total = 0, least = 0;
    bool first = true;

    for (struct rb_node *n = rb_first(&r->tree); n; n = rb_next(n)) {
        struct range *g = RANGE(n);

        if (g->start >= g->end || (!first && g->start <= least))
            return false;
        first = false;
        least = g->end;
        total += g->end - g->start;
    }
    return total == r->total && rb_check(&r->tree);
}
