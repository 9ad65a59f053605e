// SPDX-License-Identifier: MIT
// The elevator: a tree by sector, and a list by age against starvation.
#include "block/waiting.h"

#define PATIENCE 16 // transfers that may pass the oldest one

void waiting_init(struct block_waiting *w)
{
    *w = (struct block_waiting){0};
    list_init(&w->arrivals);
}

static struct block_request *request_of(struct rb_node *n)
{
    return n ? container_of(n, struct block_request, node) : NULL;
}

static void insert(struct block_waiting *w, struct block_request *r)
{
    struct rb_node **link = &w->tree.node, *parent = NULL;

    while (*link) {
        parent = *link;
        link = r->sector < request_of(parent)->sector ? &parent->left : &parent->right;
    }
    rb_link(&w->tree, &r->node, parent, link);
}

static void remove(struct block_waiting *w, struct block_request *r)
{
    rb_remove(&w->tree, &r->node);
    list_remove(&r->link);
}

// Makes b, which is next on the tree, a part of a's transfer if it follows on the disk.
static bool join(struct block_waiting *w, const struct block_limits *limits,
                 struct block_request *a, struct block_request *b)
{
    if (!a || !b || a->op != b->op || a->flags | b->flags || a->alone | b->alone ||
        a->sector + a->total_sectors != b->sector ||
        a->total_segments + b->total_segments > limits->segments ||
        a->total_sectors + b->total_sectors > limits->sectors)
        return false;
    remove(w, b);
    a->last->merged = b;
    a->last = b->last;
    a->total_segments += b->total_segments;
    a->total_sectors += b->total_sectors;
    return true;
}

unsigned waiting_add(struct block_waiting *w, const struct block_limits *limits,
                     struct block_request *r)
{
    struct block_request *before;
    unsigned merges = 0;

    insert(w, r);
    list_insert_tail(&w->arrivals, &r->link);
    before = request_of(rb_prev(&r->node));
    if (join(w, limits, before, r)) {
        merges++;
        r = before;
    }
    return merges + join(w, limits, r, request_of(rb_next(&r->node)));
}

// The first transfer at or after the position; NULL.
static struct block_request *upwards(struct block_waiting *w)
{
    struct rb_node *n = w->tree.node, *best = NULL;

    while (n) {
        bool fits = request_of(n)->sector >= w->position;

        best = fits ? n : best;
        n = fits ? n->left : n->right;
    }
    return request_of(best);
}

struct block_request *waiting_take(struct block_waiting *w)
{
    struct block_request *oldest = list_first(&w->arrivals, struct block_request, link), *r;

    if (!oldest)
        return NULL;
    r = w->passed >= PATIENCE ? oldest : upwards(w);
    if (!r)
        r = request_of(rb_first(&w->tree));
    w->passed = r == oldest ? 0 : w->passed + 1;
    w->position = r->sector + r->total_sectors;
    remove(w, r);
    return r;
}
