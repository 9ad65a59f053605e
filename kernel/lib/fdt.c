// SPDX-License-Identifier: MIT
// Reader of flattened device trees.
//
// The structure block is a sequence of tokens. fdt_token reads one, checks that all of it lies in
// its block, and always moves forward; everything else is loops over it. The strings block must
// end in a zero, so a property's name needs no more than a check of its offset.
#include "lib/fdt.h"

#include "abi/errno.h"
#include "lib/macro.h"
#include "lib/string.h"

#define FDT_MAGIC   0xd00dfeedU
#define FDT_VERSION 17

// The header: big-endian words at these byte offsets.
#define FDT_TOTAL_SIZE   4
#define FDT_OFF_STRUCT   8
#define FDT_OFF_STRINGS  12
#define FDT_OFF_RSVMAP   16
#define FDT_VERSION_AT   20
#define FDT_COMPAT_AT    24
#define FDT_SIZE_STRINGS 32
#define FDT_SIZE_STRUCT  36
#define FDT_HEADER_SIZE  40
#define FDT_RSV_SIZE     16

#define FDT_BEGIN_NODE 1
#define FDT_END_NODE   2
#define FDT_PROP       3
#define FDT_NOP        4
#define FDT_END        9

#define FDT_ADDRESS_CELLS_DEFAULT 2
#define FDT_SIZE_CELLS_DEFAULT    1

struct fdt_token {
    u32 kind;
    u32 next;         // offset of the token after this one
    const char *name; // of a node or property
    const u8 *value;  // of a property
    u32 len;          // bytes at value
};

