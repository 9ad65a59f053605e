// SPDX-License-Identifier: MIT
// Memory objects: the tree of pages, how a page is found, made, handed over and dropped.
//
// Invariants.
//   1. A frame in `pages` has kind FRAME_OBJECT, owner = the object, its index, and one reference
//      for the tree.
//   2. A frame taken out has owner NULL before any mapping of it is looked for. A fault checks the
//      owner under its space's pagetable_lock before it stores an entry; truncation clears entries
//      under the same lock after it took the frame out. So whichever comes second sees the other.
//   3. A page is put into the tree only when filled. Objects with a pager fill pages under
//      fill_lock (fill.c), so a page is never read twice; pages that start as zeroes, or are
//      overwritten, need no such lock, and win against what is read meanwhile.
//   4. Pages made by faults lie below `size`: checked under pages_lock, which truncation holds
//      while it lowers the size. write() makes pages first and then raises the size.
//
// Locking: pages_lock is a spinlock and may be taken under a pagetable_lock. Tree nodes come from
// a slab, which never sleeps. fill_lock is held over I/O.
#include "vm/object.h"
#include "mm/slab.h"
#include "vm/vm_private.h"

#define DROP_BATCH 32

static struct slab_cache *node_cache;  // (c)
static struct slab_cache *object_slab; // (c)
static u64 cached_total, pages_total;  // (a) pages of objects with a fill, of others

static void *node_alloc(size_t size)
{
    return slab_alloc(node_cache, 0);
}

static void node_free(void *p, size_t size)
{
    slab_free(node_cache, p);
}

static const struct radix_mem node_mem = {.alloc = node_alloc, .free = node_free};
static const struct vm_object_ops plain_ops;

void objects_init(void)
{
    node_cache = slab_cache_create("radix_node", RADIX_NODE_SIZE, 8);
    object_slab = slab_cache_create("vm_object", sizeof(struct vm_object), 8);
}

/* Life cycle */

void vm_object_init(struct vm_object *o, const struct vm_object_ops *ops, void *owner)
{
    *o = (struct vm_object){.ops = ops ? ops : &plain_ops, .owner = owner};
    o->container = &o->errors;
    ref_init(&o->refs, 1);
    mutex_init(&o->fill_lock, RANK_OBJECT);
    mutex_init(&o->write_lock, RANK_WRITEBACK);
    list_init(&o->dirty_link);
    list_init(&o->cached_link);
    spin_init(&o->pages_lock, RANK_PAGES);
    radix_init(&o->pages, &node_mem);
    spin_init(&o->areas_lock, RANK_PAGES);
    list_init(&o->areas);
}

void vm_object_fini(struct vm_object *o)
{
    assert(list_empty(&o->areas));
    if (DEBUG)
        vm_object_check(o);
    if (!radix_empty(&o->pages))
        object_drop(o, 0, ~0UL, 0);
    if (o->ops->write_back)
        object_forget_dirty(o);
    if (o->ops->fill)
        object_leave_clock(o);
    radix_fini(&o->pages);
}

static void anonymous_destroy(struct vm_object *o)
{
    vm_object_fini(o);
    slab_free(object_slab, o);
}

int vm_object_create(struct vm_object **out, u64 size)
{
    static const struct vm_object_ops ops = {.destroy = anonymous_destroy};
    struct vm_object *o = slab_alloc(object_slab, 0);

    if (!o)
        return -ENOMEM;
    vm_object_init(o, &ops, NULL);
    o->size = size;
    *out = o;
    return 0;
}

void vm_object_get(struct vm_object *o)
{
    ref_get(&o->refs);
}

void vm_object_put(struct vm_object *o)
{
    if (ref_put(&o->refs) && o->ops->destroy)
        o->ops->destroy(o);
}

/* Pages */

struct frame *vm_object_find(struct vm_object *o, u64 index)
{
    struct frame *f;

    spin_lock(&o->pages_lock);
    f = radix_find(&o->pages, index);
    if (f) {
        frame_get(f);
        frame_mark_used(f);
    }
    spin_unlock(&o->pages_lock);
    return f;
}

