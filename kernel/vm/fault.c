// SPDX-License-Identifier: MIT
// Page faults: the first touch of a page, copy on write, shared pages becoming writable.
//
// State of a page in an area, and the function that leaves it:
//
//     absent, anonymous        first touch         -> own, writable          fault_anon
//                              the same, AREA_HUGE -> a megapage of such     space_enter_megapage
//     absent, of an object     read                -> the object's page      fault_object
//                              write, private      -> own copy               fault_object_copy
//                              write, shared       -> the object's, writable fault_object
//     present, not writable    write, shared       -> the same, writable     fault_share_write
//                              write, own, alone   -> the same, writable     fault_reuse
//                              write, private else -> own copy               fault_cow
//     present, allowed         stale cached entry  -> fence, retry
//
// "Own" pages (PTE_ANON) belong to private mappings and are counted by how many map them: one with
// a single reference is nobody else's. Another space drops its reference only after it has flushed
// its entry, so the count is never too low.
//
// Locking: the space lock as reader keeps the area and the tables (they only grow under it). What
// is slow (memory, I/O, make_writable) comes first; then, under pagetable_lock, the entry is
// checked to be what was seen, and replaced; -EAGAIN starts over. A new right is stored without a
// fence: a hart that still holds the old entry faults once more and then fences its own cache.
#include "lib/string.h"
#include "sched/thread.h"
#include "vm/vm_private.h"

#define AROUND_BYTES (16 * PAGE_SIZE)

struct fault {
    struct vm_space *s;
    struct vm_area *a;
    uaddr_t va; // page-aligned
    enum access access;
    pte_t *pte; // NULL: no table yet
    pte_t seen;
};

bool area_allows(const struct vm_area *a, enum access access)
{
    if (access & ACCESS_WRITE)
        return a->prot & PROT_WRITE;
    if (access & ACCESS_EXEC)
        return a->prot & PROT_EXEC;
    return a->prot & (PROT_READ | PROT_WRITE);
}

// All rights of the area, ready for the hardware: A, and D if writable, need not be set by it.
static u64 fault_bits(const struct vm_area *a)
{
    u64 bits = pte_rights(a->prot) | PTE_U | PTE_A;

    return bits & PTE_W ? bits | PTE_D : bits;
}

// Whether a shared page may be given for writing at once, without being asked for it.
static bool writes_freely(const struct vm_object *o)
{
    return !o->ops->make_writable && !o->ops->fill;
}

/* New entries */

// Maps what is resident near a page just read: in one aligned window, which lies in one table.
static __attribute__((noinline)) void fault_around(struct fault *f, struct vm_object *o, u64 bits)
{
    uaddr_t window = ALIGN_DOWN(f->va, AROUND_BYTES);
    uaddr_t low = MAX(f->a->start, window), high = MIN(f->a->end, window + AROUND_BYTES);
    u64 first = area_index(f->a, low);
    u64 end = MIN(area_index(f->a, high), DIV_ROUND_UP(o->size, PAGE_SIZE));
    pte_t *pte = f->pte - ((f->va - low) >> PAGE_SHIFT);
    struct frame *frame;
    u64 mapped = 0;

    spin_lock(&o->pages_lock);
    for (u64 i = first; i < end; i++) {
        frame = pte[i - first] & PTE_V ? NULL : radix_find(&o->pages, i);
        if (!frame)
            continue;
        frame_get(frame);
        pte[i - first] = pte_make(frame_to_pfn(frame), bits);
        mapped++;
    }
    spin_unlock(&o->pages_lock);
    if (mapped)
        space_count(f->s, 0, mapped);
}

