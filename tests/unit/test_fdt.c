// SPDX-License-Identifier: MIT
// Device-tree reader: a tree built here with known answers, then thousands of damaged copies of it.
#include "tree.h"

#include "abi/errno.h"
#include "lib/fdt.h"

static u8 tree[4096];
static size_t tree_size;

static void build_nodes(struct blob *b)
{
    begin(b, "");
    CELLS(b, "#address-cells", 2);
    CELLS(b, "#size-cells", 2);
    prop(b, "compatible", "virt\0board", 11);
    begin(b, "memory@80000000");
    CELLS(b, "reg", 0, 0x80000000, 0, 0x8000000, 1, 0, 2, 0x1000);
    end(b);
    begin(b, "cpus");
    CELLS(b, "#address-cells", 1);
    CELLS(b, "#size-cells", 0);
    CELLS(b, "timebase-frequency", 10000000);
    begin(b, "cpu@0");
    CELLS(b, "reg", 0);
    begin(b, "interrupt-controller");
    CELLS(b, "phandle", 7);
    end(b);
    end(b);
    word(b, 4);
    begin(b, "cpu@1");
    CELLS(b, "reg", 1);
    prop(b, "status", "okay", 5);
    prop(b, "unterminated", "okay", 4);
    end(b);
    end(b);
    begin(b, "soc");
    begin(b, "uart@10000000");
    CELLS(b, "reg", 0, 0x10000000, 0x100);
    prop(b, "compatible", "vendor,uart\0ns16550a", 21);
    CELLS(b, "wide", 0x12, 0x34567890);
    end(b);
    end(b);
    end(b);
}

static int build(void **state)
{
    static struct blob b;

    unit_seed(state);
    memset(&b, 0, sizeof(b));
    build_nodes(&b);
    memset(tree, 0, sizeof(tree));
    tree_size = tree_end(&b, tree, 0x90000000, 0x2000);
    return 0;
}

static void test_walk(void **state)
{
    static const char *names[] = {"memory@80000000", "cpus", "cpu@0",        "interrupt-controller",
                                  "cpu@1",           "soc",  "uart@10000000"};
    static const u32 depths[] = {1, 1, 2, 3, 2, 1, 2};
    struct fdt f;
    struct fdt_node n;

    assert_int_equal(fdt_init(&f, tree, sizeof(tree)), 0);
    n = fdt_root(&f);
    assert_string_equal(n.name, "");
    for (u32 i = 0; i < 7; i++) {
        assert_true(fdt_next(&f, &n));
        assert_string_equal(n.name, names[i]);
        assert_int_equal(n.depth, depths[i]);
    }
    assert_false(fdt_next(&f, &n));
    assert_string_equal(n.name, names[6]);
}

// The node of this name; the test fails if there is none.
static struct fdt_node find(const struct fdt *f, const char *name)
{
    struct fdt_node n = fdt_root(f);

    while (strcmp(n.name, name))
        assert_true(fdt_next(f, &n));
    return n;
}

static void test_compatible(void **state)
{
    struct fdt f;
    struct fdt_node n;

    assert_int_equal(fdt_init(&f, tree, tree_size), 0);
    n = fdt_root(&f);
    assert_int_equal(n.depth, 0);
    assert_true(fdt_is_compatible(&f, &n, "board"));
    n = find(&f, "uart@10000000");
    assert_true(fdt_is_compatible(&f, &n, "ns16550a"));
    assert_true(fdt_is_compatible(&f, &n, "vendor,uart"));
    assert_false(fdt_is_compatible(&f, &n, "ns16550"));
    assert_false(fdt_is_compatible(&f, &n, "uart"));
    n = find(&f, "soc");
    assert_false(fdt_is_compatible(&f, &n, "ns16550a"));
}

