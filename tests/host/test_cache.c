// SPDX-License-Identifier: MIT
// The page cache and the buffer cache over a simulated disk: filling, write-back by who wants it
// and by the flusher, reclaim, mappings, errors. Every thread knows what its own bytes are, and
// what was synced is on the disk whatever a crash leaves.
#include "abi/mman.h"
#include "buf/buf_private.h"
#include "disk.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/internal.h"
#include "vm/vm_private.h"
#include "world.h"

#define RUNS        40
#define THREADS     4
#define STEPS       24
#define DISK_PAGES  1024UL
#define ODD_SECTORS 21UL // of the other disk
#define PAGES       50UL // of them, used by most scenarios
#define BYTES       (PAGES * PAGE_SIZE)

static struct disk *disk, *odd;
static struct buf_cache *cache;
static struct vm_object *object;
static u8 model[BYTES];

void host_setup(void)
{
    world_setup();
    buf_init();
    vm_threads_start();
    disk = disk_create("disk", DISK_PAGES << (PAGE_SHIFT - SECTOR_SHIFT), 512);
    verify(!buf_cache_get(&disk->block, &cache));
    object = &cache->object;
    odd = world_disk_create("odd", ODD_SECTORS * SECTOR_SIZE);
}

static void fill_disk(void)
{
    for (u64 i = 0; i < BYTES; i++)
        model[i] = disk->image[i] = machine_random();
}

// Nothing of the cache stays, and the disk has it all.
static void forget_all(void)
{
    host_expect(buf_cache_forget(cache), 0);
    verify(disk_idle(disk));
    host_expect(cache->count, 0);
    host_expect(object->page_count, 0);
    host_expect(vm_dirty_pages(), 0);
    verify(!memcmp(disk->image, model, BYTES));
}

static void rest(ns_t most)
{
    sleep_until(clock_monotonic() + machine_below(most), WAIT_UNINTERRUPTIBLE);
}

/* Memory is short again and again, and others sync */

static bool stirring;
static u64 few; // of its slots or blocks, a user takes the first

static u64 own(u64 count, void *number)
{
    return machine_below(MIN(few, count / THREADS)) * THREADS + (u64)number;
}

static void stirrer(void *unused)
{
    while (stirring) {
        u64 first = machine_below(PAGES);

        verify(vm_dirty_pages() <= DISK_PAGES);
        switch (machine_below(4)) {
        case 0:
            vm_reclaim(1 + machine_below(40));
            break;
        case 1:
            vm_object_drop_clean(object, first, first + machine_below(PAGES));
            break;
        case 2:
            host_expect(vm_objects_sync(object->container), 0);
            break;
        default:
            rest(100000);
        }
    }
}

static void crowd(void (*user)(void *))
{
    stirring = true;
    few = machine_below(2) ? 2 : ~0UL;
    host_spawn("stirrer", stirrer, NULL);
    for (u64 i = 1; i < THREADS; i++)
        host_spawn("user", user, (void *)i);
    user((void *)0);
    stirring = false;
    host_join();
}

/* Bytes of the device, by read, write and mapping */

#define SLOT  1500UL
#define SLOTS (BYTES / SLOT)

static uaddr_t mapping;

static s64 slot_pass(bool write, u64 at, u8 *bytes, bool mapped)
{
    struct uio u;
    s64 n;

    if (mapped)
        return write ? copy_to_user(mapping + at, bytes, SLOT)
                     : copy_from_user(bytes, mapping + at, SLOT);
    uio_init_kernel(&u, bytes, SLOT);
    n = write ? vm_object_write(object, &u, at, SLOT) : vm_object_read(object, &u, at, SLOT);
    return n < 0 ? n : n - (s64)SLOT;
}

static void slot_write(u64 at, u8 *bytes, bool mapped)
{
    memset(bytes, (u8)machine_random(), SLOT);
    host_expect(slot_pass(true, at, bytes, mapped), 0);
    memcpy(model + at, bytes, SLOT);
}

static void slot_user(void *number)
{
    u8 *bytes = host_alloc(SLOT);

    for (int step = 0; step < STEPS; step++) {
        u64 at = own(SLOTS, number) * SLOT;
        bool mapped = mapping && machine_below(2);

        if (machine_below(2)) {
            slot_write(at, bytes, mapped);
        } else {
            host_expect(slot_pass(false, at, bytes, mapped), 0);
            verify(!memcmp(bytes, model + at, SLOT));
        }
        if (machine_below(4) == 0)
            host_expect(vm_object_sync(object, at >> PAGE_SHIFT, machine_below(PAGES)), 0);
    }
    kfree(bytes);
}

