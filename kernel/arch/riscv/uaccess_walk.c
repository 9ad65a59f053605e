// SPDX-License-Identifier: MIT
// User memory, back end "walk": through the page table by hand and the direct map.
//
// sstatus.SUM stays clear, so a stray kernel access to user memory always faults. Each step walks
// and copies within one page with interrupts off; a page that is not ready is faulted in with
// interrupts on, and the step repeated.
#include "arch/riscv/userwalk.h"
#include "arch/uaccess.h"

// Copies within one page that is ready; false: the general way.
static inline __attribute__((always_inline)) bool page_try(uaddr_t va, void *kernel, size_t n,
                                                           enum user_copy op)
{
    irqflags_t flags;
    struct mmu_space *space;
    void *p = NULL;

    if (unlikely(va >= USER_TOP || n > PAGE_SIZE - (va & ~PAGE_MASK)))
        return false;
    flags = irq_save();
    space = hart_self()->space;
    if (likely(space))
        p = user_walk_fast(space->root, va, user_copy_access(op));
    if (likely(p))
        user_copy_run(p, kernel, n, op);
    irq_restore(flags);
    return p;
}

// Any copy: pages that are not ready are faulted in and retried.
static __attribute__((noinline)) int copy_pages(uaddr_t va, void *kernel, size_t n,
                                                enum user_copy op)
{
    if (likely(page_try(va, kernel, n, op)))
        return 0;
    if (unlikely(!user_range_ok(va, n)))
        return -EFAULT;
    for (;;) {
        size_t done = user_copy_pages(va, kernel, n, op);
        int error;

        if (likely(done == n))
            return 0;
        kernel = (char *)kernel + done;
        va += done;
        n -= done;
        error = user_fault(va, user_copy_access(op));
        if (unlikely(error))
            return error;
    }
}

// A byte or an aligned word is copied without a further call, and needs no stack frame.
static inline int copy(uaddr_t va, void *kernel, size_t n, enum user_copy op)
{
    if (n == 1 && likely(page_try(va, kernel, 1, op)))
        return 0;
    if (n == 8 && !((va | (u64)kernel) & 7) && likely(page_try(va, kernel, 8, op)))
        return 0;
    return copy_pages(va, kernel, n, op);
}

int copy_from_user(void *dst, uaddr_t src, size_t n)
{
    return copy(src, dst, n, USER_COPY_FROM);
}

int copy_to_user(uaddr_t dst, const void *src, size_t n)
{
    return copy(dst, (void *)src, n, USER_COPY_TO);
}

int user_zero(uaddr_t dst, size_t n)
{
    return copy(dst, NULL, n, USER_COPY_ZERO);
}

static inline size_t copy_nofault(uaddr_t va, void *kernel, size_t n, enum user_copy op)
{
    if (likely(n == PAGE_SIZE ? page_try(va, kernel, PAGE_SIZE, op) : page_try(va, kernel, n, op)))
        return n;
    return user_range_ok(va, n) ? user_copy_pages(va, kernel, n, op) : 0;
}

size_t copy_from_user_nofault(void *dst, uaddr_t src, size_t n)
{
    return copy_nofault(src, dst, n, USER_COPY_FROM);
}

size_t copy_to_user_nofault(uaddr_t dst, const void *src, size_t n)
{
    return copy_nofault(dst, (void *)src, n, USER_COPY_TO);
}

static u64 word_apply(void *p, enum user_word op, u64 operand, u64 old)
{
    u32 *word = p;

    switch (op) {
    case USER_LOAD32:
        return load_relaxed(word);
    case USER_LOAD64:
        return load_relaxed((u64 *)p);
    case USER_STORE32:
        store_relaxed(word, (u32)operand);
        return 0;
    case USER_STORE64:
        store_relaxed((u64 *)p, operand);
        return 0;
    case USER_CAS:
        return atomic_cas_seen_u32(word, (u32)old, (u32)operand);
    case USER_SWAP:
        return atomic_xchg(word, (u32)operand);
    case USER_ADD:
        return atomic_fetch_add(word, (u32)operand);
    case USER_OR:
        return atomic_fetch_or(word, (u32)operand);
    case USER_AND:
        return atomic_fetch_and(word, (u32)operand);
    default:
        return __atomic_fetch_xor(word, (u32)operand, __ATOMIC_SEQ_CST);
    }
}

int user_word(uaddr_t va, enum user_word op, u64 operand, u64 old, u64 *seen)
{
    enum access access = op <= USER_LOAD64 ? ACCESS_READ : ACCESS_WRITE;

    for (;;) {
        irqflags_t flags = irq_save();
        struct mmu_space *space = hart_self()->space;
        void *p = likely(space) ? user_walk(space->root, va, access) : NULL;
        int error;

        if (likely(p))
            *seen = word_apply(p, op, operand, old);
        irq_restore(flags);
        if (likely(p))
            return 0;
        error = user_fault(va, access);
        if (error)
            return error;
    }
}

// The kernel never touches user addresses, so no fault is excused.
bool uaccess_trap(struct trapframe *frame)
{
    return false;
}
