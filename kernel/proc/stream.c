// SPDX-License-Identifier: MIT
// A growing run of bytes in kernel pages: what execve carries from the old space to the new.

#include "abi/errno.h"
#include "arch/uaccess.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/proc_private.h"

#define CHUNK_BYTES (2048 - sizeof(struct list) - sizeof(size_t))

struct stream_chunk {
    struct list link;
    size_t used;
    char data[CHUNK_BYTES] ALIGNED(8);
};
static_assert(CHUNK_BYTES % sizeof(u64) == 0, "no word of a stream of words is split");

void stream_init(struct stream *s)
{
    list_init(&s->chunks);
    s->length = 0;
}

void stream_fini(struct stream *s)
{
    struct stream_chunk *c;

    while ((c = list_pop(&s->chunks, struct stream_chunk, link)))
        kfree(c);
}

// The chunk to append to, with room for at least one byte.
static struct stream_chunk *stream_room(struct stream *s)
{
    struct stream_chunk *c = list_last(&s->chunks, struct stream_chunk, link);

    if (c && c->used < CHUNK_BYTES)
        return c;
    c = kmalloc(sizeof(*c), 0);
    if (!c)
        return NULL;
    c->used = 0;
    list_insert_tail(&s->chunks, &c->link);
    return c;
}

int stream_append(struct stream *s, const void *data, size_t n)
{
    const char *from = data;

    while (n) {
        struct stream_chunk *c = stream_room(s);
        size_t part;

        if (!c)
            return -ENOMEM;
        part = MIN(n, CHUNK_BYTES - c->used);
        memcpy(c->data + c->used, from, part);
        c->used += part;
        s->length += part;
        from += part;
        n -= part;
    }
    return 0;
}

ssize_t stream_append_user_string(struct stream *s, uaddr_t src, size_t max)
{
    size_t total = 0;

    while (total < max) {
        struct stream_chunk *c = stream_room(s);
        size_t room;
        ssize_t got;

        if (!c)
            return -ENOMEM;
        room = CHUNK_BYTES - c->used;
        got = strncpy_from_user(c->data + c->used, src + total, room);
        if (got < 0 && got != -ENAMETOOLONG)
            return got;
        room = got < 0 ? room : (size_t)got + 1;
        c->used += room;
        s->length += room;
        total += room;
        if (got >= 0)
            return total;
    }
    return -E2BIG;
}

int stream_write(const struct stream *s, struct vm_space *space, uaddr_t to)
{
    struct stream_chunk *c;

    LIST_FOR_EACH (c, &s->chunks, link) {
        if (vm_access(space, to, c->data, c->used, true, false) != c->used)
            return -EFAULT;
        to += c->used;
    }
    return 0;
}

void stream_relocate(struct stream *s, u64 base)
{
    struct stream_chunk *c;

    LIST_FOR_EACH (c, &s->chunks, link)
        for (u64 *at = (u64 *)c->data; at < (u64 *)(c->data + c->used); at++)
            *at = *at == EXEC_END ? 0 : *at + base;
}
