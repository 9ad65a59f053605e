// SPDX-License-Identifier: MIT
// Memory for the command being run, and growing strings.
#include "sh.h"

#define TEXT_FIRST 128

struct piece {
    struct piece *next;
    uint64 unused; // keeps what follows 16-byte aligned
};

static struct piece *pieces;

static void *must_alloc(uint size)
{
    void *p = malloc(size);

    if (!p) {
        fprintf(2, "sh: out of memory\n");
        exit(2);
    }
    return p;
}

void *arena_alloc(uint size)
{
    struct piece *p = must_alloc(sizeof(*p) + size);

    p->next = pieces;
    pieces = p;
    return memset(p + 1, 0, size);
}

char *arena_copy(const char *s, uint len)
{
    return memcpy(arena_alloc(len + 1), s, len);
}

void arena_reset(void)
{
    while (pieces) {
        struct piece *p = pieces;
        pieces = p->next;
        free(p);
    }
}

void text_add(struct text *t, const char *s, uint len)
{
    if (t->used + len + 1 > t->size) {
        uint size = t->size ? t->size : TEXT_FIRST;
        while (size < t->used + len + 1)
            size *= 2;
        char *data = must_alloc(size);
        memcpy(data, t->data, t->used);
        free(t->data);
        t->data = data;
        t->size = size;
    }
    memcpy(t->data + t->used, s, len);
    t->used += len;
    t->data[t->used] = 0;
}

void text_clear(struct text *t)
{
    t->used = 0;
    text_add(t, "", 0);
}
