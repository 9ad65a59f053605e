// SPDX-License-Identifier: MIT
// Copies of address spaces: areas and entries are copied, pages are shared until written.
//
// Both page-table locks are held while a table's entries are copied, parent's first: truncation may
// already find the child through an object's list, on which its areas are put before they get
// entries (and behind the parent's, see rmap.c). Private entries lose W in both spaces; the
// parent's cached ones are flushed once at the end, also after a failure: entries without W are not
// flushed next time.
#include "lib/string.h"
#include "vm/vm_private.h"

struct fork {
    struct vm_space *parent, *child;
    uaddr_t low, high; // parent's entries that lost W
    u64 anon, object;  // entries copied of the table at hand
};

// Copies the present entries of one leaf table: [p, end) at va.
static void fork_table(struct fork *f, pte_t *p, pte_t *end, pte_t *dst, uaddr_t va, u64 lose)
{
    struct frame *origin = frames_origin();
    pte_t *first = p, *cleared = NULL;
    u64 anon = 0, all = 0;

    for (; p < end; p++, dst++) {
        pte_t e = *p;

        if (!pte_present(e)) {
            pte_t *next = pte_skip_absent(p + 1, end);

            dst += next - 1 - p;
            p = next - 1;
            continue;
        }
        ref_get(&origin[pte_pfn(e)].refs);
        if (e & lose) {
            if (!cleared)
                f->low = MIN(f->low, va + ((u64)(p - first) << PAGE_SHIFT));
            cleared = p;
            pte_clear_bits(p, lose);
            e &= ~lose;
        }
        *dst = e;
        anon += e & PTE_ANON;
        all++;
    }
    if (cleared)
        f->high = MAX(f->high, va + ((u64)(cleared - first + 1) << PAGE_SHIFT));
    f->anon += anon / PTE_ANON;
    f->object += all - anon / PTE_ANON;
}

static void fork_lock(struct fork *f)
{
    spin_lock(&f->parent->pagetable_lock);
    spin_lock_nested(&f->child->pagetable_lock);
}

static void fork_unlock(struct fork *f)
{
    space_count(f->child, f->anon, f->object);
    f->anon = 0;
    f->object = 0;
    spin_unlock(&f->child->pagetable_lock);
    spin_unlock(&f->parent->pagetable_lock);
}

static int fork_entries_locked(struct fork *f, const struct vm_area *a)
{
    u64 lose = a->flags & AREA_SHARED ? 0 : PTE_W;
    uaddr_t va = a->start;
    pte_t *src;

    while (va < a->end && (src = mmu_next(&f->parent->mmu, &va, a->end))) {
        uaddr_t stop = pte_table_stop(va, a->end);
        pte_t *end = src + ((stop - va) >> PAGE_SHIFT), *p = pte_skip_absent(src, end);

        va += (u64)(p - src) << PAGE_SHIFT;
        if (p < end) {
            pte_t *dst = mmu_get(&f->child->mmu, va);

            if (!dst)
                return -ENOMEM;
            fork_table(f, p, end, dst, va, lose);
        }
        va = stop;
        if (va < a->end) {
            fork_unlock(f);
            fork_lock(f);
        }
    }
    return 0;
}

static int fork_area(struct fork *f, const struct vm_area *a)
{
    struct vm_area *copy = area_create(f->child, a);
    int err;

    if (!copy)
        return -ENOMEM;
    copy->flags &= ~AREA_LOCK_MASK;
    space_insert(f->child, copy);
    if (a->flags & AREA_WIPEONFORK)
        return 0;
    fork_lock(f);
    err = fork_entries_locked(f, a);
    fork_unlock(f);
    return err;
}

static int fork_areas(struct vm_space *s, struct vm_space *child)
{
    struct fork f = {.parent = s, .child = child, .low = ~0UL};
    int err = 0;

    for (struct vm_area *a = area_first(&s->areas); a && !err; a = area_next(a))
        if (!(a->flags & AREA_DONTFORK))
            err = fork_area(&f, a);
    if (f.low < f.high)
        mmu_flush(&s->mmu, f.low, f.high);
    return err;
}

static void fork_settings(const struct vm_space *s, struct vm_space *child)
{
    const size_t from = offsetof(struct vm_space, brk_start);

    memcpy((char *)child + from, (const char *)s + from, sizeof(*s) - from);
    if (child->exe)
        vm_hooks.file_get(child->exe);
}

int vm_space_fork(struct vm_space *s, struct vm_space **out)
{
    struct vm_space *child;
    int err = vm_space_create(&child);

    if (err)
        return err;
    write_lock(&s->lock);
    fork_settings(s, child);
    err = fork_areas(s, child);
    write_unlock(&s->lock);
    if (err)
        vm_space_put(child);
    else
        *out = child;
    return err;
}
