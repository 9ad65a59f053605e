// SPDX-License-Identifier: MIT
// Making areas: mmap, brk, the stack. Pages come later, by faults.
#include "vm/vm_private.h"

int space_limits(struct vm_space *s, u64 pages)
{
    u64 limit = vm_hooks.limit(RLIMIT_AS) >> PAGE_SHIFT;

    if (s->area_count >= VM_AREAS_MAX || pages > limit || s->mapped_pages > limit - pages)
        return -ENOMEM;
    return 0;
}

// Memory is given out beyond what there is, but no single mapping that could never be filled.
static bool overcommits(const struct vm_map_args *args)
{
    return !args->object && args->prot & PROT_WRITE && !(args->flags & AREA_NORESERVE) &&
           args->length >> PAGE_SHIFT > frames_total();
}

static bool range_free(struct vm_space *s, uaddr_t start, uaddr_t end)
{
    struct vm_area *a = area_from(&s->areas, start);
    u64 guard = a && a->flags & AREA_GROWSDOWN ? VM_GUARD_PAGES << PAGE_SHIFT : 0;

    return !a || a->start >= end + guard;
}

int space_place(struct vm_space *s, uaddr_t hint, u64 length, uaddr_t *out)
{
    if (hint && hint <= USER_TOP - length) {
        hint = MAX(ALIGN_UP(hint, PAGE_SIZE), VM_MAP_MIN);
        if (hint <= USER_TOP - length && range_free(s, hint, hint + length)) {
            *out = hint;
            return 0;
        }
    }
    if (area_gap_highest(&s->areas, length, VM_MAP_MIN, s->mmap_top, out) ||
        area_gap_highest(&s->areas, length, VM_MAP_MIN, USER_TOP, out))
        return 0;
    return -ENOMEM;
}

static u64 pages_within(struct vm_space *s, uaddr_t start, uaddr_t end)
{
    u64 pages = 0;

    for (struct vm_area *a = area_from(&s->areas, start); a && a->start < end; a = area_next(a))
        pages += (MIN(a->end, end) - MAX(a->start, start)) >> PAGE_SHIFT;
    return pages;
}

static int place_fixed(struct vm_space *s, const struct vm_map_args *args, u64 length)
{
    if (!IS_ALIGNED(args->addr, PAGE_SIZE))
        return -EINVAL;
    if (args->addr < USER_MIN)
        return -EPERM;
    if (args->addr > USER_TOP - length)
        return -ENOMEM;
    if (args->noreplace && area_overlaps(&s->areas, args->addr, args->addr + length))
        return -EEXIST;
    return 0;
}

// All that can fail, before anything is taken away.
static int map_prepare(struct vm_space *s, const struct vm_map_args *args, u64 length, uaddr_t *out)
{
    u64 pages = length >> PAGE_SHIFT;
    int err = args->fixed ? place_fixed(s, args, length) : space_place(s, args->addr, length, out);

    if (err)
        return err;
    if (args->fixed) {
        *out = args->addr;
        pages -= pages_within(s, args->addr, args->addr + length);
    }
    err = space_limits(s, pages);
    return err || !args->fixed ? err : space_isolate(s, *out, *out + length);
}

int vm_map(struct vm_space *s, const struct vm_map_args *args, uaddr_t *out)
{
    u64 length = ALIGN_UP(args->length, PAGE_SIZE);
    struct vm_area like = {.prot = args->prot,
                           .flags = args->flags,
                           .object = args->object,
                           .file = args->file,
                           .offset = args->offset};
    struct vm_area *a = NULL, *dead = NULL;
    int err;

    if (!args->length || (args->flags & AREA_SHARED && !args->object))
        return -EINVAL;
    if (!length || length > USER_TOP || overcommits(args))
        return -ENOMEM;
    write_lock(&s->lock);
    like.flags |= s->lock_future;
    err = like.flags & AREA_LOCKED ? space_lock_room(s, length >> PAGE_SHIFT) : 0;
    err = err ?: map_prepare(s, args, length, &like.start);
    if (!err) {
        like.end = like.start + length;
        a = area_create(s, &like);
        err = a ? 0 : -ENOMEM;
    }
    if (a) {
        if (args->fixed)
            space_unmap_locked(s, like.start, like.end, &dead);
        space_insert(s, a);
        space_merge(s, like.start, like.end);
        *out = like.start;
    }
    write_unlock(&s->lock);
    areas_destroy(dead);
    if (!err && (args->populate || (like.flags & AREA_LOCK_MASK) == AREA_LOCKED))
        space_populate(s, like.start, like.end); // what fails now is tried again by faults
    return err;
}

/* The heap */

static int heap_grow(struct vm_space *s, uaddr_t start, uaddr_t end)
{
    struct vm_area like = {.start = start,
                           .end = end,
                           .prot = PROT_READ | PROT_WRITE,
                           .flags = AREA_HEAP | AREA_MAYWRITE | s->lock_future};
    struct vm_map_args args = {.length = end - start, .prot = PROT_WRITE};
    struct vm_area *a = area_find(&s->areas, start - 1);
    int err = overcommits(&args) ? -ENOMEM : space_limits(s, (end - start) >> PAGE_SHIFT);

    if (!err && !range_free(s, start, end + PAGE_SIZE))
        err = -ENOMEM;
    if (!err && like.flags & AREA_LOCKED)
        err = space_lock_room(s, (end - start) >> PAGE_SHIFT);
    if (err)
        return err;
    if (a && a->flags == like.flags && a->prot == like.prot) {
        space_resize(s, a, a->start, end);
        return 0;
    }
    a = area_create(s, &like);
    if (!a)
        return -ENOMEM;
    space_insert(s, a);
    return 0;
}

uaddr_t vm_brk(struct vm_space *s, uaddr_t brk)
{
    uaddr_t old, new = ALIGN_UP(brk, PAGE_SIZE);
    struct vm_area *dead = NULL;
    bool populate;
    int err = 0;

    write_lock(&s->lock);
    old = ALIGN_UP(s->brk, PAGE_SIZE);
    if (!s->brk_start || brk < s->brk_start || brk >= USER_TOP ||
        (brk > s->brk && brk - s->brk_start > vm_hooks.limit(RLIMIT_DATA)))
        err = -ENOMEM;
    else if (new > old)
        err = heap_grow(s, old, new);
    else if (new < old)
        err = space_isolate(s, new, old);
    if (!err) {
        if (new < old)
            space_unmap_locked(s, new, old, &dead);
        s->brk = brk;
    }
    brk = s->brk;
    populate = !err && s->lock_future == AREA_LOCKED;
    write_unlock(&s->lock);
    areas_destroy(dead);
    if (populate)
        space_populate(s, old, new);
    return brk;
}

/* The stack */

int vm_map_stack(struct vm_space *s, uaddr_t top, u64 size, u32 prot)
{
    u64 room = MAX(CLAMP(vm_hooks.limit(RLIMIT_STACK), 128UL << 20, USER_TOP / 4), size);
    struct vm_map_args args = {.addr = top - size,
                               .length = size,
                               .prot = prot,
                               .flags = AREA_GROWSDOWN | AREA_STACK | AREA_MAYWRITE,
                               .fixed = true,
                               .noreplace = true};
    uaddr_t start;
    int err = vm_map(s, &args, &start);

    if (err)
        return err;
    s->stack_top = top;
    s->mmap_top = ALIGN_DOWN(top - room, PAGE_SIZE) - (VM_GUARD_PAGES << PAGE_SHIFT);
    return 0;
}
