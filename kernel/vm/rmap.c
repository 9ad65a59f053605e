// SPDX-License-Identifier: MIT
// From an object to its mappings: removes pages, or the right to write, from all that map them.
//
// The caller holds the inode's lock, which ranks below the space locks, so areas are read under the
// object's areas_lock alone, and that is dropped (it ranks below pagetable_lock) while one area's
// entries are cleared. A mark on the list keeps the place; a pin keeps the space's tables.
//
// The range read may be out of date by then. Clearing too much does no harm, since an object's page
// comes back at the next fault; nothing is missed, because an area that changes its range moves to
// the end of the list and so is met again (area.c), and because the pages left the object, or
// lost their mark (writeback.c), before the walk, so that no such new entry appears (object.c).
#include "vm/vm_private.h"

#define AREAS_AT_ONCE 64 // passed over in one hold of areas_lock

// Or may be, after mprotect(2): these flags stay as the area was made.
static bool area_is_stored_to(const struct vm_area *a)
{
    const u32 both = AREA_SHARED | AREA_MAYWRITE;

    return (load_relaxed(&a->flags) & both) == both;
}

// `stored`: bytes may be stored through the mapping.
typedef void mapping_fn(struct vm_space *s, uaddr_t start, uaddr_t end, bool stored);

static void area_drop_pages(struct vm_space *s, uaddr_t start, uaddr_t end, bool flush)
{
    struct gather g;

    gather_init(&g, s);
    gather_range(&g, start, end, PTE_ANON);
    if (flush)
        gather_cover(&g, start, end);
    gather_finish(&g);
}

static void area_unmap_pages(struct vm_space *s, uaddr_t start, uaddr_t end, bool stored)
{
    area_drop_pages(s, start, end, false);
}

// Before write-back. An entry that mprotect or munmap has just changed may still be cached, and be
// stored through: so this flushes whether it finds any or not.
static void area_clean_pages(struct vm_space *s, uaddr_t start, uaddr_t end, bool stored)
{
    area_drop_pages(s, start, end, stored);
}

// The same, but pages stay mapped; the next store to one of them faults.
static void area_protect_pages(struct vm_space *s, uaddr_t start, uaddr_t end, bool stored)
{
    struct pte_run run = pte_run_pausing(s, start, end);
    pte_t *p;

    spin_lock(&s->pagetable_lock);
    while ((p = pte_next(&run)))
        if ((*p & (PTE_W | PTE_ANON)) == PTE_W)
            pte_clear_bits(p, PTE_W | PTE_D);
    spin_unlock(&s->pagetable_lock);
    if (stored) // else no entry lets anybody
        mmu_flush(&s->mmu, start, end);
}

// Calls `locked` for each mapping of the pages that is locked in memory, `other` for the others.
static void mappings_each(struct vm_object *o, u64 first, u64 last, mapping_fn *locked,
                          mapping_fn *other)
{
    struct vm_area mark = {.space = NULL};
    struct vm_area *a;
    unsigned passed = 0;

    spin_lock(&o->areas_lock);
    list_insert_head(&o->areas, &mark.object_node);
    while ((a = list_next(&o->areas, &mark, object_node))) {
        u64 from = MAX(first, a->offset), to = MIN(last, a->offset + area_pages(a) - 1);
        struct vm_space *s = a->space;
        uaddr_t start = a->start + ((from - a->offset) << PAGE_SHIFT);
        uaddr_t end = a->start + ((to + 1 - a->offset) << PAGE_SHIFT);
        mapping_fn *fn = load_relaxed(&a->flags) & AREA_LOCKED ? locked : other;
        bool stored = area_is_stored_to(a);

        list_remove(&mark.object_node);
        list_insert_head(&a->object_node, &mark.object_node);
        if (s && from <= to && fn) {
            vm_space_pin(s);
            spin_unlock(&o->areas_lock);
            fn(s, start, end, stored);
            vm_space_unpin(s);
            spin_lock(&o->areas_lock);
        } else if (++passed % AREAS_AT_ONCE == 0) {
            spin_unlock(&o->areas_lock);
            spin_lock(&o->areas_lock);
        }
    }
    list_remove(&mark.object_node);
    spin_unlock(&o->areas_lock);
}

void vm_object_unmap_pages(struct vm_object *o, u64 first, u64 last)
{
    mappings_each(o, first, last, area_unmap_pages, area_unmap_pages);
}

void object_unmap_spare(struct vm_object *o, u64 first, u64 last)
{
    mappings_each(o, first, last, NULL, area_unmap_pages);
}

void object_clean_mappings(struct vm_object *o, u64 first, u64 last)
{
    mappings_each(o, first, last, area_protect_pages, area_clean_pages);
}

// An area is put on the list, under the lock, before anybody faults in it.
bool vm_object_seal(struct vm_object *o, u8 *seals, u8 bits)
{
    struct vm_area *a;
    bool found = false;

    spin_lock(&o->areas_lock);
    LIST_FOR_EACH (a, &o->areas, object_node)
        if ((found = a->space && area_is_stored_to(a)))
            break;
    if (!found)
        store_relaxed(seals, *seals | bits);
    spin_unlock(&o->areas_lock);
    return !found;
}
