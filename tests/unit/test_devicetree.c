// SPDX-License-Identifier: MIT
// What the kernel takes from a device tree, and what it leaves.
#include "tree.h"

#include "arch/smp.h"
#include "arch/timer.h"
#include "base/devicetree_private.h"
#include "base/panic.h"
#include "base/random.h"

#define GIB (1UL << 30)

/* What the reader needs of the kernel */

bool timer_has_sstc;
paddr_t kernel_phys_base = 0x80200000;
char kernel_end[1];
unsigned hart_count;
u64 hart_ids[MAX_HARTS];
static jmp_buf panicked;

void smp_set_harts(const u64 *ids, unsigned n)
{
    memcpy(hart_ids, ids, n * sizeof(*ids));
    hart_count = n;
}

void random_mix(const void *data, size_t n)
{
}

void panic_line(const char *fmt, ...)
{
    longjmp(panicked, 1);
}

void devicetree_read_pci(const struct fdt *f, const struct fdt_node *pci,
                         const struct fdt_node *plic)
{
}

/* Trees */

static void cpu(struct blob *b, const char *name, u32 id, const char *status)
{
    begin(b, name);
    prop(b, "device_type", "cpu", 4);
    CELLS(b, "reg", id);
    if (status)
        prop(b, "status", status, strlen(status) + 1);
    end(b);
}

static void device(struct blob *b, const char *compatible, u32 base, const char *status)
{
    begin(b, "device");
    prop(b, "compatible", compatible, strlen(compatible) + 1);
    CELLS(b, "reg", 0, base, 0, 0x1000);
    if (status)
        prop(b, "status", status, strlen(status) + 1);
    end(b);
}

static void root_begin(struct blob *b)
{
    memset(b, 0, sizeof(*b));
    begin(b, "");
    CELLS(b, "#address-cells", 2);
    CELLS(b, "#size-cells", 2);
    begin(b, "cpus");
    CELLS(b, "#address-cells", 1);
    CELLS(b, "#size-cells", 0);
    CELLS(b, "timebase-frequency", 10000000);
    cpu(b, "cpu@0", 0, NULL);
    cpu(b, "cpu@1", 1, "disabled");
    cpu(b, "cpu@2", 2, "ok");
    end(b);
    begin(b, "memory@80000000");
    prop(b, "device_type", "memory", 7);
    CELLS(b, "reg", 0, 0x80000000, 0, 0x8000000, 0x1f, 0xc0000000, 1, 0, 0x30, 0, 1, 0);
    end(b);
}

// Reads the tree into `machine`; the result of devicetree_init.
static int read_tree(struct blob *b)
{
    u8 tree[8192];

    end(b);
    memset(&machine, 0, sizeof(machine));
    return devicetree_init(tree, tree_end(b, tree, 0x90000000, 0x2000));
}

/* Tests */

static void test_status(void **state)
{
    struct blob b;

    root_begin(&b);
    device(&b, "virtio,mmio", 0x1000, NULL);
    device(&b, "virtio,mmio", 0x2000, "disabled");
    device(&b, "virtio,mmio", 0x3000, "okay");
    device(&b, "virtio,mmio", 0x4000, "fail-sss");
    device(&b, "virtio,mmio", 0x5000, "ok");
    device(&b, "ns16550a", 0x6000, "reserved");
    device(&b, "ns16550a", 0x7000, "okay");
    assert_int_equal(read_tree(&b), 0);
    assert_int_equal(machine.virtio_count, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(machine.virtio[i].reg.base, 0x1000 + 0x2000 * i);
    assert_int_equal(machine.uart.reg.base, 0x7000);
    assert_int_equal(hart_count, 2);
    assert_int_equal(hart_ids[1], 2);
}

// RAM counts as far as the direct map reaches.
static void test_memory(void **state)
{
    struct blob b;

    root_begin(&b);
    assert_int_equal(read_tree(&b), 0);
    assert_int_equal(machine.memory_count, 2);
    assert_int_equal(machine.memory[0].base, 0x80000000);
    assert_int_equal(machine.memory[0].size, 0x8000000);
    assert_int_equal(machine.memory[1].base, 127 * GIB);
    assert_int_equal(machine.memory[1].size, GIB);
}

// With the blob's one and the image, as many reserved ranges as there is room for; or one more.
static void reserve_ranges(unsigned count)
{
    struct blob b;

    root_begin(&b);
    begin(&b, "reserved-memory");
    CELLS(&b, "#address-cells", 2);
    CELLS(&b, "#size-cells", 2);
    for (u32 i = 0; i < count; i++) {
        begin(&b, "range");
        CELLS(&b, "reg", 0, 0x81000000 + 0x10000 * i, 0, 0x1000);
        end(&b);
    }
    end(&b);
    assert_int_equal(read_tree(&b), 0);
}

static void test_reserved(void **state)
{
    if (setjmp(panicked))
        fail();
    reserve_ranges(MACHINE_MAX_RANGES - 2);
    assert_int_equal(machine.reserved_count, MACHINE_MAX_RANGES);
    if (setjmp(panicked))
        return;
    reserve_ranges(MACHINE_MAX_RANGES - 1);
    fail();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_status),
    cmocka_unit_test(test_memory),
    cmocka_unit_test(test_reserved),
};

UNIT_MAIN(tests)
