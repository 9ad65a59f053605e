// SPDX-License-Identifier: MIT
// Clock calls that run in user mode, from the time counter and the kernel's data page.

#include "abi/syscall.h"
#include "abi/time.h"
#include "proc/vdso/data.h"

#define NS_PER_SEC 1000000000UL

extern const volatile struct vdso_data vdso_data __attribute__((visibility("hidden")));

int __vdso_clock_gettime(int clock, struct timespec *out);
int __vdso_gettimeofday(struct timeval *tv, void *zone);
int __vdso_clock_getres(int clock, struct timespec *out);
int __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);
int __vdso_flush_icache(unsigned long start, unsigned long end, unsigned long flags);

static long call3(long number, long a, long b, long c)
{
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a7 __asm__("a7") = number;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}

// Monotonic nanoseconds, plus the offset to real time if wanted, as one consistent reading.
static unsigned long now(int real)
{
    unsigned long ticks, ns;
    unsigned sequence;

    do {
        sequence = vdso_data.sequence;
        __asm__ volatile("fence r, r\n\trdtime %0" : "=r"(ticks)::"memory");
        ns = (unsigned __int128)(ticks - vdso_data.base) * vdso_data.mult >> vdso_data.shift;
        if (real)
            ns += vdso_data.realtime_offset;
        __asm__ volatile("fence r, r" ::: "memory");
    } while ((sequence & 1) || sequence != vdso_data.sequence);
    return ns;
}

int __vdso_clock_gettime(int clock, struct timespec *out)
{
    int real = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    unsigned long ns;

    if (!real && clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_RAW &&
        clock != CLOCK_MONOTONIC_COARSE && clock != CLOCK_BOOTTIME)
        return call3(SYS_clock_gettime, clock, (long)out, 0);
    ns = now(real);
    out->tv_sec = ns / NS_PER_SEC;
    out->tv_nsec = ns % NS_PER_SEC;
    return 0;
}

int __vdso_gettimeofday(struct timeval *tv, void *zone)
{
    unsigned long ns;

    if (zone)
        return call3(SYS_gettimeofday, (long)tv, (long)zone, 0);
    if (!tv)
        return 0;
    ns = now(1);
    tv->tv_sec = ns / NS_PER_SEC;
    tv->tv_usec = ns % NS_PER_SEC / 1000;
    return 0;
}

int __vdso_clock_getres(int clock, struct timespec *out)
{
    return call3(SYS_clock_getres, clock, (long)out, 0);
}

int __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
    return call3(SYS_getcpu, (long)cpu, (long)node, (long)unused);
}

int __vdso_flush_icache(unsigned long start, unsigned long end, unsigned long flags)
{
    return call3(SYS_riscv_flush_icache, start, end, flags);
}
