// SPDX-License-Identifier: MIT
// Sv39 page tables, address-space switch, TLB shootdown.
//
// Rules. An entry goes from not present to valid by a plain store, no fence. Any other change of a
// valid entry needs mmu_flush() before the old frame or the old right is relied on to be gone.
// Writers of entries hold the space's page-table lock (owned by vm/); the hardware, and
// user copies with interrupts off, read entries and set A and D at any time: so changes are atomic
// read-modify-write (pte_xchg, pte_clear_bits).
#pragma once
#include "arch/layout.h"
#include "lib/atomic.h"
#include "lib/types.h"

typedef u64 pte_t;

enum {
    PTE_V = 1 << 0,
    PTE_R = 1 << 1,
    PTE_W = 1 << 2,
    PTE_X = 1 << 3,
    PTE_U = 1 << 4,
    PTE_G = 1 << 5,
    PTE_A = 1 << 6,
    PTE_D = 1 << 7,
    PTE_ANON = 1 << 8, // software: a private anonymous page (not a page of an object)
};

#define MMU_TABLE_SPAN (2UL << 20) // bytes that one leaf table maps
#define MMU_TABLE_PTES 512

#define MMU_MADE_MAX 12

// One user half of an address space. The upper half of every root is the kernel's.
struct mmu_space {
    pte_t *root;   // (c) 512 entries
    u64 harts;     // (a) bit per hart index on which entries of it may be cached
    u64 asid;      // (a) generation << 16 | ASID; 0 = takes a new one when next switched to
    u32 narrowing; // (a) lock of those who take harts out of `harts`
    u64 tables;    // (page-table lock) table frames of the user half
    void *
        aside; // (page-table lock) an empty table for each megapage, chained: it can be taken apart
    // The entries that point at its tables, in order of creation, while they are few: makes fini
    // cheap. made_count > MMU_MADE_MAX: there were more, fini searches.
    u32 made_count;            // (page-table lock)
    pte_t *made[MMU_MADE_MAX]; // (page-table lock)
};

static inline pte_t pte_make(pfn_t pfn, u64 bits)
{
    return pfn << 10 | bits | PTE_V;
}

static inline pfn_t pte_pfn(pte_t pte)
{
    return pte >> 10; // ours keep the bits above the page number clear
}

static inline bool pte_present(pte_t pte)
{
    return pte & PTE_V;
}

// A user's page without rights has U; a table has not.
static inline bool pte_is_table(pte_t pte)
{
    return (pte & (PTE_V | PTE_R | PTE_W | PTE_X | PTE_U)) == PTE_V;
}

static inline pte_t pte_xchg(pte_t *p, pte_t pte)
{
    return atomic_xchg(p, pte);
}

static inline pte_t pte_clear_bits(pte_t *p, u64 bits)
{
    return atomic_fetch_and(p, ~bits);
}

// A fresh root with the kernel half; -ENOMEM. fini frees the tables of the user half (the leaf
// entries' frames are the caller's) after it has taken every hart off the space (no thread runs in
// it any more). Interrupts on, may wait for other harts.
int mmu_space_init(struct mmu_space *space);
void mmu_space_fini(struct mmu_space *space);

// Makes `space` the one of this hart (NULL: any kernel-only context; keeps the present one,
// lazily). Interrupts off. Writes satp only when the space changes.
void mmu_space_switch(struct mmu_space *space);

// The leaf entry for va, which may be a megapage's; NULL if no table covers it.
pte_t *mmu_find(const struct mmu_space *space, uaddr_t va);
// The same, tables made as needed; NULL when memory is out. The caller holds the page-table lock.
pte_t *mmu_get(struct mmu_space *space, uaddr_t va);
// Maps the MMU_TABLE_SPAN at va, aligned, as a megapage (privileged specification, section 4.4),
// `pte` being its first page's entry, with A and D set: -EAGAIN if a table or an entry is there,
// -ENOMEM. The caller holds the page-table lock.
int mmu_enter_megapage(struct mmu_space *space, uaddr_t va, pte_t pte);
// Finds the first leaf table that covers any address in [*va, end); sets *va to the first such
// address and returns its entry (entries up to the next MMU_TABLE_SPAN boundary follow); else NULL.
// A megapage is taken apart: the caller holds the page-table lock, or is the last to know the
// space.
pte_t *mmu_next(struct mmu_space *space, uaddr_t *va, uaddr_t end);
// Calls fn for every present entry of the user half in order, a table's before those in it (level 2
// is the root's, 0 the pages'), until it returns non-zero. The tables stay while it runs.
typedef int mmu_visit(unsigned level, uaddr_t va, pte_t pte, void *arg);
int mmu_each(const struct mmu_space *space, mmu_visit *fn, void *arg);
// Detaches the leaf tables that lie wholly in [start, end) and chains them through their first word
// onto *tables; after mmu_flush() of the range mmu_tables_free() frees them. Entries are all 0.
void mmu_prune(struct mmu_space *space, uaddr_t start, uaddr_t end, void **tables);
void mmu_tables_free(void *tables);

// Entries for [start, end) that any hart cached before the call are gone when it returns. Called
// with interrupts on (it waits for other harts and serves theirs meanwhile), and with no spinlock
// held but, where it must be, the page-table lock: who waits for that serves, too.
void mmu_flush(struct mmu_space *space, uaddr_t start, uaddr_t end);
// This hart alone: after a fault on an entry that is already valid.
void mmu_flush_local(uaddr_t va);

// Kernel mappings. map: kernel pages at va (KSTACK or MMIO regions), bits of PTE_R/W; -ENOMEM.
int mmu_kernel_map(vaddr_t va, paddr_t pa, u64 bits);
// Removes one kernel page and flushes it everywhere; returns its pfn.
pfn_t mmu_kernel_unmap(vaddr_t va);
// Maps device registers and returns their address; NULL when out of memory or room. Boot only.
void *mmu_ioremap(paddr_t pa, size_t size);

// Once, after the frame allocator works: the final kernel map (W^X image, direct map of RAM only).
// -ENOMEM.
struct phys_range;
int mmu_init(const struct phys_range *ram, unsigned n);
// On each further hart; entry code calls it.
void mmu_init_hart(void);

// Makes instruction fetch of this process see its stores, on every hart (fence.i).
void mmu_sync_icache(struct mmu_space *space);
