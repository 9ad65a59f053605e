// SPDX-License-Identifier: MIT
// Areas as parts of a space: references they hold, object lists, split and join.
//
// The list of an object's areas is walked by truncation without the space's lock (rmap.c). So that
// such a walk misses no page, an area is put on the list before it takes over entries, taken off
// after its entries are gone, and moved to the end of the list whenever its range changes.
#include "mm/slab.h"
#include "vm/vm_private.h"

struct vm_area *area_create(struct vm_space *s, const struct vm_area *like)
{
    struct vm_area *a = slab_alloc(vm_area_cache, 0);

    if (!a)
        return NULL;
    *a = *like; // its place in the tree is set by insertion
    a->space = s;
    a->next_dead = NULL;
    list_init(&a->object_node);
    if (a->file)
        vm_hooks.file_get(a->file);
    else if (a->object)
        vm_object_get(a->object);
    return a;
}

void area_destroy(struct vm_area *a)
{
    if (a->file)
        vm_hooks.file_put(a->file);
    else if (a->object)
        vm_object_put(a->object);
    slab_free(vm_area_cache, a);
}

void areas_destroy(struct vm_area *dead)
{
    while (dead) {
        struct vm_area *next = dead->next_dead;

        area_destroy(dead);
        dead = next;
    }
}

static void area_link_object(struct vm_area *a)
{
    if (!a->object || !list_empty(&a->object_node))
        return;
    spin_lock(&a->object->areas_lock);
    list_insert_tail(&a->object->areas, &a->object_node);
    spin_unlock(&a->object->areas_lock);
}

void area_unlink_object(struct vm_area *a)
{
    if (!a->object)
        return;
    spin_lock(&a->object->areas_lock);
    list_remove(&a->object_node);
    spin_unlock(&a->object->areas_lock);
}

void space_insert(struct vm_space *s, struct vm_area *a)
{
    area_link_object(a);
    area_insert(&s->areas, a);
    s->mapped_pages += area_pages(a);
    s->locked_pages += area_locked_pages(a);
    s->area_count++;
}

void space_remove(struct vm_space *s, struct vm_area *a)
{
    area_remove(&s->areas, a);
    s->mapped_pages -= area_pages(a);
    s->locked_pages -= area_locked_pages(a);
    s->area_count--;
    s->last_hit = NULL;
}

void space_resize(struct vm_space *s, struct vm_area *a, uaddr_t start, uaddr_t end)
{
    u64 more = ((end - start) >> PAGE_SHIFT) - area_pages(a);
    struct vm_object *o = a->object;

    s->mapped_pages += more;
    s->locked_pages += a->flags & AREA_LOCKED ? more : 0;
    if (o)
        spin_lock(&o->areas_lock);
    a->offset += (s64)(start - a->start) >> PAGE_SHIFT;
    area_set_range(&s->areas, a, start, end);
    if (o) {
        list_remove(&a->object_node);
        list_insert_tail(&o->areas, &a->object_node);
        spin_unlock(&o->areas_lock);
    }
}

static int area_split(struct vm_space *s, struct vm_area *a, uaddr_t at)
{
    struct vm_area *upper;

    if (s->area_count >= VM_AREAS_MAX)
        return -ENOMEM;
    upper = area_create(s, a);
    if (!upper)
        return -ENOMEM;
    upper->offset = area_index(a, at);
    upper->start = at;
    area_link_object(upper);
    space_resize(s, a, a->start, at);
    space_insert(s, upper);
    return 0;
}

int space_isolate(struct vm_space *s, uaddr_t start, uaddr_t end)
{
    struct vm_area *a = area_find(&s->areas, start);
    int err = 0;

    if (a && a->start < start)
        err = area_split(s, a, start);
    if (err)
        return err;
    a = area_find(&s->areas, end - 1);
    return a && a->end > end ? area_split(s, a, end) : 0;
}

void space_merge(struct vm_space *s, uaddr_t start, uaddr_t end)
{
    struct vm_area *a = area_from(&s->areas, start ? start - 1 : 0), *b;

    while (a && a->start <= end && (b = area_next(a))) {
        if (!area_mergeable(a, b)) {
            a = b;
            continue;
        }
        space_remove(s, b);
        space_resize(s, a, a->start, b->end);
        area_unlink_object(b);
        area_destroy(b);
    }
}

int space_covered(struct vm_space *s, uaddr_t start, uaddr_t end)
{
    struct vm_area *a = area_find(&s->areas, start);

    while (a && a->end < end) {
        struct vm_area *next = area_next(a);

        a = next && next->start == a->end ? next : NULL;
    }
    return a ? 0 : -ENOMEM;
}

int range_check(uaddr_t start, u64 length, uaddr_t *end)
{
    if (!IS_ALIGNED(start, PAGE_SIZE))
        return -EINVAL;
    if (start > USER_TOP || length > USER_TOP - start)
        return -ENOMEM;
    *end = start + ALIGN_UP(length, PAGE_SIZE);
    return 0;
}
