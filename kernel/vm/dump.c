// SPDX-License-Identifier: MIT
// What a core dump takes of a space: the pages that are there, without making any.
//
// A page of an anonymous area is there when it has an entry; one of a file that is read from
// somewhere always is, up to its size; one of an object in memory if the object has it.
#include "lib/string.h"
#include "vm/vm_private.h"

bool vm_area_is_touched(const struct vm_area *a)
{
    struct vm_space *s = a->space;
    struct pte_run run = pte_run_pausing(s, a->start, a->end);
    bool own = false;
    pte_t *p;

    spin_lock(&s->pagetable_lock);
    while (!own && (p = pte_next(&run)))
        own = *p & PTE_ANON;
    spin_unlock(&s->pagetable_lock);
    return own;
}

bool vm_area_begins(const struct vm_area *a, const void *bytes, size_t n)
{
    struct frame *f;
    bool same;

    if (!a->object || object_page(a->object, a->offset, true, &f))
        return false;
    same = !memcmp(frame_address(f), bytes, n);
    frame_put(f);
    return same;
}

// The first page of the area, at or after va, that its object has; or its end.
static uaddr_t object_next(const struct vm_area *a, uaddr_t va)
{
    struct vm_object *o = a->object;
    u64 index = area_index(a, va), end = DIV_ROUND_UP(load_relaxed(&o->size), PAGE_SIZE);
    bool found = o->ops->fill;

    if (!found) {
        spin_lock(&o->pages_lock);
        found = radix_next(&o->pages, &index);
        spin_unlock(&o->pages_lock);
    }
    if (!found || index >= end || index - a->offset >= area_pages(a))
        return a->end;
    return a->start + ((index - a->offset) << PAGE_SHIFT);
}

// Copies the page of the first entry in [*va, end), and sets *va to its address.
static bool copy_entry(struct vm_space *s, uaddr_t *va, uaddr_t end, void *page)
{
    struct pte_run run = pte_run(s, *va, end);
    pte_t *p;

    spin_lock(&s->pagetable_lock);
    p = pte_next(&run);
    if (p) {
        page_copy(page, frame_address(pte_frame(*p)));
        *va = pte_run_after(&run) - PAGE_SIZE;
    }
    spin_unlock(&s->pagetable_lock);
    return p;
}

// What cannot be read is not there.
static int copy_object(const struct vm_area *a, uaddr_t va, void *page)
{
    struct frame *f;
    int err = object_page(a->object, area_index(a, va), true, &f);

    if (err)
        return err == -ENOMEM ? err : 0;
    page_copy(page, frame_address(f));
    frame_put(f);
    return 1;
}

// One area's: 1, or 0 with *va at its end, or behind a page that cannot be read.
static int copy_area(const struct vm_area *a, uaddr_t *va, uaddr_t end, void *page)
{
    uaddr_t from = MAX(*va, a->start), other;
    int copied;

    end = MIN(end, a->end);
    other = a->object ? object_next(a, from) : end;
    *va = from;
    if (copy_entry(a->space, va, MIN(end, other + PAGE_SIZE), page))
        return 1;
    *va = MIN(end, other);
    if (other >= end)
        return 0;
    copied = copy_object(a, other, page);
    *va += copied ? 0 : PAGE_SIZE;
    return copied;
}

int vm_space_copy_next(struct vm_space *s, uaddr_t *va, uaddr_t end, void *page)
{
    struct vm_area *a;
    int copied = 0;

    read_lock(&s->lock);
    for (a = area_from(&s->areas, *va); a && a->start < end && *va < end && !copied;
         a = *va >= a->end ? area_next(a) : a)
        copied = copy_area(a, va, end, page);
    read_unlock(&s->lock);
    return copied;
}
