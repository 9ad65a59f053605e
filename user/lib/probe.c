// SPDX-License-Identifier: MIT
#include "lib/probe.h"

#include "abi/futex.h"
#include "kernel/riscv.h"
#include "lib/linux.h"

// Has the kernel add nothing to the int that `p` lies in: whether it can, and all stays as it is.
static bool probe_int(void *p)
{
    long word = (long)p & -(long)sizeof(int), add = FUTEX_OP_ADD << 28;

    return ecall6(SYS_futex, word, FUTEX_WAKE_OP, 0, 0, word, add) >= 0;
}

bool probe_write(void *p, uint n)
{
    char *last = (char *)p + n - 1;

    return probe_int(p) && (PGROUNDDOWN((uint64)p) == PGROUNDDOWN((uint64)last) || probe_int(last));
}

bool probe_string(const void *text)
{
    return ecall3(SYS_faccessat, AT_FDCWD, (long)text, 0) != -EFAULT;
}
