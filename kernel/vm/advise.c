// SPDX-License-Identifier: MIT
// madvise, msync, mincore: what programs say or ask about ranges.
#include "arch/uaccess.h"
#include "vm/vm_private.h"

/* madvise */

// Drops pages at once. Private ones read as zeroes, or as the file, afterwards; shared ones stay in
// their object. MADV_FREE is allowed to do the same.
static int advise_drop(struct vm_space *s, uaddr_t start, uaddr_t end, bool locked_too)
{
    struct gather g;
    int err;

    gather_init(&g, s);
    read_lock(&s->lock);
    err = space_covered(s, start, end);
    for (struct vm_area *a = area_from(&s->areas, start); a && a->start < end; a = area_next(a)) {
        if (a->flags & AREA_LOCKED && !locked_too) {
            err = -EINVAL;
            break;
        }
        gather_range(&g, MAX(start, a->start), MIN(end, a->end), 0);
    }
    gather_finish(&g);
    read_unlock(&s->lock);
    return err;
}

static int advise_flags(struct vm_space *s, uaddr_t start, uaddr_t end, u32 set, u32 clear)
{
    int err, gap;

    write_lock(&s->lock);
    gap = space_covered(s, start, end);
    err = space_isolate(s, start, end);
    for (struct vm_area *a = area_from(&s->areas, start); !err && a && a->start < end;
         a = area_next(a)) {
        if (set & AREA_WIPEONFORK && a->object)
            err = -EINVAL;
        else
            a->flags = (a->flags & ~clear) | set;
    }
    space_merge(s, start, end);
    write_unlock(&s->lock);
    return err ? err : gap;
}

// The bytes of a shared object itself, not only this mapping. Files need their file system for
// that.
static int advise_remove(struct vm_space *s, uaddr_t start, uaddr_t end)
{
    struct vm_object *o = NULL;
    struct vm_area *a;
    u64 first = 0;
    int err = -EINVAL;

    read_lock(&s->lock);
    a = area_find(&s->areas, start);
    if (a && a->end >= end && a->flags & AREA_SHARED && a->prot & PROT_WRITE) {
        err = a->file ? -EOPNOTSUPP : 0;
        o = a->object;
        first = area_index(a, start);
    }
    if (!err)
        vm_object_get(o);
    read_unlock(&s->lock);
    if (err)
        return err;
    vm_object_punch(o, first << PAGE_SHIFT, (first << PAGE_SHIFT) + (end - start));
    vm_object_put(o);
    return 0;
}

static int advise_covered(struct vm_space *s, uaddr_t start, uaddr_t end)
{
    int err;

    read_lock(&s->lock);
    err = space_covered(s, start, end);
    read_unlock(&s->lock);
    return err;
}

static int advise_populate(struct vm_space *s, uaddr_t start, uaddr_t end, enum access access)
{
    int err;

    read_lock(&s->lock);
    err = space_covered(s, start, end);
    for (struct vm_area *a = area_from(&s->areas, start); !err && a && a->start < end;
         a = area_next(a))
        err = area_allows(a, access) ? 0 : -EINVAL;
    read_unlock(&s->lock);
    if (!err)
        err = space_populate_for(s, start, end, access);
    return err == -EIO ? -EFAULT : err;
}

int vm_advise(struct vm_space *s, uaddr_t start, u64 length, int advice)
{
    uaddr_t end;

    if (range_check(start, length, &end))
        return -EINVAL;
    switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_COLD:
    case MADV_PAGEOUT:
        return length ? advise_covered(s, start, end) : 0;
    case MADV_DONTNEED:
    case MADV_FREE:
    case MADV_DONTNEED_LOCKED:
        return length ? advise_drop(s, start, end, advice == MADV_DONTNEED_LOCKED) : 0;
    case MADV_REMOVE:
        return length ? advise_remove(s, start, end) : 0;
    case MADV_DONTFORK:
        return length ? advise_flags(s, start, end, AREA_DONTFORK, 0) : 0;
    case MADV_DOFORK:
        return length ? advise_flags(s, start, end, 0, AREA_DONTFORK) : 0;
    case MADV_DONTDUMP:
        return length ? advise_flags(s, start, end, AREA_DONTDUMP, 0) : 0;
    case MADV_DODUMP:
        return length ? advise_flags(s, start, end, 0, AREA_DONTDUMP) : 0;
    case MADV_WIPEONFORK:
        return length ? advise_flags(s, start, end, AREA_WIPEONFORK, 0) : 0;
    case MADV_KEEPONFORK:
        return length ? advise_flags(s, start, end, 0, AREA_WIPEONFORK) : 0;
    case MADV_HUGEPAGE:
        return length ? advise_flags(s, start, end, AREA_HUGE, 0) : 0;
    case MADV_NOHUGEPAGE:
        return length ? advise_flags(s, start, end, 0, AREA_HUGE) : 0;
    case MADV_POPULATE_READ:
        return length ? advise_populate(s, start, end, ACCESS_READ) : 0;
    case MADV_POPULATE_WRITE:
        return length ? advise_populate(s, start, end, ACCESS_WRITE) : 0;
    default:
        return -EINVAL;
    }
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

static int sync_check(struct vm_space *s, uaddr_t start, uaddr_t end, int flags)
{
    int err;

    read_lock(&s->lock);
    err = space_covered(s, start, end);
    for (struct vm_area *a = area_from(&s->areas, start); !err && a && a->start < end;
         a = area_next(a))
        if (flags & MS_INVALIDATE && a->flags & AREA_LOCKED)
            err = -EBUSY;
    read_unlock(&s->lock);
    return err;
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
        err = sync_check(s, start, end, flags);
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

int vm_mincore(struct vm_space *s, uaddr_t start, u64 pages, uaddr_t vector)
{
    u8 part[128];
    uaddr_t end;
    int err = range_check(start, pages > USER_TOP >> PAGE_SHIFT ? ~0UL : pages << PAGE_SHIFT, &end);

    while (!err && start < end) {
        u64 n = MIN((end - start) >> PAGE_SHIFT, sizeof(part));

        read_lock(&s->lock);
        err = space_covered(s, start, start + (n << PAGE_SHIFT));
        for (u64 i = 0; !err && i < n; i++, start += PAGE_SIZE)
            part[i] = page_resident(s, space_find(s, start), start);
        read_unlock(&s->lock);
        if (!err)
            err = copy_to_user(vector, part, n);
        vector += n;
    }
    return err;
}
