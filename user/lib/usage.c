// SPDX-License-Identifier: MIT
#include "lib/usage.h"

#include "abi/sysinfo.h"
#include "lib/linux.h"

int usage_get(uint64 *free, uint64 *processes)
{
    struct sysinfo info;
    int result = ecall1(SYS_sysinfo, (long)&info);

    if (result == 0) {
        *free = info.freeram * info.mem_unit;
        *processes = info.procs;
    }
    return result;
}
