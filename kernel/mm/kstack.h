// SPDX-License-Identifier: MIT
// Kernel stacks: KSTACK_SIZE bytes above an unmapped guard of the same size, recycled.
#pragma once
#include "lib/types.h"

// Top of a fresh stack, NULL when memory is out. May sleep? No.
void *kstack_alloc(void);
// Any context where mmu work may be deferred: stacks are cached, mappings are kept.
void kstack_free(void *top);
u64 kstack_cached_pages(void);
// Unmaps and frees the cached stacks (drop_caches). May wait for other harts.
void kstack_shrink(void);