static void bytes_scenario(void)
{
    fill_disk();
    crowd(slot_user);
    forget_all();
}

static void mapped_scenario(void)
{
    struct vm_map_args args = {.length = BYTES,
                               .prot = PROT_READ | PROT_WRITE,
                               .flags = AREA_SHARED | AREA_MAYWRITE,
                               .object = object};

    fill_disk();
    world_user_begin(PAGE_SIZE);
    host_expect(vm_map(thread_self()->space, &args, &mapping), 0);
    crowd(slot_user);
    world_user_end();
    mapping = 0;
    forget_all();
}

// Whole pages, which are made without a look at what the disk has, are written and dropped while
// somebody fills them and their neighbours.
static void page_overwrite(u64 index, u8 *bytes)
{
    u64 at = index << PAGE_SHIFT;
    struct uio u;

    memset(bytes, (u8)machine_random(), PAGE_SIZE);
    memcpy(model + at, bytes, PAGE_SIZE);
    uio_init_kernel(&u, bytes, PAGE_SIZE);
    host_expect(vm_object_write(object, &u, at, PAGE_SIZE), PAGE_SIZE);
    host_expect(vm_object_sync(object, index, index), 0);
    vm_object_drop_clean(object, index, index);
    uio_init_kernel(&u, bytes, PAGE_SIZE);
    host_expect(vm_object_read(object, &u, at, PAGE_SIZE), PAGE_SIZE);
    verify(!memcmp(bytes, model + at, PAGE_SIZE));
}

static void overwriter(void *number)
{
    u8 *bytes = host_alloc(PAGE_SIZE);

    for (u64 step = 0; step < STEPS; step++) {
        if (number)
            page_overwrite(own(PAGES, number), bytes);
        else
            vm_object_read_ahead(object, 0, step % PAGES);
        vm_object_drop_clean(object, 0, PAGES);
    }
    kfree(bytes);
}

static void overwrite_scenario(void)
{
    fill_disk();
    disk->depth = DISK_DEPTH;
    crowd(overwriter);
    forget_all();
}

/* Blocks */

#define BLOCK  1024UL
#define BLOCKS (BYTES / BLOCK)

static void block_change(struct buf *b, u8 *bytes, u64 at)
{
    memset(bytes, (u8)machine_random(), BLOCK);
    buf_lock(b);
    memcpy(b->data, bytes, BLOCK);
    buf_mark_dirty(b);
    buf_unlock(b);
    memcpy(model + at, bytes, BLOCK);
    if (machine_below(4) == 0) {
        host_expect(buf_write(b, machine_below(2) ? BLOCK_FUA : 0), 0);
        verify(!memcmp(disk->image + at, bytes, BLOCK));
        rest(300000);
        verify(!memcmp(disk->image + at, bytes, BLOCK)); // no older write comes later
    }
}

// In a transaction: what is on the disk stays until the block is written as one of a journal.
static void block_change_journaled(struct buf *b, u8 *bytes, u64 at)
{
    u8 *before = host_alloc(BLOCK);

    buf_set_flags(b, BUF_JOURNAL);
    buf_wait_not_written(b);
    memcpy(before, disk->image + at, BLOCK);
    memset(bytes, (u8)machine_random(), BLOCK);
    memcpy(b->data, bytes, BLOCK);
    for (u64 n = machine_below(5); n; n--) {
        rest(300000);
        verify(!memcmp(disk->image + at, before, BLOCK));
    }
    host_expect(buf_write(b, 0), 0);
    verify(!memcmp(disk->image + at, bytes, BLOCK));
    memcpy(model + at, bytes, BLOCK);
    buf_clear_flags(b, BUF_JOURNAL);
    kfree(before);
}

static void block_user(void *number)
{
    u8 *bytes = host_alloc(BLOCK);

    for (int step = 0; step < STEPS; step++) {
        u64 block = own(BLOCKS, number), at = block * BLOCK;
        struct buf *b;

        host_expect(buf_read(cache, block, &b), 0);
        verify(!memcmp(b->data, model + at, BLOCK));
        switch (machine_below(4)) {
        case 0:
            block_change_journaled(b, bytes, at);
            break;
        case 1:
            block_change(b, bytes, at);
            break;
        case 2:
            host_expect(vm_object_sync(object, 0, ~0UL), 0);
            verify(!memcmp(disk->image + at, model + at, BLOCK));
        }
        buf_put(b);
    }
    kfree(bytes);
}

