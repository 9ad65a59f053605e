// SPDX-License-Identifier: MIT
// Dynamic memory: first fit in a list of free blocks ordered by address, neighbours merged.
#include "user/user.h"

#define GRANULE    16ul          // every block's address and size are multiples of this
#define GROW_BYTES (64ul * 1024) // least change of the break

// Stands before each block; `next` counts only while the block is free.
struct block {
    uint64 size; // bytes, this header included
    struct block *next;
};

_Static_assert(sizeof(struct block) == GRANULE, "the header keeps memory aligned");

static struct block *free_blocks;

static struct block *block_end(struct block *b)
{
    return (struct block *)((char *)b + b->size);
}

static void block_insert(struct block *b)
{
    struct block **link = &free_blocks, *prev = 0;

    while (*link && *link < b) {
        prev = *link;
        link = &prev->next;
    }
    b->next = *link;
    *link = b;
    if (b->next && block_end(b) == b->next) {
        b->size += b->next->size;
        b->next = b->next->next;
    }
    if (prev && block_end(prev) == b) {
        prev->size += b->size;
        prev->next = b->next;
    }
}

// Takes the first of `size` bytes from the first free block that has them. The rest stays free: at
// the end of the heap it joins what the heap grows by, so that the list stays short.
static struct block *block_take(uint64 size)
{
    for (struct block **link = &free_blocks; *link; link = &(*link)->next) {
        struct block *b = *link;
        if (b->size < size)
            continue;
        if (b->size == size) {
            *link = b->next;
            return b;
        }
        struct block *rest = (struct block *)((char *)b + size);
        rest->size = b->size - size;
        rest->next = b->next;
        *link = rest;
        b->size = size;
        return b;
    }
    return 0;
}

static int heap_grow(uint64 size)
{
    uint64 skew = -(uint64)sbrk(0) % GRANULE; // a program may have left the break anywhere
    uint64 bytes = size > GROW_BYTES ? size : GROW_BYTES;

    if (bytes + skew > 0x7fffffff)
        return -1;
    char *start = sbrk(bytes + skew);
    if (start == (char *)-1)
        return -1;
    struct block *b = (struct block *)(start + skew);
    b->size = bytes;
    block_insert(b);
    return 0;
}

void *malloc(uint n)
{
    uint64 size = (n + sizeof(struct block) + GRANULE - 1) & -GRANULE;
    struct block *b = block_take(size);

    if (!b && heap_grow(size) == 0)
        b = block_take(size);
    return b ? b + 1 : 0;
}

void free(void *p)
{
    if (p)
        block_insert((struct block *)p - 1);
}
