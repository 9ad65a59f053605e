// SPDX-License-Identifier: MIT
// Memory objects: the one home of a file's pages, whoever reads, writes or maps them.
//
// A page is found or made by index; it stays until truncated, reclaimed or the object goes. Each
// page of an object holds one reference for the object, and one for each mapping or user.
//
// Objects with a write_back are cached from somewhere: their changed pages are marked, and written
// by vm_object_sync, that is by fsync, or by the flusher when they are old or many (writeback.c).
// Clean pages of objects with a fill are dropped when memory is short (reclaim.c).
#pragma once
#include "abi/errno.h"
#include "lib/list.h"
#include "lib/radix.h"
#include "mm/frame.h"
#include "sync/mutex.h"

struct vm_object;
struct vm_area;

extern const u8 zero_page[PAGE_SIZE]; // what holes read as

struct vm_object_ops {
    // Sets every byte of the pages from `index` on: `frames` are new and nobody else's yet, the
    // object's fill_lock is held; may sleep. 0, -EIO, -ENOMEM. NULL: pages start as zeroes.
    int (*fill)(struct vm_object *o, u64 index, struct frame **frames, unsigned n);
    // Before a page may be written by a shared mapping or a write; may start a journal handle.
    // NULL: free.
    int (*make_writable)(struct vm_object *o, u64 index);
    // Objects without a fill: before a mapping's other touches, which make the page if it is
    // absent. NULL: free.
    int (*make_page)(struct vm_object *o, u64 index);
    // Writes the changed pages of [first, last], which it gets from vm_object_take_dirty, and waits
    // for them; write_lock is held; may sleep. The first error: what failed is lost and counts as
    // clean, but after -ENOMEM it is marked again: see vm_write_back_join.
    int (*write_back)(struct vm_object *o, u64 first, u64 last);
    // The same for all changed pages of several objects of one container: errors[] is set. NULL:
    // there is nothing to gain from that.
    void (*write_back_many)(struct vm_object **objects, int *errors, unsigned n);
    // Reclaim is going to look at the pages: lets go of some that only caches refer to. NULL: none.
    void (*shrink)(struct vm_object *o);
    // A reference that keeps the object for the flusher or reclaim; false: it is going away. With
    // hold NULL it never goes.
    bool (*hold)(struct vm_object *o);
    void (*release)(struct vm_object *o); // a thread with no_write_back must not end the object
    // The last reference is gone (objects with their own count only).
    void (*destroy)(struct vm_object *o);
};

// Write-backs that failed, of an object or of all objects of a container, and who was told.
struct write_errors {
    u32 count; // (a) ever
    u32 told;  // (a) of them, how many some file was told of
    int last;  // (a)
};

struct vm_object {
    struct ref refs;                 // for objects of their own; an inode's object lives with it
    const struct vm_object_ops *ops; // (c)
    void *owner;                     // (c) inode or NULL
    struct write_errors *container;  // (c) of inodes their superblock's; else its own
    struct mutex fill_lock;          // RANK_OBJECT: one filler
    struct mutex write_lock;         // RANK_WRITEBACK: one write-back, or truncation
    struct spinlock pages_lock;      // RANK_PAGES
    struct radix pages;              // (pages_lock) index -> struct frame; marked: changed
    u64 page_count;                  // (pages_lock)
    u64 size;                        // (a) bytes; faults past the last page are -EIO
    struct spinlock areas_lock;      // RANK_PAGES
    struct list areas;               // (areas_lock) vm_area.object_node: reverse map
    struct list dirty_link;     // (writeback.c's lock) objects with changed pages, oldest first
    ns_t dirty_since;           // (writeback.c's lock) no page was marked earlier; monotonic
    struct list cached_link;    // (reclaim.c's lock) objects with pages that can be had again
    u64 clock_hand;             // (reclaim.c's lock) index
    u64 fill_first, fill_count; // (pages_lock) these are being filled; see object_insert
    u64 read_next;              // (fill_lock) where a sequential reader goes on
    u32 read_window;            // (fill_lock) pages to fill at once
    bool closed;                // (a) see vm_object_close
    struct write_errors errors;
    u64 number; // (a) for vm_key; 0: none yet
};

// Sets `bits` in *seals, unless a mapping can change the object's pages, now or after mprotect:
// then false. Whoever stores through a mapping that is made later sees them in make_writable.
bool vm_object_seal(struct vm_object *o, u8 *seals, u8 bits);

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

// Fills the pages of [first, last] below the size, as many as one call may.
void vm_object_read_ahead(struct vm_object *o, u64 first, u64 last);

// The page at `index`, made without filling it if it is absent: the caller overwrites all of it.
int vm_object_page_new(struct vm_object *o, u64 index, struct frame **out); // -ENOMEM
// A page of the object was changed, see vm/writeback.c: its bytes (FRAME_F_RAW), or only what the
// buffers say that a device has of it. False: it has left the object.
bool vm_object_mark_dirty(struct vm_object *o, struct frame *f);
bool vm_object_mark_buffers(struct vm_object *o, struct frame *f);

