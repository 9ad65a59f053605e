// SPDX-License-Identifier: MIT
// The layout of the native build: user addresses as on the real machine (they are only ever looked
// up in page tables), and a direct map where a native process has room for it.
#pragma once
#include "lib/types.h"

#define USER_MIN    0x1000UL
#define USER_TOP    0x4000000000UL
#define DIRECT_MAP  0x200000000000UL
#define KERNEL_BASE 0UL // the image is the native program

#define KSTACK_SIZE 131072UL // the sanitizers' frames are large
#define MAX_HARTS   8

static inline void *phys_to_virt(paddr_t pa)
{
    return (void *)(pa + DIRECT_MAP);
}

static inline paddr_t virt_to_phys(const void *va)
{
    return (paddr_t)va - DIRECT_MAP;
}
