// SPDX-License-Identifier: MIT
// The thread of a loop device, on a file that lacks memory for a while.
#include "drivers/loop/loop_private.h"
#include "mm/slab.h"
#include "world.h"

static unsigned lacking; // calls yet to fail
static unsigned flushed, punched;

static int lacking_fsync(struct file *f, bool data_only)
{
    if (lacking && lacking--)
        return -ENOMEM;
    flushed++;
    return 0;
}

static int lacking_fallocate(struct file *f, int mode, loff_t offset, loff_t length)
{
    if (lacking && lacking--)
        return -ENOMEM;
    host_expect(offset, 4096 + 8 * SECTOR_SIZE);
    host_expect(length, 16 * SECTOR_SIZE);
    punched++;
    return 0;
}

static const struct file_ops lacking_ops = {.fsync = lacking_fsync, .fallocate = lacking_fallocate};
static const struct block_device_ops ops = {.submit = loop_submit};
static struct loop loop = {.block = {.name = "loop0",
                                     .sectors = 100,
                                     .ops = &ops,
                                     .private = &loop,
                                     .limits = {.segments = 128,
                                                .sectors = 2048,
                                                .block_size = SECTOR_SIZE,
                                                .discard_sectors = UINT32_MAX,
                                                .volatile_cache = true}},
                           .offset = 4096};

void host_setup(void)
{
    world_setup();
    spin_init(&loop.lock, RANK_DEVICE);
    list_init(&loop.transfers);
    wait_queue_init(&loop.wait);
    wait_queue_init(&loop.idle);
    verify(!block_register(&loop.block, 0, 0, 0));
    verify(!loop_start_thread(&loop));
}

static void lacking_evict(struct inode *i)
{
    vm_object_fini(&i->object);
    kfree(i);
}

// The device takes a flush or a discard that fails for lost data, and not for want of memory.
static void waiting_scenario(void)
{
    static const struct superblock_ops super = {.evict = lacking_evict};
    static const struct fs_type type = {.name = "lacking"};
    struct inode *i = host_alloc(sizeof(*i));
    struct superblock *sb;
    struct file *f;

    host_expect(superblock_create(&sb, &type, &super), 0);
    inode_init(i, sb, S_IFREG | 0600);
    host_expect(file_create_anon(&lacking_ops, "f", i, O_RDWR, NULL, &f), 0);
    loop.file = f;
    lacking = machine_below(4);
    host_expect(block_flush(&loop.block), 0);
    lacking = machine_below(4);
    host_expect(block_discard(&loop.block, 8, 16), 0);
    host_expect(flushed, 1);
    host_expect(punched, 1);
    write_errors_note(&i->object.errors, -EIO);
    lacking = machine_below(4);
    host_expect(block_flush(&loop.block), -EIO);
    lacking = 0;
    host_expect(block_flush(&loop.block), 0);
    loop.file = NULL;
    file_put(f);
    superblock_put(sb);
}
HOST_TEST(waiting, 10)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_waiting)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
