// SPDX-License-Identifier: MIT
// Binary search for the symbol that covers an address.
#include "lib/symtab.h"

const char *symtab_find(const struct symtab *t, u64 addr, u64 *offset)
{
    u64 target = addr - t->base;
    u32 low = 0, high = t->count; // the answer is at low - 1 when they meet

    if (addr < t->base || target >= t->size)
        return NULL;
    while (low < high) {
        u32 middle = low + (high - low) / 2;

        if (t->entries[middle].offset <= target)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || t->entries[low - 1].name >= t->names_size)
        return NULL;
    *offset = target - t->entries[low - 1].offset;
    return t->names + t->entries[low - 1].name;
}
