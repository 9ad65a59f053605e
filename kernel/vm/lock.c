// SPDX-License-Identifier: MIT
// Pages that stay in memory: mlock, mlockall.
//
// AREA_LOCKED is an area's promise: its pages come at once (but for AREA_LOCKONFAULT, when they are
// touched), and reclaim takes none away. space.locked_pages counts what such areas span, as
// RLIMIT_MEMLOCK does; area.c keeps it.
#include "abi/capability.h"
#include "base/cred.h"
#include "vm/vm_private.h"

static bool lock_unlimited(void)
{
    return cred_capable(thread_self()->cred, CAP_IPC_LOCK);
}

bool vm_may_lock(const struct vm_space *s)
{
    return lock_unlimited() || vm_hooks.limit(RLIMIT_MEMLOCK);
}

int space_lock_room(const struct vm_space *s, u64 pages)
{
    u64 limit = vm_hooks.limit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;

    if (lock_unlimited() || (pages <= limit && s->locked_pages <= limit - pages))
        return 0;
    return -EAGAIN;
}

void area_lock(struct vm_area *a, u32 lock)
{
    struct vm_space *s = a->space;

    if (a->flags & AREA_VDSO)
        return;
    s->locked_pages -= area_locked_pages(a);
    store_relaxed(&a->flags, (a->flags & ~AREA_LOCK_MASK) | lock);
    s->locked_pages += area_locked_pages(a);
}

// What is locked already is not counted twice.
static int range_room(struct vm_space *s, uaddr_t start, uaddr_t end)
{
    u64 pages = (end - start) >> PAGE_SHIFT;

    for (struct vm_area *a = area_from(&s->areas, start); a && a->start < end; a = area_next(a))
        if (a->flags & AREA_LOCKED)
            pages -= (MIN(a->end, end) - MAX(a->start, start)) >> PAGE_SHIFT;
    return space_lock_room(s, pages) ? -ENOMEM : 0;
}

static int lock_range_locked(struct vm_space *s, uaddr_t start, uaddr_t end, u32 lock)
{
    int err = lock ? range_room(s, start, end) : 0;
    bool absent = space_covered(s, start, end);

    if (!err)
        err = space_isolate(s, start, end);
    if (err)
        return err;
    for (struct vm_area *a = area_from(&s->areas, start); a && a->start < end; a = area_next(a)) {
        absent |= lock == AREA_LOCKED && !a->prot; // there is nothing to be had
        area_lock(a, lock);
    }
    space_merge(s, start, end);
    return absent ? -ENOMEM : 0;
}

int vm_lock_range(struct vm_space *s, uaddr_t start, u64 length, u32 lock)
{
    uaddr_t end, low = ALIGN_DOWN(start, PAGE_SIZE);
    int err;

    length = ALIGN_UP(length + (start - low), PAGE_SIZE);
    if (low + length < low)
        return -EINVAL;
    err = range_check(low, length, &end);
    if (err || !length)
        return err;
    write_lock(&s->lock);
    err = lock_range_locked(s, low, end, lock);
    write_unlock(&s->lock);
    if (!err && lock == AREA_LOCKED)
        err = space_populate(s, low, end);
    return err == -EFAULT || err == -EIO ? -ENOMEM : err;
}

// What cannot be had of an area is no error, and does not end it for the others.
static int populate_areas(struct vm_space *s)
{
    uaddr_t start, end = 0;
    struct vm_area *a;
    int err = 0;

    while (err != -EINTR) {
        read_lock(&s->lock);
        a = area_from(&s->areas, end);
        start = a ? MAX(a->start, end) : 0;
        end = a ? a->end : 0;
        read_unlock(&s->lock);
        if (!a)
            return 0;
        err = space_populate(s, start, end);
    }
    return err;
}

int vm_lock_all(struct vm_space *s, bool now, u32 lock, u32 future)
{
    int err = 0;

    write_lock(&s->lock);
    if (now && lock && !lock_unlimited() &&
        s->mapped_pages > vm_hooks.limit(RLIMIT_MEMLOCK) >> PAGE_SHIFT)
        err = -ENOMEM;
    if (!err)
        s->lock_future = future;
    for (struct vm_area *a = area_first(&s->areas); !err && now && a; a = area_next(a))
        area_lock(a, lock);
    if (!err && now)
        space_merge(s, 0, USER_TOP);
    write_unlock(&s->lock);
    if (!err && now && lock == AREA_LOCKED)
        err = populate_areas(s);
    return err;
}