// Enters a frame where nothing is; takes over its reference, also on failure. `o` is its object, or
// NULL for an own page.
static int fault_enter(struct fault *f, struct frame *frame, u64 bits, struct vm_object *o)
{
    struct vm_space *s = f->s;
    int err = 0;

    spin_lock(&s->pagetable_lock);
    if (!f->pte)
        f->pte = mmu_get(&s->mmu, f->va);
    if (unlikely(!f->pte)) {
        err = -ENOMEM;
    } else if (unlikely(*f->pte & PTE_V || (o && frame->owner != o) ||
                        (o && bits & PTE_W && !vm_object_mark_dirty(o, frame)))) {
        err = -EAGAIN;
    } else {
        store_release(f->pte, pte_make(frame_to_pfn(frame), bits));
        space_count(s, !o, !!o);
        if (o && !(f->access & ACCESS_WRITE))
            fault_around(f, o, bits);
    }
    spin_unlock(&s->pagetable_lock);
    if (unlikely(err))
        frame_put(frame);
    else if (bits & PTE_X)
        mmu_sync_icache(&s->mmu);
    return err;
}

static int fault_anon(struct fault *f)
{
    struct frame *frame;

    if (unlikely(f->a->flags & AREA_HUGE) &&
        !space_enter_megapage(f->s, f->a, f->va, fault_bits(f->a)))
        return 0;
    frame = frame_alloc(0, 0);
    if (!frame)
        return -ENOMEM;
    frame->kind = FRAME_ANON;
    page_zero(frame_address(frame));
    return fault_enter(f, frame, fault_bits(f->a) | PTE_ANON, NULL);
}

// A private area is written where the object's page was not even mapped.
static int fault_object_copy(struct fault *f, struct frame *from)
{
    struct frame *frame = frame_alloc(0, 0);

    if (frame) {
        frame->kind = FRAME_ANON;
        page_copy(frame_address(frame), frame_address(from));
    }
    frame_put(from);
    return frame ? fault_enter(f, frame, fault_bits(f->a) | PTE_ANON, NULL) : -ENOMEM;
}

// A page of a file in memory comes into being when it is touched: that, too, its owner must allow.
static int fault_ask(struct vm_object *o, u64 index, bool store)
{
    if (store)
        return object_allow_write(o, index);
    return o->ops->make_page ? o->ops->make_page(o, index) : 0;
}

// A page that is filled is had first: while it stays, so does what make_writable saw to.
static int fault_object(struct fault *f)
{
    struct vm_object *o = f->a->object;
    u64 index = area_index(f->a, f->va), bits = fault_bits(f->a);
    bool shared = f->a->flags & AREA_SHARED, write = f->access & ACCESS_WRITE;
    bool store = write && shared, late = store && o->ops->fill;
    struct frame *frame;
    int err = late ? 0 : fault_ask(o, index, store);

    err = err ?: object_page(o, index, true, &frame);
    if (!err && late && (err = object_allow_write(o, index)))
        frame_put(frame);
    if (err)
        return err;
    if (write && !shared)
        return fault_object_copy(f, frame);
    if (!shared || !(write || writes_freely(o)))
        bits &= ~(u64)(PTE_W | PTE_D);
    return fault_enter(f, frame, bits, o);
}

/* Entries that are there */

// Under pagetable_lock: is the entry, but for what hardware sets, the one seen before?
static bool fault_unchanged(const struct fault *f)
{
    return !((*f->pte ^ f->seen) & ~(u64)(PTE_A | PTE_D));
}

static int fault_share_write(struct fault *f)
{
    struct vm_object *o = f->a->object;
    int err = object_allow_write(o, area_index(f->a, f->va));

    if (err)
        return err;
    spin_lock(&f->s->pagetable_lock);
    if (fault_unchanged(f) && vm_object_mark_dirty(o, pte_frame(f->seen)))
        store_release(f->pte, f->seen | PTE_W | PTE_A | PTE_D);
    else
        err = -EAGAIN;
    spin_unlock(&f->s->pagetable_lock);
    return err;
}

static int fault_reuse(struct fault *f, struct frame *frame)
{
    int err = 0;

    spin_lock(&f->s->pagetable_lock);
    if (fault_unchanged(f) && ref_read(&frame->refs) == 1)
        store_release(f->pte, pte_make(frame_to_pfn(frame), fault_bits(f->a) | PTE_ANON));
    else
        err = -EAGAIN;
    spin_unlock(&f->s->pagetable_lock);
    return err;
}

