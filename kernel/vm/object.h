// SPDX-License-Identifier: MIT
// Memory objects: the one home of a file's pages, whoever reads, writes or maps them.
//
// A page is found or made by index; it stays until truncated or the object goes. Each
// page of an object holds one reference for the object, and one for each mapping or user.
#pragma once
#include "lib/list.h"
#include "lib/radix.h"
#include "mm/frame.h"
#include "sync/mutex.h"

struct vm_object;
struct vm_area;

struct vm_object_ops {
    // Fills page `index` (`frame` is new, zeroed, locked by the object's fill lock); may sleep.
    // 0, -EIO, -ENOMEM. NULL: pages start as zeroes.
    int (*fill)(struct vm_object *o, u64 index, struct frame *frame);
    // Before a page may be written by a mapping or a write; may start a journal handle. NULL: free.
    int (*make_writable)(struct vm_object *o, u64 index);
    // The last reference is gone (objects with their own count only).
    void (*destroy)(struct vm_object *o);
};

struct vm_object {
    struct ref refs;                 // for objects of their own; an inode's object lives with it
    const struct vm_object_ops *ops; // (c)
    void *owner;                     // (c) inode or NULL
    struct mutex fill_lock;          // RANK_OBJECT: one filler; truncation
    struct spinlock pages_lock;      // RANK_PAGES
    struct radix pages;              // (pages_lock) index -> struct frame
    u64 page_count;                  // (pages_lock)
    u64 size;                        // (a) bytes; faults past the last page are -EIO
    struct spinlock areas_lock;      // RANK_PAGES
    struct list areas;               // (areas_lock) vm_area.object_node: reverse map
};

void vm_object_init(struct vm_object *o, const struct vm_object_ops *ops, void *owner);
// Drops all pages; no area maps it any more.
void vm_object_fini(struct vm_object *o);
// An anonymous shared object (MAP_SHARED|MAP_ANONYMOUS, memfd) of `size` bytes; -ENOMEM.
int vm_object_create(struct vm_object **out, u64 size);
void vm_object_get(struct vm_object *o);
void vm_object_put(struct vm_object *o);

// The page at `index` with a reference for the caller: found (NULL if absent), or found or made
// (whatever the object's size is).
struct frame *vm_object_find(struct vm_object *o, u64 index);
int vm_object_page(struct vm_object *o, u64 index, struct frame **out); // -ENOMEM, -EIO

struct uio;
// Copies between the buffer and pages, from byte `pos` on; the caller holds the inode lock and
// bounds the range by the size (read) or raises the size afterwards (write). Holes read as zeroes
// and are not filled by reads if ops->fill is NULL. Bytes moved, or an error when none were. User
// memory is not faulted in: the copy stops at the first page that is not ready, and -EFAULT means
// that this is the very first; the caller then unlocks, calls uio_prefault() and tries again.
ssize_t vm_object_read(struct vm_object *o, struct uio *u, u64 pos, size_t n);
ssize_t vm_object_write(struct vm_object *o, struct uio *u, u64 pos, size_t n);
// Sets the size; drops the pages past it, removes them from all mappings, zeroes the rest of the
// last page. Private copies (of a MAP_PRIVATE mapping) stay.
void vm_object_truncate(struct vm_object *o, u64 size);
// Zeroes the byte range and drops its whole pages (hole punching).
void vm_object_punch(struct vm_object *o, u64 start, u64 end);

u64 vm_object_pages_total(void); // pages in all objects, for /proc/meminfo (an atomic count)
void vm_object_check(struct vm_object *o);
