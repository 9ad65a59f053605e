// SPDX-License-Identifier: MIT
// Small numbers for pointers: the lowest free one is taken. The owner locks.
#pragma once
#include "lib/types.h"

struct idmap {
    u32 size;  // capacity
    u32 next;  // lowest number that may be free
    u64 *used; // numbers
    void **items;
};

// Takes a number below `limit` for the item, which may be NULL; -ENOSPC, -ENOMEM.
int idmap_take(struct idmap *m, u32 limit, void *item, u32 *out);
void idmap_free(struct idmap *m, u32 n);
void idmap_fini(struct idmap *m);
// The first number in use at or after n; m->size if there is none.
u32 idmap_next(const struct idmap *m, u32 n);

static inline void *idmap_at(const struct idmap *m, u64 n)
{
    return n < m->size ? m->items[n] : NULL;
}
