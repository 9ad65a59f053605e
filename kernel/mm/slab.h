// SPDX-License-Identifier: MIT
// Slab caches of equal objects, with per-hart magazines, and kmalloc on top of them.
#pragma once
#include "lib/types.h"
#include "mm/frame.h"

struct slab_cache;

// Makes the caches behind kmalloc; after frames_init, before any other function here.
void slab_init(void);

// A cache for objects of `size` bytes (at most 2048), aligned to `align` (power of two, at least
// 8); `name` must live on. Boot-time caches: panics when memory is out, with one clear line.
struct slab_cache *slab_cache_create(const char *name, size_t size, size_t align);

// NULL when memory is out. flags: ALLOC_*.
void *slab_alloc(struct slab_cache *c, unsigned flags);
void slab_free(struct slab_cache *c, void *object); // NULL is allowed

// Any size up to 4 MiB; above 2048 bytes whole pages.
void *kmalloc(size_t size, unsigned flags);
void kfree(void *p); // NULL is allowed

// Gives wholly free slabs back to the frame allocator (drop_caches, memory pressure).
void slab_shrink(void);
// Registers a function that frees cached objects on drop_caches; boot only.
void shrinker_register(void (*shrink)(void));
void shrink_all(void);

// One line a cache: name, object size, in use, pages (for /proc/slabinfo). Calls put() per cache.
void slab_each(void (*put)(void *arg, const char *name, size_t size, u64 used, u64 pages),
               void *arg);
void slab_check(void);
