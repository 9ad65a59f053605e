// SPDX-License-Identifier: MIT
// Frames of RAM: one locked buddy zone, and on each hart a small stack of single frames.
//
// Nearly all traffic is single frames. A hart pops and pushes them on its own stack with interrupts
// off and no lock; an empty stack is refilled, a full one half emptied, in one visit to the zone.
// Between the two, a hart keeps some batches that it took off a full stack (spares.c): what comes
// and goes in larger pieces does not reach the zone either, whose lock all harts share. Who finds
// the zone empty takes the batches of others.
// A frame on a hart's stack has refs 0 and kind FRAME_RESERVED, so the buddy never merges it.
//
// Failure. The last `reserve` pages of the zone are for threads that are `urgent`: what they do
// must succeed so that memory comes free (write-back). While the zone has fewer than those, what is
// freed goes there, not to a stack, where others would find it. Below `low` pages each refill calls
// frames_low_hook, with no lock of this layer held. A request that the zone cannot meet first
// returns this hart's stack and all spares.
//
// Page tables come and go with every process, and are empty when they go: a hart keeps some of them
// aside (`tables`, allocated and zero), which saves filling them anew.
//
// Locking: zone.lock (RANK_FRAMES, as the spares' locks; taken with interrupts off, one at a time)
// guards the buddy. Rejected: a list through the descriptors instead of the array of pointers
// (touches a cold descriptor per push).
#include "mm/frame.h"
#include "arch/irq.h"
#include "arch/smp.h"
#include "arch/thread.h"
#include "arch/upcalls.h"
#include "base/devicetree.h"
#include "base/log.h"
#include "base/panic.h"
#include "base/spinlock.h"
#include "lib/string.h"
#include "mm/buddy.h"
#include "mm/failnth.h"
#include "mm/spares.h"

#define CACHE_FRAMES 63
#define CACHE_BATCH  SPARE_FRAMES
#define TABLES_MAX   24
#define RESERVE_MAX  256 // pages: 1 MiB

struct frame_cache {
    u64 count;                          // (h)
    struct frame *frames[CACHE_FRAMES]; // (h)
} ALIGNED(64);

static struct frame_cache *caches, *tables; // (c) by hart index; they lie behind frame_table

static struct {
    struct spinlock lock;
    struct buddy buddy; // (l)
    u64 ram;            // (c) pages of RAM
    u64 reserve;        // (c) pages only for urgent threads
    u64 low;            // (c) below this the hook is called
} zone = {.lock = SPINLOCK_INIT(RANK_FRAMES)};

// Each free looks at it, so it has a line of its own: all harts change the zone's.
static struct {
    u64 max; // (a) frames on a stack: CACHE_FRAMES, 0 while the zone has less than the reserve
} ALIGNED(64) stack = {CACHE_FRAMES};

struct frame *frame_table;
pfn_t frame_base;
pfn_t frame_end;
void (*frames_low_hook)(void);

/* Start */

// Frees the pages of [first, last) that no reserved range touches.
static void seed_around(pfn_t first, pfn_t last, const struct phys_range *reserved, unsigned n)
{
    while (first < last) {
        pfn_t hole = last, hole_end = last;

        for (unsigned i = 0; i < n; i++) {
            pfn_t r = reserved[i].base >> PAGE_SHIFT;
            pfn_t end = DIV_ROUND_UP(reserved[i].base + reserved[i].size, PAGE_SIZE);

            if (reserved[i].size && r < hole && end > first)
                hole = r, hole_end = end;
        }
        if (hole > first)
            buddy_seed(&zone.buddy, first, hole - first);
        first = MAX(hole_end, first + 1);
    }
}

