// SPDX-License-Identifier: MIT
// Address spaces: areas, faults, copy on write.
//
// Areas are kept in a tree by address (with the largest gap in each subtree, so that a free range
// is found in O(log n)). Pages come at first touch. Private pages are shared copy-on-write
// by reference count: a frame with one reference is written in place, else copied.
#pragma once
#include "abi/mman.h"
#include "arch/mmu.h"
#include "arch/upcalls.h"
#include "base/spinlock.h"
#include "sync/mutex.h"
#include "vm/area_tree.h"
#include "vm/object.h"

struct file; // belongs to vfs; areas carry a reference through vm_hooks

struct vm_space {
    struct mmu_space mmu; // first: up_fault converts
    struct ref refs;      // users (threads); the last unmaps everything
    struct ref pins; // keep the page table and this struct: all users 1, rmap walks, open mem files
    struct rwlock lock;             // RANK_SPACE: areas; faults take it as readers
    struct rb_root areas;           // (lock)
    struct vm_area *last_hit;       // (a) hint, valid only under lock
    struct spinlock pagetable_lock; // RANK_PAGETABLE: leaf entries
    u64 mapped_pages;               // (lock) sum of area sizes
    u64 locked_pages;               // (lock) of those, in areas with AREA_LOCKED
    u32 area_count;                 // (lock)
    u32 lock_future;                // (lock) AREA_LOCK_MASK of areas to come (mlockall)
    u64 anon_pages, object_pages;   // (pagetable_lock) resident
    u64 peak_pages;                 // (pagetable_lock)
    // From here on: what a fork copies.
    uaddr_t brk_start, brk;                         // (lock)
    uaddr_t mmap_top;                               // (c) searches go down from here
    uaddr_t stack_top;                              // (c) where the stack ends, or is to end
    uaddr_t arg_start, arg_end, env_start, env_end; // (a) for /proc/<pid>/cmdline
    uaddr_t code_start, code_end, data_start, data_end, stack_start; // (a) for /proc/<pid>/stat
    uaddr_t auxv;     // (c) where the stack has the auxiliary vector
    uaddr_t vdso;     // (c) base of the vDSO, 0 = none
    u32 barriers;     // (a) MEMBARRIER_CMD_REGISTER_*
    struct file *exe; // (c) program file, for /proc/<pid>/exe; a reference, or NULL
};

struct vm_hooks {
    void (*file_get)(struct file *f);
    void (*file_put)(struct file *f);
    int (*file_sync)(struct file *f); // msync: as fdatasync(2); 0 for what cannot be synced
    // Memory is out in a fault or a system call of the running thread: choose and kill a process.
    // 0: memory may have become free, retry. -ENOMEM: nothing to kill. -EINTR: the caller must die.
    int (*out_of_memory)(void);
    u64 (*limit)(unsigned resource); // RLIMIT_* that holds the running thread
    // The space of the first process at or after *id that has one, with a reference; NULL.
    struct vm_space *(*space_next)(u32 *id);
};
extern struct vm_hooks vm_hooks;

// Boot: makes the caches; after slab, before the first object or space.
void vm_init(void);
// Empty; -ENOMEM. The maker sets brk_start, brk, exe.
int vm_space_create(struct vm_space **out);
void vm_space_get(struct vm_space *s);
void vm_space_put(struct vm_space *s); // may sleep
// As a further user, if there still is one, by who pins it.
bool vm_space_get_used(struct vm_space *s);
void vm_space_pin(struct vm_space *s);
void vm_space_unpin(struct vm_space *s);
// A copy of the running thread's space `s` (private pages shared copy-on-write); -ENOMEM.
int vm_space_fork(struct vm_space *s, struct vm_space **out);

// What to map; checked by the caller against the file's mode.
struct vm_map_args {
    uaddr_t addr;   // hint, or the place if fixed
    u64 length;     // bytes, rounded up to pages
    u32 prot;       // PROT_*
    u32 flags;      // AREA_*
    bool fixed;     // exactly at addr, replacing what is there
    bool noreplace; // with fixed: -EEXIST instead of replacing
    bool populate;
    struct vm_object *object; // NULL: anonymous private
    struct file *file;        // reference is taken if mapped
    u64 offset;               // page index
};
// 0 and *out = start; -ENOMEM (no room, limits, memory), -EEXIST, -EINVAL, -EPERM (fixed below
// USER_MIN). AREA_SHARED needs an object.
int vm_map(struct vm_space *s, const struct vm_map_args *args, uaddr_t *out);
int vm_unmap(struct vm_space *s, uaddr_t start, u64 length); // -EINVAL, -ENOMEM
// Unmaps what is left of a mapping, from its first byte on, of a file that is `ours` and was mapped
// at `start`: *out is that file, with a reference; -EINVAL.
int vm_detach(struct vm_space *s, uaddr_t start, bool (*ours)(const struct file *f),
              struct file **out);
