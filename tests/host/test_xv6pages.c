// SPDX-License-Identifier: MIT
// Pages of files of the xv6 file system: mappings, writes and truncations that meet, and pages that
// cannot be written for want of memory or space.
#include "abi/mount.h"
#include "buf/buf.h"
#include "fs/xv6fs/xv6fs.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "world.h"
#include "xv6disk.h"

#define STEPS 60

static struct disk *one;

void host_setup(void)
{
    world_setup_disks(xv6fs_init);
    one = xv6_disk_create("one", 300, 40, 30);
    shrink_all();
}

static void mount_one(void)
{
    host_expect(xv6_mount("/dev/one"), 0);
}

/* Mappings */

#define MAPPED (5 * PAGE_SIZE)

static struct file *mapped;
static uaddr_t mapping;
static u8 *model; // MAPPED bytes
static u64 model_size;

static void mapped_store(u64 at)
{
    u8 value = machine_random();

    host_expect(copy_to_user(mapping + at, &value, 1),
                at < ALIGN_UP(model_size, PAGE_SIZE) ? 0 : -EFAULT);
    if (at < model_size)
        model[at] = value;
}

static void mapped_write(u64 at)
{
    u64 n = 1 + machine_below(MIN(3000UL, MAPPED - at));
    u8 *bytes = host_alloc(n);

    memset(bytes, machine_random(), n);
    host_expect(world_pwrite(mapped, bytes, n, at), n);
    memcpy(model + at, bytes, n);
    model_size = MAX(model_size, at + n);
    kfree(bytes);
}

static void mapped_cut(u64 size)
{
    host_expect(vfs_truncate(mapped->inode, size), 0);
    if (size < model_size)
        memset(model + size, 0, MAPPED - size);
    model_size = size;
}

static void mapped_compare(struct file *f)
{
    u8 *bytes = host_alloc(MAPPED);

    host_expect(file_read_kernel(f, bytes, MAPPED, 0), model_size);
    for (u64 i = 0; i < model_size; i++)
        host_expect(bytes[i], model[i]);
    kfree(bytes);
}

// Nothing that others do to the pages changes a byte.
static void mapped_disturb(void *unused)
{
    u8 *bytes = host_alloc(PAGE_SIZE);

    for (u32 i = 0; i < STEPS; i++) {
        switch (machine_below(3)) {
        case 0:
            host_expect(file_fsync(mapped, false), 0);
            break;
        case 1:
            verify(file_read_kernel(mapped, bytes, PAGE_SIZE, machine_below(MAPPED)) >= 0);
            break;
        default:
            vm_reclaim(1 + machine_below(8));
        }
        host_pause();
    }
    kfree(bytes);
}

static void map_file(struct file *f)
{
    struct vm_map_args args = {.length = MAPPED,
                               .prot = PROT_READ | PROT_WRITE,
                               .flags = AREA_SHARED | AREA_MAYWRITE,
                               .object = &f->inode->object,
                               .file = f};

    host_expect(vm_map(thread_self()->space, &args, &mapping), 0);
}

// A new file, which is empty, mapped.
static void mapped_begin(void)
{
    model = host_alloc(MAPPED);
    model_size = 0;
    mount_one();
    world_user_begin(PAGE_SIZE);
    host_expect(file_open(NULL, "/m/f", O_RDWR | O_CREAT | O_EXCL, 0600, 0, &mapped), 0);
    map_file(mapped);
}

// It is on the disk, which is not mounted, as it was left.
static void mapped_end(void)
{
    mount_one();
    host_expect(file_open(NULL, "/m/f", O_RDONLY, 0, 0, &mapped), 0);
    mapped_compare(mapped);
    file_put(mapped);
    world_unmount();
    kfree(model);
}

static void mapped_scenario(void)
{
    mapped_begin();
    host_spawn("disturber", mapped_disturb, NULL);
    for (u32 i = 0; i < 2 * STEPS; i++) {
        u64 at = machine_below(MAPPED);
        u32 what = machine_below(8);

        if (what < 4)
            mapped_store(at);
        else if (what < 6)
            mapped_write(at);
        else if (what < 7)
            mapped_cut(at);
        else
            mapped_compare(mapped);
    }
    world_user_end();
    file_put(mapped);
    world_unmount();
    xv6_image_check(one, false);
    mapped_end();
}
HOST_TEST(mapped, 60)

