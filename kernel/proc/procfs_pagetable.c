// SPDX-License-Identifier: MIT
// /proc/<pid>/pagetable, the tables as the hardware reads them, and pagemap (proc(5)). Both tell
// physical addresses to CAP_SYS_ADMIN alone.
#include "abi/capability.h"
#include "abi/errno.h"
#include "proc/procfs_private.h"

#define PART_PAGES 64

// Two columns more for each level; what maps a page also says which, and how.
static int show_entry(unsigned level, uaddr_t va, pte_t pte, void *arg)
{
    static const char letters[] = "rwxugad"; // from bit 1 on
    char rights[sizeof(letters)];
    struct text *t = arg;

    text_printf(t, "%*s%lu: pte 0x%016lx pa 0x%016lx", 2 * (3 - level), "",
                va >> (PAGE_SHIFT + 9 * level) & (MMU_TABLE_PTES - 1), pte,
                pte_pfn(pte) << PAGE_SHIFT);
    for (unsigned i = 0; i < sizeof(letters); i++)
        rights[i] = pte & 2UL << i || !letters[i] ? letters[i] : '-';
    if (level && !(pte & (PTE_R | PTE_W | PTE_X)))
        text_printf(t, "\n");
    else
        text_printf(t, " va 0x%010lx %s\n", va, rights);
    return t->error;
}

int proc_show_pagetable(struct text *t, const struct proc_place *place)
{
    struct vm_space *s = place->space;

    if (!cred_capable(thread_self()->cred, CAP_SYS_ADMIN))
        return -EPERM;
    if (!s)
        return 0;
    text_printf(t, "page table 0x%016lx\n", virt_to_phys(s->mmu.root));
    return vm_space_tables(s, show_entry, t);
}

ssize_t proc_read_pagemap(const struct proc_place *place, struct uio *u, loff_t *pos)
{
    bool frames = cred_capable(thread_self()->cred, CAP_SYS_ADMIN);
    u64 part[PART_PAGES], page = *pos / sizeof(u64), n;
    size_t done = 0;
    int err = 0;

    if (*pos % sizeof(u64) || u->left % sizeof(u64))
        return -EINVAL;
    while (u->left && page < USER_TOP >> PAGE_SHIFT) {
        n = MIN(MIN(u->left / sizeof(u64), PART_PAGES), (USER_TOP >> PAGE_SHIFT) - page);
        vm_space_pagemap(place->space, page << PAGE_SHIFT, part, n, frames);
        err = uio_put(u, part, n * sizeof(u64));
        if (err)
            break;
        page += n;
        done += n * sizeof(u64);
    }
    *pos += done;
    return done ? (ssize_t)done : err;
}
