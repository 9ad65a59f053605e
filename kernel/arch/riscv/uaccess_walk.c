// SPDX-License-Identifier: MIT
// User memory, back end "walk": through the page table by hand and the direct map.
//
// sstatus.SUM stays clear, so a stray kernel access to user memory always faults. Each step walks
// and copies within one page with interrupts off; a page that is not ready is faulted in with
// interrupts on, and the step repeated.
#include "arch/riscv/userwalk.h"
#include "arch/uaccess.h"
#include "lib/string.h"

// The general copy: pages that are not ready are faulted in and retried.
static __attribute__((noinline)) int copy_pages(uaddr_t va, void *kernel, size_t n,
                                                enum user_copy op)
{
    size_t done;

    if (unlikely(!user_range_ok(va, n)))
        return -EFAULT;
    for (;;) {
        int error;

        done = user_copy_pages(NULL, va, kernel, n, op);
        if (likely(done == n))
            return 0;
        kernel = (char *)kernel + done;
        va += done;
        n -= done;
        error = user_fault(va, op == USER_COPY_FROM ? ACCESS_READ : ACCESS_WRITE);
        if (unlikely(error))
            return error;
    }
}

// A byte or an aligned word of 4 or 8 bytes: lies within one page and needs no loop.
static inline bool is_word(uaddr_t user, const void *kernel, size_t n)
{
    return n == 1 || ((n == 8 || n == 4) && ((user | (u64)kernel) & (n - 1)) == 0);
}

static inline void copy_word(void *dst, const void *src, size_t n)
{
    if (n == 1)
        *(u8 *)dst = *(const u8 *)src;
    else if (n == 8)
        *(u64 *)dst = *(const u64 *)src;
    else
        *(u32 *)dst = *(const u32 *)src;
}

// Words of ready pages, without a call; false: the general way.
static inline bool word_try(uaddr_t va, void *kernel, size_t n, enum access access)
{
    irqflags_t flags;
    struct mmu_space *space;
    void *p = NULL;

    if (va >= USER_TOP || !is_word(va, kernel, n))
        return false;
    flags = irq_save();
    space = hart_self()->space;
    if (likely(space))
        p = user_walk_fast(space->root, va, access);
    if (likely(p))
        copy_word(access == ACCESS_WRITE ? p : kernel, access == ACCESS_WRITE ? kernel : p, n);
    irq_restore(flags);
    return p;
}

int copy_from_user(void *dst, uaddr_t src, size_t n)
{
    return likely(word_try(src, dst, n, ACCESS_READ)) ? 0 : copy_pages(src, dst, n, USER_COPY_FROM);
}

int copy_to_user(uaddr_t dst, const void *src, size_t n)
{
    void *from = (void *)src;

    return likely(word_try(dst, from, n, ACCESS_WRITE)) ? 0
                                                        : copy_pages(dst, from, n, USER_COPY_TO);
}

int user_zero(uaddr_t dst, size_t n)
{
    return copy_pages(dst, NULL, n, USER_COPY_ZERO);
}

size_t copy_from_user_nofault(void *dst, uaddr_t src, size_t n)
{
    return user_range_ok(src, n) ? user_copy_pages(NULL, src, dst, n, USER_COPY_FROM) : 0;
}

size_t copy_to_user_nofault(uaddr_t dst, const void *src, size_t n)
{
    return user_range_ok(dst, n) ? user_copy_pages(NULL, dst, (void *)src, n, USER_COPY_TO) : 0;
}

// By hand: GCC 12's compare-exchange takes the upper half of `old` as it finds it (PR 114130).
static u32 word_cas(u32 *word, s64 old, u32 new)
{
    u32 failed;
    s64 seen;

    __asm__ volatile("1: lr.w.aqrl %0, (%2)\n"
                     "   bne %0, %3, 2f\n"
                     "   sc.w.rl %1, %4, (%2)\n"
                     "   bnez %1, 1b\n"
                     "2:"
                     : "=&r"(seen), "=&r"(failed)
                     : "r"(word), "r"(old), "r"(new)
                     : "memory");
    return (u32)seen;
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
        return word_cas(word, (s32)old, (u32)operand);
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
