// SPDX-License-Identifier: MIT
// User addresses by hand: the software page-table walk, and checks.
#pragma once
#include "abi/errno.h"
#include "arch/irq.h"
#include "arch/riscv/hart.h"
#include "arch/upcalls.h"
#include "lib/macro.h"
#include "lib/string.h"

void *user_walk_slow(pte_t *root, uaddr_t va, enum access access);

// Our entries keep the bits above the page number clear.
static inline void *user_walk_base(pte_t pte)
{
    return phys_to_virt(pte >> 10 << PAGE_SHIFT);
}

// The entry for va in the table that `pte` points at, whose low bits are PTE_V alone.
static inline pte_t user_walk_table(pte_t pte, uaddr_t va, unsigned shift)
{
    const pte_t *table = phys_to_virt((pte - PTE_V) << (PAGE_SHIFT - 10));

    return load_relaxed(&table[va >> shift & 511]);
}

// Where the byte at va, below USER_TOP, lies in the direct map if `access` (read or write) is
// allowed; NULL if not, and also if A or D is missing or the leaf is huge. Valid up to the end of
// the page while interrupts stay off: a frame is freed only after this hart has answered an
// interrupt.
static inline void *user_walk_fast(pte_t *root, uaddr_t va, enum access access)
{
    const pte_t low = BIT(10) - 1; // all but the page number
    pte_t need = access == ACCESS_WRITE ? PTE_V | PTE_U | PTE_W | PTE_A | PTE_D
                                        : PTE_V | PTE_U | PTE_R | PTE_A;
    pte_t pte = load_relaxed(&root[va >> 30]);

    if (unlikely((pte & low) != PTE_V))
        return NULL;
    pte = user_walk_table(pte, va, 21);
    if (unlikely((pte & low) != PTE_V))
        return NULL;
    pte = user_walk_table(pte, va, 12);
    if (unlikely((pte & need) != need))
        return NULL;
    return (char *)user_walk_base(pte) + (va & ~PAGE_MASK);
}

// The same for every kind of entry, setting A and D.
static inline void *user_walk(pte_t *root, uaddr_t va, enum access access)
{
    void *p = user_walk_fast(root, va, access);

    return likely(p) ? p : user_walk_slow(root, va, access);
}

static inline bool user_range_ok(uaddr_t va, size_t n)
{
    return n <= USER_TOP && va <= USER_TOP - n;
}

static inline size_t user_page_rest(uaddr_t va, size_t n)
{
    size_t rest = PAGE_SIZE - (va & ~PAGE_MASK);

    return n < rest ? n : rest;
}

// Faults a page in for the running thread; what a copy reports: 0, -EFAULT, -EINTR.
int user_fault(uaddr_t va, enum access access);

enum user_copy { USER_COPY_FROM, USER_COPY_TO, USER_COPY_ZERO };

static inline enum access user_copy_access(enum user_copy op)
{
    return op == USER_COPY_FROM ? ACCESS_READ : ACCESS_WRITE;
}

// The copy itself, `p` being the place in the direct map.
static inline void user_copy_run(void *p, void *kernel, size_t n, enum user_copy op)
{
    const void *src = op == USER_COPY_FROM ? p : kernel;
    void *dst = op == USER_COPY_FROM ? kernel : p;

    if (op == USER_COPY_ZERO && n == 1)
        *(u8 *)dst = 0;
    else if (op == USER_COPY_ZERO)
        memset(dst, 0, n);
    else if (n == 1)
        *(u8 *)dst = *(const u8 *)src;
    else if (n == 8 && !(((u64)src | (u64)dst) & 7))
        *(u64 *)dst = *(const u64 *)src;
    else if (n == PAGE_SIZE && !((u64)kernel & ~PAGE_MASK))
        page_copy(dst, src);
    else
        memcpy(dst, src, n);
}
