// SPDX-License-Identifier: MIT
// Reads from the device tree what this kernel drives (Devicetree Specification 0.4).
#include "base/devicetree.h"
#include "abi/errno.h"
#include "arch/smp.h"
#include "arch/timer.h"
#include "base/random.h"
#include "lib/fdt.h"
#include "lib/macro.h"
#include "lib/string.h"

#define PLIC_SUPERVISOR_EXTERNAL 9

struct machine machine;

static u32 cpu_phandles[MAX_HARTS]; // boot only: interrupt controller of each hart index

static void range_add(struct phys_range *ranges, unsigned *count, u64 base, u64 size)
{
    if (size && *count < MACHINE_MAX_RANGES)
        ranges[(*count)++] = (struct phys_range){base, size};
}

static void read_memory(const struct fdt *f)
{
    struct fdt_node node = fdt_root(f);
    u64 base, size;

    while (fdt_next(f, &node)) {
        const char *type = fdt_prop_string(f, &node, "device_type");

        if (!type || strcmp(type, "memory"))
            continue;
        for (u32 i = 0; !fdt_reg(f, &node, i, &base, &size); i++)
            range_add(machine.memory, &machine.memory_count, base, size);
    }
}

// A range that is already covered is left out.
static void reserve(u64 base, u64 size)
{
    for (unsigned i = 0; i < machine.reserved_count; i++) {
        const struct phys_range *r = &machine.reserved[i];

        if (base >= r->base && base + size <= r->base + r->size)
            return;
    }
    range_add(machine.reserved, &machine.reserved_count, base, size);
}

static bool is_reserved(paddr_t at)
{
    for (unsigned i = 0; i < machine.reserved_count; i++)
        if (at - machine.reserved[i].base < machine.reserved[i].size)
            return true;
    return false;
}

// A firmware that does not say where it lies at the start of RAM owns everything below the image.
static void reserve_image(void)
{
    paddr_t start = kernel_phys_base, end = image_to_phys(kernel_end);

    for (unsigned i = 0; i < machine.memory_count; i++) {
        const struct phys_range *r = &machine.memory[i];

        if (start >= r->base && start < r->base + r->size && !is_reserved(r->base))
            start = r->base;
    }
    reserve(start, end - start);
}

static void read_reserved_nodes(const struct fdt *f)
{
    struct fdt_node parent, node;
    u64 base, size;

    if (!fdt_find_path(f, "/reserved-memory", &parent) || !fdt_child(f, &parent, &node))
        return;
    do {
        for (u32 i = 0; !fdt_reg(f, &node, i, &base, &size); i++)
            reserve(base, size);
    } while (fdt_sibling(f, &node));
}

static void read_reserved(const struct fdt *f)
{
    u64 base, size;

    for (u32 i = 0; fdt_reservation(f, i, &base, &size); i++)
        reserve(base, size);
    read_reserved_nodes(f);
    reserve_image();
}

static void read_chosen(const struct fdt *f)
{
    struct fdt_node node;
    const char *args;
    const void *seed;
    u64 start, end;
    u32 len;

    if (!fdt_find_path(f, "/chosen", &node))
        return;
    args = fdt_prop_string(f, &node, "bootargs");
    if (args)
        strlcpy(machine.bootargs, args, sizeof(machine.bootargs));
    if (!fdt_prop_u64(f, &node, "linux,initrd-start", &start) &&
        !fdt_prop_u64(f, &node, "linux,initrd-end", &end) && end > start)
        machine.initrd = (struct phys_range){start, end - start};
    seed = fdt_prop(f, &node, "rng-seed", &len);
    if (seed)
        random_mix(seed, len);
}

// Whether an ISA string ("rv64imac_zicsr_sstc") or a list of strings names an extension.
static bool isa_has(const char *isa, u32 len, const char *extension)
{
    size_t n = strlen(extension);

    for (u32 i = 0; i + n <= len; i++) {
        char before = i ? isa[i - 1] : 0, after = i + n < len ? isa[i + n] : 0;

        if (!memcmp(isa + i, extension, n) && (!before || before == '_') &&
            (!after || after == '_'))
            return true;
    }
    return false;
}

static bool cpu_has(const struct fdt *f, const struct fdt_node *cpu, const char *extension)
{
    u32 len;
    const char *isa = fdt_prop(f, cpu, "riscv,isa-extensions", &len);

    if (isa && isa_has(isa, len, extension))
        return true;
    isa = fdt_prop(f, cpu, "riscv,isa", &len);
    return isa && isa_has(isa, len, extension);
}

