// SPDX-License-Identifier: MIT
// Entries of /proc/<pid>/pagemap: one of 64 bits for each page of the address space (proc(5)).
#pragma once

#define PAGEMAP_PFN_BITS  55          // bits 0..54: the page frame's number, or 0
#define PAGEMAP_EXCLUSIVE (1UL << 56) // nobody else maps it
#define PAGEMAP_FILE      (1UL << 61) // a page of a file or of shared memory
#define PAGEMAP_PRESENT   (1UL << 63)
