// SPDX-License-Identifier: MIT
// The tables of one address space: find, make, prune, free.
#include "arch/riscv/pagetable.h"
#include "abi/errno.h"
#include "arch/upcalls.h"
#include "lib/string.h"

#define USER_ROOT_ENTRIES 256

static inline unsigned pt_index(vaddr_t va, unsigned level)
{
    return va >> (PAGE_SHIFT + 9 * level) & 511;
}

static inline pte_t *pt_table(pte_t pte)
{
    return phys_to_virt(pte_pfn(pte) << PAGE_SHIFT);
}

static inline bool pt_is_leaf(pte_t pte)
{
    return pte & (PTE_R | PTE_W | PTE_X);
}

pte_t *mmu_find(const struct mmu_space *space, uaddr_t va)
{
    pte_t *p = &space->root[pt_index(va, 2)];

    for (int level = 1; level >= 0; level--) {
        pte_t pte = load_relaxed(p);

        if (!pte_present(pte))
            return NULL;
        if (pt_is_leaf(pte))
            return p;
        p = &pt_table(pte)[pt_index(va, level)];
    }
    return p;
}

int pagetable_make(pte_t *slot)
{
    void *table = up_table_alloc();

    if (!table)
        return -ENOMEM;
    store_release(slot, pte_make(virt_to_phys(table) >> PAGE_SHIFT, 0));
    return 0;
}

static void space_note_table(struct mmu_space *space, pte_t *slot)
{
    if (space->made_count < MMU_MADE_MAX)
        space->made[space->made_count] = slot;
    space->made_count++;
}

static int space_make_table(struct mmu_space *space, pte_t *slot)
{
    if (pagetable_make(slot))
        return -ENOMEM;
    space->tables++;
    space_note_table(space, slot);
    return 0;
}

pte_t *mmu_get(struct mmu_space *space, uaddr_t va)
{
    pte_t *p = &space->root[pt_index(va, 2)];

    for (int level = 1; level >= 0; level--) {
        if (!pte_present(*p) && space_make_table(space, p))
            return NULL;
        if (pt_is_leaf(*p))
            return p;
        p = &pt_table(*p)[pt_index(va, level)];
    }
    return p;
}

int mmu_enter_megapage(struct mmu_space *space, uaddr_t va, pte_t pte)
{
    pte_t *slot = &space->root[pt_index(va, 2)];
    void **table;

    if (!pte_present(*slot) && space_make_table(space, slot))
        return -ENOMEM;
    slot = &pt_table(*slot)[pt_index(va, 1)];
    if (pte_present(*slot))
        return -EAGAIN;
    table = up_table_alloc();
    if (!table)
        return -ENOMEM;
    *table = space->aside;
    space->aside = table;
    space->tables++;
    store_release(slot, pte);
    return 0;
}

// The same mapping through a table. Harts that keep the old entry lose it with any page of it.
static void megapage_split(struct mmu_space *space, pte_t *slot)
{
    pte_t *table = space->aside, pte = *slot;

    space->aside = *(void **)table;
    for (unsigned i = 0; i < MMU_TABLE_PTES; i++, pte += pte_make(1, 0) - PTE_V)
        table[i] = pte;
    store_release(slot, pte_make(virt_to_phys(table) >> PAGE_SHIFT, 0));
    space_note_table(space, slot);
}

pte_t *mmu_next(struct mmu_space *space, uaddr_t *va, uaddr_t end)
{
    uaddr_t at = *va;

    while (at < end) {
        pte_t pte = space->root[pt_index(at, 2)], *slot;

        if (!pte_present(pte)) {
            at = ALIGN_DOWN(at, 1UL << 30) + (1UL << 30);
            continue;
        }
        slot = &pt_table(pte)[pt_index(at, 1)];
        if (pte_present(*slot)) {
            if (unlikely(pt_is_leaf(*slot)))
                megapage_split(space, slot);
            *va = at;
            return &pt_table(*slot)[pt_index(at, 0)];
        }
        at = ALIGN_DOWN(at, MMU_TABLE_SPAN) + MMU_TABLE_SPAN;
    }
    return NULL;
}

static int table_each(const pte_t *table, unsigned level, uaddr_t va, mmu_visit *fn, void *arg)
{
    unsigned count = level == 2 ? USER_ROOT_ENTRIES : MMU_TABLE_PTES;
    int result = 0;

    for (unsigned i = 0; i < count && !result; i++, va += PAGE_SIZE << 9 * level) {
        pte_t pte = READ_ONCE(table[i]);

        if (!pte_present(pte))
            continue;
        result = fn(level, va, pte, arg);
        if (!result && level && !pt_is_leaf(pte))
            result = table_each(pt_table(pte), level - 1, va, fn, arg);
    }
    return result;
}

int mmu_each(const struct mmu_space *space, mmu_visit *fn, void *arg)
{
    return table_each(space->root, 2, 0, fn, arg);
}

// `slot` no longer points at a table.
static void space_forget_table(struct mmu_space *space, pte_t *slot)
{
    space->tables--;
    if (space->made_count > MMU_MADE_MAX)
        return;
    for (u32 i = 0; i < space->made_count; i++) {
        if (space->made[i] != slot)
            continue;
        space->made_count--;
        memmove(&space->made[i], &space->made[i + 1],
                (space->made_count - i) * sizeof(space->made[0]));
        return;
    }
}

void mmu_prune(struct mmu_space *space, uaddr_t start, uaddr_t end, void **tables)
{
    uaddr_t at = ALIGN_UP(start, MMU_TABLE_SPAN);
    uaddr_t stop = ALIGN_DOWN(end, MMU_TABLE_SPAN);

    while (at < stop && mmu_next(space, &at, stop)) {
        pte_t *slot = &pt_table(space->root[pt_index(at, 2)])[pt_index(at, 1)];
        void *table = pt_table(*slot);

        store_relaxed(slot, 0);
        space_forget_table(space, slot);
        // The walker of another hart may still read the first word until the flush: an even value
        // is an entry that is not valid, like the zero that it replaces.
        *(void **)table = *tables;
        *tables = table;
        at = ALIGN_DOWN(at, MMU_TABLE_SPAN) + MMU_TABLE_SPAN;
    }
}

void mmu_tables_free(void *tables)
{
    while (tables) {
        void *next = *(void **)tables;

        *(void **)tables = NULL;
        up_table_free(tables);
        tables = next;
    }
}

static void free_slot(struct mmu_space *space, pte_t *slot)
{
    if (pte_present(*slot) && !pt_is_leaf(*slot)) {
        up_table_free(pt_table(*slot));
        *slot = 0;
        space->tables--;
    }
}

static void free_by_search(struct mmu_space *space)
{
    for (unsigned i = 0; i < USER_ROOT_ENTRIES && space->tables; i++) {
        if (!pte_present(space->root[i]) || pt_is_leaf(space->root[i]))
            continue;
        for (unsigned j = 0; j < MMU_TABLE_PTES; j++)
            free_slot(space, &pt_table(space->root[i])[j]);
        free_slot(space, &space->root[i]);
    }
}

void pagetable_free_user(struct mmu_space *space)
{
    if (space->made_count > MMU_MADE_MAX) {
        free_by_search(space);
        return;
    }
    while (space->made_count)
        free_slot(space, space->made[--space->made_count]);
}
