// SPDX-License-Identifier: MIT
// /sys/devices/system/cpu: the harts, as lscpu(1) and libraries count them. Meanings are in Linux's
// Documentation/ABI/stable/sysfs-devices-system-cpu. They are shown as the cores of one package,
// without threads, and all are there for good.
#include "arch/smp.h"
#include "fs/pseudo/sysfs_private.h"

static void show_all(struct text *t, struct block_device *none)
{
    text_printf(t, hart_count > 1 ? "0-%u\n" : "0\n", hart_count - 1);
}

static void show_no_hart(struct text *t, struct block_device *none)
{
    text_printf(t, "\n");
}

static void show_max(struct text *t, struct block_device *none)
{
    text_printf(t, "%u\n", MAX_HARTS - 1);
}

static void show_core(struct text *t, unsigned hart)
{
    text_printf(t, "%u\n", hart);
}

static void show_package(struct text *t, unsigned hart)
{
    text_printf(t, "0\n");
}

// A bit for each hart, in words of 32, the highest first.
static void show_mask(struct text *t, u64 mask)
{
    if (hart_count > 32)
        text_printf(t, "%0*x,%08x\n", (hart_count - 29) / 4, (u32)(mask >> 32), (u32)mask);
    else
        text_printf(t, "%0*x\n", (hart_count + 3) / 4, (u32)mask);
}

static void show_own(struct text *t, unsigned hart)
{
    show_mask(t, 1UL << hart);
}

static void show_siblings(struct text *t, unsigned hart)
{
    show_mask(t, ~0UL >> (64 - hart_count));
}

static void show_siblings_list(struct text *t, unsigned hart)
{
    show_all(t, NULL);
}

#define HART(text, fn)                                        \
    {                                                         \
        .name = text, .mode = S_IFREG | 0444, .show_hart = fn \
    }

static const struct sys_entry topology[] = {
    HART("core_cpus", show_own),
    HART("core_cpus_list", show_core),
    HART("core_id", show_core),
    HART("core_siblings", show_siblings),
    HART("core_siblings_list", show_siblings_list),
    HART("package_cpus", show_siblings),
    HART("package_cpus_list", show_siblings_list),
    HART("physical_package_id", show_package),
    HART("thread_siblings", show_own),
    HART("thread_siblings_list", show_core),
    {0},
};

static const struct sys_entry hart_entries[] = {
    {.name = "topology", .mode = S_IFDIR | 0755, .entries = topology}, {0}};

static const struct sys_entry hart_directory = {
    .name = "cpu", .mode = S_IFDIR | 0755, .entries = hart_entries};

static const struct sys_entry cpu_entries[] = {
    SYS_TEXT("isolated", show_no_hart),
    SYS_TEXT("kernel_max", show_max),
    SYS_TEXT("offline", show_no_hart),
    SYS_TEXT("online", show_all),
    SYS_TEXT("possible", show_all),
    SYS_TEXT("present", show_all),
    {0},
};

const struct sys_entry sys_system_entries[] = {
    {.name = "cpu", .mode = S_IFDIR | 0755, .entries = cpu_entries, .hart = &hart_directory}, {0}};
