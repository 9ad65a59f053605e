// SPDX-License-Identifier: MIT
// Control and status registers of this hart, and the fences of its address translation.
#pragma once
#include "lib/types.h"

#define csr_read(csr)                                                   \
    ({                                                                  \
        u64 csr_value;                                                  \
        __asm__ volatile("csrr %0, " #csr : "=r"(csr_value)::"memory"); \
        csr_value;                                                      \
    })
#define csr_write(csr, value) __asm__ volatile("csrw " #csr ", %0" ::"r"(value) : "memory")
#define csr_set(csr, bits)    __asm__ volatile("csrs " #csr ", %0" ::"r"(bits) : "memory")
#define csr_clear(csr, bits)  __asm__ volatile("csrc " #csr ", %0" ::"r"(bits) : "memory")

static inline void sfence_all(void)
{
    __asm__ volatile("sfence.vma" ::: "memory");
}

static inline void sfence_page(vaddr_t va)
{
    __asm__ volatile("sfence.vma %0" ::"r"(va) : "memory");
}

static inline void sfence_user_page(uaddr_t va, u64 asid)
{
    __asm__ volatile("sfence.vma %0, %1" ::"r"(va), "r"(asid) : "memory");
}

static inline void sfence_asid(u64 asid)
{
    __asm__ volatile("sfence.vma zero, %0" ::"r"(asid) : "memory");
}

static inline void fence_i(void)
{
    __asm__ volatile("fence.i" ::: "memory");
}
