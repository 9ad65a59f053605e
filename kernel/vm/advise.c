// SPDX-License-Identifier: MIT
// madvise, msync, mincore: what programs say or ask about ranges.
#include "arch/uaccess.h"
#include "vm/vm_private.h"

// 0: the range is mapped all over, and none of its areas has one of `flags`. -ENOMEM, -EBUSY.
static int covered_without(struct vm_space *s, uaddr_t start, uaddr_t end, u32 flags)
{
    int err;

    read_lock(&s->lock);
    err = space_covered(s, start, end);
    for (struct vm_area *a = area_from(&s->areas, start); !err && a && a->start < end;
         a = area_next(a))
        if (a->flags & flags)
            err = -EBUSY;
    read_unlock(&s->lock);
    return err;
}

/* madvise */

// What is done with a range, and what with.
struct advice {
    int (*take)(const struct advice *v, struct vm_space *s, uaddr_t start, uaddr_t end);
    u32 set, clear;     // AREA_*
    bool locked_too;    // drops pages of locked areas
    bool own_only;      // refuses areas with an object
    enum access access; // for which pages are fetched
};

// For what is not done here.
static int advise_nothing(const struct advice *v, struct vm_space *s, uaddr_t start, uaddr_t end)
{
    return covered_without(s, start, end, 0);
}

// Drops pages at once. Private ones read as zeroes, or as the file, afterwards; shared ones stay in
// their object. MADV_FREE is allowed to do the same.
static int advise_drop(const struct advice *v, struct vm_space *s, uaddr_t start, uaddr_t end)
{
    struct gather g;
    int err;

    gather_init(&g, s);
    read_lock(&s->lock);
    err = space_covered(s, start, end);
    for (struct vm_area *a = area_from(&s->areas, start); a && a->start < end; a = area_next(a)) {
        if ((a->flags & AREA_LOCKED && !v->locked_too) || (a->object && v->own_only)) {
            err = -EINVAL;
            break;
        }
        gather_range(&g, MAX(start, a->start), MIN(end, a->end), 0);
    }
    gather_finish(&g);
    read_unlock(&s->lock);
    return err;
}

static int advise_flags(const struct advice *v, struct vm_space *s, uaddr_t start, uaddr_t end)
{
    int err, gap;

    write_lock(&s->lock);
    gap = space_covered(s, start, end);
    err = space_isolate(s, start, end);
    for (struct vm_area *a = area_from(&s->areas, start); !err && a && a->start < end;
         a = area_next(a)) {
        if (v->set & AREA_WIPEONFORK && a->object)
            err = -EINVAL;
        else
            a->flags = (a->flags & ~v->clear) | v->set;
    }
    space_merge(s, start, end);
    write_unlock(&s->lock);
    return err ? err : gap;
}

// Files need their file system for that.
static int remove_allowed(const struct vm_area *a)
{
    if (a->flags & AREA_LOCKED || !a->object)
        return -EINVAL;
    if (!(a->flags & AREA_SHARED && a->flags & AREA_MAYWRITE))
        return -EACCES;
    return a->file ? -EOPNOTSUPP : 0;
}

// In the first area from *start on, behind which *start is then.
static int remove_some(struct vm_space *s, uaddr_t *start, uaddr_t end)
{
    struct vm_object *o = NULL;
    struct vm_area *a;
    u64 first, bytes;
    int err;

    read_lock(&s->lock);
    a = area_from(&s->areas, *start);
    if (!a || a->start >= end) {
        *start = end;
        read_unlock(&s->lock);
        return 0;
    }
    *start = MAX(*start, a->start);
    first = area_index(a, *start) << PAGE_SHIFT;
    bytes = MIN(a->end, end) - *start;
    *start += bytes;
    err = remove_allowed(a);
    if (!err)
        vm_object_get(o = a->object);
    read_unlock(&s->lock);
    if (err)
        return err;
    vm_object_punch(o, first, first + bytes);
    vm_object_put(o);
    return 0;
}

// The bytes of shared objects themselves, not only these mappings.
static int advise_remove(const struct advice *v, struct vm_space *s, uaddr_t start, uaddr_t end)
{
    int gap = covered_without(s, start, end, 0), err = 0;

    while (!err && start < end)
        err = remove_some(s, &start, end);
    return err ? err : gap;
}

static int advise_populate(const struct advice *v, struct vm_space *s, uaddr_t start, uaddr_t end)
{
    int err;

    read_lock(&s->lock);
    err = space_covered(s, start, end);
    for (struct vm_area *a = area_from(&s->areas, start); !err && a && a->start < end;
         a = area_next(a))
        err = area_allows(a, v->access) ? 0 : -EINVAL;
    read_unlock(&s->lock);
    if (!err)
        err = space_populate_for(s, start, end, v->access);
    return err == -EIO ? -EFAULT : err;
}

