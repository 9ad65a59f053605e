// SPDX-License-Identifier: MIT
// Shared by the files that handle page tables: mmu.c, pagetable.c, kernelmap.c.
#pragma once
#include "arch/mmu.h"

extern pte_t kernel_root[MMU_TABLE_PTES]; // the upper half that every root repeats
extern unsigned kernel_root_top;          // (c) root entries 256.. below this may be direct map

// Points *slot at a fresh zeroed table; -ENOMEM.
int pagetable_make(pte_t *slot);
void pagetable_free_user(struct mmu_space *space);
// Copies the kernel half into a root; makes it zero again.
void kernelmap_copy(pte_t *root);
void kernelmap_clear(pte_t *root);
