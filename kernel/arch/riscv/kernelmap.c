// SPDX-License-Identifier: MIT
// The kernel half: image with W^X pages, direct map of RAM, stacks, device registers.
//
// Every root repeats the kernel's root entries, so these are all made at boot and never change;
// what changes (stacks, device registers) changes in the tables below them. head.S's first map is
// the same root with the image as huge RWX pages; mmu_init replaces that entry.
#include "abi/errno.h"
#include "arch/boot.h"
#include "arch/irq.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pagetable.h"
#include "arch/smp.h"
#include "lib/string.h"

#define GIB            (1UL << 30)
#define ROOT_INDEX(va) ((va) >> 30 & 511)
#define DIRECT_FIRST   ROOT_INDEX(DIRECT_MAP)
#define PTE_KERNEL     (PTE_V | PTE_G | PTE_A | PTE_D)
#define HUGE_SIZE      MMU_TABLE_SPAN

unsigned kernel_root_top = DIRECT_FIRST + DIRECT_GIBS;

static u32 kernelmap_lock; // (a) over stack and device mappings; interrupts off while held
static vaddr_t mmio_next = MMIO_BASE; // boot only

static irqflags_t kernelmap_acquire(void)
{
    irqflags_t flags = irq_save();

    while (atomic_xchg(&kernelmap_lock, 1U))
        smp_serve();
    return flags;
}

static void kernelmap_release(irqflags_t flags)
{
    store_release(&kernelmap_lock, 0U);
    irq_restore(flags);
}

void kernelmap_copy(pte_t *root)
{
    memcpy(root + DIRECT_FIRST, kernel_root + DIRECT_FIRST,
           (kernel_root_top - DIRECT_FIRST) * sizeof(pte_t));
    root[ROOT_INDEX(KSTACK_BASE)] = kernel_root[ROOT_INDEX(KSTACK_BASE)];
    root[ROOT_INDEX(MMIO_BASE)] = kernel_root[ROOT_INDEX(MMIO_BASE)];
    root[ROOT_INDEX(KERNEL_BASE)] = kernel_root[ROOT_INDEX(KERNEL_BASE)];
}

void kernelmap_clear(pte_t *root)
{
    memset(root + DIRECT_FIRST, 0, (kernel_root_top - DIRECT_FIRST) * sizeof(pte_t));
    root[ROOT_INDEX(KSTACK_BASE)] = 0;
    root[ROOT_INDEX(MMIO_BASE)] = 0;
    root[ROOT_INDEX(KERNEL_BASE)] = 0;
}

// The entry for va at `level` (0 or 1) of a kernel root, tables made as needed; NULL: no memory.
static pte_t *kernel_slot(pte_t *top, vaddr_t va, unsigned level)
{
    pte_t *p = top;

    for (unsigned at = 2; at > level; at--) {
        if (!pte_present(*p) && pagetable_make(p))
            return NULL;
        p = (pte_t *)phys_to_virt(pte_pfn(*p) << PAGE_SHIFT) +
            (va >> (PAGE_SHIFT + 9 * (at - 1)) & 511);
    }
    return p;
}

static u64 image_rights(const char *page)
{
    if (page < kernel_text_end)
        return PTE_R | PTE_X;
    return page < kernel_rodata_end ? PTE_R : PTE_R | PTE_W;
}

static int map_image(pte_t *top)
{
    for (const char *page = kernel_start; page < kernel_end; page += PAGE_SIZE) {
        pte_t *slot = kernel_slot(top, (vaddr_t)page, 0);

        if (!slot)
            return -ENOMEM;
        if (page < boot_guard || page >= boot_guard_end)
            *slot = pte_make(image_to_phys(page) >> PAGE_SHIFT, PTE_KERNEL | image_rights(page));
    }
    return 0;
}

static bool overlaps_text(paddr_t base, u64 size)
{
    return base < image_to_phys(kernel_rodata_end) && base + size > kernel_phys_base;
}

// Small pages where text and read-only data lie: they are not writable here either.
static int map_ram_small(pte_t *top, paddr_t base)
{
    for (paddr_t pa = base; pa < base + HUGE_SIZE; pa += PAGE_SIZE) {
        pte_t *slot = kernel_slot(top, DIRECT_MAP + pa, 0);

        if (!slot)
            return -ENOMEM;
        *slot = pte_make(pa >> PAGE_SHIFT,
                         PTE_KERNEL | PTE_R | (overlaps_text(pa, PAGE_SIZE) ? 0 : PTE_W));
    }
    return 0;
}

