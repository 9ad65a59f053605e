// SPDX-License-Identifier: MIT
// The break. Pages come on first touch. A heap of more than xv6's machine has, than was free when
// it began, or than is free now is refused at once: who takes all of memory gets -1 before it dies.
#include "kernel/memlayout.h"
#include "lib/linux.h"
#include "lib/trace.h"
#include "lib/usage.h"
#include "lib/xv6.h"
#include "user/user.h"

#define HEAP_MAX (PHYSTOP - KERNBASE)
#define RESERVE  (1UL << 20) // bytes left for page tables and other programs

static char *bottom, *now;
static uint64 size_max;

static uint64 memory_free(void)
{
    uint64 free, processes;

    return usage_get(&free, &processes) == 0 && free > RESERVE ? free - RESERVE : 0;
}

static void heap_begin(void)
{
    uint64 free = memory_free();

    bottom = now = (char *)ecall1(SYS_brk, 0);
    size_max = free < HEAP_MAX ? free : HEAP_MAX;
}

// The kernel's break call returns the break in force, whether it could move it or not.
static char *heap_move(int n)
{
    char *old = now, *moved = old + n;

    if (moved < bottom)
        return (char *)-1;
    if (n > 0 && ((uint64)(moved - bottom) > size_max || (uint64)n > memory_free()))
        return (char *)-1;
    if (n != 0 && (char *)ecall1(SYS_brk, (long)moved) != moved)
        return (char *)-1;
    now = moved;
    return old;
}

char *sbrk(int n)
{
    if (!bottom)
        heap_begin();
    char *old = heap_move(n);
    xv6_result(XV6_SYS_sbrk, (long)old);
    return old;
}

char *sbrklazy(int n)
{
    return sbrk(n);
}
