// SPDX-License-Identifier: MIT
// The tables of /sys: block devices, as lsblk(8) and udev read them.
//
//     /sys/devices/virtual/block/vda/{dev,size,queue/...,vda1/...}      the devices
//     /sys/block/vda, /sys/class/block/vda1, /sys/dev/block/254:1       links to them
//
// Meanings are in Linux's Documentation/ABI/stable/sysfs-block. All devices are shown as virtual
// ones: what they are attached to is not.
#include "abi/stat.h"
#include "fs/pseudo/sysfs_private.h"
#include "lib/format.h"
#include "lib/macro.h"

#define LINK(text, fn)                                     \
    {                                                      \
        .name = text, .mode = S_IFLNK | 0777, .target = fn \
    }
#define READ_AHEAD_KB    256
#define MAX_SEGMENT_SIZE 65536

static const struct sys_entry nothing[] = {{0}};

static bool is_whole(const struct block_device *unused, const struct block_device *d)
{
    return !d->number;
}

static bool is_any(const struct block_device *unused, const struct block_device *d)
{
    return true;
}

static bool is_part_of(const struct block_device *whole, const struct block_device *d)
{
    return d->whole == whole && d->number;
}

/* Texts of disks and partitions */

static void show_0(struct text *t, struct block_device *d)
{
    text_printf(t, "0\n");
}

static void show_1(struct text *t, struct block_device *d)
{
    text_printf(t, "1\n");
}

static void show_none(struct text *t, struct block_device *d)
{
    text_printf(t, "none\n");
}

// That of the block layer, which is the only one, has no name in Linux.
static void show_scheduler(struct text *t, struct block_device *d)
{
    text_printf(t, "[none]\n");
}

static void show_dev(struct text *t, struct block_device *d)
{
    text_printf(t, "%u:%u\n", dev_major(d->dev), dev_minor(d->dev));
}

static void show_size(struct text *t, struct block_device *d)
{
    text_printf(t, "%lu\n", load_relaxed(&d->sectors));
}

static void show_ro(struct text *t, struct block_device *d)
{
    text_printf(t, "%u\n", d->read_only);
}

static void show_range(struct text *t, struct block_device *d)
{
    text_printf(t, "%u\n", MAX(d->minors, 1U));
}

static void show_ext_range(struct text *t, struct block_device *d)
{
    text_printf(t, "%u\n", d->minors ? 256 : 1);
}

static void show_start(struct text *t, struct block_device *d)
{
    text_printf(t, "%lu\n", load_relaxed(&d->start));
}

static void show_partition(struct text *t, struct block_device *d)
{
    text_printf(t, "%u\n", d->number);
}

static void show_stat(struct text *t, struct block_device *d)
{
    u64 fields[BLOCK_STAT_FIELDS];

    block_stats_read(d, fields);
    for (unsigned i = 0; i < BLOCK_STAT_FIELDS; i++)
        text_printf(t, "%s%8lu", i ? " " : "", fields[i]);
    text_printf(t, "\n");
}

static void show_uevent(struct text *t, struct block_device *d)
{
    text_printf(t, "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\nDEVTYPE=%s\n", dev_major(d->dev),
                dev_minor(d->dev), d->name, d->number ? "partition" : "disk");
    if (d->number)
        text_printf(t, "PARTN=%u\n", d->number);
}

/* Texts of queues: limits */

static void show_block_size(struct text *t, struct block_device *d)
{
    text_printf(t, "%u\n", d->limits.block_size);
}

static void show_physical_size(struct text *t, struct block_device *d)
{
    text_printf(t, "%u\n", d->limits.physical_size);
}

static void show_segments(struct text *t, struct block_device *d)
{
    text_printf(t, "%u\n", d->limits.segments);
}

static void show_segment_size(struct text *t, struct block_device *d)
{
    text_printf(t, "%u\n", MAX_SEGMENT_SIZE);
}

static void show_sectors_kb(struct text *t, struct block_device *d)
{
    text_printf(t, "%u\n", d->limits.sectors / 2);
}

static void show_discard_granularity(struct text *t, struct block_device *d)
{
    text_printf(t, "%u\n", d->limits.discard_sectors ? d->limits.block_size : 0);
}

static void show_discard_max(struct text *t, struct block_device *d)
{
    text_printf(t, "%lu\n", d->limits.discard_sectors << SECTOR_SHIFT);
}

static void show_zero_max(struct text *t, struct block_device *d)
{
    text_printf(t, "%lu\n", d->limits.zero_sectors << SECTOR_SHIFT);
}

static void show_read_ahead(struct text *t, struct block_device *d)
{
    text_printf(t, "%u\n", READ_AHEAD_KB);
}

static void show_fua(struct text *t, struct block_device *d)
{
    text_printf(t, "%u\n", d->limits.fua);
}

static void show_cache(struct text *t, struct block_device *d)
{
    text_printf(t, "%s\n", d->limits.volatile_cache ? "write back" : "write through");
}

/* Links */

static int device_path(struct block_device *d, const char *up, char *buf, size_t size)
{
    return snformat(buf, size, "%s/devices/virtual/block/%s%s%s", up, d->whole->name,
                    d->number ? "/" : "", d->number ? d->name : "");
}