// The highest place of `size` bytes in the range that overlaps nothing reserved; 0 if there is
// none.
static paddr_t table_place(const struct phys_range *ram, u64 size,
                           const struct phys_range *reserved, unsigned n)
{
    paddr_t end = ALIGN_DOWN(ram->base + ram->size, PAGE_SIZE);

    while (end >= ram->base + size) {
        paddr_t start = end - size;
        const struct phys_range *hit = NULL;

        for (unsigned i = 0; i < n; i++)
            if (reserved[i].base < end && reserved[i].base + reserved[i].size > start)
                hit = &reserved[i];
        if (!hit)
            return start;
        end = ALIGN_DOWN(hit->base, PAGE_SIZE);
    }
    return 0;
}

static void ram_measure(const struct phys_range *ram, unsigned n)
{
    frame_base = ~0UL;
    for (unsigned i = 0; i < n; i++) {
        pfn_t first = DIV_ROUND_UP(ram[i].base, PAGE_SIZE);
        pfn_t last = (ram[i].base + ram[i].size) >> PAGE_SHIFT;

        frame_base = MIN(frame_base, first);
        frame_end = MAX(frame_end, last);
        zone.ram += last - first;
    }
}

void frames_init(const struct phys_range *ram, unsigned n, const struct phys_range *reserved,
                 unsigned reserved_count)
{
    struct phys_range taken[2 * MACHINE_MAX_RANGES];
    u64 frames, stacks, size;
    paddr_t table = 0;

    verify(n > 0 && reserved_count < ARRAY_SIZE(taken));
    ram_measure(ram, n);
    frames = ALIGN_UP((frame_end - frame_base) * sizeof(struct frame), 64);
    stacks = hart_count * sizeof(struct frame_cache);
    size = ALIGN_UP(frames + 2 * stacks + spares_size(), PAGE_SIZE);
    for (unsigned i = n; i-- > 0 && !table;)
        table = table_place(&ram[i], size, reserved, reserved_count);
    if (!table)
        panic_line("out of memory at boot: no room for %lu KiB of frame descriptors", size >> 10);
    frame_table = phys_to_virt(table);
    for (u64 at = 0; at < size; at += PAGE_SIZE)
        page_zero((char *)frame_table + at);
    caches = phys_to_virt(table + frames);
    tables = caches + hart_count;
    spares_init(tables + hart_count);

    memcpy(taken, reserved, reserved_count * sizeof(*reserved));
    taken[reserved_count] = (struct phys_range){table, size};
    buddy_init(&zone.buddy, frame_table, frame_base, frame_end - frame_base);
    for (unsigned i = 0; i < n; i++)
        seed_around(DIV_ROUND_UP(ram[i].base, PAGE_SIZE), (ram[i].base + ram[i].size) >> PAGE_SHIFT,
                    taken, reserved_count + 1);
    zone.reserve = MIN(zone.buddy.free / 64, (u64)RESERVE_MAX);
    zone.low = 4 * zone.reserve;
}

/* Zone */

// Ends a visit that may have changed how much is free.
static void zone_leave(irqflags_t irq)
{
    u64 max = zone.buddy.free < zone.reserve ? 0 : CACHE_FRAMES;

    if (unlikely(max != stack.max))
        store_relaxed(&stack.max, max);
    spin_unlock_irqrestore(&zone.lock, irq);
}

void frames_release(paddr_t base, u64 size)
{
    pfn_t first = DIV_ROUND_UP(base, PAGE_SIZE), last = (base + size) >> PAGE_SHIFT;
    irqflags_t irq = spin_lock_irqsave(&zone.lock);

    if (first < last)
        buddy_seed(&zone.buddy, first, last - first);
    zone_leave(irq);
}

static bool zone_may_take(u64 pages)
{
    return load_relaxed(&zone.buddy.free) >= zone.reserve + pages;
}

static void zone_note_low(void)
{
    void (*hook)(void) = load_relaxed(&frames_low_hook);

    if (unlikely(load_relaxed(&zone.buddy.free) < zone.low) && hook)
        hook();
}

static struct frame *zone_alloc(unsigned order)
{
    struct frame *f = NULL;
    irqflags_t irq = spin_lock_irqsave(&zone.lock);

    if (zone_may_take(BIT(order)) || arch_self()->urgent)
        f = buddy_alloc(&zone.buddy, order);
    zone_leave(irq);
    return f;
}

