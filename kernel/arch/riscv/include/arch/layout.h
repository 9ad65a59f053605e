// SPDX-License-Identifier: MIT
// The virtual address layout under Sv39 and the limits that follow from it.
//
//   0x0000000000001000 .. USER_TOP         user memory of the current space
//   DIRECT_MAP .. +DIRECT_GIBS GiB         all RAM, huge global pages, never executable
//   KSTACK_BASE .. KSTACK_END              kernel stacks, each above an unmapped guard
//   MMIO_BASE .. MMIO_END                  device registers
//   KERNEL_BASE                            the kernel image, W^X
#pragma once

#define USER_MIN    0x1000UL
#define USER_TOP    0x4000000000UL // first address past user memory: 256 GiB
#define DIRECT_MAP  0xffffffc000000000UL
#define DIRECT_GIBS 128 // RAM above is not used
#define KSTACK_BASE 0xffffffe000000000UL
#define KSTACK_END  0xffffffe040000000UL
#define MMIO_BASE   0xfffffff000000000UL
#define MMIO_END    0xfffffff040000000UL
#define KERNEL_BASE 0xffffffff80000000UL

#define KSTACK_SIZE 16384UL // bytes of a kernel stack; its slot is twice that, guard below
#define MAX_HARTS   64

#ifndef __ASSEMBLER__
#include "lib/types.h"

// Physical address of an address in the direct map, and back.
static inline void *phys_to_virt(paddr_t pa)
{
    return (void *)(pa + DIRECT_MAP);
}

static inline paddr_t virt_to_phys(const void *va)
{
    return (paddr_t)va - DIRECT_MAP;
}
#endif
