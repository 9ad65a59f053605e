// SPDX-License-Identifier: MIT
// Pages, page-table entries of Sv39 (RISC-V privileged specification, 4.4) and registers, as
// programs written for xv6 name them.
#pragma once

#include "kernel/types.h"

#define PGSIZE  4096 // bytes of a page
#define PGSHIFT 12   // bits of an offset within one

#define PGROUNDUP(n)   (((n) + PGSIZE - 1) & ~(PGSIZE - 1))
#define PGROUNDDOWN(a) ((a) & ~(PGSIZE - 1))

#define SUPERPGSIZE       (2 * 1024 * 1024)
#define SUPERPGROUNDUP(n) (((n) + SUPERPGSIZE - 1) & ~(SUPERPGSIZE - 1))

#define PTE_V (1L << 0) // valid
#define PTE_R (1L << 1)
#define PTE_W (1L << 2)
#define PTE_X (1L << 3)
#define PTE_U (1L << 4) // user mode may use it
#define PTE_A (1L << 6) // accessed
#define PTE_D (1L << 7) // dirty

#define PA2PTE(pa)     ((((uint64)(pa)) >> 12) << 10)
#define PTE2PA(pte)    (((pte) >> 10) << 12)
#define PTE_FLAGS(pte) ((pte)&0x3ff)

// Nine bits of the address are the index into the table of each of three levels.
#define PXMASK        0x1ff
#define PXSHIFT(n)    (PGSHIFT + 9 * (n))
#define PX(level, va) ((((uint64)(va)) >> PXSHIFT(level)) & PXMASK)

// One past the highest address: half of Sv39, so that none needs its sign extended.
#define MAXVA (1L << (9 + 9 + 9 + 12 - 1))

typedef uint64 pte_t;
typedef uint64 *pagetable_t;

static inline uint64 r_sp(void)
{
    uint64 x;
    __asm__ volatile("mv %0, sp" : "=r"(x));
    return x;
}

static inline uint64 r_fp(void)
{
    uint64 x;
    __asm__ volatile("mv %0, s0" : "=r"(x));
    return x;
}

static inline uint64 r_ra(void)
{
    uint64 x;
    __asm__ volatile("mv %0, ra" : "=r"(x));
    return x;
}