static int from_block(struct block_device *d, char *buf, size_t size)
{
    return device_path(d, "..", buf, size);
}

static int from_class(struct block_device *d, char *buf, size_t size)
{
    return device_path(d, "../..", buf, size);
}

static int subsystem(struct block_device *d, char *buf, size_t size)
{
    return snformat(buf, size, "%s../../../../class/block", d->number ? "../" : "");
}

/* The tables */

static const struct sys_entry queue[] = {
    SYS_TEXT("add_random", show_0),
    SYS_TEXT("chunk_sectors", show_0),
    SYS_TEXT("dax", show_0),
    SYS_TEXT("discard_granularity", show_discard_granularity),
    SYS_TEXT("discard_max_bytes", show_discard_max),
    SYS_TEXT("discard_max_hw_bytes", show_discard_max),
    SYS_TEXT("discard_zeroes_data", show_0),
    SYS_TEXT("fua", show_fua),
    SYS_TEXT("hw_sector_size", show_block_size),
    SYS_TEXT("iostats", show_1),
    SYS_TEXT("logical_block_size", show_block_size),
    SYS_TEXT("max_hw_sectors_kb", show_sectors_kb),
    SYS_TEXT("max_sectors_kb", show_sectors_kb),
    SYS_TEXT("max_segment_size", show_segment_size),
    SYS_TEXT("max_segments", show_segments),
    SYS_TEXT("minimum_io_size", show_physical_size),
    SYS_TEXT("nomerges", show_0),
    SYS_TEXT("nr_zones", show_0),
    SYS_TEXT("optimal_io_size", show_0),
    SYS_TEXT("physical_block_size", show_physical_size),
    SYS_TEXT("read_ahead_kb", show_read_ahead),
    SYS_TEXT("rotational", show_0),
    SYS_TEXT("scheduler", show_scheduler),
    SYS_TEXT("write_cache", show_cache),
    SYS_TEXT("write_same_max_bytes", show_0),
    SYS_TEXT("write_zeroes_max_bytes", show_zero_max),
    SYS_TEXT("zone_append_max_bytes", show_0),
    SYS_TEXT("zone_write_granularity", show_0),
    SYS_TEXT("zoned", show_none),
    {0},
};

static const struct sys_entry partition_entries[] = {
    SYS_TEXT("alignment_offset", show_0),  SYS_TEXT("dev", show_dev),
    SYS_TEXT("discard_alignment", show_0), SYS_DIR("holders", nothing),
    SYS_TEXT("partition", show_partition), SYS_TEXT("ro", show_ro),
    SYS_TEXT("size", show_size),           SYS_TEXT("start", show_start),
    SYS_TEXT("stat", show_stat),           LINK("subsystem", subsystem),
    SYS_TEXT("uevent", show_uevent),       {0},
};

static const struct sys_entry disk_entries[] = {
    SYS_TEXT("alignment_offset", show_0),
    SYS_TEXT("capability", show_0),
    SYS_TEXT("dev", show_dev),
    SYS_TEXT("discard_alignment", show_0),
    SYS_TEXT("ext_range", show_ext_range),
    SYS_TEXT("hidden", show_0),
    SYS_DIR("holders", nothing),
    SYS_DIR("queue", queue),
    SYS_TEXT("range", show_range),
    SYS_TEXT("removable", show_0),
    SYS_TEXT("ro", show_ro),
    SYS_TEXT("size", show_size),
    SYS_DIR("slaves", nothing),
    SYS_TEXT("stat", show_stat),
    LINK("subsystem", subsystem),
    SYS_TEXT("uevent", show_uevent),
    {0},
};

static const struct sys_entry partition_directory = SYS_DIR(NULL, partition_entries);

static const struct sys_entry disk_directory = {.mode = S_IFDIR | 0755,
                                                .entries = disk_entries,
                                                .has = is_part_of,
                                                .member = &partition_directory};

static const struct sys_entry block_link = LINK(NULL, from_block),
                              class_link = LINK(NULL, from_class);

static const struct sys_entry virtual_entries[] = {
    {.name = "block", .mode = S_IFDIR | 0755, .has = is_whole, .member = &disk_directory}, {0}};

static const struct sys_entry devices_entries[] = {
    SYS_DIR("system", sys_system_entries), SYS_DIR("virtual", virtual_entries), {0}};

static const struct sys_entry class_entries[] = {
    {.name = "block", .mode = S_IFDIR | 0755, .has = is_any, .member = &class_link}, {0}};

static const struct sys_entry dev_entries[] = {{.name = "block",
                                                .mode = S_IFDIR | 0755,
                                                .has = is_any,
                                                .member = &class_link,
                                                .by_number = true},
                                               {0}};

static const struct sys_entry root_entries[] = {
    {.name = "block", .mode = S_IFDIR | 0755, .has = is_whole, .member = &block_link},
    SYS_DIR("class", class_entries),
    SYS_DIR("dev", dev_entries),
    SYS_DIR("devices", devices_entries),
    SYS_DIR("kernel", sys_kernel_entries),
    {0},
};

const struct sys_entry sys_root_entry = SYS_DIR(NULL, root_entries);
