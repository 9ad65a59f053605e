// SPDX-License-Identifier: MIT
// What the files of vm/ share: entry bits, the gather, areas of a space, pages of an object.
#pragma once
#include "abi/errno.h"
#include "abi/resource.h"
#include "base/panic.h"
#include "vm/space.h"

#define VM_GUARD_PAGES 256UL     // kept free below a stack
#define VM_MAP_MIN     0x10000UL // mmap never chooses below
#define VM_AREAS_MAX   65530     // areas of one space

/* Entries */

// The rights of a protection; write implies read, as RISC-V has no write-only pages.
static inline u64 pte_rights(u32 prot)
{
    u64 bits = prot & PROT_WRITE ? PTE_R | PTE_W : prot & PROT_READ ? PTE_R : 0;

    return prot & PROT_EXEC ? bits | PTE_X : bits;
}

// First present entry in [p, end), or end.
static inline pte_t *pte_skip_absent(pte_t *p, pte_t *end)
{
    if (p < end && *p & PTE_V)
        return p;
    while (end - p >= 4 && !((p[0] | p[1] | p[2] | p[3]) & PTE_V))
        p += 4;
    while (p < end && !(*p & PTE_V))
        p++;
    return p;
}

// Where the leaf table that covers va ends, or the range if that is earlier.
static inline uaddr_t pte_table_stop(uaddr_t va, uaddr_t end)
{
    return MIN(end, ALIGN_DOWN(va, MMU_TABLE_SPAN) + MMU_TABLE_SPAN);
}

// The present entries of [va, end), one after the other. The tables stay while it runs. As for
// mmu_next(), pagetable_lock is held.
struct pte_run {
    struct vm_space *space;
    pte_t *next, *limit; // of the table at hand
    uaddr_t stop;        // the address of `limit`
    uaddr_t end;
    bool pauses; // between two tables, others may have the lock
};

static inline struct pte_run pte_run(struct vm_space *s, uaddr_t va, uaddr_t end)
{
    return (struct pte_run){.space = s, .stop = va, .end = end};
}

static inline struct pte_run pte_run_pausing(struct vm_space *s, uaddr_t va, uaddr_t end)
{
    return (struct pte_run){.space = s, .stop = va, .end = end, .pauses = true};
}

// Lets others have pagetable_lock, which the caller holds.
void space_pause(struct vm_space *s);

static inline pte_t *pte_next(struct pte_run *r)
{
    while ((r->next = pte_skip_absent(r->next, r->limit)) == r->limit) {
        uaddr_t va = r->stop;
        pte_t *table;

        if (r->pauses && r->next)
            space_pause(r->space);
        table = va < r->end ? mmu_next(&r->space->mmu, &va, r->end) : NULL;
        if (!table)
            return NULL;
        r->stop = pte_table_stop(va, r->end);
        r->next = table;
        r->limit = table + ((r->stop - va) >> PAGE_SHIFT);
    }
    return r->next++;
}

// The address behind the entry that pte_next() gave.
static inline uaddr_t pte_run_after(const struct pte_run *r)
{
    return r->stop - ((u64)(r->limit - r->next) << PAGE_SHIFT);
}

static inline struct frame *pte_frame(pte_t e)
{
    return pfn_to_frame(pte_pfn(e));
}

// A loop's way to frames: the descriptor that frame 0 would have.
static inline struct frame *frames_origin(void)
{
    return frame_table - frame_base;
}

/* Counts of resident pages; pagetable_lock held */

extern u64 vm_anon_total; // (a)

static inline void space_count(struct vm_space *s, s64 anon, s64 object)
{
    u64 pages;

    assert(lock_held(&s->pagetable_lock));
    s->anon_pages += anon;
    s->object_pages += object;
    pages = s->anon_pages + s->object_pages;
    if (pages > s->peak_pages)
        s->peak_pages = pages;
    if (anon)
        __atomic_fetch_add(&vm_anon_total, anon, __ATOMIC_RELAXED);
}

/* unmap.c: takes entries out, flushes once, then frees */

#define GATHER_FRAMES 120

struct gather {
    struct vm_space *space;
    uaddr_t low, high; // entries changed and not yet flushed lie in here
    void *tables;      // detached leaf tables
    unsigned count;
    struct frame *frames[GATHER_FRAMES];
};

void gather_init(struct gather *g, struct vm_space *s);
// Clears the present entries of [start, end) that have no bit of `keep`. The caller holds the space
// lock either way, or a pin of the space. May flush (no spinlock held).
void gather_range(struct gather *g, uaddr_t start, uaddr_t end, u64 keep);
// The tables that cover no more than this, empty by now.
void gather_cover(struct gather *g, uaddr_t start, uaddr_t end); // to be flushed, too
void gather_prune(struct gather *g, uaddr_t start, uaddr_t end);
void gather_finish(struct gather *g);

// Unmaps [start, end), at whose ends no area goes on; the areas are chained to *dead, to be given
// to areas_destroy() after write_unlock. Write lock held.
void space_unmap_locked(struct vm_space *s, uaddr_t start, uaddr_t end, struct vm_area **dead);
// The same, but the range keeps its tables.
void space_empty_locked(struct vm_space *s, uaddr_t start, uaddr_t end, struct vm_area **dead);

