// SPDX-License-Identifier: MIT
// Byte queue over the caller's power-of-two buffer. The owner locks.
#pragma once

#include "lib/types.h"

// Positions run freely and are masked on access, so that all `size` bytes are usable.
struct ring {
    u8 *buf;  // (c)
    u32 size; // (c) bytes, a power of two, at most 2^31
    u32 head; // next to read
    u32 tail; // next to write; used = tail - head
};

void ring_init(struct ring *r, void *buf, u32 size);

static inline u32 ring_used(const struct ring *r)
{
    return r->tail - r->head;
}

static inline u32 ring_space(const struct ring *r)
{
    return r->size - ring_used(r);
}

// False when full.
static inline bool ring_put(struct ring *r, u8 c)
{
    if (ring_space(r) == 0)
        return false;
    r->buf[r->tail++ & (r->size - 1)] = c;
    return true;
}

// False when empty.
static inline bool ring_get(struct ring *r, u8 *c)
{
    if (ring_used(r) == 0)
        return false;
    *c = r->buf[r->head++ & (r->size - 1)];
    return true;
}

// As many bytes as fit, at most n. Returns the number moved.
size_t ring_write(struct ring *r, const void *src, size_t n);
