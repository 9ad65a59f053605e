// SPDX-License-Identifier: MIT
#include "lib/usage.h"

#include "abi/sysinfo.h"
#include "lib/linux.h"
#include "user/user.h"

#define MEMINFO_SIZE 160 // of its first lines

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

uint64 usage_available(void)
{
    static const char name[] = "MemAvailable:";
    char text[MEMINFO_SIZE], *at = text;
    int fd = sys_open("/proc/meminfo", O_RDONLY, 0);
    long n = fd < 0 ? 0 : sys_read(fd, text, sizeof(text) - 1);
    uint64 free = 0, processes;

    if (fd >= 0)
        sys_close(fd);
    text[n > 0 ? n : 0] = 0;
    while (*at && memcmp(at, name, sizeof(name) - 1) != 0)
        at++;
    if (!*at) { // no descriptor is left, or there is no /proc
        usage_get(&free, &processes);
        return free;
    }
    for (at += sizeof(name) - 1; *at == ' ';)
        at++;
    return (uint64)atoi(at) * 1024;
}