int vm_protect(struct vm_space *s, uaddr_t start, u64 length,
               u32 prot); // -ENOMEM, -EACCES, -EINVAL
int vm_remap(struct vm_space *s, uaddr_t old, u64 old_length, u64 new_length, u32 flags,
             uaddr_t new_address, uaddr_t *out);                          // mremap(2)
int vm_advise(struct vm_space *s, uaddr_t start, u64 length, int advice); // madvise(2)
int vm_sync(struct vm_space *s, uaddr_t start, u64 length, int flags);    // msync(2)
// mlock(2): `lock` is of AREA_LOCK_MASK, 0 unlocks. -ENOMEM -EINVAL. May the caller at all?
int vm_lock_range(struct vm_space *s, uaddr_t start, u64 length, u32 lock);
bool vm_may_lock(const struct vm_space *s);
// mlockall(2), munlockall(2): all areas there are if `now`, and all to come. -ENOMEM.
int vm_lock_all(struct vm_space *s, bool now, u32 lock, u32 future);
int vm_mincore(struct vm_space *s, uaddr_t start, u64 length, uaddr_t vector);
// brk(2): the new break, or the old one when it cannot move.
uaddr_t vm_brk(struct vm_space *s, uaddr_t brk);
// The stack area: `size` bytes now below top, growing down to RLIMIT_STACK. Sets stack_top, and
// mmap_top so that the stack has room to grow.
int vm_map_stack(struct vm_space *s, uaddr_t top, u64 size, u32 prot);

// Copies between kernel memory and any space, faulting pages in; `force` ignores write protection
// of private areas (ptrace). Bytes copied; why, if there is none: -EFAULT, -EIO, -ENOMEM, -EINTR.
ssize_t vm_access(struct vm_space *s, uaddr_t va, void *buf, size_t n, bool write, bool force);

// For truncation: removes the object's pages [first, last] from every mapping.
void vm_object_unmap_pages(struct vm_object *o, u64 first, u64 last);

u64 vm_space_resident(const struct vm_space *s); // pages
u64 vm_space_table_pages(const struct vm_space *s);
// Calls fn for each area in order under the read lock until it returns non-zero.
int vm_space_each(struct vm_space *s, int (*fn)(const struct vm_area *a, void *arg), void *arg);
// pagemap.c: adds what of an area is in memory, as smaps has it; in a callback of vm_space_each.
// Shares are of pages that n spaces map, an nth for each.
#define VM_SHARE_ONE 4096UL
enum { VM_PAGE_SHARED = 1, VM_PAGE_DIRTY = 2 };
struct vm_usage {
    u64 pages[4]; // by VM_PAGE_*
    u64 present, used, anon;
    u64 share, share_dirty, share_anon, share_shmem, share_locked;
};
void vm_area_usage(const struct vm_area *a, struct vm_usage *u);
// Every entry of the tables under the read lock, as mmu_each().
int vm_space_tables(struct vm_space *s, mmu_visit *fn, void *arg);
// Entries of proc(5)'s pagemap for `pages` pages from va on; `frames`: with frame numbers.
void vm_space_pagemap(struct vm_space *s, uaddr_t va, u64 *out, u64 pages, bool frames);
// Idle page tracking: which of `count` frames (a multiple of 64, at most VM_IDLE_FRAMES) are mapped
// and were not used since they were marked; marks those of the map.
#define VM_IDLE_FRAMES 4096UL
void vm_idle_get(pfn_t first, u64 *idle, u64 count);
void vm_idle_mark(pfn_t first, u64 *idle, u64 count);
// dump.c: for core dumps. Whether an area has pages of its own; whether its object's first page
// begins with these bytes; under the read lock.
bool vm_area_is_touched(const struct vm_area *a);
bool vm_area_begins(const struct vm_area *a, const void *bytes, size_t n);
// Copies the first page at or after *va that is there, and sets *va to its address: 1; 0: none
// before `end`; -ENOMEM.
int vm_space_copy_next(struct vm_space *s, uaddr_t *va, uaddr_t end, void *page);
// Futex key of a word: private areas (space, va), shared ones (object, offset). 0, -EFAULT.
struct vm_key {
    u64 who; // the space's address, or the object's number
    u64 offset;
};
int vm_key(struct vm_space *s, uaddr_t va, bool private_only, struct vm_key *out);
void vm_space_check(struct vm_space *s);

// Anonymous resident pages of all spaces, for /proc/meminfo.
u64 vm_anon_pages_total(void);
