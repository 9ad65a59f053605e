// SPDX-License-Identifier: MIT
// Reads from the device tree what this kernel drives (Devicetree Specification 0.4).
//
// One pass looks at each node. What depends on several nodes follows it: the order of the harts,
// the interrupt contexts, and what the image and its firmware occupy.
#include "abi/errno.h"
#include "arch/smp.h"
#include "arch/timer.h"
#include "base/devicetree_private.h"
#include "base/panic.h"
#include "base/random.h"
#include "lib/macro.h"
#include "lib/string.h"

#define PLIC_SUPERVISOR_EXTERNAL 9

struct machine machine;

// What the pass leaves to be put together afterwards.
struct survey {
    unsigned cpu_count;
    u64 ids[MAX_HARTS];      // of each cpu node in use
    u64 phandles[MAX_HARTS]; // of its interrupt controller
    bool in_cpu;             // the node before was such a cpu, or lies in it
    bool in_reserved;        // below /reserved-memory
    struct fdt_node plic;    // where machine.plic was read
    struct fdt_node pci;     // where machine.pci.host was read
};

static void range_add(struct phys_range *ranges, unsigned *count, u64 base, u64 size)
{
    if (size && *count < MACHINE_MAX_RANGES)
        ranges[(*count)++] = (struct phys_range){base, size};
}