static void blocks_scenario(void)
{
    fill_disk();
    host_expect(buf_cache_set_block_size(cache, BLOCK), 0);
    crowd(block_user);
    buf_cache_check(cache);
    forget_all();
}

// Block buffers, and the same pages as bytes: slots are as large as blocks then.
static void both_user(void *number)
{
    u8 *bytes = host_alloc(BLOCK);
    struct uio u;

    for (int step = 0; step < STEPS; step++) {
        u64 block = own(BLOCKS, number), at = block * BLOCK;
        struct buf *b;

        host_expect(buf_read(cache, block, &b), 0);
        verify(!memcmp(b->data, model + at, BLOCK));
        if (machine_below(2)) {
            block_change(b, bytes, at);
        } else {
            memset(bytes, (u8)machine_random(), BLOCK);
            uio_init_kernel(&u, bytes, BLOCK);
            host_expect(vm_object_write(object, &u, at, BLOCK), BLOCK);
            memcpy(model + at, bytes, BLOCK);
        }
        buf_put(b);
    }
    kfree(bytes);
}

static void both_scenario(void)
{
    fill_disk();
    host_expect(buf_cache_set_block_size(cache, BLOCK), 0);
    crowd(both_user);
    forget_all();
}

// The size of blocks changes while bytes are written back.
static void sizes_scenario(void)
{
    fill_disk();
    few = ~0UL;
    for (u64 i = 0; i < THREADS; i++)
        host_spawn("user", slot_user, (void *)i);
    for (int step = 0; step < STEPS; step++)
        host_expect(buf_cache_set_block_size(cache, SECTOR_SIZE << machine_below(4)), 0);
    host_join();
    forget_all();
}

// The end of a device that is not a whole number of blocks.
static void end_scenario(void)
{
    u64 at = (ODD_SECTORS - 1) << SECTOR_SHIFT;
    u8 *bytes = host_alloc(SECTOR_SIZE);
    struct buf_cache *c = odd->block.cache;
    struct uio u;

    host_expect(buf_cache_set_block_size(c, PAGE_SIZE), 0);
    memset(bytes, 1 + machine_below(255), SECTOR_SIZE);
    uio_init_kernel(&u, bytes, SECTOR_SIZE);
    host_expect(vm_object_write(&c->object, &u, at, SECTOR_SIZE), SECTOR_SIZE);
    host_expect(buf_cache_forget(c), 0);
    verify(!memcmp(odd->image + at, bytes, SECTOR_SIZE));
    kfree(bytes);
}

// Turns of the clock meet at the same few buffers.
static void clock_user(void *number)
{
    for (int step = 0; step < STEPS / 4; step++) {
        struct buf *b;

        host_expect(buf_read(cache, machine_below(THREADS), &b), 0);
        verify(!memcmp(b->data, model + (b->block << SECTOR_SHIFT), 1UL << SECTOR_SHIFT));
        buf_put(b);
        buf_shrink(cache);
    }
}

static void clock_scenario(void)
{
    fill_disk();
    for (u64 i = 1; i < THREADS; i++)
        host_spawn("user", clock_user, (void *)i);
    clock_user((void *)0);
    host_join();
    buf_cache_check(cache);
    forget_all();
}

/* What is synced is durable */

static u64 host_below(u64 n)
{
    return machine_below(n);
}

static void durable_scenario(void)
{
    static u8 image[DISK_PAGES << PAGE_SHIFT];
    u8 *bytes = host_alloc(SLOT);

    fill_disk();
    disk_record(disk);
    stirring = true;
    host_spawn("stirrer", stirrer, NULL);
    for (int round = 0; round < 4; round++) {
        for (u64 n = 1 + machine_below(10); n; n--)
            slot_write(machine_below(SLOTS) * SLOT, bytes, false);
        host_expect(buf_cache_sync(cache), 0);
        disk_durable(disk, disk->event_count, image);
        verify(!memcmp(image, model, BYTES));
        disk_crash(disk, disk->event_count, host_below, image);
        verify(!memcmp(image, model, BYTES));
    }
    stirring = false;
    host_join();
    forget_all();
    kfree(bytes);
}

