// SPDX-License-Identifier: MIT
// User memory, back end "sum": by the hardware at the user's addresses, with SUM set meanwhile.
//
// A fault in uaccess_sum.S enters uaccess_trap, which faults the page in and retries the
// instruction, or makes the function return an error.
#include "arch/riscv/asm.h"
#include "arch/riscv/trap.h"
#include "arch/riscv/userwalk.h"
#include "arch/uaccess.h"

struct sum_result {
    u64 left;
    s64 error;
};

typedef struct sum_result sum_fn(u64 a0, u64 a1, u64 left, u64 a3, u64 a4, u64 a5, u64 a6,
                                 u64 nofault);

sum_fn sum_copy, sum_zero, sum_load32, sum_load64, sum_store32, sum_store64;
sum_fn sum_swap, sum_add, sum_or, sum_and, sum_xor, sum_cas;
extern char sum_text_start[], sum_text_end[], sum_fixup[];

bool uaccess_trap(struct trapframe *frame)
{
    struct mmu_space *space = hart_self()->space;
    int error = -EFAULT;

    if (frame->pc < (u64)sum_text_start || frame->pc >= (u64)sum_text_end || frame->cause >= 64 ||
        !(CAUSE_PAGE_FAULTS >> frame->cause & 1) || frame->tval >= USER_TOP)
        return false;
    if (!frame->x[FRAME_A7] && space) {
        trap_status_neutral();
        irq_enable();
        error = up_fault(space, frame->tval, trap_fault_access(frame));
        irq_disable();
    }
    if (error) {
        frame->x[FRAME_A1] = (u64)(s64)(error == -EINTR ? -EINTR : -EFAULT);
        frame->pc = (u64)sum_fixup;
    }
    return true;
}

int copy_from_user(void *dst, uaddr_t src, size_t n)
{
    if (!user_range_ok(src, n))
        return -EFAULT;
    return (int)sum_copy((u64)dst, src, n, 0, 0, 0, 0, 0).error;
}

int copy_to_user(uaddr_t dst, const void *src, size_t n)
{
    if (!user_range_ok(dst, n))
        return -EFAULT;
    return (int)sum_copy(dst, (u64)src, n, 0, 0, 0, 0, 0).error;
}

int user_zero(uaddr_t dst, size_t n)
{
    if (!user_range_ok(dst, n))
        return -EFAULT;
    return (int)sum_zero(dst, 0, n, 0, 0, 0, 0, 0).error;
}

// Page by page, so that the count is exact at the first page that faults.
static size_t copy_nofault(u64 dst, u64 src, size_t n, uaddr_t user)
{
    size_t done = 0;

    if (!user_range_ok(user, n))
        return 0;
    while (done < n) {
        size_t chunk = user_page_rest(user + done, n - done);

        if (sum_copy(dst + done, src + done, chunk, 0, 0, 0, 0, 1).left)
            break;
        done += chunk;
    }
    return done;
}

size_t copy_from_user_nofault(void *dst, uaddr_t src, size_t n)
{
    return copy_nofault((u64)dst, src, n, src);
}

size_t copy_to_user_nofault(uaddr_t dst, const void *src, size_t n)
{
    return copy_nofault(dst, (u64)src, n, dst);
}

int user_word(uaddr_t va, enum user_word op, u64 operand, u64 old, u64 *seen)
{
    static sum_fn *const words[] = {
        [USER_LOAD32] = sum_load32,   [USER_LOAD64] = sum_load64, [USER_STORE32] = sum_store32,
        [USER_STORE64] = sum_store64, [USER_CAS] = sum_cas,       [USER_SWAP] = sum_swap,
        [USER_ADD] = sum_add,         [USER_OR] = sum_or,         [USER_AND] = sum_and,
        [USER_XOR] = sum_xor,
    };

    return (int)words[op](va, (u64)seen, 0, operand, old, 0, 0, 0).error;
}