static void cut_store(void *unused)
{
    u8 byte = 1;

    for (u32 i = 0; i < STEPS; i++)
        (void)copy_to_user(mapping + machine_below(MAPPED), &byte, 1);
}

// Stores into what is being cut leave no block behind.
static void cut_scenario(void)
{
    mapped_begin();
    host_spawn("user", cut_store, NULL);
    for (u32 i = 2 * machine_below(8); i < 16; i++)
        host_expect(vfs_truncate(mapped->inode, i % 2 ? 0 : MAPPED), 0);
    host_join();
    world_user_end();
    file_put(mapped);
    world_unmount();
    xv6_image_check(one, false);
    kfree(model);
}
HOST_TEST(cut, 60)

/* Failures */

// Stores are written back, whatever allocation fails.
static void stored(bool sync)
{
    u32 fail_nth = arch_self()->fail_nth;
    struct buf_cache *c;
    int err;

    arch_self()->fail_nth = 0;
    mapped_begin();
    mapped_cut(MAPPED);
    for (u64 at = 0; at < MAPPED; at += PAGE_SIZE)
        mapped_store(at);
    host_expect(file_fsync(mapped, false), 0);
    for (u64 at = 1; at < MAPPED; at += PAGE_SIZE)
        mapped_store(at);
    world_user_end();
    host_expect(buf_cache_get(&one->block, &c), 0);
    host_expect(buf_cache_forget(c), 0);
    arch_self()->fail_nth = fail_nth;
    if (sync && (err = file_fsync(mapped, false))) {
        verify(host_failed_yet());
        host_expect(err, -ENOMEM);
        host_expect(file_fsync(mapped, false), 0);
    }
    file_put(mapped);
    shrink_all();
    fail_nth = arch_self()->fail_nth; // 0 if it has failed
    arch_self()->fail_nth = 0;
    world_unmount();
    mapped_end();
    arch_self()->fail_nth = fail_nth;
}

static void stored_sync_scenario(void)
{
    stored(true);
}
HOST_FAIL_TEST(stored_sync)

static void stored_end_scenario(void)
{
    stored(false);
}
HOST_FAIL_TEST(stored_end)

static struct file *full_make(const char *name)
{
    u8 *bytes = host_alloc(1024);
    struct file *f;
    ssize_t n;

    memset(bytes, 0xa5, 1024);
    host_expect(file_open(NULL, name, O_RDWR | O_CREAT | O_EXCL, 0644, 0, &f), 0);
    do
        n = world_pwrite(f, bytes, 1024, f->inode->size);
    while (n == 1024);
    host_expect(n, -ENOSPC);
    kfree(bytes);
    return f;
}

// There is room for the indirect block, but not for what it is to lead to.
static void undo_write(void *file)
{
    u8 byte = 1;

    for (u32 i = 0; i < STEPS; i++)
        host_expect(world_pwrite(file, &byte, 1, MAPPED - 1), -ENOSPC);
}

// Who reads a file's holes never sees what a write put into the map and took back.
static void undo_scenario(void)
{
    u8 *bytes = host_alloc(PAGE_SIZE);
    struct file *full, *f;

    mount_one();
    host_expect(file_open(NULL, "/m/f", O_RDWR | O_CREAT | O_EXCL, 0644, 0, &f), 0);
    host_expect(vfs_truncate(f->inode, MAPPED), 0);
    full = full_make("/m/full");
    host_expect(vfs_truncate(full->inode, full->inode->size - 1024), 0);
    host_spawn("writer", undo_write, f);
    for (u32 i = 0; i < STEPS; i++) {
        vm_object_drop_clean(&f->inode->object, 0, ~0UL);
        host_expect(file_read_kernel(f, bytes, PAGE_SIZE, MAPPED - 2 * PAGE_SIZE), PAGE_SIZE);
        for (u32 k = 0; k < PAGE_SIZE; k++)
            host_expect(bytes[k], 0);
    }
    host_join();
    file_put(f);
    file_put(full);
    world_unmount();
    xv6_image_check(one, false);
    kfree(bytes);
}
HOST_TEST(undo, 60)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mapped),      cmocka_unit_test(test_cut),
        cmocka_unit_test(test_stored_sync), cmocka_unit_test(test_stored_end),
        cmocka_unit_test(test_undo),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
