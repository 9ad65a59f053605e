// SPDX-License-Identifier: MIT
// Megapages: 2 MiB of private memory behind one entry, for areas that ask for it (MADV_HUGEPAGE).
//
// A megapage is a shorter way to write down 512 own pages, which are frames of their own, each with
// its reference. Who wants to see or change one of them gets the table (mmu_next): fork, mprotect,
// munmap and the end of the space know nothing of megapages, and a page copied on write is one of
// 4 KiB. The table is made with the megapage, so that taking it apart cannot fail.
//
// All of it is taken, and cleared, at the first touch. A program that touches little of much would
// take all memory that way: there are megapages only while a good part is free. Rejected: making
// them later, out of full tables (a thread that goes through all processes, and copies).
#include "lib/string.h"
#include "vm/vm_private.h"

#define MEGAPAGE_ORDER 9

static_assert(1 << MEGAPAGE_ORDER == MMU_TABLE_PTES, "a megapage is a table's worth");

// The share of memory that stays free.
static bool memory_is_plenty(void)
{
    return frames_free() > frames_total() / 4;
}

static int enter(struct vm_space *s, uaddr_t va, pte_t pte)
{
    int err;

    spin_lock(&s->pagetable_lock);
    err = mmu_enter_megapage(&s->mmu, va, pte);
    if (!err)
        space_count(s, MMU_TABLE_PTES, 0);
    spin_unlock(&s->pagetable_lock);
    return err;
}

int space_enter_megapage(struct vm_space *s, const struct vm_area *a, uaddr_t va, u64 bits)
{
    uaddr_t start = ALIGN_DOWN(va, MMU_TABLE_SPAN);
    struct frame *f;
    int err;

    if (!(bits & PTE_W) || start < a->start || a->end - start < MMU_TABLE_SPAN ||
        mmu_find(&s->mmu, va) || !memory_is_plenty())
        return -EAGAIN;
    f = frame_alloc(MEGAPAGE_ORDER, 0);
    if (!f)
        return -ENOMEM;
    f->kind = FRAME_ANON;
    frame_split(f);
    for (unsigned i = 0; i < MMU_TABLE_PTES; i++)
        page_zero((char *)frame_address(f) + i * PAGE_SIZE);
    err = enter(s, start, pte_make(frame_to_pfn(f), bits | PTE_ANON));
    for (unsigned i = 0; err && i < MMU_TABLE_PTES; i++)
        frame_put(&f[i]);
    if (!err && bits & PTE_X)
        mmu_sync_icache(&s->mmu);
    return err;
}