/* Age and number of changed pages */

static void age_scenario(void)
{
    u8 *bytes = host_alloc(SLOT);
    ns_t start;

    fill_disk();
    slot_write(0, bytes, false);
    start = clock_monotonic();
    sleep_until(start + 20 * NS_PER_SEC, WAIT_UNINTERRUPTIBLE);
    slot_write(10 * SLOT, bytes, false);
    verify(vm_dirty_pages() && disk->image[0] != model[0] + 1);
    sleep_until(start + 31 * NS_PER_SEC, WAIT_UNINTERRUPTIBLE);
    host_expect(vm_dirty_pages(), 0);
    verify(!memcmp(disk->image, model, BYTES));
    slot_write(20 * SLOT, bytes, false);
    sleep_until(start + 50 * NS_PER_SEC, WAIT_UNINTERRUPTIBLE);
    verify(vm_dirty_pages());
    sleep_until(start + 63 * NS_PER_SEC, WAIT_UNINTERRUPTIBLE);
    host_expect(vm_dirty_pages(), 0);
    kfree(bytes);
    forget_all();
}

static void syncer(void *unused)
{
    for (int i = 0; i < 4; i++)
        host_expect(vm_objects_sync(object->container), 0);
}

// However marks and the walks of others meet, what is dirty grows old.
static void asleep_scenario(void)
{
    u8 *bytes = host_alloc(SLOT);

    fill_disk();
    for (int round = 0; round < 4; round++) {
        host_spawn("syncer", syncer, NULL);
        slot_write(0, bytes, false);
        host_expect(vm_object_sync(object, 0, ~0UL), 0);
        slot_write(0, bytes, false);
        host_join();
        sleep_until(clock_monotonic() + 61 * NS_PER_SEC, WAIT_UNINTERRUPTIBLE);
        host_expect(vm_dirty_pages(), 0);
    }
    kfree(bytes);
    forget_all();
}

// The count of changed pages never runs ahead of the marks.
static void marker(void *unused)
{
    u8 *bytes = host_alloc(SLOT);

    for (int step = 0; step < STEPS; step++)
        slot_write(machine_below(2) * SLOT, bytes, false);
    kfree(bytes);
}

static void count_scenario(void)
{
    fill_disk();
    disk->latency = 0;
    host_spawn("marker", marker, NULL);
    for (int step = 0; step < STEPS; step++) {
        host_expect(vm_object_sync(object, 0, ~0UL), 0);
        verify(vm_dirty_pages() <= PAGES);
    }
    host_join();
    forget_all();
}

// A writer that goes on is slowed down, and when it stops the flusher cleans up.
static void many_scenario(void)
{
    u64 most = frames_total() / 5 + 2, background = frames_total() / 10;
    u8 *page = host_alloc(PAGE_SIZE);
    struct uio u;

    fill_disk();
    for (u64 i = PAGES; i < DISK_PAGES; i++) {
        uio_init_kernel(&u, page, PAGE_SIZE);
        host_expect(vm_object_write(object, &u, i << PAGE_SHIFT, PAGE_SIZE), PAGE_SIZE);
        vm_dirty_throttle(object);
        verify(vm_dirty_pages() <= most);
    }
    sleep_until(clock_monotonic() + NS_PER_SEC, WAIT_UNINTERRUPTIBLE);
    verify(vm_dirty_pages() <= background);
    kfree(page);
    forget_all();
}

/* Errors */

static void write_error_scenario(void)
{
    u32 a = write_errors_told(&object->errors), b = a, c;
    u8 *bytes = host_alloc(SLOT);

    fill_disk();
    disk->bad_sector = 8;
    disk->bad_ops = BIT(BLOCK_WRITE);
    slot_write(0, bytes, false);
    slot_write(PAGE_SIZE, bytes, false);
    host_expect(vm_object_sync(object, 0, ~0UL), -EIO);
    host_expect(write_errors_since(&object->errors, &a), -EIO);
    host_expect(write_errors_since(&object->errors, &a), 0);
    host_expect(vm_object_sync(object, 0, ~0UL), 0);
    c = write_errors_told(&object->errors);
    host_expect(write_errors_since(&object->errors, &c), 0);
    host_expect(write_errors_since(&object->errors, &b), -EIO);
    slot_write(PAGE_SIZE, bytes, false);
    host_expect(buf_sync_all(), -EIO);
    host_expect(disk->flushes, 1);          // what could be written is durable
    c = write_errors_told(&object->errors); // opened after it, but nobody knows yet
    host_expect(write_errors_since(&object->errors, &c), -EIO);
    disk->bad_ops = 0;
    slot_write(0, bytes, false);
    slot_write(PAGE_SIZE, bytes, false);
    host_expect(write_errors_since(&object->errors, &b), -EIO);
    host_expect(write_errors_since(&object->errors, &b), 0);
    kfree(bytes);
    forget_all();
}