struct uio;
// Copies between the buffer and pages, from byte `pos` on; the caller holds the inode lock and
// bounds the range by the size and the buffer (read); writes raise the object's size. Holes read as
// zeroes and are not filled by reads if ops->fill is NULL. Bytes moved, or an error when none were.
// User memory is not faulted in: the copy stops at the first page that is not ready, and -EFAULT
// means that this is the very first; the caller then unlocks, and goes on as uio_try_again() says.
// A read also stops after UIO_ROUND.
ssize_t vm_object_read(struct vm_object *o, struct uio *u, u64 pos, size_t n);
ssize_t vm_object_write(struct vm_object *o, struct uio *u, u64 pos, size_t n);
// Sets the size; drops the pages past it, removes them from all mappings, zeroes the rest of the
// last page. Private copies (of a MAP_PRIVATE mapping) stay. With a write_back the caller holds
// write_lock, and a larger size first needs vm_object_clear_tail.
void vm_object_truncate(struct vm_object *o, u64 size);
// The bytes, all in one page, become zeroes that will be written.
int vm_object_zero(struct vm_object *o, u64 start, u64 end);
// Before the object grows: what its last page holds past the size may be anything, on disk or from
// mappings; it becomes zeroes that will be written. 0, or as vm_object_page and make_writable.
int vm_object_clear_tail(struct vm_object *o);
// Zeroes the byte range and drops its whole pages (hole punching).
void vm_object_punch(struct vm_object *o, u64 start, u64 end);
// Drops the pages of [first, end) that nobody has found or changed since they were made, of an
// object without a fill.
void vm_object_drop_new(struct vm_object *o, u64 first, u64 end);

/* Write-back */

// Writes the changed pages of [first, last] and waits. 0 or the first error. May sleep; the caller
// holds nothing but, perhaps, the owner's inode lock.
int vm_object_sync(struct vm_object *o, u64 first, u64 last);
// The same for all objects of one container, in which pages were changed before the call. Nothing
// is held.
int vm_objects_sync(const struct write_errors *container);
// The next run of at most n changed pages with adjacent indices, the first >= *index, none > last:
// referenced, no longer marked, no longer writable through mappings. *index is set to the first.
// How many; 0: no more. write_lock held.
unsigned vm_object_take_dirty(struct vm_object *o, u64 *index, u64 last, struct frame **frames,
                              unsigned n);
bool vm_object_is_dirty(struct vm_object *o);
// Writes the pages from `first` on and drops them, and takes write_lock and fill_lock: until open
// there are none of them, and faults wait. The caller keeps writers out. As vm_object_sync.
int vm_object_close(struct vm_object *o, u64 first);
void vm_object_open(struct vm_object *o);
// What fsync answers a file whose `seen` is given, and syncfs of its superblock's: the error of a
// write-back that failed since it last asked, once. At open: *seen = write_errors_told(e): errors
// that no file was told of count as later.
static inline u32 write_errors_told(const struct write_errors *e)
{
    return load_relaxed(&e->told);
}
int write_errors_since(struct write_errors *e, u32 *seen);
// For write_back: the error of what came to `err` so far, and of one part more. -ENOMEM goes first,
// so that it is tried again; the loss that this hides is noted.
int vm_write_back_join(struct vm_object *o, int err, int one);
void write_errors_note(struct write_errors *e, int error);
// A writer has made pages dirty: when too many are, it cleans its object's. May sleep, nothing
// held.
void vm_dirty_throttle(struct vm_object *o);
u64 vm_dirty_pages(void); // in all objects
// Starts the flusher and reclaim threads; panics if memory is out at boot.
void vm_threads_start(void);

/* Reclaim */

// Drops about `want` pages that can be had again, unmapping and writing them if need be; how many,
// by all threads meanwhile. 0: there are none. May sleep, may end an inode: nothing is held.
u64 vm_reclaim(u64 want);
#define RECLAIM_PAGES 64 // asked for before memory is called out
#define RECLAIM_TRIES 16
// Whether to do again what ended with `error`: it lacked memory, and some came free. `tries` starts
// as 0 and is bounded, for -ENOMEM has other causes, as RLIMIT_AS.
static inline bool vm_try_again(s64 error, unsigned *tries)
{
    return unlikely(error == -ENOMEM) && (*tries)++ < RECLAIM_TRIES && vm_reclaim(RECLAIM_PAGES);
}
// Drops the clean pages of [first, last] that nobody maps or uses, if they can be filled again.
void vm_object_drop_clean(struct vm_object *o, u64 first, u64 last);

// Leaves a reference that `hold` gave to the reclaim thread, which ends the object if it is the
// last.
void vm_object_release_later(struct vm_object *o);

u64 vm_object_pages_total(void); // pages in all objects, for /proc/meminfo (an atomic count)
u64 vm_cached_pages(void);       // of these, pages that can be filled again
void vm_object_check(struct vm_object *o);
