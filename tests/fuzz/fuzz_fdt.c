// SPDX-License-Identifier: MIT
// Device trees: a sound one is walked to its end, whatever it holds.
#include "fuzz.h"
#include "lib/fdt.h"

static volatile u8 sink;

static void touch(const void *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sink = ((const u8 *)data)[i];
}

static void node_visit(const struct fdt *f, const struct fdt_node *node)
{
    static const char *const names[] = {"reg", "compatible", "interrupts", "#address-cells", "x"};
    u64 base, bytes;
    u32 length;

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        const void *value = fdt_prop(f, node, names[i], &length);
        const char *text = fdt_prop_string(f, node, names[i]);

        if (value)
            touch(value, length);
        while (text && *text)
            text++;
        fdt_prop_u64(f, node, names[i], &base);
        fdt_prop_cells(f, node, names[i], 1, 2, &base);
    }
    for (u32 i = 0; i < 4 && !fdt_reg(f, node, i, &base, &bytes); i++)
        ;
    fdt_is_compatible(f, node, "ns16550a");
    fuzz_check(node->depth <= FDT_DEPTH_MAX);
}

void fuzz_one(const u8 *data, size_t size)
{
    struct fdt_node node;
    struct fdt f;
    u64 base, bytes;
    size_t nodes = 1;

    if (fdt_init(&f, data, size))
        return;
    fuzz_check(f.size <= size);
    for (u32 i = 0; fdt_reservation(&f, i, &base, &bytes); i++)
        fuzz_check(i < size / 16);
    node = fdt_root(&f);
    do {
        node_visit(&f, &node);
        fuzz_check(nodes++ <= size / 8);
    } while (fdt_next(&f, &node));
}
