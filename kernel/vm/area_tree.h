// SPDX-License-Identifier: MIT
// Areas of an address space, and the tree that keeps them by address and finds gaps between them.
//
// PURE: the caller locks; nothing here allocates, waits or touches page tables. Areas never
// overlap. Every operation is O(log n) in the number of areas.
#pragma once
#include "lib/list.h"
#include "lib/rbtree.h"
#include "lib/types.h"

struct file;
struct vm_object;
struct vm_space;

enum {                  // vm_area.flags
    AREA_SHARED = 1,    // MAP_SHARED
    AREA_GROWSDOWN = 2, // the stack
    AREA_DONTFORK = 4,
    AREA_WIPEONFORK = 8,
    AREA_DONTDUMP = 16,
    AREA_LOCKED = 32, // mlock: populated at once, not reclaimed
    AREA_HEAP = 64,   // brk, for /proc/<pid>/maps
    AREA_STACK = 128,
    AREA_VDSO = 256,
    AREA_MAYWRITE = 512, // a shared area's mprotect may add PROT_WRITE
    AREA_NORESERVE = 1024,
    AREA_HUGE = 2048,        // MADV_HUGEPAGE
    AREA_LOCKONFAULT = 4096, // with AREA_LOCKED: pages come when they are touched
    AREA_NOEXEC = 8192,      // of a mount with MS_NOEXEC: no mprotect adds PROT_EXEC
};

struct vm_area {
    struct rb_node node;        // (space lock)
    uaddr_t start, end;         // (space lock) page-aligned, end exclusive
    u64 gap_max;                // (space lock) largest gap between neighbours within this subtree
    uaddr_t sub_start, sub_end; // (space lock) lowest start and highest end in this subtree
    u32 prot;                   // (space lock) PROT_READ | PROT_WRITE | PROT_EXEC
    u32 flags;                  // (space lock) AREA_*
    struct vm_object *object;   // (c) NULL: anonymous private
    u64 offset;                 // (space lock and object->areas_lock) page index of `start`
    struct file *file;          // (c) keeps object alive when set; else the area has a reference
    struct list object_node;    // (object->areas_lock)
    struct vm_space *space;     // (c) NULL: a place mark on an object's list
    struct vm_area *next_dead;  // (space lock) chain of areas taken out of the tree
};

static inline u64 area_pages(const struct vm_area *a)
{
    return (a->end - a->start) >> PAGE_SHIFT;
}

#define AREA_LOCK_MASK (AREA_LOCKED | AREA_LOCKONFAULT)

static inline u64 area_locked_pages(const struct vm_area *a)
{
    return a->flags & AREA_LOCKED ? area_pages(a) : 0;
}

// Page index in the object of an address of the area.
static inline u64 area_index(const struct vm_area *a, uaddr_t va)
{
    return a->offset + ((va - a->start) >> PAGE_SHIFT);
}

void area_tree_init(struct rb_root *tree);
// The area that holds va, or NULL.
struct vm_area *area_find(const struct rb_root *tree, uaddr_t va);
// The first area that ends above va (it may hold va), or NULL.
struct vm_area *area_from(const struct rb_root *tree, uaddr_t va);
struct vm_area *area_first(const struct rb_root *tree);
struct vm_area *area_next(const struct vm_area *a);
struct vm_area *area_prev(const struct vm_area *a);
// True if any area has a page in [start, end).
bool area_overlaps(const struct rb_root *tree, uaddr_t start, uaddr_t end);

// The range must be free.
void area_insert(struct rb_root *tree, struct vm_area *a);
void area_remove(struct rb_root *tree, struct vm_area *a);
// Moves the ends without passing a neighbour. The caller keeps `offset` in step.
void area_set_range(struct rb_root *tree, struct vm_area *a, uaddr_t start, uaddr_t end);

// The highest free range of `length` bytes inside [low, high): true and *out is its start.
bool area_gap_highest(const struct rb_root *tree, u64 length, uaddr_t low, uaddr_t high,
                      uaddr_t *out);
// May `b`, which lies above `a`, be made part of it?
bool area_mergeable(const struct vm_area *a, const struct vm_area *b);
// True if order, alignment and summaries hold; O(n).
bool area_tree_check(const struct rb_root *tree);
