// SPDX-License-Identifier: MIT
// Finds the harts in the device tree.
#include "lib/fdt.h"
#include "firmware.h"
#include "lib/string.h"

#define TREE_MAX  (1UL << 20) /* bytes that are looked at */
#define CPU_DEPTH 2           /* of /cpus/cpu@n */

void fdt_find_harts(const void *tree)
{
    struct fdt_node node;
    struct fdt f;
    u64 hart, size;

    if (!tree || fdt_init(&f, tree, TREE_MAX))
        return;
    for (node = fdt_root(&f); fdt_next(&f, &node);)
        if (node.depth == CPU_DEPTH && !strncmp(node.name, "cpu@", 4) &&
            !fdt_reg(&f, &node, 0, &hart, &size))
            hart_add(hart);
}
