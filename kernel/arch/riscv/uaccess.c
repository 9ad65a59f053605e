// SPDX-License-Identifier: MIT
// User memory: faulting pages in, strings, copies.
//
// Each step handles one page; a page that is not ready is faulted in with interrupts on, and the
// step repeated. There are two ways to a page, chosen at build. Walk: through the page table by
// hand and the direct map, with interrupts off. sstatus.SUM stays clear, so a stray kernel access
// to user memory always faults. Sum: copies go by the hardware to the user's address, with SUM set
// meanwhile (uaccess_sum.S); all else walks.
#include "arch/uaccess.h"
#include "arch/riscv/asm.h"
#include "arch/riscv/userwalk.h"

#define STRING_CHUNK   512UL // copied with interrupts off
#define PREFAULT_PAGES 16

// uaccess_sum.S; returns the bytes left. The page faults of its text are excused.
u64 sum_copy(u64 dst, u64 src, u64 n);
extern char sum_text_start[], sum_text_end[], sum_fixup[];

// Sets missing A and D bits unless the entry changes meanwhile; the entry, 0 if it refuses.
static pte_t pte_touch(pte_t *p, enum access access)
{
    pte_t right = access == ACCESS_WRITE ? PTE_W : PTE_R;
    pte_t used = access == ACCESS_WRITE ? PTE_A | PTE_D : PTE_A;
    pte_t need = PTE_V | PTE_U | right;

    for (;;) {
        pte_t pte = load_relaxed(p);

        if ((pte & need) != need)
            return 0;
        if ((pte & used) == used || atomic_cas(p, pte, pte | used))
            return pte;
    }
}

// Another hart may store the entry at any time: what is used is the one that was touched.
void *user_walk_slow(pte_t *root, uaddr_t va, enum access access)
{
    unsigned shift = 30;
    pte_t *p = &root[va >> shift];
    pte_t pte = load_relaxed(p);

    while (shift > PAGE_SHIFT && (pte & (PTE_V | PTE_R | PTE_W | PTE_X)) == PTE_V) {
        shift -= 9;
        p = (pte_t *)user_walk_base(pte) + (va >> shift & 511);
        pte = load_relaxed(p);
    }
    pte = pte_touch(p, access);
    if (!pte)
        return NULL;
    return (char *)user_walk_base(pte) + (va & (BIT(shift) - 1));
}

int user_fault(uaddr_t va, enum access access)
{
    irqflags_t flags = irq_save();
    struct mmu_space *space = hart_self()->space;
    int error;

    irq_restore(flags);
    if (!space)
        return -EFAULT;
    error = up_fault(space, va, access);
    return error && error != -EINTR ? -EFAULT : error;
}

void *user_window(uaddr_t va, size_t n, enum access access)
{
    struct mmu_space *space = hart_self()->space;

    if (!space || va >= USER_TOP || n > PAGE_SIZE - (va & ~PAGE_MASK))
        return NULL;
    return user_walk(space->root, va, access);
}

static bool user_ready(uaddr_t va, enum access access)
{
    irqflags_t flags = irq_save();
    bool ready = user_window(va, 1, access);

    irq_restore(flags);
    return ready;
}

int user_prefault(uaddr_t va, size_t n, enum access access)
{
    uaddr_t at = va, end;

    if (!user_range_ok(va, n))
        return -EFAULT;
    end = va + MIN(n, PREFAULT_PAGES * PAGE_SIZE - (va & ~PAGE_MASK));
    for (; at < end; at = ALIGN_DOWN(at, PAGE_SIZE) + PAGE_SIZE) {
        while (!user_ready(at, access)) {
            int error = user_fault(at, access);

            if (error)
                return at == va ? error : 0;
        }
    }
    return 0;
}