/* area.c; write lock held except create and destroy */

// An area like `like` (range, prot, flags, object, file, offset) with its references; NULL: no
// memory.
struct vm_area *area_create(struct vm_space *s, const struct vm_area *like);
void area_destroy(struct vm_area *a);
void areas_destroy(struct vm_area *dead);
void space_insert(struct vm_space *s, struct vm_area *a);
// Out of the tree; stays on the object's list until area_unlink_object().
void space_remove(struct vm_space *s, struct vm_area *a);
void area_unlink_object(struct vm_area *a);
void space_resize(struct vm_space *s, struct vm_area *a, uaddr_t start, uaddr_t end);
// Splits areas so that none lies across start or end; -ENOMEM.
int space_isolate(struct vm_space *s, uaddr_t start, uaddr_t end);
// Joins what can be joined from the area before `start` to the one after `end`.
void space_merge(struct vm_space *s, uaddr_t start, uaddr_t end);
// -ENOMEM unless areas cover all of [start, end); either lock held.
int space_covered(struct vm_space *s, uaddr_t start, uaddr_t end);

// Rounds a user range: 0 and *end, or -EINVAL (unaligned start), -ENOMEM (beyond USER_TOP).
int range_check(uaddr_t start, u64 length, uaddr_t *end);

/* rmap.c */

// As vm_object_unmap_pages, but areas with AREA_LOCKED keep them.
void object_unmap_spare(struct vm_object *o, u64 first, u64 last);
// Every store after this faults first; what is locked in memory stays mapped.
void object_clean_mappings(struct vm_object *o, u64 first, u64 last);

/* map.c; write lock held */

// -ENOMEM if `pages` more would break RLIMIT_AS or VM_AREAS_MAX.
int space_limits(struct vm_space *s, u64 pages);
int space_place(struct vm_space *s, uaddr_t hint, u64 length, uaddr_t *out);

/* lock.c */

void area_lock(struct vm_area *a, u32 lock); // of AREA_LOCK_MASK; write lock held

// -EAGAIN if the caller may not lock so many pages more; either lock held.
int space_lock_room(const struct vm_space *s, u64 pages);

/* fault.c */

// Makes the pages of [start, end) present as their areas allow, without killing for memory: for
// writing, shared pages of files for reading. -ENOMEM, -EFAULT, -EIO. No lock held.
int space_populate(struct vm_space *s, uaddr_t start, uaddr_t end);
// The same for `access`; areas that do not allow it are passed over.
int space_populate_for(struct vm_space *s, uaddr_t start, uaddr_t end, enum access access);
// Enters 2 MiB of own pages around va, rights and all in `bits`, if the area has room for them and
// memory is plenty: 0, or why single pages have to do.
int space_enter_megapage(struct vm_space *s, const struct vm_area *a, uaddr_t va, u64 bits);
// One attempt on one page of `a`; read lock held. -EAGAIN: look again; else as up_fault.
int space_fault_page(struct vm_space *s, struct vm_area *a, uaddr_t va, enum access access);
// May `access` be had in the area?
bool area_allows(const struct vm_area *a, enum access access);
struct vm_area *space_find(struct vm_space *s, uaddr_t va); // either lock held

/* space.c */

extern struct slab_cache *vm_area_cache; // (c)

/* object.c */

void objects_init(void);
// Puts a frame in, on top of the caller's reference; -EEXIST, -ENOMEM, -EIO when not below the
// size. Who puts one in among those that are being filled ends that range there: what is being read
// may be older than it. `filled`: -EEXIST if it is not in the range any more.
int object_insert(struct vm_object *o, u64 index, struct frame *f, bool bounded, bool filled);
// Takes a frame out of the tree, whose reference is the caller's then; pages_lock held.
void object_take_out(struct vm_object *o, u64 index, struct frame *f);
// As vm_object_page, but if `bounded` -EIO past the object's last page.
int object_page(struct vm_object *o, u64 index, bool bounded, struct frame **out);
// Takes pages [first, last] out of the object and its mappings, but for those with a flag of
// `keep`.
void object_drop(struct vm_object *o, u64 first, u64 last, u16 keep);

// For the clock of reclaim; pages_lock held.
static inline void frame_mark_used(struct frame *f)
{
    if (!(f->flags & FRAME_F_USED))
        f->flags |= FRAME_F_USED;
}

/* fill.c */

// Makes the page, and by its judgement some after it; -EEXIST: look again.
int object_fill(struct vm_object *o, u64 index, bool bounded, struct frame **out);

/* writeback.c */

void dirty_pages_add(s64 n);
void object_forget_dirty(struct vm_object *o);
// Writes the object that is dirty for longest. False: there is none.
bool dirty_write_some(void);
// make_writable, for a fault, which waits until a closed object is open again.
int object_allow_write(struct vm_object *o, u64 index);
// Until pages are written, if too many are dirty. Nothing is held.
void dirty_wait(void);

/* reclaim.c */

void object_enter_clock(struct vm_object *o); // it has pages
void object_leave_clock(struct vm_object *o);
u64 reclaim_clean(u64 want); // as vm_reclaim, but nothing is written
void reclaim_start(void);