// Takes the rights of an entry, so that no hart reads the old page any more when another one can
// already write the new. The entry stays, without rights.
static int fault_withdraw(struct fault *f)
{
    const u64 rights = PTE_R | PTE_W | PTE_X;
    bool mine;

    spin_lock(&f->s->pagetable_lock);
    mine = fault_unchanged(f);
    if (mine)
        f->seen = pte_xchg(f->pte, f->seen & ~rights) & ~rights;
    spin_unlock(&f->s->pagetable_lock);
    if (mine)
        mmu_flush(&f->s->mmu, f->va, f->va + PAGE_SIZE);
    return mine ? 0 : -EAGAIN;
}

// The copy takes the place of the page seen.
static int fault_copy_enter(struct fault *f, struct frame *copy, struct frame *old)
{
    int err = 0;

    spin_lock(&f->s->pagetable_lock);
    if (!fault_unchanged(f)) {
        err = -EAGAIN;
    } else {
        page_copy(frame_address(copy), frame_address(old));
        pte_xchg(f->pte, pte_make(frame_to_pfn(copy), fault_bits(f->a) | PTE_ANON));
        if (!(f->seen & PTE_ANON))
            space_count(f->s, 1, -1);
    }
    spin_unlock(&f->s->pagetable_lock);
    return err;
}

static int fault_cow(struct fault *f)
{
    struct frame *old = pte_frame(f->seen), *frame;
    bool alone = ref_read(&f->s->refs) == 1; // no other thread
    int err = 0;

    if (f->seen & PTE_ANON && ref_read(&old->refs) == 1)
        return fault_reuse(f, old);
    frame = frame_alloc(0, 0);
    if (!frame)
        return -ENOMEM;
    frame->kind = FRAME_ANON;
    preempt_disable(); // others that touch the page try again until it is there
    if (!alone)
        err = fault_withdraw(f);
    err = err ?: fault_copy_enter(f, frame, old);
    preempt_enable();
    if (err) {
        frame_put(frame);
        return err;
    }
    if (alone)
        mmu_flush(&f->s->mmu, f->va, f->va + PAGE_SIZE);
    frame_put(old);
    if (f->a->prot & PROT_EXEC)
        mmu_sync_icache(&f->s->mmu);
    return 0;
}

inline int space_fault_page(struct vm_space *s, struct vm_area *a, uaddr_t va, enum access access)
{
    struct fault f = {.s = s, .a = a, .va = va & PAGE_MASK, .access = access};

    f.pte = mmu_find(&s->mmu, f.va);
    f.seen = f.pte ? READ_ONCE(*f.pte) : 0;
    if (unlikely(pte_is_table(f.seen)))
        return -EAGAIN; // a megapage was taken apart meanwhile
    if (!pte_present(f.seen))
        return a->object ? fault_object(&f) : fault_anon(&f);
    if (access & ACCESS_WRITE && !(f.seen & PTE_W))
        return a->flags & AREA_SHARED ? fault_share_write(&f) : fault_cow(&f);
    atomic_cas(f.pte, f.seen, f.seen | PTE_A); // idle, on hardware that leaves A to us
    mmu_flush_local(f.va);
    return 0;
}

/* Entry */

struct vm_area *space_find(struct vm_space *s, uaddr_t va)
{
    struct vm_area *a = load_relaxed(&s->last_hit);

    if (likely(a && a->start <= va && va < a->end))
        return a;
    a = area_find(&s->areas, va);
    if (a)
        store_relaxed(&s->last_hit, a);
    return a;
}

// A touch below a stack makes it longer, within its limit and above the guard gap.
static int stack_grow(struct vm_space *s, uaddr_t va)
{
    struct vm_area *a, *below;
    int err = -EFAULT;
    uaddr_t top;

    va &= PAGE_MASK;
    write_lock(&s->lock);
    a = area_from(&s->areas, va);
    top = a && a->flags & AREA_STACK ? s->stack_top : a ? a->end : 0;
    if (a && a->start <= va) {
        err = 0; // it grew, or was mapped, meanwhile
    } else if (a && a->flags & AREA_GROWSDOWN && va >= VM_MAP_MIN &&
               top - va <= vm_hooks.limit(RLIMIT_STACK)) {
        below = area_prev(a);
        if ((!below || va - below->end >= VM_GUARD_PAGES << PAGE_SHIFT) &&
            !space_limits(s, (a->start - va) >> PAGE_SHIFT) &&
            (!(a->flags & AREA_LOCKED) || !space_lock_room(s, (a->start - va) >> PAGE_SHIFT))) {
            space_resize(s, a, va, a->end);
            err = 0;
        }
    }
    write_unlock(&s->lock);
    return err;
}

