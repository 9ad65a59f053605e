// SPDX-License-Identifier: MIT
// What the boot path leaves behind: where the image lies, and the boot context.
#pragma once
#include "arch/layout.h"
#include "lib/types.h"

#define BOOT_THREAD_SIZE 4096

struct phys_range {
    paddr_t base;
    u64 size; // bytes
};

// Linker symbols, virtual addresses of the image; all page-aligned.
extern char kernel_start[], kernel_text_end[], kernel_rodata_end[], kernel_end[];
extern char boot_guard[], boot_guard_end[]; // below the boot stack, in no map of the image

extern paddr_t kernel_phys_base; // (c) where kernel_start was loaded
extern u64 boot_hart_id;         // (c) SBI id of the hart that entered first

// The boot context: tp points at the storage (zeroed but for its struct arch_thread), which
// sched_init turns into the first struct thread; boot_stack_top is the end of its stack.
extern u8 boot_thread_storage[BOOT_THREAD_SIZE];
extern u8 boot_stack_top[];

// Physical address of an object in the kernel image (not in the direct map).
static inline paddr_t image_to_phys(const void *p)
{
    return (paddr_t)p - KERNEL_BASE + kernel_phys_base;
}
