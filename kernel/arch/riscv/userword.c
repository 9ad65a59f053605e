// SPDX-License-Identifier: MIT
// Words of user memory, aligned ones read or written once, and atomic operations on them.
#include "arch/riscv/userwalk.h"
#include "arch/uaccess.h"

// Loads first; from USER_SWAP on as enum user_op.
enum user_word {
    USER_LOAD32,
    USER_LOAD64,
    USER_STORE32,
    USER_STORE64,
    USER_CAS,
    USER_SWAP,
    USER_ADD,
    USER_OR,
    USER_AND,
    USER_XOR
};

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

// Size 4 or 8, and aligned. *seen = the value loaded or found before.
static int word_access(uaddr_t va, size_t size, enum user_word op, u64 operand, u64 old, u64 *seen)
{
    enum access access = op <= USER_LOAD64 ? ACCESS_READ : ACCESS_WRITE;
    int error = 0;

    if (va % size || !user_range_ok(va, size))
        return -EFAULT;
    while (!error) {
        irqflags_t flags = irq_save();
        void *p = user_window(va, size, access);

        if (likely(p))
            *seen = word_apply(p, op, operand, old);
        irq_restore(flags);
        if (likely(p))
            return 0;
        error = user_fault(va, access);
    }
    return error;
}

// A word that is not aligned may lie in two pages: it is moved as bytes.
static __attribute__((noinline)) int misaligned_put(uaddr_t dst, u64 value, size_t size)
{
    return copy_to_user(dst, &value, size);
}

int get_user_u32(u32 *out, uaddr_t src)
{
    u64 seen;
    int error;

    if (unlikely(src % 4))
        return copy_from_user(out, src, 4);
    error = word_access(src, 4, USER_LOAD32, 0, 0, &seen);
    if (!error)
        *out = (u32)seen;
    return error;
}

int get_user_u64(u64 *out, uaddr_t src)
{
    if (unlikely(src % 8))
        return copy_from_user(out, src, 8);
    return word_access(src, 8, USER_LOAD64, 0, 0, out);
}

int put_user_u32(uaddr_t dst, u32 value)
{
    u64 seen;

    if (unlikely(dst % 4))
        return misaligned_put(dst, value, 4);
    return word_access(dst, 4, USER_STORE32, value, 0, &seen);
}

int put_user_u64(uaddr_t dst, u64 value)
{
    u64 seen;

    if (unlikely(dst % 8))
        return misaligned_put(dst, value, 8);
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
