// SPDX-License-Identifier: MIT
// The machine of one process: its disks, and what the sanitizers would bring.
#include "crash.h"

#include "abi/mount.h"
#include "base/clock.h"
#include "fs/ext4/ext4.h"
#include "mm/slab.h"
#include <stdio.h>
#include <string.h>

struct disk *disk_one, *disk_two, *disk_three;
u32 crash_set;
enum planted_bug planted_bug;

void __sanitizer_start_switch_fiber(void **save, const void *stack, size_t size);
void __sanitizer_finish_switch_fiber(void *save, const void **stack, size_t *size);
void __sanitizer_symbolize_pc(void *pc, const char *format, char *out, size_t size);

void __sanitizer_start_switch_fiber(void **save, const void *stack, size_t size)
{
}

void __sanitizer_finish_switch_fiber(void *save, const void **stack, size_t *size)
{
}

void __sanitizer_symbolize_pc(void *pc, const char *format, char *out, size_t size)
{
    snprintf(out, size, "%p", pc);
}

static struct disk *disk_make(const char *name)
{
    u64 size = (u64)feature_sets[crash_set].megabytes << 20;
    struct disk *d = world_disk_create(name, size);

    memcpy(d->image, image_of(crash_set), size);
    d->block.limits.fua = machine_below(2);
    return d;
}

void host_setup(void)
{
    clock_set_realtime(1700000000 * NS_PER_SEC); // a time of deletion is no inode number
    world_setup_disks(ext4_init);
    disk_one = disk_make("one");
    disk_two = disk_make("two");
    disk_three = disk_make("three");
    shrink_all();
}

int crash_mount(const struct disk *d)
{
    const struct feature_set *s = &feature_sets[crash_set];
    struct path at;
    char source[40];
    int err;

    fault_stop();
    host_expect(path_lookup(NULL, "/m", 0, &at), 0);
    fault_go_on();
    snprintf(source, sizeof(source), "/dev/%s", d->block.name);
    err = vfs_mount(source, &at, s->type, MS_NOATIME, s->options);
    path_put(&at);
    return err;
}

void crash_unmount(void)
{
    struct path at;
    int err;

    fault_stop();
    host_expect(path_lookup(NULL, "/m", WALK_FOLLOW, &at), 0);
    fault_go_on();
    err = mount_detach(&at, 0);
    if (fault_excuses(err))
        err = mount_detach(&at, 0);
    host_expect(err, 0);
    path_put(&at);
}