// A bad sector fails its page, and no other that is read with it.
static void read_error_scenario(void)
{
    u64 bad = machine_below(PAGES);
    struct frame *f;

    fill_disk();
    disk->bad_sector = bad << (PAGE_SHIFT - SECTOR_SHIFT) | machine_below(8);
    disk->bad_ops = BIT(BLOCK_READ);
    for (u64 i = 0; i < PAGES; i++) {
        int err = vm_object_page(object, i, &f);

        host_expect(err, i == bad ? -EIO : 0);
        if (err)
            continue;
        verify(!memcmp(frame_address(f), model + (i << PAGE_SHIFT), PAGE_SIZE));
        frame_put(f);
    }
    forget_all();
}

/* Read-ahead */

static u32 requests_for(u64 first, u64 step, u64 count)
{
    u32 before = disk->requests;
    struct frame *f;

    for (u64 i = 0; i < count; i++) {
        host_expect(vm_object_page(object, first + i * step, &f), 0);
        frame_put(f);
    }
    return disk->requests - before;
}

static void ahead_scenario(void)
{
    fill_disk();
    disk->block.limits.segments = 64; // a window of pages is one request
    host_expect(requests_for(0, 1, 512), 12);
    forget_all();
    requests_for(900, 1, 1);
    requests_for(700, 1, 1);
    requests_for(800, 1, 1);
    host_expect(object->read_window, 1);
    host_expect(requests_for(5, 7, 40), 40); // here and there: one page each
    host_expect(object->page_count, 16 + 4 + 1 + 40);
    forget_all();
}

/* No memory */

static void memory_scenario(void)
{
    u8 *bytes = host_alloc(SLOT);
    struct buf *b;
    int err;

    fill_disk();
    for (u64 at = 0; at + SLOT <= 6 * SLOT; at += SLOT) {
        memset(bytes, (u8)machine_random(), SLOT);
        for (int i = 0; i < 2 && slot_pass(true, at, bytes, false); i++)
            verify(host_failed_yet());
        memcpy(model + at, bytes, SLOT);
    }
    err = buf_read(cache, 200, &b);
    if (!err)
        buf_put(b);
    verify(!err || (err == -ENOMEM && host_failed_yet()));
    host_expect(vm_object_sync(object, 0, ~0UL), 0);
    kfree(bytes);
    forget_all();
}

HOST_TEST(bytes, RUNS)
HOST_TEST(mapped, RUNS)
HOST_TEST(overwrite, 3 * RUNS)
HOST_TEST(blocks, RUNS)
HOST_TEST(both, RUNS)
HOST_TEST(sizes, RUNS)
HOST_TEST(end, 4)
HOST_TEST(clock, RUNS)
HOST_TEST(durable, RUNS / 2)
HOST_TEST(age, 4)
HOST_TEST(asleep, RUNS)
HOST_TEST(count, 3 * RUNS)
HOST_TEST(many, 8)
HOST_TEST(write_error, 8)
HOST_TEST(read_error, 20)
HOST_TEST(ahead, 8)
HOST_FAIL_TEST(memory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),      cmocka_unit_test(test_mapped),
        cmocka_unit_test(test_blocks),     cmocka_unit_test(test_both),
        cmocka_unit_test(test_overwrite),  cmocka_unit_test(test_clock),
        cmocka_unit_test(test_asleep),     cmocka_unit_test(test_count),
        cmocka_unit_test(test_sizes),      cmocka_unit_test(test_end),
        cmocka_unit_test(test_durable),    cmocka_unit_test(test_age),
        cmocka_unit_test(test_many),       cmocka_unit_test(test_write_error),
        cmocka_unit_test(test_read_error), cmocka_unit_test(test_ahead),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
