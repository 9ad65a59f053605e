// SPDX-License-Identifier: MIT
// mmap() and munmap(); xv6's flags have Linux's numbers.
#include "abi/mman.h"

#include "lib/linux.h"
#include "lib/trace.h"
#include "lib/xv6.h"
#include "user/user.h"

void *mmap(void *addr, int len, int prot, int flags, int fd, int off)
{
    long result = -EINVAL;

    if (len > 0 && off >= 0)
        result = ecall6(SYS_mmap, (long)addr, len, prot, flags, fd, off);
    return (void *)xv6_result(XV6_SYS_mmap, result);
}

int munmap(void *addr, int len)
{
    return xv6_result(XV6_SYS_munmap, len > 0 ? ecall2(SYS_munmap, (long)addr, len) : -EINVAL);
}
