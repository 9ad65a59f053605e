// SPDX-License-Identifier: MIT
// mm/frame.h and mm/slab.h for HOSTED tests: every object an allocation of its own and every free
// frame poisoned, so that the address sanitizer sees each misuse; and everything is counted.
//
// Frames are reused as late as possible: the search for free ones goes round.
#include "arch/upcalls.h"
#include "base/panic.h"
#include "host.h"
#include "mm/failnth.h"
#include "mm/slab.h"

#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RAM_BASE      0x80000000UL
#define RAM_FRAMES    4096UL
#define FILL          0x6b // what fresh memory holds
#define CACHES_MAX    64
#define SHRINKERS_MAX 16

struct slab_cache {
    const char *name;
    size_t size, align;
    u64 used;
};

struct frame *frame_table;
pfn_t frame_base, frame_end;
void (*frames_low_hook)(void);

static struct slab_cache caches[CACHES_MAX];
static unsigned cache_count;
static struct slab_cache *kmalloc_cache;
static void (*shrinkers[SHRINKERS_MAX])(void);
static unsigned shrinker_count;
static u64 free_count, cursor;
static u64 baseline[CACHES_MAX], baseline_frames;

u64 host_fail_any;

static bool fails(unsigned flags)
{
    return alloc_fails(flags) ||
           (!(flags & ALLOC_NOFAIL_TEST) && host_fail_any && !--host_fail_any);
}

/* Frames */

static void ram_init(void)
{
    void *ram = phys_to_virt(RAM_BASE);
    size_t size = RAM_FRAMES << PAGE_SHIFT;

    verify(mmap(ram, size, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == ram);
    frame_table = calloc(RAM_FRAMES, sizeof(*frame_table));
    frame_base = RAM_BASE >> PAGE_SHIFT;
    frame_end = frame_base + RAM_FRAMES;
    free_count = RAM_FRAMES;
    ASAN_POISON_MEMORY_REGION(ram, size);
}

static struct frame *block_find(u64 pages)
{
    for (u64 tried = 0; tried < RAM_FRAMES; tried += pages) {
        struct frame *f = &frame_table[cursor];
        u64 n = 0;

        cursor = (cursor + pages) % RAM_FRAMES;
        while (n < pages && f[n].kind == FRAME_RESERVED)
            n++;
        if (n == pages)
            return f;
    }
    return NULL;
}

struct frame *frame_alloc(unsigned order, unsigned flags)
{
    u64 pages = BIT(order);
    struct frame *f;

    if (fails(flags))
        return NULL;
    cursor = ALIGN_UP(cursor, pages) % RAM_FRAMES;
    f = block_find(pages);
    if (!f)
        return NULL;
    free_count -= pages;
    for (u64 i = 0; i < pages; i++)
        f[i] = (struct frame){.kind = FRAME_KERNEL};
    f->order = order;
    ref_init(&f->refs, 1);
    ASAN_UNPOISON_MEMORY_REGION(frame_address(f), pages << PAGE_SHIFT);
    memset(frame_address(f), flags & ALLOC_ZERO ? 0 : FILL, pages << PAGE_SHIFT);
    return f;
}

void frame_free(struct frame *f)
{
    u64 pages = BIT(f->order);

    verify(f->refs.count == 0 && f->kind > FRAME_FREE);
    for (u64 i = 0; i < pages; i++)
        f[i].kind = FRAME_RESERVED;
    free_count += pages;
    ASAN_POISON_MEMORY_REGION(frame_address(f), pages << PAGE_SHIFT);
}

void frame_put(struct frame *f)
{
    verify(f->refs.count && f->kind > FRAME_FREE);
    if (ref_put(&f->refs))
        frame_free(f);
}

void frame_split(struct frame *f)
{
    for (u64 i = BIT(f->order) - 1; i; i--) {
        f[i].kind = f->kind;
        ref_init(&f[i].refs, 1);
    }
    f->order = 0;
}

void *up_table_alloc(void)
{
    struct frame *f = frame_alloc(0, ALLOC_ZERO);

    return f ? frame_address(f) : NULL;
}

void up_table_free(void *table)
{
    frame_put(virt_to_frame(table));
}

u64 frames_total(void)
{
    return RAM_FRAMES;
}

u64 frames_free(void)
{
    return free_count;
}

void frames_drain(void)
{
}

bool frames_short(void)
{
    return false;
}

void frames_out(void)
{
}

void frames_check(void)
{
}

/* Objects */

void slab_init(void)
{
    ram_init();
    kmalloc_cache = slab_cache_create("kmalloc", 1, 16);
}

struct slab_cache *slab_cache_create(const char *name, size_t size, size_t align)
{
    verify(cache_count < CACHES_MAX);
    caches[cache_count] = (struct slab_cache){name, size, MAX(align, 8UL), 0};
    return &caches[cache_count++];
}

static void *object_alloc(struct slab_cache *c, size_t size, unsigned flags)
{
    void *object;

    if (fails(flags))
        return NULL;
    object = aligned_alloc(c->align, ALIGN_UP(size, c->align));
    ASAN_UNPOISON_MEMORY_REGION(object, size);
    memset(object, flags & ALLOC_ZERO ? 0 : FILL, size);
    c->used++;
    return object;
}

void *slab_alloc(struct slab_cache *c, unsigned flags)
{
    return object_alloc(c, c->size, flags);
}

void slab_free(struct slab_cache *c, void *object)
{
    if (!object)
        return;
    c->used--;
    free(object);
}

void *kmalloc(size_t size, unsigned flags)
{
    unsigned order = 0;
    struct frame *f;

    if (size <= 2048)
        return object_alloc(kmalloc_cache, MAX(size, 1UL), flags);
    while (PAGE_SIZE << order < size)
        order++;
    f = frame_alloc(order, flags);
    return f ? frame_address(f) : NULL;
}

void kfree(void *p)
{
    u64 offset = virt_to_phys(p) - RAM_BASE;

    if (offset < RAM_FRAMES << PAGE_SHIFT)
        frame_put(virt_to_frame(p));
    else
        slab_free(kmalloc_cache, p);
}

void slab_shrink(void)
{
}

void shrinker_register(void (*shrink)(void))
{
    verify(shrinker_count < SHRINKERS_MAX);
    shrinkers[shrinker_count++] = shrink;
}

void shrink_all(void)
{
    for (unsigned i = 0; i < shrinker_count; i++)
        shrinkers[i]();
}

/* Leaks */

void host_leaks_mark(void)
{
    for (unsigned i = 0; i < cache_count; i++)
        baseline[i] = caches[i].used;
    baseline_frames = free_count;
}

bool host_leaks_report(void)
{
    bool leaks = free_count != baseline_frames;

    if (leaks)
        fprintf(stderr, "leak: %ld frames\n", (long)(baseline_frames - free_count));
    for (unsigned i = 0; i < cache_count; i++) {
        if (caches[i].used != baseline[i])
            fprintf(stderr, "leak: %ld of %s\n", (long)(caches[i].used - baseline[i]),
                    caches[i].name);
        leaks |= caches[i].used != baseline[i];
    }
    return leaks;
}
