// SPDX-License-Identifier: MIT
// Device trees made for tests: nodes and properties in a blob, then tree_end.
#pragma once
#include "unit.h"

// Begins zeroed.
struct blob {
    u8 structs[2048];
    size_t structs_size;
    char strings[512];
    size_t strings_size;
};

static inline void be32_at(u8 *p, u32 v)
{
    p[0] = v >> 24;
    p[1] = v >> 16;
    p[2] = v >> 8;
    p[3] = v;
}

static inline void word(struct blob *b, u32 v)
{
    be32_at(b->structs + b->structs_size, v);
    b->structs_size += 4;
}

static inline void bytes(struct blob *b, const void *p, size_t n)
{
    memcpy(b->structs + b->structs_size, p, n);
    b->structs_size = (b->structs_size + n + 3) & ~3UL;
}

static inline void begin(struct blob *b, const char *name)
{
    word(b, 1);
    bytes(b, name, strlen(name) + 1);
}

static inline void end(struct blob *b)
{
    word(b, 2);
}

static inline void prop(struct blob *b, const char *name, const void *value, size_t len)
{
    word(b, 3);
    word(b, len);
    word(b, b->strings_size);
    strcpy(b->strings + b->strings_size, name);
    b->strings_size += strlen(name) + 1;
    bytes(b, value, len);
}

static inline void cells(struct blob *b, const char *name, u32 count, const u32 *v)
{
    u8 raw[64];

    for (u32 i = 0; i < count; i++)
        be32_at(raw + i * 4, v[i]);
    prop(b, name, raw, count * 4);
}

#define CELLS(b, name, ...) cells(b, name, sizeof((u32[]){__VA_ARGS__}) / 4, (u32[]){__VA_ARGS__})

// Ends the tree and puts it at `out`, with one reservation; its size.
static inline size_t tree_end(struct blob *b, u8 *out, u32 reserved_base, u32 reserved_size)
{
    size_t at = 40 + 32;

    word(b, 9);
    memset(out, 0, at);
    be32_at(out + 44, reserved_base);
    be32_at(out + 52, reserved_size);
    memcpy(out + at, b->structs, b->structs_size);
    memcpy(out + at + b->structs_size, b->strings, b->strings_size);
    be32_at(out, 0xd00dfeed);
    be32_at(out + 4, at + b->structs_size + b->strings_size);
    be32_at(out + 8, at);
    be32_at(out + 12, at + b->structs_size);
    be32_at(out + 16, 40);
    be32_at(out + 20, 17);
    be32_at(out + 24, 16);
    be32_at(out + 32, b->strings_size);
    be32_at(out + 36, b->structs_size);
    return at + b->structs_size + b->strings_size;
}
