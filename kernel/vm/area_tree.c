// SPDX-License-Identifier: MIT
// The tree of areas: ordered by address, each subtree summarised by its span and its largest gap.
#include "vm/area_tree.h"

static inline struct vm_area *area_of(const struct rb_node *n)
{
    return n ? container_of(n, struct vm_area, node) : NULL;
}

static void area_summarize(struct rb_node *n)
{
    struct vm_area *a = area_of(n), *left = area_of(n->left), *right = area_of(n->right);
    u64 gap = 0;

    a->sub_start = a->start;
    a->sub_end = a->end;
    if (left) {
        gap = MAX(left->gap_max, a->start - left->sub_end);
        a->sub_start = left->sub_start;
    }
    if (right) {
        gap = MAX(gap, MAX(right->gap_max, right->sub_start - a->end));
        a->sub_end = right->sub_end;
    }
    a->gap_max = gap;
}

void area_tree_init(struct rb_root *tree)
{
    *tree = (struct rb_root){.augment = area_summarize};
}

/* Lookup */

struct vm_area *area_from(const struct rb_root *tree, uaddr_t va)
{
    struct vm_area *a = area_of(tree->node), *best = NULL;

    while (a) {
        if (va >= a->end) {
            a = area_of(a->node.right);
            continue;
        }
        best = a;
        if (va >= a->start)
            break;
        a = area_of(a->node.left);
    }
    return best;
}

struct vm_area *area_find(const struct rb_root *tree, uaddr_t va)
{
    struct vm_area *a = area_from(tree, va);

    return a && a->start <= va ? a : NULL;
}

struct vm_area *area_first(const struct rb_root *tree)
{
    return area_of(rb_first(tree));
}

struct vm_area *area_next(const struct vm_area *a)
{
    return area_of(rb_next(&a->node));
}

struct vm_area *area_prev(const struct vm_area *a)
{
    return area_of(rb_prev(&a->node));
}

bool area_overlaps(const struct rb_root *tree, uaddr_t start, uaddr_t end)
{
    struct vm_area *a = area_from(tree, start);

    return a && a->start < end;
}

/* Change */

void area_insert(struct rb_root *tree, struct vm_area *a)
{
    struct rb_node **link = &tree->node, *parent = NULL;

    while (*link) {
        parent = *link;
        link = a->start < area_of(parent)->start ? &parent->left : &parent->right;
    }
    rb_link(tree, &a->node, parent, link);
}

void area_remove(struct rb_root *tree, struct vm_area *a)
{
    rb_remove(tree, &a->node);
}

void area_set_range(struct rb_root *tree, struct vm_area *a, uaddr_t start, uaddr_t end)
{
    a->start = start;
    a->end = end;
    rb_augment_path(tree, &a->node);
}

bool area_mergeable(const struct vm_area *a, const struct vm_area *b)
{
    return a->end == b->start && a->prot == b->prot && a->flags == b->flags &&
           a->object == b->object && a->file == b->file &&
           (!a->object || a->offset + area_pages(a) == b->offset) && !(a->flags & AREA_GROWSDOWN);
}

/* Gaps */

struct gap_query {
    u64 length;
    uaddr_t low, high;
};

// Searches subtree `a`, whose neighbours outside it end at `below` and start at `above`, from the
// right. A subtree is entered only if some gap of it is long enough; only the two gaps that lie
// across `low` and `high` can disappoint, so the search stays on a few root paths.
static bool gap_search(const struct vm_area *a, uaddr_t below, uaddr_t above,
                       const struct gap_query *q, uaddr_t *out)
{
    uaddr_t start = MAX(below, q->low), end = MIN(above, q->high);

    if (end < start || end - start < q->length)
        return false;
    if (!a) {
        *out = end - q->length;
        return true;
    }
    if (a->gap_max < q->length && a->sub_start - below < q->length &&
        above - a->sub_end < q->length)
        return false;
    return gap_search(area_of(a->node.right), a->end, above, q, out) ||
           gap_search(area_of(a->node.left), below, a->start, q, out);
}

bool area_gap_highest(const struct rb_root *tree, u64 length, uaddr_t low, uaddr_t high,
                      uaddr_t *out)
{
    struct gap_query q = {.length = length, .low = low, .high = high};

    return gap_search(area_of(tree->node), 0, ~0UL, &q, out);
}

bool area_tree_check(const struct rb_root *tree)
{
    uaddr_t end = 0;

    for (struct rb_node *n = rb_first(tree); n; n = rb_next(n)) {
        struct vm_area *a = area_of(n), saved = *a;

        if (a->start < end || a->end <= a->start || (a->start | a->end) & ~PAGE_MASK)
            return false;
        area_summarize(n);
        if (a->gap_max != saved.gap_max || a->sub_start != saved.sub_start ||
            a->sub_end != saved.sub_end)
            return false;
        end = a->end;
    }
    return rb_check(tree);
}