int object_insert(struct vm_object *o, u64 index, struct frame *f, bool bounded, bool filled)
{
    bool filling;
    int err;

    spin_lock(&o->pages_lock);
    filling = index - o->fill_first < o->fill_count;
    if (bounded && index >= DIV_ROUND_UP(o->size, PAGE_SIZE))
        err = -EIO;
    else
        err = filled && !filling ? -EEXIST : radix_insert(&o->pages, index, f);
    if (!err) {
        if (unlikely(filling))
            o->fill_count = index - o->fill_first;
        frame_get(f);
        f->kind = FRAME_OBJECT;
        f->flags |= FRAME_F_UPTODATE;
        f->owner = o;
        f->index = index;
        o->page_count++;
        atomic_fetch_add(o->ops->fill ? &cached_total : &pages_total, 1);
    }
    spin_unlock(&o->pages_lock);
    return err;
}

static int object_make_zero(struct vm_object *o, u64 index, bool bounded, struct frame **out)
{
    struct frame *f = frame_alloc(0, ALLOC_ZERO);
    int err = f ? object_insert(o, index, f, bounded, false) : -ENOMEM;

    if (err && f)
        frame_put(f);
    if (!err && o->ops->fill)
        object_enter_clock(o);
    *out = f;
    return err;
}

int object_page(struct vm_object *o, u64 index, bool bounded, struct frame **out)
{
    int err = 0;

    if (bounded && index >= DIV_ROUND_UP(load_relaxed(&o->size), PAGE_SIZE))
        return -EIO;
    do {
        *out = vm_object_find(o, index);
        if (*out)
            return 0;
        if (o->ops->fill && index < DIV_ROUND_UP(load_relaxed(&o->size), PAGE_SIZE))
            err = object_fill(o, index, bounded, out);
        else
            err = object_make_zero(o, index, bounded, out);
    } while (err == -EEXIST);
    return err;
}

int vm_object_page_new(struct vm_object *o, u64 index, struct frame **out)
{
    int err;

    do {
        *out = vm_object_find(o, index);
        err = *out ? 0 : object_make_zero(o, index, false, out);
    } while (err == -EEXIST);
    return err;
}

int vm_object_page(struct vm_object *o, u64 index, struct frame **out)
{
    return object_page(o, index, false, out);
}

/* Dropping */

void object_take_out(struct vm_object *o, u64 index, struct frame *f)
{
    radix_remove(&o->pages, index);
    if (o->ops->write_back && f->flags & FRAME_F_DIRTY)
        dirty_pages_add(-1);
    f->flags &= ~(FRAME_F_DIRTY | FRAME_F_RAW); // who changes it now is to find that it has left
    f->owner = NULL;
    o->page_count--;
    atomic_fetch_sub(o->ops->fill ? &cached_total : &pages_total, 1);
}

void object_drop(struct vm_object *o, u64 first, u64 last, u16 keep)
{
    struct frame *batch[DROP_BATCH], *f;
    u64 index = first;
    unsigned n;

    do {
        spin_lock(&o->pages_lock);
        for (n = 0; n < DROP_BATCH && (f = radix_next(&o->pages, &index)) && index <= last; index++)
            if (!(f->flags & keep)) {
                object_take_out(o, index, f);
                batch[n++] = f;
            }
        spin_unlock(&o->pages_lock);
        for (unsigned i = 0; i < n; i++)
            frame_put(batch[i]);
    } while (n == DROP_BATCH);
    vm_object_unmap_pages(o, first, last);
}

u64 vm_object_pages_total(void)
{
    return load_relaxed(&pages_total) + vm_cached_pages();
}

u64 vm_cached_pages(void)
{
    return load_relaxed(&cached_total);
}

void vm_object_check(struct vm_object *o)
{
    struct frame *f;
    u64 n = 0;

    spin_lock(&o->pages_lock);
    for (u64 i = 0; (f = radix_next(&o->pages, &i)); i++, n++)
        verify(f->kind == FRAME_OBJECT && f->owner == o && f->index == i && ref_read(&f->refs));
    verify(n == o->page_count);
    spin_unlock(&o->pages_lock);
}