static const struct advice advices[] = {
    [MADV_NORMAL... MADV_WILLNEED] = {advise_nothing}, // RANDOM and SEQUENTIAL, too
    [MADV_COLD... MADV_PAGEOUT] = {advise_nothing},
    [MADV_DONTNEED] = {advise_drop},
    [MADV_FREE] = {advise_drop, .own_only = true},
    [MADV_DONTNEED_LOCKED] = {advise_drop, .locked_too = true},
    [MADV_REMOVE] = {advise_remove},
    [MADV_DONTFORK] = {advise_flags, .set = AREA_DONTFORK},
    [MADV_DOFORK] = {advise_flags, .clear = AREA_DONTFORK},
    [MADV_DONTDUMP] = {advise_flags, .set = AREA_DONTDUMP},
    [MADV_DODUMP] = {advise_flags, .clear = AREA_DONTDUMP},
    [MADV_WIPEONFORK] = {advise_flags, .set = AREA_WIPEONFORK},
    [MADV_KEEPONFORK] = {advise_flags, .clear = AREA_WIPEONFORK},
    [MADV_HUGEPAGE] = {advise_flags, .set = AREA_HUGE},
    [MADV_NOHUGEPAGE] = {advise_flags, .clear = AREA_HUGE},
    [MADV_POPULATE_READ] = {advise_populate, .access = ACCESS_READ},
    [MADV_POPULATE_WRITE] = {advise_populate, .access = ACCESS_WRITE},
};

int vm_advise(struct vm_space *s, uaddr_t start, u64 length, int advice)
{
    const struct advice *v = (u32)advice < ARRAY_SIZE(advices) ? &advices[advice] : NULL;
    uaddr_t end;

    if (!v || !v->take || range_check(start, length, &end))
        return -EINVAL;
    return length ? v->take(v, s, start, end) : 0;
}

/* msync */

// The file of the next shared area that begins before `end`, with a reference; *start is moved past
// it. NULL: no more.
static struct file *sync_next(struct vm_space *s, uaddr_t *start, uaddr_t end)
{
    struct file *f = NULL;
    struct vm_area *a;

    read_lock(&s->lock);
    for (a = area_from(&s->areas, *start); !f && a && a->start < end; a = area_next(a)) {
        *start = a->end;
        if (a->flags & AREA_SHARED && a->file) {
            f = a->file;
            vm_hooks.file_get(f);
        }
    }
    read_unlock(&s->lock);
    return f;
}

// Pages that were written through a mapping are in their object already, and marked.
int vm_sync(struct vm_space *s, uaddr_t start, u64 length, int flags)
{
    struct file *f;
    uaddr_t end;
    int err;

    if (flags & ~(MS_ASYNC | MS_SYNC | MS_INVALIDATE) ||
        (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
        return -EINVAL;
    err = range_check(start, length, &end);
    if (!err && length)
        err = covered_without(s, start, end, flags & MS_INVALIDATE ? AREA_LOCKED : 0);
    while (!err && length && flags & MS_SYNC && (f = sync_next(s, &start, end))) {
        err = vm_hooks.file_sync(f);
        vm_hooks.file_put(f);
    }
    return err;
}

/* mincore */

static bool page_resident(struct vm_space *s, const struct vm_area *a, uaddr_t va)
{
    pte_t *pte = mmu_find(&s->mmu, va);
    struct frame *f;

    if (pte && pte_present(READ_ONCE(*pte)))
        return true;
    f = a->object ? vm_object_find(a->object, area_index(a, va)) : NULL;
    if (f)
        frame_put(f);
    return f;
}

int vm_mincore(struct vm_space *s, uaddr_t start, u64 length, uaddr_t vector)
{
    u8 part[128];
    uaddr_t end;
    int err = range_check(start, length, &end);

    while (!err && start < end) {
        u64 n = MIN((end - start) >> PAGE_SHIFT, sizeof(part));

        read_lock(&s->lock);
        err = space_covered(s, start, start + (n << PAGE_SHIFT));
        for (u64 i = 0; !err && i < n; i++, start += PAGE_SIZE)
            part[i] = page_resident(s, space_find(s, start), start);
        read_unlock(&s->lock);
        if (!err)
            err = copy_to_user(vector, part, n);
        if (!err && wait_interrupted(WAIT_KILLABLE))
            err = -EINTR;
        vector += n;
    }
    return err;
}
