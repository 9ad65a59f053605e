// SPDX-License-Identifier: MIT
// Page frames: a buddy allocator of 2^order pages with per-hart caches of single pages.
//
// Every frame of RAM has a descriptor with a reference count. Allocators never start I/O: with
// memory out they return NULL (after waking the reclaim hook), an ordinary error.
#pragma once
#include "arch/layout.h"
#include "lib/atomic.h"
#include "lib/list.h"
#include "lib/types.h"

#define FRAME_MAX_ORDER 10 // largest block: 4 MiB

enum frame_kind {
    FRAME_RESERVED, // not RAM, firmware, kernel image
    FRAME_FREE,     // head of a free block of `order`
    FRAME_KERNEL,   // kernel memory: slab, stacks, tables
    FRAME_ANON,     // private page of address spaces; refs = number of mappings
    FRAME_OBJECT,   // page of a memory object; refs = mappings + 1
};

struct frame {
    struct ref refs; // (a) 0 while free
    u8 kind;         // (o) enum frame_kind
    u8 order;        // (o) of the block it heads
    u16 flags;       // (a) FRAME_F_*
    union {
        struct list link; // free lists; owner's use while allocated
        struct {
            void *owner; // FRAME_OBJECT: struct vm_object; slab: struct slab_page owner
            u64 index;   // FRAME_OBJECT: page index in the object
        };
    };
    u64 private; // owner's use
};
// (o) = whoever holds the only reference, or the allocator's lock while free.
static_assert(sizeof(struct frame) == 32, "frame descriptors stay small");

enum { // frame.flags
    FRAME_F_DIRTY = 1,
    FRAME_F_UPTODATE = 2,
    FRAME_F_SLAB = 4,
    FRAME_F_USED = 8,     // FRAME_OBJECT: found since reclaim last passed by
    FRAME_F_WRITING = 16, // FRAME_OBJECT of a device: being written back
    FRAME_F_RAW = 32,     // FRAME_OBJECT: changed as bytes, not through a buffer
    FRAME_F_TAKEN = 64,   // FRAME_OBJECT: was RAW when taken to be written
};

enum {                     // allocation flags, also of slab_alloc and kmalloc
    ALLOC_ZERO = 1,        // contents cleared
    ALLOC_NOFAIL_TEST = 4, // exempt from /proc/<pid>/fail-nth
};

extern struct frame *frame_table; // (c) indexed by pfn - frame_base
extern pfn_t frame_base;          // (c)
extern pfn_t frame_end;           // (c) one past the last

static inline struct frame *pfn_to_frame(pfn_t pfn)
{
    return &frame_table[pfn - frame_base];
}

static inline pfn_t frame_to_pfn(const struct frame *f)
{
    return (pfn_t)(f - frame_table) + frame_base;
}

static inline void *frame_address(const struct frame *f)
{
    return phys_to_virt(frame_to_pfn(f) << PAGE_SHIFT);
}

static inline struct frame *virt_to_frame(const void *p)
{
    return pfn_to_frame(virt_to_phys(p) >> PAGE_SHIFT);
}

// Boot: takes RAM ranges; everything not in `reserved` becomes free. The descriptor table is carved
// out of RAM; cost is proportional to the table, no free page is touched.
struct phys_range;
void frames_init(const struct phys_range *ram, unsigned n, const struct phys_range *reserved,
                 unsigned reserved_count);
// Gives a reserved range (initrd, init text) to the allocator.
void frames_release(paddr_t base, u64 size);

// One block of 2^order pages with refs 1, kind FRAME_KERNEL; NULL if none. Any context but
// NMI-like.
struct frame *frame_alloc(unsigned order, unsigned flags);
// Makes the block that `f` heads, of which there is one reference, single frames of its kind.
void frame_split(struct frame *f);
// Drops a reference; the last frees the block.
void frame_put(struct frame *f);
// Frees a block whose last reference the caller has just dropped by hand.
void frame_free(struct frame *f);
static inline void frame_get(struct frame *f)
{
    ref_get(&f->refs);
}

// Ends the time of boot, in which a failed allocation ends the machine with one line.
void frames_boot_done(void);
// Called by allocators whose answer is going to be NULL.
void frames_out(void);

u64 frames_total(void);  // pages of RAM the kernel knows, incl. itself and the firmware's hole
u64 frames_free(void);   // exact when all harts are quiet (caches included)
bool frames_short(void); // only urgent threads get any
// Returns all per-hart cached pages of this hart to the zones (drop_caches; tests).
void frames_drain(void);

// Called (any context) when free memory runs low; set by vm/ or proc/.
extern void (*frames_low_hook)(void);

void frames_check(void);
