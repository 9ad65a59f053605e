// SPDX-License-Identifier: MIT
// Reader of flattened device trees (Devicetree Specification 0.4, chapter 5).
//
// fdt_init checks the whole blob once; every accessor still goes through the same bounded token
// reader, so no input makes it read outside the blob or loop. Nothing is copied or allocated:
// names and property values point into the blob, values are big-endian and unaligned.
#pragma once

#include "lib/types.h"

// Nodes nested deeper than this are rejected; real trees use about five levels.
#define FDT_DEPTH_MAX 16

struct fdt {
    const void *base;
    size_t size; // bytes: the header's total size
    u32 structs, structs_size;
    u32 strings, strings_size;
    u32 reservations; // offset of the memory reservation block
};

// A place in the tree, by value. cells[d] are the #address-cells and #size-cells that hold for the
// `reg` of a node at depth d, known for d = 0..depth.
struct fdt_node {
    u32 offset;       // in the structure block: the first token behind the node's name
    u32 depth;        // 0 for the root
    const char *name; // with its unit address: "uart@10000000"; "" for the root
    u8 cells[FDT_DEPTH_MAX + 1][2];
};

// `maxsize`: bytes that may be read at blob. -EINVAL if it is not a sound tree of version 17, or a
// later one that says it is compatible.
int fdt_init(struct fdt *f, const void *blob, size_t maxsize);

// Range `i` of the memory reservation block; false behind the last.
bool fdt_reservation(const struct fdt *f, u32 i, u64 *base, u64 *size);

struct fdt_node fdt_root(const struct fdt *f);

// Moves to the next node of the whole tree, parents before children; false (unchanged) at the end.
bool fdt_next(const struct fdt *f, struct fdt_node *node);

// The value and its length in bytes (len may be NULL); NULL if there is no such property.
const void *fdt_prop(const struct fdt *f, const struct fdt_node *node, const char *name, u32 *len);

// The value if it is a zero-terminated string, else NULL.
const char *fdt_prop_string(const struct fdt *f, const struct fdt_node *node, const char *name);

// -ENOENT if there is no such property, -EINVAL if its size is not 4 or 8; *out is then unchanged.
int fdt_prop_u64(const struct fdt *f, const struct fdt_node *node, const char *name, u64 *out);

// The number made of `count` (0..2) cells starting at cell `i`, the most significant first.
// -ENOENT if the property is absent or ends before, -EINVAL if count > 2.
int fdt_prop_cells(const struct fdt *f, const struct fdt_node *node, const char *name, u32 i,
                   u32 count, u64 *out);

// True if `compatible` is one of the strings of the node's "compatible" property.
bool fdt_is_compatible(const struct fdt *f, const struct fdt_node *node, const char *compatible);

// Range `i` of the node's "reg", in the cells its parent prescribes. -ENOENT behind the last,
// -EINVAL for cell counts above 2.
int fdt_reg(const struct fdt *f, const struct fdt_node *node, u32 i, u64 *base, u64 *size);
