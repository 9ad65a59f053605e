// SPDX-License-Identifier: MIT
// The machine a program written for xv6 assumes. Of user memory: text from the bottom, data, a
// guard page, one page of stack, the heap; at the top what is named here.
#pragma once

#include "kernel/riscv.h"

// Physical addresses: of QEMU's "virt" machine with 128 MiB.
#define CLINT    0x02000000L
#define PLIC     0x0c000000L
#define UART0    0x10000000L
#define VIRTIO0  0x10001000L
#define KERNBASE 0x80000000L
#define PHYSTOP  (KERNBASE + 128 * 1024 * 1024)

// User addresses. Only the page at USYSCALL can be read.
#define TRAMPOLINE (MAXVA - PGSIZE)
#define TRAPFRAME  (TRAMPOLINE - PGSIZE)
#define USYSCALL   (TRAPFRAME - PGSIZE)

// What lies at USYSCALL.
struct usyscall {
    int pid; // of the process that reads it
};
