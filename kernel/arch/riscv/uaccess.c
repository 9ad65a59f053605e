// SPDX-License-Identifier: MIT
// User memory: what both back ends share.
#include "arch/uaccess.h"
#include "arch/riscv/userwalk.h"

#define STRING_CHUNK   512UL // copied with interrupts off
#define PREFAULT_PAGES 16

// Sets missing A and D bits unless the entry changes meanwhile; false: refused.
static bool pte_touch(pte_t *p, enum access access)
{
    pte_t right = access == ACCESS_WRITE ? PTE_W : PTE_R;
    pte_t used = access == ACCESS_WRITE ? PTE_A | PTE_D : PTE_A;
    pte_t need = PTE_V | PTE_U | right;

    for (;;) {
        pte_t pte = load_relaxed(p);

        if ((pte & need) != need)
            return false;
        if ((pte & used) == used || atomic_cas(p, pte, pte | used))
            return true;
    }
}

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
    if (!pte_touch(p, access))
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
                return error;
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

size_t user_copy_pages(uaddr_t va, void *kernel, size_t n, enum user_copy op)
{
    size_t done = 0;

    while (done < n) {
        size_t chunk = user_page_rest(va + done, n - done);
        irqflags_t flags = irq_save();
        struct mmu_space *s = hart_self()->space;
        void *p = likely(s) ? user_walk(s->root, va + done, user_copy_access(op)) : NULL;

        if (likely(p))
            user_copy_run(p, (char *)kernel + done, chunk, op);
        irq_restore(flags);
        if (!p)
            break;
        done += chunk;
    }
    return done;
}

// An aligned word; size 4 or 8.
static int word_access(uaddr_t va, size_t size, enum user_word op, u64 operand, u64 old, u64 *seen)
{
    if (va % size || !user_range_ok(va, size))
        return -EFAULT;
    return user_word(va, op, operand, old, seen);
}

int get_user_u32(u32 *out, uaddr_t src)
{
    u64 seen;
    int error = word_access(src, 4, USER_LOAD32, 0, 0, &seen);

    if (!error)
        *out = (u32)seen;
    return error;
}

int get_user_u64(u64 *out, uaddr_t src)
{
    return word_access(src, 8, USER_LOAD64, 0, 0, out);
}

int put_user_u32(uaddr_t dst, u32 value)
{
    u64 seen;

    return word_access(dst, 4, USER_STORE32, value, 0, &seen);
}

int put_user_u64(uaddr_t dst, u64 value)
{
    u64 seen;

    return word_access(dst, 8, USER_STORE64, value, 0, &seen);
}

int user_cas_u32(uaddr_t addr, u32 old, u32 new, u32 *seen)
{
    u64 found = 0;
    int error = word_access(addr, 4, USER_CAS, new, old, &found);

    *seen = (u32)found;
    return error;
}

int user_fetch_op_u32(uaddr_t addr, enum user_op op, u32 operand, u32 *seen)
{
    u64 found = 0;
    int error =
        word_access(addr, 4, USER_SWAP + op, op == USER_OP_ANDN ? ~operand : operand, 0, &found);

    *seen = (u32)found;
    return error;
}