static void test_values(void **state)
{
    struct fdt f;
    struct fdt_node n;
    u64 base, size;
    u32 len;

    assert_int_equal(fdt_init(&f, tree, tree_size), 0);
    n = find(&f, "memory@80000000");
    assert_int_equal(fdt_reg(&f, &n, 0, &base, &size), 0);
    assert_int_equal(base, 0x80000000);
    assert_int_equal(size, 0x8000000);
    assert_int_equal(fdt_reg(&f, &n, 1, &base, &size), 0);
    assert_int_equal(base, 1UL << 32);
    assert_int_equal(size, 0x200001000);
    assert_int_equal(fdt_reg(&f, &n, 2, &base, &size), -ENOENT);
    assert_int_equal(fdt_reg(&f, &n, ~0U, &base, &size), -ENOENT);
    n = find(&f, "cpu@1");
    assert_int_equal(fdt_reg(&f, &n, 0, &base, &size), 0);
    assert_int_equal(base, 1);
    assert_int_equal(size, 0);
    assert_string_equal(fdt_prop_string(&f, &n, "status"), "okay");
    assert_null(fdt_prop_string(&f, &n, "unterminated"));
    assert_null(fdt_prop_string(&f, &n, "absent"));
    n = find(&f, "cpus");
    assert_int_equal(fdt_prop_u64(&f, &n, "timebase-frequency", &base), 0);
    assert_int_equal(base, 10000000);
    assert_int_equal(fdt_prop_u64(&f, &n, "absent", &base), -ENOENT);
    n = find(&f, "uart@10000000");
    assert_int_equal(fdt_reg(&f, &n, 0, &base, &size), 0); // soc: default cells, 2 and 1
    assert_int_equal(base, 0x10000000);
    assert_int_equal(size, 0x100);
    assert_int_equal(fdt_prop_u64(&f, &n, "reg", &base), -EINVAL);
    assert_int_equal(fdt_prop_u64(&f, &n, "wide", &base), 0);
    assert_int_equal(base, 0x1234567890);
    assert_int_equal(fdt_prop_cells(&f, &n, "wide", 1, 1, &base), 0);
    assert_int_equal(base, 0x34567890);
    assert_int_equal(fdt_prop_cells(&f, &n, "wide", 1, 2, &base), -ENOENT);
    assert_int_equal(fdt_prop_cells(&f, &n, "wide", 0, 3, &base), -EINVAL);
    assert_non_null(fdt_prop(&f, &n, "reg", &len));
    assert_int_equal(len, 12);
    assert_true(fdt_reservation(&f, 0, &base, &size));
    assert_int_equal(base, 0x90000000);
    assert_int_equal(size, 0x2000);
    assert_false(fdt_reservation(&f, 1, &base, &size));
}

// Calls everything on whatever fdt_init lets through.
static void exercise(const struct fdt *f)
{
    struct fdt_node n = fdt_root(f);
    u64 base, size;
    u32 i, nodes = 0;

    do {
        assert_true(nodes++ < 4096 && n.depth <= FDT_DEPTH_MAX);
        for (i = 0; fdt_reg(f, &n, i, &base, &size) == 0; i++)
            ;
        fdt_is_compatible(f, &n, "ns16550a");
        fdt_prop_string(f, &n, "status");
        fdt_prop_u64(f, &n, "wide", &base);
    } while (fdt_next(f, &n));
    for (i = 0; fdt_reservation(f, i, &base, &size); i++)
        ;
}

static void test_damaged(void **state)
{
    u8 copy[sizeof(tree)];
    u32 accepted = 0;
    struct fdt f;

    for (u32 round = 0; round < 8000; round++) {
        size_t n = unit_mutate(copy, tree, tree_size);
        u8 *exact = malloc(n + !n);

        memcpy(exact, copy, n);
        if (fdt_init(&f, exact, n) == 0) {
            accepted++;
            exercise(&f);
        }
        free(exact);
    }
    assert_true(accepted > 100);
}

static void test_truncated(void **state)
{
    struct fdt f;

    for (size_t n = 0; n < tree_size; n++) {
        u8 *exact = malloc(n + !n);

        memcpy(exact, tree, n);
        assert_int_equal(fdt_init(&f, exact, n), -EINVAL);
        free(exact);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_walk),      cmocka_unit_test(test_compatible),
    cmocka_unit_test(test_values),    cmocka_unit_test(test_damaged),
    cmocka_unit_test(test_truncated),
};

int main(void)
{
    return cmocka_run_group_tests(tests, build, NULL);
}
