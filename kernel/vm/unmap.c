// SPDX-License-Identifier: MIT
// Taking pages out of a space: clear entries, flush once, then free frames and empty tables.
//
// No frame may be freed while a hart can still reach it through a cached entry. So cleared frames
// are gathered, up to GATHER_FRAMES, before one flush; a flush is left out when no entry was valid.
//
// The leaf tables that a range covers whole are freed with it. What is at its ends stays until the
// space goes: a program that maps and unmaps at one place again and again keeps its table.
#include "vm/vm_private.h"

#define HOLD_SPAN (32 * MMU_TABLE_SPAN) // gone over, at most, in one hold of pagetable_lock

void gather_init(struct gather *g, struct vm_space *s)
{
    g->space = s;
    g->low = ~0UL;
    g->high = 0;
    g->tables = NULL;
    g->count = 0;
}

void gather_cover(struct gather *g, uaddr_t start, uaddr_t end)
{
    g->low = MIN(g->low, start);
    g->high = MAX(g->high, end);
}

static void gather_flush(struct gather *g)
{
    if (g->low < g->high)
        mmu_flush(&g->space->mmu, g->low, g->high);
    for (unsigned i = 0; i < g->count; i++)
        frame_put(g->frames[i]);
    g->low = ~0UL;
    g->high = 0;
    g->count = 0;
}

// The part of [*start, end) to go over in one hold: it begins where there is a table. Its end.
static uaddr_t hold_end(struct vm_space *s, uaddr_t *start, uaddr_t end)
{
    if (end - *start <= HOLD_SPAN)
        return end;
    if (!mmu_next(&s->mmu, start, end))
        *start = end;
    return MIN(end, *start + HOLD_SPAN);
}

// Clears entries from `start` on until the gather is full, or for one hold; where it stopped.
static uaddr_t gather_some(struct gather *g, uaddr_t start, uaddr_t end, u64 keep)
{
    struct vm_space *s = g->space;
    u64 anon = 0, all = g->count;
    struct pte_run run;
    pte_t *p;

    spin_lock(&s->pagetable_lock);
    end = hold_end(s, &start, end);
    run = pte_run(s, start, end);
    while (g->count < GATHER_FRAMES && (p = pte_next(&run))) {
        pte_t e = *p;

        if (e & keep)
            continue;
        pte_xchg(p, 0);
        anon += !!(e & PTE_ANON);
        g->frames[g->count++] = pte_frame(e);
    }
    all = g->count - all;
    if (g->count == GATHER_FRAMES)
        end = pte_run_after(&run);
    if (all) {
        gather_cover(g, start, end);
        space_count(s, -anon, -(all - anon));
    }
    spin_unlock(&s->pagetable_lock);
    return end;
}

void gather_range(struct gather *g, uaddr_t start, uaddr_t end, u64 keep)
{
    while (start < end) {
        start = gather_some(g, start, end, keep);
        if (g->count == GATHER_FRAMES)
            gather_flush(g);
    }
}

void gather_finish(struct gather *g)
{
    gather_flush(g);
    if (g->tables)
        mmu_tables_free(g->tables);
}

void gather_prune(struct gather *g, uaddr_t start, uaddr_t end)
{
    uaddr_t at = ALIGN_UP(start, MMU_TABLE_SPAN), stop;
    struct vm_space *s = g->space;

    if (end - start < MMU_TABLE_SPAN)
        return;
    for (; at < end; at = stop) {
        spin_lock(&s->pagetable_lock);
        stop = hold_end(s, &at, end);
        mmu_prune(&s->mmu, at, stop, &g->tables);
        spin_unlock(&s->pagetable_lock);
    }
    if (g->tables)
        gather_cover(g, start, end);
}

static void unmap(struct vm_space *s, uaddr_t start, uaddr_t end, bool prune, struct vm_area **dead)
{
    struct vm_area *a = area_from(&s->areas, start), *first = NULL, **tail = &first;
    struct gather g;

    if (!a || a->start >= end)
        return;
    start = a->start;
    while (a && a->start < end) {
        struct vm_area *next = area_next(a);

        space_remove(s, a);
        *tail = a;
        tail = &a->next_dead;
        a = next;
    }
    gather_init(&g, s);
    gather_range(&g, start, end, 0);
    if (prune)
        gather_prune(&g, start, end);
    gather_finish(&g);
    for (a = first; a; a = a->next_dead)
        area_unlink_object(a);
    *tail = *dead;
    *dead = first;
}

void space_unmap_locked(struct vm_space *s, uaddr_t start, uaddr_t end, struct vm_area **dead)
{
    unmap(s, start, end, true, dead);
}

void space_empty_locked(struct vm_space *s, uaddr_t start, uaddr_t end, struct vm_area **dead)
{
    unmap(s, start, end, false, dead);
}

int vm_unmap(struct vm_space *s, uaddr_t start, u64 length)
{
    struct vm_area *dead = NULL;
    uaddr_t end;
    int err;

    if (!length || range_check(start, length, &end))
        return -EINVAL;
    write_lock(&s->lock);
    err = space_isolate(s, start, end);
    if (!err)
        space_unmap_locked(s, start, end, &dead);
    write_unlock(&s->lock);
    areas_destroy(dead);
    return err;
}