// RAM within one GiB of the direct map, in pages as large as possible.
static int map_ram(pte_t *top, paddr_t base, paddr_t end)
{
    if (end - base == GIB && !overlaps_text(base, GIB)) {
        *top = pte_make(base >> PAGE_SHIFT, PTE_KERNEL | PTE_R | PTE_W);
        return 0;
    }
    for (paddr_t pa = ALIGN_DOWN(base, HUGE_SIZE); pa < end; pa += HUGE_SIZE) {
        pte_t *slot;

        if (overlaps_text(pa, HUGE_SIZE)) {
            if (map_ram_small(top, pa))
                return -ENOMEM;
            continue;
        }
        slot = kernel_slot(top, DIRECT_MAP + pa, 1);
        if (!slot)
            return -ENOMEM;
        *slot = pte_make(pa >> PAGE_SHIFT, PTE_KERNEL | PTE_R | PTE_W);
    }
    return 0;
}

static int map_direct(pte_t *tops, const struct phys_range *ram, unsigned n)
{
    unsigned last = 0;

    for (unsigned i = 0; i < n; i++) {
        paddr_t end = ram[i].base + ram[i].size;

        for (paddr_t pa = ram[i].base; pa < end;) {
            paddr_t stop = MIN(ALIGN_DOWN(pa, GIB) + GIB, end);
            unsigned index = (unsigned)(pa / GIB);

            if (map_ram(&tops[index], pa, stop))
                return -ENOMEM;
            last = MAX(last, index);
            pa = stop;
        }
    }
    kernel_root_top = MIN(kernel_root_top, DIRECT_FIRST + last + 1);
    return 0;
}

int mmu_init(const struct phys_range *ram, unsigned n)
{
    static pte_t tops[DIRECT_GIBS]; // built beside the live map, then copied over it
    pte_t image = 0;

    if (map_direct(tops, ram, n) || map_image(&image) ||
        pagetable_make(&kernel_root[ROOT_INDEX(KSTACK_BASE)]) ||
        pagetable_make(&kernel_root[ROOT_INDEX(MMIO_BASE)]))
        return -ENOMEM;
    memcpy(&kernel_root[DIRECT_FIRST], tops, sizeof(tops));
    kernel_root[ROOT_INDEX(KERNEL_BASE)] = image;
    mmu_init_hart();
    return 0;
}

int mmu_kernel_map(vaddr_t va, paddr_t pa, u64 bits)
{
    irqflags_t flags = kernelmap_acquire();
    pte_t *slot = kernel_slot(&kernel_root[ROOT_INDEX(va)], va, 0);

    if (slot)
        store_release(slot, pte_make(pa >> PAGE_SHIFT, PTE_KERNEL | bits));
    kernelmap_release(flags);
    return slot ? 0 : -ENOMEM;
}

pfn_t mmu_kernel_unmap(vaddr_t va)
{
    irqflags_t flags = kernelmap_acquire();
    pte_t old = pte_xchg(kernel_slot(&kernel_root[ROOT_INDEX(va)], va, 0), 0UL);
    u64 others;

    kernelmap_release(flags);
    preempt_disable();
    mmu_flush_local(va);
    others = load_relaxed(&smp_online) & ~BIT(hart_index());
    if (others)
        smp_shootdown(others, SHOOT_KERNEL, NULL, va, va + PAGE_SIZE);
    preempt_enable();
    return pte_pfn(old);
}

// Parts that are aligned alike in both spaces take huge pages.
void *mmu_ioremap(paddr_t pa, size_t size)
{
    paddr_t base = ALIGN_DOWN(pa, PAGE_SIZE), end = ALIGN_UP(pa + size, PAGE_SIZE);
    vaddr_t va = ALIGN_UP(mmio_next, HUGE_SIZE) + base % HUGE_SIZE;

    if (size < HUGE_SIZE)
        va = mmio_next;
    if (va + (end - base) > MMIO_END)
        return NULL;
    mmio_next = va + (end - base);
    for (vaddr_t at = va; base < end;) {
        bool huge = at % HUGE_SIZE == 0 && base % HUGE_SIZE == 0 && end - base >= HUGE_SIZE;
        pte_t *slot = kernel_slot(&kernel_root[ROOT_INDEX(at)], at, huge);

        if (!slot)
            return NULL;
        *slot = pte_make(base >> PAGE_SHIFT, PTE_KERNEL | PTE_R | PTE_W);
        at += huge ? HUGE_SIZE : PAGE_SIZE;
        base += huge ? HUGE_SIZE : PAGE_SIZE;
    }
    return (void *)(va + pa % PAGE_SIZE);
}
