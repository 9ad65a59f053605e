// SPDX-License-Identifier: MIT
// What entries tell: /proc/<pid>/pagetable and pagemap, and idle page tracking.
//
// The latter asks by page frame whether it was used since somebody marked it idle. No mark is kept:
// an entry is made with A set, as the fault that makes it is a use, so a frame that is mapped, but
// by no entry with A, was marked, and not used since. Private pages have no list of who maps them.
// So every process's entries are gone through, for many frames at once.
#include "abi/pagemap.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "vm/vm_private.h"

/* By address */

int vm_space_tables(struct vm_space *s, mmu_visit *fn, void *arg)
{
    int result;

    read_lock(&s->lock);
    result = mmu_each(&s->mmu, fn, arg);
    read_unlock(&s->lock);
    return result;
}

static u64 pagemap_entry(pte_t e, bool frames)
{
    bool anon = e & PTE_ANON;
    u64 flags = PAGEMAP_PRESENT | (anon ? 0 : PAGEMAP_FILE);

    if (ref_read(&pte_frame(e)->refs) == (anon ? 1 : 2)) // an object has one
        flags |= PAGEMAP_EXCLUSIVE;
    return frames ? flags | pte_pfn(e) : flags;
}

void vm_space_pagemap(struct vm_space *s, uaddr_t va, u64 *out, u64 pages, bool frames)
{
    struct pte_run run = pte_run(s, va, va + (pages << PAGE_SHIFT));
    pte_t *p;

    memset(out, 0, pages * sizeof(*out));
    read_lock(&s->lock);
    spin_lock(&s->pagetable_lock);
    while ((p = pte_next(&run)))
        out[((pte_run_after(&run) - va) >> PAGE_SHIFT) - 1] = pagemap_entry(*p, frames);
    spin_unlock(&s->pagetable_lock);
    read_unlock(&s->lock);
}

/* By area */

// How many map the page; an object has a reference of its own.
static u64 entry_users(pte_t e)
{
    u64 refs = ref_read(&pte_frame(e)->refs);

    return e & PTE_ANON ? refs : MAX(refs, 2UL) - 1;
}

static void usage_add(const struct vm_area *a, pte_t e, struct vm_usage *u)
{
    bool anon = e & PTE_ANON;
    bool dirty = anon || e & PTE_D || pte_frame(e)->flags & FRAME_F_DIRTY;
    u64 users = entry_users(e), share = VM_SHARE_ONE / users;

    u->pages[(users > 1 ? VM_PAGE_SHARED : 0) | (dirty ? VM_PAGE_DIRTY : 0)]++;
    u->present++;
    u->used += !!(e & PTE_A);
    u->anon += anon;
    u->share += share;
    u->share_dirty += dirty ? share : 0;
    u->share_anon += anon ? share : 0;
    u->share_shmem += !anon && a->flags & AREA_SHARED && !a->file ? share : 0;
    u->share_locked += a->flags & AREA_LOCKED ? share : 0;
}

void vm_area_usage(const struct vm_area *a, struct vm_usage *u)
{
    struct pte_run run = pte_run_pausing(a->space, a->start, a->end);
    pte_t *p;

    spin_lock(&a->space->pagetable_lock);
    while ((p = pte_next(&run)))
        usage_add(a, *p, u);
    spin_unlock(&a->space->pagetable_lock);
}

/* By frame */

struct window {
    pfn_t first;
    u64 count; // frames, at most VM_IDLE_FRAMES
    u64 *idle; // a bit for each
    u64 used[VM_IDLE_FRAMES / 64];
};

static void window_look(struct window *w, struct vm_space *s)
{
    struct pte_run run = pte_run_pausing(s, 0, USER_TOP);
    pte_t *p;

    spin_lock(&s->pagetable_lock);
    while ((p = pte_next(&run))) {
        u64 i = pte_pfn(*p) - w->first;

        if (i < w->count)
            bitmap_set(*p & PTE_A ? w->used : w->idle, i);
    }
    spin_unlock(&s->pagetable_lock);
}

// Whoever uses a page after this sets A again.
static void window_mark(struct window *w, struct vm_space *s)
{
    struct pte_run run = pte_run_pausing(s, 0, USER_TOP);
    uaddr_t low = USER_TOP, high = 0;
    pte_t *p;

    spin_lock(&s->pagetable_lock);
    while ((p = pte_next(&run))) {
        u64 i = pte_pfn(*p) - w->first;

        if (i >= w->count || !(*p & PTE_A) || !bitmap_test(w->idle, i))
            continue;
        pte_clear_bits(p, PTE_A);
        high = pte_run_after(&run);
        low = MIN(low, high - PAGE_SIZE);
    }
    spin_unlock(&s->pagetable_lock);
    if (low < high)
        mmu_flush(&s->mmu, low, high);
}

static void window_each(struct window *w, void (*fn)(struct window *w, struct vm_space *s))
{
    struct vm_space *s;

    for (u32 id = 0; (s = vm_hooks.space_next(&id)); id++) {
        read_lock(&s->lock);
        fn(w, s);
        read_unlock(&s->lock);
        vm_space_put(s);
    }
}

void vm_idle_get(pfn_t first, u64 *idle, u64 count)
{
    struct window w = {.first = first, .count = count, .idle = idle};

    memset(idle, 0, count / 8);
    window_each(&w, window_look);
    for (u64 i = 0; i < count / 64; i++)
        idle[i] &= ~w.used[i];
}

void vm_idle_mark(pfn_t first, u64 *idle, u64 count)
{
    struct window w = {.first = first, .count = count, .idle = idle};

    window_each(&w, window_mark);
}
