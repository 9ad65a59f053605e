// SPDX-License-Identifier: MIT
// Filling pages of objects that come from somewhere, with read-ahead.
//
// A miss where the last fill ended is a sequential reader's: the window doubles, up to WINDOW_MAX
// pages. Any other miss makes it a quarter, so that who reads here and there soon reads single
// pages; but a mapping, of a program for instance, is used near where it was touched. Only pages
// that are not there are filled, and none past the size.
//
// If the device fails a window, the one page that is needed is tried alone.
#include "vm/vm_private.h"

#define WINDOW_FIRST  4 // pages
#define WINDOW_MAPPED 16
#define WINDOW_MAX    64

#define READ_AHEAD_MAX 512 // pages of one call

static unsigned window_next(const struct vm_object *o, u64 index, bool mapped)
{
    unsigned window = o->read_window;

    if (!window)
        window = WINDOW_FIRST;
    else if (index == o->read_next)
        window = MIN(window * 2, WINDOW_MAX);
    else
        window = MAX(window / 4, 1U);
    return mapped ? MAX(window, WINDOW_MAPPED) : window;
}

// How many pages from `index` on to fill at once; fill_lock held.
static unsigned fill_window(struct vm_object *o, u64 index, bool mapped)
{
    u64 end = DIV_ROUND_UP(load_relaxed(&o->size), PAGE_SIZE);
    unsigned n = 1;

    o->read_window = window_next(o, index, mapped);
    spin_lock(&o->pages_lock);
    while (n < o->read_window && index + n < end && !radix_find(&o->pages, index + n))
        n++;
    o->fill_first = index;
    o->fill_count = n;
    spin_unlock(&o->pages_lock);
    return n;
}

static unsigned frames_get_many(struct frame **frames, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++) {
        frames[i] = frame_alloc(0, 0);
        if (!frames[i])
            break;
    }
    return i;
}

// The first page must get in; the others are a gift. From the last to the first: each ends the
// range.
static int fill_insert(struct vm_object *o, u64 index, bool bounded, struct frame **frames,
                       unsigned n)
{
    int err;

    while (--n) {
        object_insert(o, index + n, frames[n], true, true);
        frame_put(frames[n]);
    }
    err = object_insert(o, index, frames[0], bounded, true);
    if (err)
        frame_put(frames[0]);
    else
        object_enter_clock(o);
    return err;
}

static int fill_locked(struct vm_object *o, u64 index, bool bounded, struct frame **out)
{
    struct frame *frames[WINDOW_MAX];
    unsigned n = frames_get_many(frames, fill_window(o, index, bounded));
    int err = n ? o->ops->fill(o, index, frames, n) : -ENOMEM;

    o->read_next = index + n;
    if (err && n > 1) { // maybe that of a page that nobody asked for
        o->read_window = 1;
        while (n > 1)
            frame_put(frames[--n]);
        err = o->ops->fill(o, index, frames, 1);
    }
    if (err) {
        if (n)
            frame_put(frames[0]);
        return err;
    }
    *out = frames[0];
    return fill_insert(o, index, bounded, frames, n);
}

int object_fill(struct vm_object *o, u64 index, bool bounded, struct frame **out)
{
    int err = 0;

    mutex_lock(&o->fill_lock);
    *out = vm_object_find(o, index);
    if (!*out)
        err = fill_locked(o, index, bounded, out);
    mutex_unlock(&o->fill_lock);
    return err;
}

void vm_object_read_ahead(struct vm_object *o, u64 first, u64 last)
{
    u64 end = MIN(last, first + READ_AHEAD_MAX - 1);
    struct frame *f;

    for (u64 i = first; o->ops->fill && i <= end && !object_page(o, i, true, &f); i++)
        frame_put(f);
}
