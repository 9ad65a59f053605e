// SPDX-License-Identifier: MIT
// mprotect: new rights for areas and for the entries that are present.
//
// Rights that are taken away must be gone everywhere on return, so entries are changed at once and
// flushed. W is added at once only to pages that nobody shares; others get it by their next fault.
// An entry of a PROT_NONE area stays valid without R, W and X, which the last level of a table
// reads as "fault", so its frame is not lost.
#include "vm/vm_private.h"

static pte_t protect_entry(pte_t e, u64 rights)
{
    bool alone = e & PTE_ANON && ref_read(&pte_frame(e)->refs) == 1;
    pte_t new = (e & ~(u64)(PTE_R | PTE_W | PTE_X)) | rights;

    if (rights & PTE_W && !(e & PTE_W) && !alone)
        new &= ~(u64)PTE_W;
    return new &PTE_W ? new | PTE_D : new;
}

// True if any entry lost a right.
static bool protect_entries(struct vm_space *s, const struct vm_area *a, u64 rights)
{
    struct pte_run run = pte_run_pausing(s, a->start, a->end);
    u64 lost = 0;
    pte_t *p;

    spin_lock(&s->pagetable_lock);
    while ((p = pte_next(&run))) {
        pte_t e = *p, new = protect_entry(e, rights);

        if (new != e)
            pte_xchg(p, new);
        lost |= e & ~new &(PTE_R | PTE_W | PTE_X);
    }
    spin_unlock(&s->pagetable_lock);
    return lost;
}

static int protect_allowed(struct vm_space *s, uaddr_t start, uaddr_t end, u32 prot)
{
    int err = space_covered(s, start, end);

    for (struct vm_area *a = area_from(&s->areas, start); !err && a && a->start < end;
         a = area_next(a))
        if ((prot & PROT_WRITE && (a->flags & (AREA_SHARED | AREA_MAYWRITE)) == AREA_SHARED) ||
            (prot & PROT_EXEC && a->flags & AREA_NOEXEC))
            err = -EACCES;
    return err;
}

static void protect_areas(struct vm_space *s, uaddr_t start, uaddr_t end, u32 prot)
{
    uaddr_t low = ~0UL, high = 0;

    for (struct vm_area *a = area_from(&s->areas, start); a && a->start < end; a = area_next(a)) {
        if (a->prot == prot)
            continue;
        a->prot = prot;
        if (!protect_entries(s, a, pte_rights(prot)))
            continue;
        low = MIN(low, a->start);
        high = MAX(high, a->end);
    }
    if (low < high)
        mmu_flush(&s->mmu, low, high);
    if (prot & PROT_EXEC)
        mmu_sync_icache(&s->mmu);
}

int vm_protect(struct vm_space *s, uaddr_t start, u64 length, u32 prot)
{
    u32 rights = prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
    uaddr_t end;
    int err = range_check(start, length, &end);

    if (err || !length)
        return err;
    if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM | PROT_GROWSDOWN))
        return -EINVAL;
    write_lock(&s->lock);
    if (prot & PROT_GROWSDOWN) {
        struct vm_area *a = area_find(&s->areas, start);

        if (a && a->flags & AREA_GROWSDOWN)
            start = a->start;
        else
            err = -EINVAL;
    }
    if (!err)
        err = protect_allowed(s, start, end, rights);
    if (!err)
        err = space_isolate(s, start, end);
    if (!err) {
        protect_areas(s, start, end, rights);
        space_merge(s, start, end);
    }
    write_unlock(&s->lock);
    return err;
}