// The bytes of one ready page up to n or the NUL; how many came before that. -1: the page is not
// ready.
static inline __attribute__((always_inline)) ssize_t string_part(char *dst, uaddr_t src, size_t n,
                                                                 bool quick)
{
    irqflags_t flags = irq_save();
    struct mmu_space *space = hart_self()->space;
    const char *s = NULL, *start, *end;

    if (likely(space))
        s = quick ? user_walk_fast(space->root, src, ACCESS_READ)
                  : user_walk(space->root, src, ACCESS_READ);
    start = s;
    if (likely(s))
        for (end = s + n; s < end && (*dst = *s); s++)
            dst++;
    irq_restore(flags);
    return likely(start) ? s - start : -1;
}

static __attribute__((noinline)) ssize_t string_long(char *dst, uaddr_t src, size_t size)
{
    size_t done = 0;

    while (done < size) {
        uaddr_t at = src + done;
        size_t n = user_page_rest(at, MIN(size - done, STRING_CHUNK));
        ssize_t part;

        if (at >= USER_TOP)
            return -EFAULT;
        part = string_part(dst + done, at, n, false);
        if (part < 0) {
            int error = user_fault(at, ACCESS_READ);

            if (error)
                return error;
            continue;
        }
        done += part;
        if (part < n)
            return done;
    }
    return -ENAMETOOLONG;
}

// Most strings are short and lie in one page that is ready.
ssize_t strncpy_from_user(char *dst, uaddr_t src, size_t size)
{
    size_t n = user_page_rest(src, MIN(size, STRING_CHUNK));
    ssize_t part = likely(src < USER_TOP) ? string_part(dst, src, n, true) : -1;

    return likely((size_t)part < n) ? part : string_long(dst, src, size);
}

/* Copies */

// Copies within one page that is ready; false: it is not. `quick`: it may as well be taken for not
// ready.
static inline __attribute__((always_inline)) bool page_run(uaddr_t va, void *kernel, size_t n,
                                                           enum user_copy op, bool quick)
{
    irqflags_t flags;
    struct mmu_space *space;
    void *p = NULL;

    if (UACCESS_SUM && op == USER_COPY_FROM)
        return sum_copy((u64)kernel, va, n) == 0;
    if (UACCESS_SUM && op == USER_COPY_TO)
        return sum_copy(va, (u64)kernel, n) == 0;
    flags = irq_save();
    space = hart_self()->space;
    if (likely(space))
        p = quick ? user_walk_fast(space->root, va, user_copy_access(op))
                  : user_walk(space->root, va, user_copy_access(op));
    if (likely(p))
        user_copy_run(p, kernel, n, op);
    irq_restore(flags);
    return p;
}

static inline __attribute__((always_inline)) bool page_try(uaddr_t va, void *kernel, size_t n,
                                                           enum user_copy op)
{
    if (unlikely(va >= USER_TOP || n > PAGE_SIZE - (va & ~PAGE_MASK)))
        return false;
    return page_run(va, kernel, n, op, true);
}

// Copies up to the first page that is not ready; bytes done. The range is below USER_TOP.
static size_t copy_ready(uaddr_t va, void *kernel, size_t n, enum user_copy op)
{
    size_t done = 0;

    while (done < n) {
        size_t chunk = user_page_rest(va + done, n - done);

        if (!page_run(va + done, (char *)kernel + done, chunk, op, false))
            break;
        done += chunk;
    }
    return done;
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
        size_t done = copy_ready(va, kernel, n, op);
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
    return user_range_ok(va, n) ? copy_ready(va, kernel, n, op) : 0;
}

size_t copy_from_user_nofault(void *dst, uaddr_t src, size_t n)
{
    return copy_nofault(src, dst, n, USER_COPY_FROM);
}

size_t copy_to_user_nofault(uaddr_t dst, const void *src, size_t n)
{
    return copy_nofault(dst, (void *)src, n, USER_COPY_TO);
}

// A fault in sum_copy ends it: page_run reports that the page is not ready.
bool uaccess_trap(struct trapframe *frame)
{
    if (!UACCESS_SUM || frame->pc < (u64)sum_text_start || frame->pc >= (u64)sum_text_end ||
        frame->cause >= 64 || !(CAUSE_PAGE_FAULTS >> frame->cause & 1) || frame->tval >= USER_TOP)
        return false;
    frame->pc = (u64)sum_fixup;
    return true;
}
