// SPDX-License-Identifier: MIT
// The buddy system: split on allocation, merge on free.
#include "mm/buddy.h"
#include "lib/bitmap.h"

static void block_link(struct buddy *b, struct frame *f, unsigned order)
{
    f->kind = FRAME_FREE;
    f->order = order;
    list_insert_head(&b->lists[order], &f->link);
    b->orders |= BIT(order);
}

static void block_unlink(struct buddy *b, struct frame *f)
{
    list_remove(&f->link);
    if (list_empty(&b->lists[f->order]))
        b->orders &= ~BIT(f->order);
    f->kind = FRAME_RESERVED;
}

void buddy_init(struct buddy *b, struct frame *table, pfn_t base, u64 count)
{
    *b = (struct buddy){.table = table, .base = base, .count = count};
    for (unsigned order = 0; order <= FRAME_MAX_ORDER; order++)
        list_init(&b->lists[order]);
}

void buddy_seed(struct buddy *b, pfn_t first, u64 pages)
{
    while (pages) {
        unsigned order = MIN(bit_highest(pages), (u32)FRAME_MAX_ORDER);

        if (first)
            order = MIN(order, bit_lowest(first));
        buddy_free(b, &b->table[first - b->base], order);
        first += BIT(order);
        pages -= BIT(order);
    }
}

struct frame *buddy_alloc(struct buddy *b, unsigned order)
{
    u64 usable = b->orders >> order << order;
    unsigned have;
    struct frame *f;

    if (!usable)
        return NULL;
    have = bit_lowest(usable);
    f = list_first(&b->lists[have], struct frame, link);
    block_unlink(b, f);
    while (have > order)
        block_link(b, f + BIT(have - 1), have - 1), have--;
    f->kind = FRAME_KERNEL;
    f->order = order;
    b->free -= BIT(order);
    return f;
}

unsigned buddy_alloc_singles(struct buddy *b, struct frame **out, unsigned want)
{
    unsigned got = 0;

    while (got < want && b->orders) {
        unsigned order = MIN(bit_lowest(b->orders), bit_highest(want - got));
        struct frame *f = buddy_alloc(b, order);

        for (unsigned i = 0; i < BIT(order); i++) {
            f[i].kind = FRAME_KERNEL;
            f[i].order = 0;
            out[got++] = &f[i];
        }
    }
    return got;
}

void buddy_free(struct buddy *b, struct frame *f, unsigned order)
{
    pfn_t pfn = b->base + (f - b->table);

    b->free += BIT(order);
    f->kind = FRAME_RESERVED;
    for (; order < FRAME_MAX_ORDER; order++) {
        u64 index = (pfn ^ BIT(order)) - b->base;

        if (index >= b->count)
            break;
        if (b->table[index].kind != FRAME_FREE || b->table[index].order != order)
            break;
        block_unlink(b, &b->table[index]);
        pfn &= ~BIT(order);
    }
    block_link(b, &b->table[pfn - b->base], order);
}

static bool block_check(const struct buddy *b, const struct frame *f, unsigned order)
{
    pfn_t pfn = b->base + (f - b->table);
    u64 index = (pfn ^ BIT(order)) - b->base;
    const struct frame *other = &b->table[index];

    if (f->kind != FRAME_FREE || f->order != order || f->refs.count)
        return false;
    if (!IS_ALIGNED(pfn, BIT(order)))
        return false;
    return order == FRAME_MAX_ORDER || index >= b->count || other->kind != FRAME_FREE ||
           other->order != order;
}

bool buddy_check(const struct buddy *b)
{
    u64 pages = 0;

    for (unsigned order = 0; order <= FRAME_MAX_ORDER; order++) {
        const struct frame *f;

        if (list_empty(&b->lists[order]) != !(b->orders >> order & 1))
            return false;
        LIST_FOR_EACH (f, &b->lists[order], link) {
            if (!block_check(b, f, order))
                return false;
            pages += BIT(order);
        }
    }
    return pages == b->free;
}
