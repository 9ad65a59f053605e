// SPDX-License-Identifier: MIT
// Reading, writing and shortening a memory object's bytes.
#include "lib/string.h"
#include "vm/uio.h"
#include "vm/vm_private.h"

const u8 zero_page[PAGE_SIZE] ALIGNED(4096);

static ssize_t read_chunk(struct vm_object *o, struct uio *u, u64 pos, size_t n)
{
    u64 within = pos & ~PAGE_MASK;
    struct frame *f = vm_object_find(o, pos >> PAGE_SHIFT);
    size_t moved;

    if (!f && o->ops->fill) {
        int err = vm_object_page(o, pos >> PAGE_SHIFT, &f);

        if (err)
            return err;
    }
    moved = uio_put_nofault(u, (f ? frame_address(f) : (void *)zero_page) + within, n);
    if (f)
        frame_put(f);
    return moved;
}

// The size covers the bytes before their page is marked: write-back, which takes the mark before it
// looks at the size, then finds all of them inside.
static void page_written(struct vm_object *o, struct frame *f, u64 pos, size_t n)
{
    if (n && pos + n > load_relaxed(&o->size))
        store_relaxed(&o->size, pos + n);
    vm_object_mark_dirty(o, f);
}

// Writes all of a page that is not here: it is made without a look at what it held, unless the
// bytes fall short.
static ssize_t overwrite_page(struct vm_object *o, struct uio *u, u64 index)
{
    struct frame *new = frame_alloc(0, 0), *f;
    struct uio before = *u;
    size_t moved;
    int err;

    if (!new)
        return -ENOMEM;
    moved = uio_get_nofault(u, frame_address(new), PAGE_SIZE);
    err = moved == PAGE_SIZE ? object_insert(o, index, new, false, false) : -EEXIST;
    if (!err) {
        object_enter_clock(o);
        page_written(o, new, index << PAGE_SHIFT, moved);
    } else if (err == -EEXIST && moved) {
        err = vm_object_page(o, index, &f);
        if (!err) {
            memcpy(frame_address(f), frame_address(new), moved);
            page_written(o, f, index << PAGE_SHIFT, moved);
            frame_put(f);
        }
    } else if (err == -EEXIST) {
        err = 0;
    }
    frame_put(new);
    if (err) // the caller may try again
        *u = before;
    return err ? err : (ssize_t)moved;
}

static ssize_t write_chunk(struct vm_object *o, struct uio *u, u64 pos, size_t n)
{
    u64 index = pos >> PAGE_SHIFT;
    struct frame *f;
    size_t moved;
    int err = 0;

    if (o->ops->make_writable)
        err = o->ops->make_writable(o, index);
    if (!err && o->ops->fill && n == PAGE_SIZE) {
        f = vm_object_find(o, index);
        if (!f)
            return overwrite_page(o, u, index);
    } else if (!err) {
        err = vm_object_page(o, index, &f);
    }
    if (err)
        return err;
    moved = uio_get_nofault(u, frame_address(f) + (pos & ~PAGE_MASK), n);
    page_written(o, f, pos, moved);
    frame_put(f);
    return moved;
}

typedef ssize_t chunk_fn(struct vm_object *o, struct uio *u, u64 pos, size_t n);

static inline ssize_t by_page(struct vm_object *o, struct uio *u, u64 pos, size_t n, chunk_fn *fn)
{
    size_t done = 0;

    while (done < n) {
        size_t chunk = MIN(n - done, PAGE_SIZE - ((pos + done) & ~PAGE_MASK));
        ssize_t moved = fn(o, u, pos + done, chunk);

        if (moved > 0)
            done += moved;
        if (moved < (ssize_t)chunk)
            return done ? done : moved ? moved : -EFAULT;
    }
    return done;
}

ssize_t vm_object_read(struct vm_object *o, struct uio *u, u64 pos, size_t n)
{
    return by_page(o, u, pos, MIN(n, UIO_ROUND), read_chunk);
}

ssize_t vm_object_write(struct vm_object *o, struct uio *u, u64 pos, size_t n)
{
    return by_page(o, u, pos, MIN(n, u->left), write_chunk);
}

// Zeroes [start, end), which lies in one page, if that page is here.
static void zero_within(struct vm_object *o, u64 start, u64 end)
{
    struct frame *f = start < end ? vm_object_find(o, start >> PAGE_SHIFT) : NULL;

    if (!f)
        return;
    memset(frame_address(f) + (start & ~PAGE_MASK), 0, end - start);
    vm_object_mark_dirty(o, f);
    frame_put(f);
}

void vm_object_truncate(struct vm_object *o, u64 size)
{
    u64 old = o->size, first = DIV_ROUND_UP(size, PAGE_SIZE);
    u64 edge = MIN(old, size); // bytes from here to the end of its page are zero afterwards

    spin_lock(&o->pages_lock);
    store_relaxed(&o->size, size);
    spin_unlock(&o->pages_lock);
    zero_within(o, edge, ALIGN_UP(edge, PAGE_SIZE));
    if (!radix_empty(&o->pages) && size <= old)
        object_drop(o, first, ~0UL, 0);
}

int vm_object_zero(struct vm_object *o, u64 start, u64 end)
{
    u64 index = start >> PAGE_SHIFT;
    struct frame *f;
    int err = object_allow_write(o, index) ?: vm_object_page(o, index, &f);

    if (err)
        return err;
    zero_within(o, start, end);
    frame_put(f);
    return 0;
}

int vm_object_clear_tail(struct vm_object *o)
{
    bool any = o->size & ~PAGE_MASK && o->ops->fill;

    return any ? vm_object_zero(o, o->size, ALIGN_UP(o->size, PAGE_SIZE)) : 0;
}

void vm_object_drop_new(struct vm_object *o, u64 first, u64 end)
{
    object_drop(o, first, end - 1, FRAME_F_USED | FRAME_F_DIRTY);
}

void vm_object_punch(struct vm_object *o, u64 start, u64 end)
{
    u64 first = DIV_ROUND_UP(start, PAGE_SIZE), after = end >> PAGE_SHIFT;

    zero_within(o, start, MIN(end, first << PAGE_SHIFT));
    if (first <= after)
        zero_within(o, after << PAGE_SHIFT, end);
    if (first < after)
        object_drop(o, first, after - 1, 0);
}