static struct frame *block_alloc(unsigned order)
{
    struct frame *f;

    if (order > FRAME_MAX_ORDER)
        return NULL;
    f = zone_alloc(order);
    if (!f) {
        frames_drain();
        f = zone_alloc(order);
    }
    zone_note_low();
    return f;
}

// Interrupts are off; the stack is empty. Leaves at least one frame on it, or none at all.
static void cache_refill(struct frame_cache *c)
{
    unsigned want = CACHE_BATCH;

    c->count = spares_take(c->frames);
    if (c->count)
        return;
    spin_lock_irqsave(&zone.lock);
    if (unlikely(!zone_may_take(want)))
        want = zone_may_take(1) || arch_self()->urgent;
    c->count = buddy_alloc_singles(&zone.buddy, c->frames, want);
    zone_leave(0);
    c->count = c->count ?: spares_steal(c->frames);
    zone_note_low();
}

// Interrupts are off. The frames pushed longest ago go back to the zone, runs of neighbours (which
// lie up or down, as they were used) in one piece.
static void cache_return(struct frame_cache *c, unsigned n)
{
    struct frame **f = c->frames;

    // The cut is made between two aligned blocks.
    if (n < c->count)
        while (n > 1 && (frame_to_pfn(f[n]) ^ frame_to_pfn(f[n - 1])) < CACHE_BATCH)
            n--;
    spin_lock_irqsave(&zone.lock);
    for (unsigned i = 0, last; i < n; i = last + 1) {
        s64 step = i + 1 < n ? f[i + 1] - f[i] : 0;

        for (last = i; last + 1 < n && f[last + 1] - f[last] == step; last++)
            if (step != 1 && step != -1)
                break;
        buddy_seed(&zone.buddy, frame_to_pfn(step == 1 ? f[i] : f[last]), last - i + 1);
    }
    zone_leave(0);
    c->count -= n;
    memmove(c->frames, c->frames + n, c->count * sizeof(c->frames[0]));
}

void frames_drain(void)
{
    irqflags_t irq = irq_save();
    struct frame_cache *c = &caches[hart_index()], *t = &tables[hart_index()];

    while (t->count)
        frame_put(t->frames[--t->count]);
    do {
        cache_return(c, c->count);
        c->count = spares_steal(c->frames);
    } while (c->count);
    irq_restore(irq);
}

/* Boot */

static bool boot_done; // (a)

void frames_boot_done(void)
{
    store_relaxed(&boot_done, true);
}

void frames_out(void)
{
    if (unlikely(!load_relaxed(&boot_done)))
        panic_line("out of memory at boot: %lu of %lu KiB of RAM are free, the initramfs has %lu",
                   frames_free() << (PAGE_SHIFT - 10), zone.ram << (PAGE_SHIFT - 10),
                   machine.initrd.size >> 10);
}

/* Allocate and free */

// The ways off the fast paths are functions of their own, so that these need no stack frame.

static inline struct frame *frame_setup(struct frame *f, unsigned order)
{
    assert(f->refs.count == 0);
    ref_init(&f->refs, 1);
    f->kind = FRAME_KERNEL;
    f->order = order;
    f->flags = 0;
    f->private = 0;
    return f;
}

static __attribute__((noinline)) struct frame *frame_zero(struct frame *f)
{
    char *page = frame_address(f);

    for (char *end = page + (PAGE_SIZE << f->order); page < end; page += PAGE_SIZE)
        page_zero(page);
    return f;
}

static __attribute__((noinline)) struct frame *alloc_slow(unsigned order, unsigned flags)
{
    irqflags_t irq = irq_save();
    struct frame_cache *c = &caches[hart_index()];
    struct frame *f = NULL;

    if (order) {
        f = block_alloc(order);
    } else {
        if (!c->count)
            cache_refill(c);
        if (!c->count && tables[hart_index()].count) {
            frames_drain();
            cache_refill(c);
        }
        if (c->count)
            f = c->frames[--c->count];
    }
    irq_restore(irq);
    if (!f) {
        frames_out();
        return NULL;
    }
    frame_setup(f, order);
    return flags & ALLOC_ZERO ? frame_zero(f) : f;
}

