// SPDX-License-Identifier: MIT
// Kernel stacks: mapped once into a slot of the KSTACK region, then recycled.
//
// The lower half of a slot stays unmapped: an overflow faults instead of corrupting a neighbour.
// A freed stack keeps its mapping, because removing one waits for other harts: it goes to a list,
// linked through the stack's top word. Locking: `lock` guards the list and the slot map.
#include "mm/kstack.h"
#include "abi/errno.h"
#include "arch/layout.h"
#include "arch/mmu.h"
#include "base/panic.h"
#include "base/spinlock.h"
#include "lib/bitmap.h"
#include "mm/frame.h"

#define SLOT_SIZE   (2 * KSTACK_SIZE)
#define SLOTS       ((KSTACK_END - KSTACK_BASE) / SLOT_SIZE)
#define STACK_PAGES (KSTACK_SIZE / PAGE_SIZE)

static struct spinlock lock = SPINLOCK_INIT(RANK_SLAB);
static void *cached;                        // (lock) tops, linked through the word below each
static u64 cached_count;                    // (lock)
static u64 slots_used[BITMAP_WORDS(SLOTS)]; // (lock)
static u64 slot_hint;                       // (lock) no slot below it is unused

static inline void **top_link(void *top)
{
    return (void **)top - 1;
}

static void *cached_pop(void)
{
    irqflags_t irq = spin_lock_irqsave(&lock);
    void *top = cached;

    if (top) {
        cached = *top_link(top);
        cached_count--;
    }
    spin_unlock_irqrestore(&lock, irq);
    return top;
}

// The top address of an unused slot; 0 if the region is full.
static vaddr_t slot_take(void)
{
    irqflags_t irq = spin_lock_irqsave(&lock);
    u64 slot = bitmap_find_zero(slots_used, SLOTS, slot_hint);

    if (slot < SLOTS)
        bitmap_set(slots_used, slot);
    slot_hint = MIN(slot + 1, SLOTS);
    spin_unlock_irqrestore(&lock, irq);
    return slot < SLOTS ? KSTACK_BASE + (slot + 1) * SLOT_SIZE : 0;
}

static void slot_release(vaddr_t top)
{
    u64 slot = (top - KSTACK_BASE) / SLOT_SIZE - 1;
    irqflags_t irq = spin_lock_irqsave(&lock);

    bitmap_clear(slots_used, slot);
    slot_hint = MIN(slot_hint, slot);
    spin_unlock_irqrestore(&lock, irq);
}

static void stack_unmap(vaddr_t top)
{
    for (vaddr_t va = top - KSTACK_SIZE; va < top; va += PAGE_SIZE)
        frame_put(pfn_to_frame(mmu_kernel_unmap(va)));
}

// All frames first: a half-mapped stack could not be unmapped here, because that may wait. One
// leaf table covers the slot, so only the first page can fail to be mapped.
static int stack_map(vaddr_t top)
{
    struct frame *frames[STACK_PAGES];
    unsigned n = 0;

    while (n < STACK_PAGES && (frames[n] = frame_alloc(0, 0)))
        n++;
    for (unsigned i = 0; n == STACK_PAGES && i < n; i++) {
        paddr_t pa = frame_to_pfn(frames[i]) << PAGE_SHIFT;
        int err = mmu_kernel_map(top - (i + 1) * PAGE_SIZE, pa, PTE_R | PTE_W);

        verify(i == 0 || err == 0);
        if (err)
            goto free_frames;
    }
    if (n == STACK_PAGES)
        return 0;
free_frames:
    while (n > 0)
        frame_put(frames[--n]);
    return -ENOMEM;
}

static void *stack_create(void)
{
    vaddr_t top = slot_take();

    if (!top)
        return NULL;
    if (stack_map(top) == 0)
        return (void *)top;
    slot_release(top);
    return NULL;
}

void *kstack_alloc(void)
{
    void *top = cached_pop();

    return likely(top) ? top : stack_create();
}

void kstack_free(void *top)
{
    irqflags_t irq = spin_lock_irqsave(&lock);

    *top_link(top) = cached;
    cached = top;
    cached_count++;
    spin_unlock_irqrestore(&lock, irq);
}

u64 kstack_cached_pages(void)
{
    return load_relaxed(&cached_count) * STACK_PAGES;
}

void kstack_shrink(void)
{
    void *top;

    while ((top = cached_pop())) {
        stack_unmap((vaddr_t)top);
        slot_release((vaddr_t)top);
    }
}
