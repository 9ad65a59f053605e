// SPDX-License-Identifier: MIT
// Writing blocks to the byte queue: at most two copies, before and after the wrap.
#include "lib/ring.h"

#include "lib/macro.h"
#include "lib/string.h"

void ring_init(struct ring *r, void *buf, u32 size)
{
    *r = (struct ring){.buf = buf, .size = size};
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
