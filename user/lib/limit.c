// SPDX-License-Identifier: MIT
#include "lib/limit.h"

#include "lib/linux.h"

struct rlimit64 limit_lift(void)
{
    struct rlimit64 limit = {0, 0}, wide;

    ecall4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit);
    wide = (struct rlimit64){limit.rlim_max, limit.rlim_max};
    ecall4(SYS_prlimit64, 0, RLIMIT_NOFILE, (long)&wide, 0);
    return limit;
}

void limit_restore(const struct rlimit64 *limit)
{
    ecall4(SYS_prlimit64, 0, RLIMIT_NOFILE, (long)limit, 0);
}
