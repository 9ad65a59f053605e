// SPDX-License-Identifier: MIT
// The break. Pages come on first touch. A heap of more than xv6's machine has, than was free when
// it began, or than is free now is refused at once: who takes all of memory gets -1 before it dies.
#include <stdbool.h>

#include "abi/mman.h"
#include "kernel/memlayout.h"
#include "kernel/riscv.h"
#include "lib/linux.h"
#include "lib/trace.h"
#include "lib/usage.h"
#include "lib/xv6.h"
#include "user/user.h"

#define HEAP_MAX   (PHYSTOP - KERNBASE)
#define SUPER_MAX  (8 * SUPERPGSIZE)
#define HEAP_ROUND (2UL << 20) // of the largest heap, so that it is the same from run to run
#define RESERVE    (4UL << 20) // bytes left for the kernel's own needs, and its tables

static char *bottom, *now;
static uint64 size_max;

// Whether `wanted` bytes are free, or what they hold of files can go for them.
static bool memory_has(uint64 wanted)
{
    uint64 free, processes;

    if (usage_get(&free, &processes) < 0)
        return false;
    return free >= wanted + RESERVE || usage_available() >= wanted + RESERVE;
}

static void heap_begin(void)
{
    uint64 available = usage_available();

    bottom = now = (char *)ecall1(SYS_brk, 0);
    available = available > HEAP_ROUND + RESERVE ? available - HEAP_ROUND - RESERVE : 0;
    available -= available % HEAP_ROUND;
    size_max = available < HEAP_MAX ? available : HEAP_MAX;
}

// The kernel's break call returns the break in force, whether it could move it or not.
static char *heap_move(int n)
{
    char *old = now, *moved = old + n;

    if (moved < bottom)
        return (char *)-1;
    if (n > 0 && ((uint64)(moved - bottom) > size_max || !memory_has(n)))
        return (char *)-1;
    if (n != 0 && (char *)ecall1(SYS_brk, (long)moved) != moved)
        return (char *)-1;
    now = moved;
    return old;
}

char *sbrklazy(int n)
{
    if (!bottom)
        heap_begin();
    char *old = heap_move(n);
    xv6_result(XV6_SYS_sbrk, (long)old);
    return old;
}

// Some 2 MiB come in superpages, each whole at its first touch. Who asks for much more at once
// touches little of it.
char *sbrk(int n)
{
    char *old = sbrklazy(n);

    if (n >= SUPERPGSIZE && n <= SUPER_MAX && old != (char *)-1) {
        uint64 start = PGROUNDUP((uint64)old);
        ecall3(SYS_madvise, start, PGROUNDUP((uint64)old + n) - start, MADV_HUGEPAGE);
    }
    return old;
}