static int fault_once(struct vm_space *s, uaddr_t va, enum access access)
{
    struct vm_area *a;
    bool throttle;
    int err;

    read_lock(&s->lock);
    a = space_find(s, va);
    if (unlikely(!a)) {
        read_unlock(&s->lock);
        err = stack_grow(s, va);
        return err ? err : -EAGAIN;
    }
    err = area_allows(a, access) ? space_fault_page(s, a, va, access) : -EACCES;
    throttle = a->flags & AREA_SHARED && access & ACCESS_WRITE;
    read_unlock(&s->lock);
    if (unlikely(throttle))
        dirty_wait();
    return err;
}

int up_fault(struct mmu_space *space, uaddr_t va, enum access access)
{
    int err;

    thread_self()->minor_faults++;
    if (va >= USER_TOP)
        return -EFAULT;
    do {
        err = fault_once((struct vm_space *)space, va, access);
        if (unlikely(err == -ENOMEM)) {
            err = vm_reclaim(RECLAIM_PAGES) ? 0 : vm_hooks.out_of_memory();
            if (!err)
                err = -EAGAIN;
        }
    } while (unlikely(err == -EAGAIN));
    return err;
}

/* Populating */

// One page, if it is not ready: 0, or an error.
static int populate_page(struct vm_space *s, struct vm_area *a, uaddr_t va, enum access access)
{
    pte_t *pte = mmu_find(&s->mmu, va);
    pte_t e = pte ? READ_ONCE(*pte) : 0;

    if (e & PTE_V && (access == ACCESS_READ || e & PTE_W))
        return 0;
    return space_fault_page(s, a, va, access);
}

// The shared pages of a file are not changed for nothing.
static enum access populate_access(const struct vm_area *a)
{
    if (a->prot & PROT_WRITE && !(a->flags & AREA_SHARED && a->file))
        return ACCESS_WRITE;
    return ACCESS_READ;
}

// One page or one area further. asked: NULL: what populate_access says of the area.
static int populate_step(struct vm_space *s, uaddr_t *start, uaddr_t end, const enum access *asked)
{
    enum access access = ACCESS_READ;
    bool throttle = false;
    struct vm_area *a;
    int err = 0;

    read_lock(&s->lock);
    a = area_from(&s->areas, *start);
    *start = a ? MAX(*start, a->start) : end;
    if (a)
        access = asked ? *asked : populate_access(a);
    if (*start < end && !area_allows(a, access)) {
        *start = a->end; // nothing to be had in all of it
    } else if (*start < end) {
        err = populate_page(s, a, *start, access);
        throttle = !err && a->flags & AREA_SHARED && access & ACCESS_WRITE;
        *start += err ? 0 : PAGE_SIZE;
    }
    read_unlock(&s->lock);
    if (throttle)
        dirty_wait();
    return err;
}

static int populate(struct vm_space *s, uaddr_t start, uaddr_t end, const enum access *asked)
{
    unsigned tries = 0;

    while (start < end) {
        int err = populate_step(s, &start, end, asked);

        if (!err)
            tries = 0;
        else if (err != -EAGAIN && !vm_try_again(err, &tries))
            return err;
        if (wait_interrupted(WAIT_KILLABLE))
            return -EINTR;
    }
    return 0;
}

int space_populate(struct vm_space *s, uaddr_t start, uaddr_t end)
{
    return populate(s, start, end, NULL);
}

int space_populate_for(struct vm_space *s, uaddr_t start, uaddr_t end, enum access access)
{
    return populate(s, start, end, &access);
}
