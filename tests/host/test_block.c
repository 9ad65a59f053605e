// SPDX-License-Identifier: MIT
// Partitions of a simulated disk, whose table changes while others open them.
#include "abi/errno.h"
#include "block/block.h"
#include "disk.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "world.h"

#define RUNS    40
#define SECTORS 1024UL
#define TABLES  30

static struct disk *disk;
static bool changing;

// An MBR with one partition, of as many sectors as come before it.
static void table_put(u32 start)
{
    u8 *entry = disk->image + 446;

    memset(disk->image, 0, 512);
    entry[4] = 0x83;
    memcpy(entry + 8, &start, 4);
    memcpy(entry + 12, &start, 4);
    disk->image[510] = 0x55;
    disk->image[511] = 0xaa;
}

void host_setup(void)
{
    world_setup();
    disk = disk_create("disk", SECTORS, 512);
    disk->block.minors = 16;
    table_put(100);
    verify(!block_rescan(&disk->block)); // makes the partition, which stays
}

// A partition that is open stays where it is.
static void user(void *unused)
{
    struct block_device *p = block_find_name("disk1");
    int err;

    while (changing) {
        u64 start;

        err = block_open(p);
        verify(!err || err == -ENXIO);
        if (err) {
            host_pause();
            continue;
        }
        start = load_relaxed(&p->start);
        host_pause();
        host_expect(load_relaxed(&p->start), start);
        host_expect(load_relaxed(&p->sectors), start);
        block_close(p);
        host_pause();
    }
}

static void tables_scenario(void)
{
    unsigned changed = 0;

    changing = true;
    host_spawn("user", user, NULL);
    host_spawn("user", user, NULL);
    for (u32 i = 0; i < TABLES; i++) {
        int err;

        table_put(100 + i);
        err = block_rescan(&disk->block);
        verify(!err || err == -EBUSY);
        changed += !err;
    }
    changing = false;
    host_join();
    table_put(200);
    host_expect(block_rescan(&disk->block), 0);
    host_expect(block_find_name("disk1")->sectors, 200);
    host_expect(block_users(&disk->block), 0);
}

HOST_TEST(tables, RUNS)

/* A device that loses its sectors, as a loop device whose file goes */

static void reader(void *unused)
{
    u8 *sector = host_alloc(SECTOR_SIZE);

    while (changing) {
        int err = block_transfer(&disk->block, BLOCK_READ, 0, sector, SECTOR_SIZE);

        verify(!err || err == -EIO);
        if (err)
            sleep_until(clock_monotonic() + 100, WAIT_UNINTERRUPTIBLE);
    }
    kfree(sector);
}

// Without sectors, and with nothing under way, it gets no request any more.
static void gone_scenario(void)
{
    u32 requests;

    changing = true;
    host_spawn("reader", reader, NULL);
    host_spawn("reader", reader, NULL);
    for (u32 i = 0; i < 20; i++) {
        host_pause();
        store_relaxed(&disk->block.sectors, 0);
        smp_mb();
        while (load_relaxed(&disk->block.stats.in_flight))
            sleep_until(clock_monotonic() + 1000, WAIT_UNINTERRUPTIBLE);
        requests = disk->requests;
        sleep_until(clock_monotonic() + 1000, WAIT_UNINTERRUPTIBLE);
        host_expect(disk->requests, requests);
        store_relaxed(&disk->block.sectors, SECTORS);
    }
    changing = false;
    host_join();
}
HOST_TEST(gone, RUNS)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tables), cmocka_unit_test(test_gone)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
