// SPDX-License-Identifier: MIT
// Small numbers for pointers: a bitmap and an array that double when they are full.
#include "mm/idmap.h"
#include "abi/errno.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/slab.h"

#define SIZE_MIN 64U

static int idmap_grow(struct idmap *m)
{
    u32 size = MAX(2 * m->size, SIZE_MIN);
    u64 *used = kmalloc(size / 8, ALLOC_ZERO);
    void **items = kmalloc(size * sizeof(*items), ALLOC_ZERO);

    if (!used || !items) {
        kfree(used);
        kfree(items);
        return -ENOMEM;
    }
    if (m->size) {
        memcpy(used, m->used, m->size / 8);
        memcpy(items, m->items, m->size * sizeof(*items));
    }
    kfree(m->used);
    kfree(m->items);
    m->used = used;
    m->items = items;
    m->size = size;
    return 0;
}

int idmap_take(struct idmap *m, u32 limit, void *item, u32 *out)
{
    u32 n = m->size ? bitmap_find_zero(m->used, m->size, m->next) : 0;
    int err = 0;

    if (n >= limit)
        return -ENOSPC;
    if (n == m->size)
        err = idmap_grow(m);
    if (err)
        return err;
    bitmap_set(m->used, n);
    m->items[n] = item;
    m->next = n + 1;
    *out = n;
    return 0;
}

void idmap_free(struct idmap *m, u32 n)
{
    bitmap_clear(m->used, n);
    m->items[n] = NULL;
    m->next = MIN(m->next, n);
}

void idmap_fini(struct idmap *m)
{
    kfree(m->used);
    kfree(m->items);
}

u32 idmap_next(const struct idmap *m, u32 n)
{
    return n < m->size ? bitmap_find_set(m->used, m->size, n) : m->size;
}