static u32 be32(const u8 *p)
{
    return (u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static u64 be64(const u8 *p)
{
    return (u64)be32(p) << 32 | be32(p + 4);
}

static const u8 *fdt_at(const struct fdt *f, u32 offset)
{
    return (const u8 *)f->base + offset;
}

// Reads the token at `at`, passing over NOPs. False if it is malformed or not all there.
static bool fdt_token(const struct fdt *f, u32 at, struct fdt_token *t)
{
    const u8 *base = fdt_at(f, f->structs);
    u64 pos = at, size = f->structs_size;
    u32 name;

    do {
        if (pos + 4 > size)
            return false;
        t->kind = be32(base + pos);
        pos += 4;
    } while (t->kind == FDT_NOP);

    if (t->kind == FDT_BEGIN_NODE) {
        t->name = (const char *)base + pos;
        pos = ALIGN_UP(pos + strnlen(t->name, size - pos) + 1, 4);
    } else if (t->kind == FDT_PROP) {
        if (pos + 8 > size)
            return false;
        t->len = be32(base + pos);
        name = be32(base + pos + 4);
        if (name >= f->strings_size)
            return false;
        t->name = (const char *)fdt_at(f, f->strings) + name;
        t->value = base + pos + 8;
        pos = ALIGN_UP(pos + 8 + t->len, 4);
    } else if (t->kind != FDT_END_NODE && t->kind != FDT_END) {
        return false;
    }
    t->next = pos;
    return pos <= size;
}

static bool fdt_block_inside(const struct fdt *f, u64 offset, u64 size)
{
    return offset >= FDT_HEADER_SIZE && offset + size <= f->size;
}

static int fdt_check_blocks(const struct fdt *f)
{
    u64 at = f->reservations;

    if (!fdt_block_inside(f, f->structs, f->structs_size) ||
        !fdt_block_inside(f, f->strings, f->strings_size))
        return -EINVAL;
    if (f->strings_size && *fdt_at(f, f->strings + f->strings_size - 1) != 0)
        return -EINVAL;
    do {
        if (!fdt_block_inside(f, at, FDT_RSV_SIZE))
            return -EINVAL;
        at += FDT_RSV_SIZE;
    } while (be64(fdt_at(f, at - FDT_RSV_SIZE)) || be64(fdt_at(f, at - 8)));
    return 0;
}

// One root, properly nested, and the end token behind it.
static int fdt_check_tokens(const struct fdt *f)
{
    struct fdt_token t = {.next = 0};
    u32 depth = 0;

    if (!fdt_token(f, 0, &t) || t.kind != FDT_BEGIN_NODE)
        return -EINVAL;
    for (;;) {
        if (!fdt_token(f, t.next, &t) || t.kind == FDT_END)
            return -EINVAL;
        if (t.kind == FDT_BEGIN_NODE && ++depth > FDT_DEPTH_MAX)
            return -EINVAL;
        if (t.kind == FDT_END_NODE && depth-- == 0)
            break;
    }
    return fdt_token(f, t.next, &t) && t.kind == FDT_END ? 0 : -EINVAL;
}

int fdt_init(struct fdt *f, const void *blob, size_t maxsize)
{
    const u8 *h = blob;
    int rc;

    if (maxsize < FDT_HEADER_SIZE || be32(h) != FDT_MAGIC)
        return -EINVAL;
    *f = (struct fdt){
        .base = blob,
        .size = be32(h + FDT_TOTAL_SIZE),
        .structs = be32(h + FDT_OFF_STRUCT),
        .structs_size = be32(h + FDT_SIZE_STRUCT),
        .strings = be32(h + FDT_OFF_STRINGS),
        .strings_size = be32(h + FDT_SIZE_STRINGS),
        .reservations = be32(h + FDT_OFF_RSVMAP),
    };
    if (f->size > maxsize || be32(h + FDT_VERSION_AT) < FDT_VERSION ||
        be32(h + FDT_COMPAT_AT) > FDT_VERSION)
        return -EINVAL;
    rc = fdt_check_blocks(f);
    return rc < 0 ? rc : fdt_check_tokens(f);
}

bool fdt_reservation(const struct fdt *f, u32 i, u64 *base, u64 *size)
{
    for (u64 at = f->reservations; fdt_block_inside(f, at, FDT_RSV_SIZE); at += FDT_RSV_SIZE) {
        *base = be64(fdt_at(f, at));
        *size = be64(fdt_at(f, at + 8));
        if (*base == 0 && *size == 0)
            return false;
        if (i-- == 0)
            return true;
    }
    return false;
}

struct fdt_node fdt_root(const struct fdt *f)
{
    struct fdt_node n = {.name = "",
                         .cells[0] = {FDT_ADDRESS_CELLS_DEFAULT, FDT_SIZE_CELLS_DEFAULT}};
    struct fdt_token t;

    if (fdt_token(f, 0, &t))
        n.offset = t.next;
    return n;
}

static void fdt_note_cells(u8 *cells, const struct fdt_token *t)
{
    u32 value;

    if (t->name[0] != '#' || t->len != 4)
        return;
    value = MIN(be32(t->value), 255U);
    if (strcmp(t->name, "#address-cells") == 0)
        cells[0] = value;
    else if (strcmp(t->name, "#size-cells") == 0)
        cells[1] = value;
}

static void fdt_read_cells(const struct fdt *f, struct fdt_node *n)
{
    struct fdt_token t = {.next = n->offset};
    u8 *cells = n->cells[n->depth + 1];

    cells[0] = FDT_ADDRESS_CELLS_DEFAULT;
    cells[1] = FDT_SIZE_CELLS_DEFAULT;
    while (fdt_token(f, t.next, &t) && t.kind == FDT_PROP)
        fdt_note_cells(cells, &t);
}

bool fdt_next(const struct fdt *f, struct fdt_node *node)
{
    struct fdt_token t = {.next = node->offset};
    u32 depth = node->depth;

    while (fdt_token(f, t.next, &t) && t.kind != FDT_END) {
        if (t.kind == FDT_END_NODE && depth-- == 0)
            return false;
        if (t.kind != FDT_BEGIN_NODE)
            continue;
        if (depth >= FDT_DEPTH_MAX)
            return false;
        if (depth == node->depth)
            fdt_read_cells(f, node);
        node->offset = t.next;
        node->depth = depth + 1;
        node->name = t.name;
        return true;
    }
    return false;
}

const void *fdt_prop(const struct fdt *f, const struct fdt_node *node, const char *name, u32 *len)
{
    struct fdt_token t = {.next = node->offset};

    while (fdt_token(f, t.next, &t) && t.kind == FDT_PROP) {
        if (strcmp(t.name, name) == 0) {
            if (len)
                *len = t.len;
            return t.value;
        }
    }
    return NULL;
}

const char *fdt_prop_string(const struct fdt *f, const struct fdt_node *node, const char *name)
{
    u32 len;
    const char *s = fdt_prop(f, node, name, &len);

    return s && strnlen(s, len) < len ? s : NULL;
}

int fdt_prop_u64(const struct fdt *f, const struct fdt_node *node, const char *name, u64 *out)
{
    u32 len;
    const u8 *value = fdt_prop(f, node, name, &len);

    if (!value || (len != 4 && len != 8))
        return value ? -EINVAL : -ENOENT;
    *out = len == 4 ? be32(value) : be64(value);
    return 0;
}

int fdt_prop_cells(const struct fdt *f, const struct fdt_node *node, const char *name, u32 i,
                   u32 count, u64 *out)
{
    u32 len;
    const u8 *value = fdt_prop(f, node, name, &len);

    if (count > 2)
        return -EINVAL;
    if (!value || ((u64)i + count) * 4 > len)
        return -ENOENT;
    for (*out = 0; count; count--, i++)
        *out = *out << 32 | be32(value + (u64)i * 4);
    return 0;
}

bool fdt_is_compatible(const struct fdt *f, const struct fdt_node *node, const char *compatible)
{
    u32 len;
    const char *s = fdt_prop(f, node, "compatible", &len);
    size_t wanted = strlen(compatible) + 1, here;

    for (; s && len >= wanted; s += here, len -= here) {
        here = strnlen(s, len) + 1;
        if (here == wanted && here <= len && memcmp(s, compatible, wanted) == 0)
            return true;
        if (here > len)
            break;
    }
    return false;
}

int fdt_reg(const struct fdt *f, const struct fdt_node *node, u32 i, u64 *base, u64 *size)
{
    u32 address_cells = node->cells[node->depth][0];
    u32 size_cells = node->cells[node->depth][1];
    u64 at = (u64)i * (address_cells + size_cells);
    int rc;

    if (address_cells > 2 || size_cells > 2)
        return -EINVAL;
    if (address_cells == 0 || at > UINT32_MAX - 4)
        return -ENOENT;
    rc = fdt_prop_cells(f, node, "reg", at, address_cells, base);
    return rc < 0 ? rc : fdt_prop_cells(f, node, "reg", at + address_cells, size_cells, size);
}