struct frame *frame_alloc(unsigned order, unsigned flags)
{
    irqflags_t irq;
    struct frame_cache *c;
    struct frame *f;

    if (DEBUG && alloc_fails(flags))
        return NULL;
    irq = irq_save();
    c = &caches[hart_index()];
    if (unlikely(order || !c->count)) {
        irq_restore(irq);
        return alloc_slow(order, flags);
    }
    f = c->frames[--c->count];
    irq_restore(irq);
    frame_setup(f, 0);
    return flags & ALLOC_ZERO ? frame_zero(f) : f;
}

void frame_split(struct frame *f)
{
    u8 kind = f->kind;

    for (unsigned i = (1U << f->order) - 1; i; i--)
        frame_setup(&f[i], 0)->kind = kind;
    f->order = 0;
}

static __attribute__((noinline)) void free_slow(struct frame *f)
{
    irqflags_t irq = irq_save();
    struct frame_cache *c = &caches[hart_index()];

    if (f->order || !load_relaxed(&stack.max)) {
        spin_lock_irqsave(&zone.lock);
        buddy_free(&zone.buddy, f, f->order);
        zone_leave(0);
    } else {
        if (c->count == CACHE_FRAMES && !spares_put(c->frames, &c->count))
            cache_return(c, CACHE_BATCH);
        c->frames[c->count++] = f;
    }
    irq_restore(irq);
}

void frame_free(struct frame *f)
{
    struct frame_cache *c;
    irqflags_t irq;

    assert(f->refs.count == 0 && f->kind > FRAME_FREE && !(f->flags & FRAME_F_SLAB));
    f->kind = FRAME_RESERVED;
    irq = irq_save();
    c = &caches[hart_index()];
    if (unlikely(f->order || c->count >= load_relaxed(&stack.max))) {
        irq_restore(irq);
        free_slow(f);
        return;
    }
    c->frames[c->count++] = f;
    irq_restore(irq);
}

void frame_put(struct frame *f)
{
    assert(f->refs.count);
    if (ref_put(&f->refs))
        frame_free(f);
}

void *up_table_alloc(void)
{
    irqflags_t irq;
    struct frame_cache *c;
    struct frame *f;

    if (DEBUG && alloc_fails(0))
        return NULL;
    irq = irq_save();
    c = &tables[hart_index()];
    f = c->count ? c->frames[--c->count] : NULL;
    irq_restore(irq);
    if (unlikely(!f))
        f = frame_alloc(0, ALLOC_ZERO | ALLOC_NOFAIL_TEST);
    return f ? frame_address(f) : NULL;
}

void up_table_free(void *table)
{
    irqflags_t irq = irq_save();
    struct frame_cache *c = &tables[hart_index()];

    if (DEBUG)
        verify(*(u64 *)table == 0 && memcmp(table, (char *)table + 8, PAGE_SIZE - 8) == 0);
    if (likely(c->count < TABLES_MAX))
        c->frames[c->count++] = virt_to_frame(table);
    else
        frame_put(virt_to_frame(table));
    irq_restore(irq);
}

/* Counts */

u64 frames_total(void)
{
    return zone.ram;
}

u64 frames_free(void)
{
    u64 pages = load_relaxed(&zone.buddy.free) + spares_frames();

    for (unsigned hart = 0; hart < hart_count; hart++)
        pages += load_relaxed(&caches[hart].count) + load_relaxed(&tables[hart].count);
    return pages;
}

bool frames_short(void)
{
    return !zone_may_take(1);
}

void frames_check(void)
{
    irqflags_t irq = spin_lock_irqsave(&zone.lock);

    verify(buddy_check(&zone.buddy));
    spin_unlock_irqrestore(&zone.lock, irq);
}
