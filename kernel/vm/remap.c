// SPDX-License-Identifier: MIT
// mremap: an area shrinks, grows where it is, or moves with its page-table entries.
//
// Pages are not copied: entries move. All tables that the new place needs are made first, so that a
// move which has begun cannot fail.
#include "vm/vm_private.h"

struct remap {
    struct vm_space *s;
    uaddr_t old, new;
    u64 old_length, new_length; // whole pages
    u32 flags;
    bool has_object;
    struct vm_area *dead;
};

static int tables_make(struct remap *r, u64 length)
{
    struct pte_run run = pte_run_pausing(r->s, r->old, r->old + length);
    int err = 0;

    spin_lock(&r->s->pagetable_lock);
    while (!err && pte_next(&run))
        if (!mmu_get(&r->s->mmu, pte_run_after(&run) - PAGE_SIZE - r->old + r->new))
            err = -ENOMEM;
    spin_unlock(&r->s->pagetable_lock);
    return err;
}

static bool table_move(struct remap *r, uaddr_t start, uaddr_t end)
{
    struct pte_run run = pte_run(r->s, start, end);
    bool any = false;
    pte_t *p, *to;

    while ((p = pte_next(&run))) {
        to = mmu_find(&r->s->mmu, pte_run_after(&run) - PAGE_SIZE - r->old + r->new);
        *to = pte_xchg(p, 0);
        any = true;
    }
    if (any && r->has_object)
        mmu_flush(&r->s->mmu, start, end);
    return any;
}

// Table by table. Who takes an object's pages away (rmap.c) looks under the same lock, and flushes
// where it finds entries: at the new place. So the old one is flushed before the lock is given up.
// Nobody takes anonymous pages from a space whose lock is held: one flush at the end will do.
static void entries_move(struct remap *r, u64 length)
{
    uaddr_t at = r->old, end = r->old + length, stop;
    bool any = false;

    spin_lock(&r->s->pagetable_lock);
    while (mmu_next(&r->s->mmu, &at, end)) {
        stop = pte_table_stop(at, end);
        any |= table_move(r, at, stop);
        at = stop;
        space_pause(r->s);
    }
    spin_unlock(&r->s->pagetable_lock);
    if (any && !r->has_object)
        mmu_flush(&r->s->mmu, r->old, end);
}

// Chooses r->new. The old range is isolated already.
static int move_place(struct remap *r)
{
    if (!(r->flags & MREMAP_FIXED))
        return space_place(r->s, 0, r->new_length, &r->new);
    return space_isolate(r->s, r->new, r->new + r->new_length);
}

// The old place keeps nothing, or (MREMAP_DONTUNMAP) an empty area. Old length 0: a second mapping.
static int area_move(struct remap *r, struct vm_area *a)
{
    u64 length = MIN(r->old_length, r->new_length);
    bool keep = r->flags & MREMAP_DONTUNMAP || !r->old_length;
    struct vm_area like = *a, *new;
    int err = space_limits(r->s, (r->new_length - (keep ? 0 : length)) >> PAGE_SHIFT);

    if (!err && r->old_length)
        err = space_isolate(r->s, r->old, r->old + r->old_length);
    if (!err)
        err = move_place(r);
    if (!err)
        err = tables_make(r, length);
    if (err)
        return err;
    like.offset = area_index(&like, r->old);
    like.start = r->new;
    like.end = r->new + r->new_length;
    new = area_create(r->s, &like);
    if (!new)
        return -ENOMEM;
    if (r->flags & MREMAP_FIXED)
        space_empty_locked(r->s, r->new, like.end, &r->dead);
    space_insert(r->s, new);
    r->has_object = new->object;
    entries_move(r, length);
    if (!keep)
        space_unmap_locked(r->s, r->old, r->old + r->old_length, &r->dead);
    else if (r->old_length)
        area_lock(area_find(&r->s->areas, r->old), 0);
    space_merge(r->s, r->new, like.end);
    return 0;
}

static int area_shrink(struct remap *r)
{
    uaddr_t end = r->old + r->old_length, cut = r->old + r->new_length;
    int err = space_isolate(r->s, cut, end);

    if (!err)
        space_unmap_locked(r->s, cut, end, &r->dead);
    return err;
}

static int area_extend(struct remap *r, struct vm_area *a)
{
    uaddr_t end = r->old + r->old_length, more = r->new_length - r->old_length;
    struct vm_area *next = area_next(a);

    if (a->end != end || end > USER_TOP - more || (next && next->start < end + more))
        return -ENOMEM;
    if (space_limits(r->s, more >> PAGE_SHIFT))
        return -ENOMEM;
    space_resize(r->s, a, a->start, a->end + more);
    space_merge(r->s, a->start, a->end);
    return 0;
}

static int remap_locked(struct remap *r)
{
    struct vm_area *a = area_find(&r->s->areas, r->old);

    if (!a || a->end - r->old < r->old_length)
        return -EFAULT;
    if (!r->old_length && !(a->flags & AREA_SHARED))
        return -EINVAL;
    if (a->flags & AREA_LOCKED && r->new_length > r->old_length &&
        space_lock_room(r->s, (r->new_length - r->old_length) >> PAGE_SHIFT))
        return -EAGAIN;
    if (r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
        return area_move(r, a);
    r->new = r->old;
    if (r->new_length == r->old_length)
        return 0;
    if (r->new_length < r->old_length)
        return area_shrink(r);
    if (r->old_length && !area_extend(r, a))
        return 0;
    return r->flags & MREMAP_MAYMOVE ? area_move(r, a) : -ENOMEM;
}

static int remap_check(const struct remap *r)
{
    bool overlap = r->new < r->old + r->old_length && r->old < r->new + r->new_length;

    if (r->flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP) || !r->new_length ||
        (r->flags & ~MREMAP_MAYMOVE && !(r->flags & MREMAP_MAYMOVE)))
        return -EINVAL;
    if (r->flags & MREMAP_DONTUNMAP && r->old_length != r->new_length)
        return -EINVAL;
    if (!(r->flags & MREMAP_FIXED))
        return 0;
    if (!IS_ALIGNED(r->new, PAGE_SIZE) || r->new_length > USER_TOP ||
        r->new > USER_TOP - r->new_length || overlap)
        return -EINVAL;
    return r->new < USER_MIN ? -EPERM : 0;
}

int vm_remap(struct vm_space *s, uaddr_t old, u64 old_length, u64 new_length, u32 flags,
             uaddr_t new_address, uaddr_t *out)
{
    struct remap r = {.s = s, .old = old, .new = new_address, .flags = flags};
    uaddr_t end, locked = 0;
    int err;

    err = range_check(old, old_length, &end);
    if (err)
        return err == -EINVAL ? err : -EFAULT;
    if (new_length > USER_TOP)
        return -ENOMEM;
    r.old_length = end - old;
    r.new_length = ALIGN_UP(new_length, PAGE_SIZE);
    err = remap_check(&r);
    if (err)
        return err;
    write_lock(&s->lock);
    err = remap_locked(&r);
    if (!err) {
        struct vm_area *a = area_find(&s->areas, r.new);

        locked = a && (a->flags & AREA_LOCK_MASK) == AREA_LOCKED;
        *out = r.new;
    }
    write_unlock(&s->lock);
    areas_destroy(r.dead);
    if (locked)
        space_populate(s, r.new, r.new + r.new_length);
    return err;
}