static bool cpu_usable(const struct fdt *f, const struct fdt_node *cpu)
{
    const char *type = fdt_prop_string(f, cpu, "device_type");
    const char *status = fdt_prop_string(f, cpu, "status");

    return type && !strcmp(type, "cpu") && (!status || !strcmp(status, "okay"));
}

static void read_cpu(const struct fdt *f, const struct fdt_node *cpu, u64 id)
{
    unsigned index = 0;
    struct fdt_node child;

    while (index < hart_count && hart_ids[index] != id)
        index++;
    if (index == hart_count)
        return;
    timer_has_sstc = timer_has_sstc && cpu_has(f, cpu, "sstc");
    if (fdt_child(f, cpu, &child))
        fdt_prop_u32(f, &child, "phandle", &cpu_phandles[index]);
}

static int read_cpus(const struct fdt *f)
{
    u64 ids[MAX_HARTS], id, size;
    struct fdt_node cpus, first, cpu;
    unsigned n = 0;

    if (!fdt_find_path(f, "/cpus", &cpus) || !fdt_child(f, &cpus, &first) ||
        fdt_prop_u64(f, &cpus, "timebase-frequency", &machine.timebase_hz) || !machine.timebase_hz)
        return -EINVAL;
    cpu = first;
    do {
        if (n < MAX_HARTS && cpu_usable(f, &cpu) && !fdt_reg(f, &cpu, 0, &id, &size))
            ids[n++] = id;
    } while (fdt_sibling(f, &cpu));
    if (!n)
        return -EINVAL;
    smp_set_harts(ids, n);
    machine.hart_count = hart_count;
    timer_has_sstc = true;
    cpu = first;
    do {
        if (cpu_usable(f, &cpu) && !fdt_reg(f, &cpu, 0, &id, &size))
            read_cpu(f, &cpu, id);
    } while (fdt_sibling(f, &cpu));
    return 0;
}

static bool read_device(const struct fdt *f, const struct fdt_node *node,
                        struct machine_device *out)
{
    u64 irq = 0;

    if (fdt_reg(f, node, 0, &out->reg.base, &out->reg.size))
        return false;
    (void)fdt_prop_cells(f, node, "interrupts", 0, 1, &irq);
    out->irq = (u32)irq;
    return true;
}

// Reads the first such device. False: there is none.
static bool find_device(const struct fdt *f, struct fdt_node *node, const char *compatible,
                        struct machine_device *out)
{
    *node = fdt_root(f);
    return fdt_next_compatible(f, node, compatible) && read_device(f, node, out);
}

// interrupts-extended lists one (hart interrupt controller, interrupt) pair a context.
static void read_plic(const struct fdt *f)
{
    struct fdt_node node;
    u64 phandle, irq;

    if (!find_device(f, &node, "sifive,plic-1.0.0", &machine.plic) &&
        !find_device(f, &node, "riscv,plic0", &machine.plic))
        return;
    for (u32 context = 0;
         !fdt_prop_cells(f, &node, "interrupts-extended", 2 * context, 1, &phandle) &&
         !fdt_prop_cells(f, &node, "interrupts-extended", 2 * context + 1, 1, &irq);
         context++) {
        for (unsigned i = 0; irq == PLIC_SUPERVISOR_EXTERNAL && i < machine.hart_count; i++) {
            if (cpu_phandles[i] == phandle)
                machine.plic_context[i] = context;
        }
    }
}

// In the tree's order, which is that of QEMU's command line.
static void read_virtio(const struct fdt *f)
{
    struct fdt_node node = fdt_root(f);

    while (machine.virtio_count < MACHINE_MAX_VIRTIO &&
           fdt_next_compatible(f, &node, "virtio,mmio"))
        machine.virtio_count += read_device(f, &node, &machine.virtio[machine.virtio_count]);
}

int devicetree_init(const void *blob, size_t max)
{
    struct fdt f;
    struct fdt_node node;

    if (fdt_init(&f, blob, max))
        return -EINVAL;
    read_memory(&f);
    if (read_cpus(&f) || !machine.memory_count)
        return -EINVAL;
    read_reserved(&f);
    read_chosen(&f);
    read_plic(&f);
    if (find_device(&f, &node, "ns16550a", &machine.uart))
        (void)fdt_prop_u32(&f, &node, "clock-frequency", &machine.uart_clock);
    (void)find_device(&f, &node, "google,goldfish-rtc", &machine.rtc);
    read_virtio(&f);
    return 0;
}
