// SPDX-License-Identifier: MIT
// Block transfers of the byte queue: at most two copies, before and after the wrap.
#include "lib/ring.h"

#include "lib/macro.h"
#include "lib/string.h"

void ring_init(struct ring *r, void *buf, u32 size)
{
    r->buf = buf;
    r->size = size;
    r->head = 0;
    r->tail = 0;
}

size_t ring_read(struct ring *r, void *dst, size_t n)
{
    u32 at = r->head & (r->size - 1);
    size_t count = MIN(n, (size_t)ring_used(r));
    size_t first = MIN(count, (size_t)(r->size - at));

    memcpy(dst, r->buf + at, first);
    memcpy((u8 *)dst + first, r->buf, count - first);
    r->head += count;
    return count;
}

size_t ring_write(struct ring *r, const void *src, size_t n)
{
    u32 at = r->tail & (r->size - 1);
    size_t count = MIN(n, (size_t)ring_space(r));
    size_t first = MIN(count, (size_t)(r->size - at));

    memcpy(r->buf + at, src, first);
    memcpy(r->buf, (const u8 *)src + first, count - first);
    r->tail += count;
    return count;
}