// A range that is already covered is left out. One that found no place would be given away as free.
static void reserve(u64 base, u64 size)
{
    for (unsigned i = 0; i < machine.reserved_count; i++) {
        const struct phys_range *r = &machine.reserved[i];

        if (base >= r->base && base + size <= r->base + r->size)
            return;
    }
    if (size && machine.reserved_count == MACHINE_MAX_RANGES)
        panic_line("the device tree reserves more than %u ranges of memory", MACHINE_MAX_RANGES);
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

static void read_chosen(const struct fdt *f, const struct fdt_node *node)
{
    const char *args = fdt_prop_string(f, node, "bootargs");
    u64 start, end;
    u32 len;
    const void *seed = fdt_prop(f, node, "rng-seed", &len);

    if (args)
        strlcpy(machine.bootargs, args, sizeof(machine.bootargs));
    if (!fdt_prop_u64(f, node, "linux,initrd-start", &start) &&
        !fdt_prop_u64(f, node, "linux,initrd-end", &end) && end > start)
        machine.initrd = (struct phys_range){start, end - start};
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

// Section 2.3.4; "ok" is what it was called in older trees.
static bool is_okay(const struct fdt *f, const struct fdt_node *node)
{
    const char *status = fdt_prop_string(f, node, "status");

    return !status || !strcmp(status, "okay") || !strcmp(status, "ok");
}

static void read_cpu(const struct fdt *f, const struct fdt_node *node, struct survey *s)
{
    u64 id, size;

    if (s->cpu_count == MAX_HARTS || !is_okay(f, node) || fdt_reg(f, node, 0, &id, &size))
        return;
    s->in_cpu = true;
    s->ids[s->cpu_count++] = id;
    timer_has_sstc = timer_has_sstc && cpu_has(f, node, "sstc");
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

// In the tree's order, which is that of QEMU's command line.
static void read_virtio(const struct fdt *f, const struct fdt_node *node)
{
    if (machine.virtio_count < MACHINE_MAX_VIRTIO)
        machine.virtio_count += read_device(f, node, &machine.virtio[machine.virtio_count]);
}

// Of several devices of a kind the first is taken.
static void read_compatible(const struct fdt *f, const struct fdt_node *node, struct survey *s)
{
    static const struct {
        const char *name;
        struct machine_device *device;
    } kinds[] = {
        {"ns16550a", &machine.uart},
        {"google,goldfish-rtc", &machine.rtc},
        {"sifive,plic-1.0.0", &machine.plic},
        {"riscv,plic0", &machine.plic},
        {"pci-host-ecam-generic", &machine.pci.host},
    };

    if (fdt_is_compatible(f, node, "virtio,mmio"))
        read_virtio(f, node);
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct machine_device *device = kinds[i].device;

        if (device->reg.size || !fdt_is_compatible(f, node, kinds[i].name) ||
            !read_device(f, node, device))
            continue;
        if (device == &machine.uart)
            (void)fdt_prop_u64(f, node, "clock-frequency", &machine.uart_clock);
        if (device == &machine.plic)
            s->plic = *node;
        if (device == &machine.pci.host)
            s->pci = *node;
    }
}

// What the direct map does not reach is left out.
static void read_memory(const struct fdt *f, const struct fdt_node *node)
{
    u64 base, size, end = (u64)DIRECT_GIBS << 30;

    for (u32 i = 0; !fdt_reg(f, node, i, &base, &size); i++)
        if (base < end)
            range_add(machine.memory, &machine.memory_count, base, MIN(size, end - base));
}

static void read_node(const struct fdt *f, const struct fdt_node *node, struct survey *s)
{
    const char *type = fdt_prop_string(f, node, "device_type");
    bool top = node->depth == 1;
    u64 base, size;

    if (top)
        s->in_reserved = !strcmp(node->name, "reserved-memory");
    if (node->depth <= 2)
        s->in_cpu = false;
    if (s->in_cpu) {
        (void)fdt_prop_u64(f, node, "phandle", &s->phandles[s->cpu_count - 1]);
    } else if (type && !strcmp(type, "cpu")) {
        read_cpu(f, node, s);
    } else if (top && !strcmp(node->name, "cpus")) {
        (void)fdt_prop_u64(f, node, "timebase-frequency", &machine.timebase_hz);
    } else if (top && !strcmp(node->name, "chosen")) {
        read_chosen(f, node);
    } else if (type && !strcmp(type, "memory")) {
        read_memory(f, node);
    } else if (s->in_reserved) {
        for (u32 i = 0; !fdt_reg(f, node, i, &base, &size); i++)
            reserve(base, size);
    } else if (is_okay(f, node)) {
        read_compatible(f, node, s);
    }
}

static void note_context(u64 id, u32 context)
{
    for (unsigned i = 0; i < hart_count; i++)
        if (hart_ids[i] == id)
            machine.plic_context[i] = context;
}

// The context of each hart: `interrupts-extended` lists one (hart interrupt controller, interrupt)
// pair a context.
static void connect_harts(const struct fdt *f, const struct survey *s)
{
    u64 phandle, irq;

    for (u32 context = 0;
         !fdt_prop_cells(f, &s->plic, "interrupts-extended", 2 * context, 1, &phandle) &&
         !fdt_prop_cells(f, &s->plic, "interrupts-extended", 2 * context + 1, 1, &irq);
         context++) {
        for (unsigned i = 0; irq == PLIC_SUPERVISOR_EXTERNAL && i < s->cpu_count; i++) {
            if (s->phandles[i] == phandle)
                note_context(s->ids[i], context);
        }
    }
}

int devicetree_init(const void *blob, size_t max)
{
    struct survey s = {0};
    struct fdt_node node;
    struct fdt f;
    u64 base, size;

    if (fdt_init(&f, blob, max))
        return -EINVAL;
    for (u32 i = 0; fdt_reservation(&f, i, &base, &size); i++)
        reserve(base, size);
    timer_has_sstc = true;
    for (node = fdt_root(&f); fdt_next(&f, &node);)
        read_node(&f, &node, &s);
    if (!s.cpu_count || !machine.timebase_hz || !machine.memory_count)
        return -EINVAL;
    reserve_image();
    smp_set_harts(s.ids, s.cpu_count);
    machine.hart_count = hart_count;
    connect_harts(&f, &s);
    if (machine.pci.host.reg.size)
        devicetree_read_pci(&f, &s.pci, &s.plic);
    return 0;
}
