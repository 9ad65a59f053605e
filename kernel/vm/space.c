// SPDX-License-Identifier: MIT
// Address spaces: life cycle, the switch, what others ask about them, and the check.
//
// `refs` counts threads. The last unmaps everything; `pins` then keeps the struct and the root
// table for a truncation that is just walking it, or for who has opened /proc/PID/mem. Nobody runs
// in the space any more, so frames are freed without a flush; mmu_space_fini() sees to harts that
// still have it.
#include "mm/slab.h"
#include "sched/thread.h"
#include "vm/vm_private.h"

// Where stacks end, below room for the vDSO: one leaf table then serves both.
#define STACK_TOP (USER_TOP - 16 * PAGE_SIZE)

static u64 no_limit(unsigned resource)
{
    return RLIM_INFINITY;
}

struct vm_hooks vm_hooks = {.limit = no_limit};
struct slab_cache *vm_area_cache;
u64 vm_anon_total;

static struct slab_cache *space_cache; // (c)

static void switch_space(struct thread *next)
{
    mmu_space_switch(next->space ? &next->space->mmu : NULL);
}

void vm_init(void)
{
    objects_init();
    vm_area_cache = slab_cache_create("vm_area", sizeof(struct vm_area), 8);
    space_cache = slab_cache_create("vm_space", sizeof(struct vm_space), 8);
    thread_hooks.switch_space = switch_space;
}

/* Life cycle */

int vm_space_create(struct vm_space **out)
{
    struct vm_space *s = slab_alloc(space_cache, 0);
    int err;

    if (!s)
        return -ENOMEM;
    *s = (struct vm_space){.stack_top = STACK_TOP, .mmap_top = STACK_TOP - (1UL << 30)};
    err = mmu_space_init(&s->mmu);
    if (err) {
        slab_free(space_cache, s);
        return err;
    }
    ref_init(&s->refs, 1);
    ref_init(&s->pins, 1);
    rwlock_init(&s->lock, RANK_SPACE);
    spin_init(&s->pagetable_lock, RANK_PAGETABLE);
    area_tree_init(&s->areas);
    *out = s;
    return 0;
}

void vm_space_get(struct vm_space *s)
{
    ref_get(&s->refs);
}

bool vm_space_get_used(struct vm_space *s)
{
    return ref_get_unless_zero(&s->refs);
}

void vm_space_pin(struct vm_space *s)
{
    ref_get(&s->pins);
}

void vm_space_unpin(struct vm_space *s)
{
    if (!ref_put(&s->pins))
        return;
    mmu_space_fini(&s->mmu);
    slab_free(space_cache, s);
}

// Leaves the entries zero: so the table can serve again.
static void free_area_frames(struct vm_space *s, const struct vm_area *a)
{
    struct pte_run run = pte_run(s, a->start, a->end);
    struct frame *origin = frames_origin();
    pte_t *p;

    while ((p = pte_next(&run))) {
        // neighbours without asking each time: exit's hottest loop
        for (; p < run.limit && pte_present(*p); p++) {
            struct frame *f = &origin[pte_pfn(*p)];

            *p = 0;
            if (ref_put(&f->refs))
                frame_free(f);
        }
        run.next = p;
    }
}

// A truncation may be in the tables: the slow way, entry by entry under the lock.
static void free_shared_frames(struct vm_space *s)
{
    struct gather g;

    gather_init(&g, s);
    gather_range(&g, 0, USER_TOP, 0);
    gather_prune(&g, 0, USER_TOP);
    gather_finish(&g);
}

static void space_drop_areas(struct vm_space *s)
{
    struct vm_area *a = area_first(&s->areas), *dead = NULL;

    for (; a; a = area_next(a)) {
        area_unlink_object(a);
        a->next_dead = dead;
        dead = a;
    }
    if (unlikely(load_acquire(&s->pins.count) > 1)) {
        free_shared_frames(s);
    } else {
        for (a = dead; a; a = a->next_dead)
            free_area_frames(s, a);
        atomic_fetch_sub(&vm_anon_total, s->anon_pages);
    }
    areas_destroy(dead);
}

void vm_space_put(struct vm_space *s)
{
    if (!ref_put(&s->refs))
        return;
    if (DEBUG)
        vm_space_check(s);
    space_drop_areas(s);
    if (s->exe)
        vm_hooks.file_put(s->exe);
    vm_space_unpin(s);
}

/* Numbers */

u64 vm_anon_pages_total(void)
{
    return load_relaxed(&vm_anon_total);
}

u64 vm_space_resident(const struct vm_space *s)
{
    return load_relaxed(&s->anon_pages) + load_relaxed(&s->object_pages);
}

u64 vm_space_table_pages(const struct vm_space *s)
{
    return s->mmu.tables;
}

int vm_space_each(struct vm_space *s, int (*fn)(const struct vm_area *a, void *arg), void *arg)
{
    struct vm_area *a;
    int result = 0;

    read_lock(&s->lock);
    for (a = area_first(&s->areas); a && !result; a = area_next(a))
        result = fn(a, arg);
    read_unlock(&s->lock);
    return result;
}

/* Check */

struct space_sums {
    u64 pages, locked, areas, anon, object;
};

static void check_entry(struct vm_space *s, uaddr_t va, pte_t e, struct space_sums *sum)
{
    const struct vm_area *a = area_find(&s->areas, va);
    const struct frame *f = pte_frame(e);

    verify(a && ref_read((struct ref *)&f->refs));
    verify(!(e & (PTE_R | PTE_W | PTE_X) & ~pte_rights(a->prot)));
    verify(f->kind == (e & PTE_ANON ? FRAME_ANON : FRAME_OBJECT));
    verify(!(e & PTE_W) || e & PTE_ANON || a->flags & AREA_SHARED);
    verify(!(e & PTE_ANON && e & PTE_W && f->refs.count > 1));
    sum->anon += !!(e & PTE_ANON);
    sum->object += !(e & PTE_ANON);
}

void space_pause(struct vm_space *s)
{
    spin_unlock(&s->pagetable_lock);
    spin_lock(&s->pagetable_lock);
}

void vm_space_check(struct vm_space *s)
{
    struct pte_run run = pte_run(s, 0, USER_TOP);
    struct space_sums sum = {0};
    pte_t *p;

    write_lock(&s->lock);
    verify(area_tree_check(&s->areas));
    for (struct vm_area *a = area_first(&s->areas); a; a = area_next(a)) {
        verify(a->space == s && a->end <= USER_TOP);
        sum.pages += area_pages(a);
        sum.locked += area_locked_pages(a);
        sum.areas++;
    }
    spin_lock(&s->pagetable_lock);
    while ((p = pte_next(&run)))
        check_entry(s, pte_run_after(&run) - PAGE_SIZE, *p, &sum);
    verify(sum.pages == s->mapped_pages && sum.locked == s->locked_pages);
    verify(sum.areas == s->area_count);
    verify(sum.anon == s->anon_pages && sum.object == s->object_pages);
    spin_unlock(&s->pagetable_lock);
    write_unlock(&s->lock);
}
