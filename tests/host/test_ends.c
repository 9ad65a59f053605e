// SPDX-License-Identifier: MIT
// Ends of inodes: while somebody reclaims or syncs their pages, and when writing them fails.
#include "disk.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/internal.h"
#include "vm/vm_private.h"
#include "world.h"

#define RUNS  40
#define STEPS 24

void host_setup(void)
{
    world_setup();
    vm_threads_start();
}

/* Changed pages */

static int lose(struct vm_object *o, u64 first, u64 last)
{
    struct frame *f;

    while (vm_object_take_dirty(o, &first, last, &f, 1))
        frame_put(f);
    return -EIO;
}

static void losing_evict(struct inode *i)
{
    vm_object_fini(&i->object);
    kfree(i);
}

static const struct vm_object_ops losing_object = {
    .write_back = lose, .hold = inode_object_hold, .release = inode_object_release};
static const struct superblock_ops losing_ops = {.evict = losing_evict, .sync = inodes_sync};
static const struct fs_type losing_type = {.name = "losing"};

static struct inode *losing_inode(struct superblock *sb, bool dirty)
{
    struct inode *i = host_alloc(sizeof(*i));
    struct frame *f;

    inode_init(i, sb, S_IFREG | 0600);
    i->object.ops = &losing_object;
    if (dirty) {
        host_expect(vm_object_page_new(&i->object, 0, &f), 0);
        vm_object_mark_dirty(&i->object, f);
        frame_put(f);
    }
    return i;
}

// The error of an inode that is gone is told of its file system.
static void gone_scenario(void)
{
    static const struct file_ops no_file_ops;
    struct superblock *sb;
    struct inode *i;
    struct file *f;

    host_expect(superblock_create(&sb, &losing_type, &losing_ops), 0);
    host_expect(file_create_anon(&no_file_ops, "f", losing_inode(sb, false), O_RDWR, NULL, &f), 0);
    i = losing_inode(sb, true);
    host_expect(vm_object_sync(&i->object, 0, ~0UL), -EIO);
    inode_put(i);
    host_expect(file_syncfs(f), -EIO);
    host_expect(file_syncfs(f), 0);
    i = losing_inode(sb, true);
    host_expect(file_syncfs(f), -EIO);
    host_expect(file_syncfs(f), 0);
    host_expect(write_errors_told(&sb->errors), 2); // who opens now hears of neither
    inode_put(i);
    file_put(f);
    superblock_put(sb);
}

static bool slow_written;

static int write_slowly(struct vm_object *o, u64 first, u64 last)
{
    struct frame *f;

    while (vm_object_take_dirty(o, &first, last, &f, 1)) {
        host_pause();
        host_pause();
        frame_put(f);
        slow_written = true;
    }
    return 0;
}

static void slow_evict(struct inode *i)
{
    host_pause();
    host_expect(vm_object_sync(&i->object, 0, ~0UL), 0);
    losing_evict(i);
}

static void put_last(void *inode)
{
    host_pause();
    inode_put(inode);
}

// A sync that meets an inode at its end returns when what the inode held is written.
static void final_scenario(void)
{
    static const struct vm_object_ops slow_object = {
        .write_back = write_slowly, .hold = inode_object_hold, .release = inode_object_release};
    static const struct superblock_ops slow_ops = {.evict = slow_evict, .sync = inodes_sync};
    struct superblock *sb;
    struct inode *i;

    slow_written = false;
    host_expect(superblock_create(&sb, &losing_type, &slow_ops), 0);
    i = losing_inode(sb, true);
    i->object.ops = &slow_object;
    host_spawn("last", put_last, i);
    host_pause();
    host_pause();
    host_expect(inodes_sync(sb), 0);
    verify(slow_written);
    host_join();
    superblock_put(sb);
}

/* Inodes that end while somebody looks at their pages */

static unsigned ended;
static bool stirring;

// What an eviction writes may wait for the thread that others' write-back waits for.
static void evict(struct inode *i)
{
    verify(!thread_self()->no_write_back);
    vm_object_fini(&i->object);
    kfree(i);
    ended++;
}

static int fill_zeroes(struct vm_object *o, u64 index, struct frame **frames, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        memset(frame_address(frames[i]), 0, PAGE_SIZE);
    return 0;
}

static void reclaimer(void *no_write_back)
{
    thread_self()->no_write_back = no_write_back;
    while (stirring) {
        vm_reclaim(4);
        host_pause();
    }
}

static void cache_inode(struct superblock *sb)
{
    static const struct vm_object_ops pages = {
        .fill = fill_zeroes, .hold = inode_object_hold, .release = inode_object_release};
    struct inode *i = kmalloc(sizeof(*i), 0);
    struct frame *f;

    inode_init(i, sb, S_IFREG);
    vm_object_init(&i->object, &pages, i);
    for (u64 page = 0; page < 4; page++) {
        host_expect(vm_object_page(&i->object, page, &f), 0);
        frame_put(f);
    }
    inode_put(i);
}

static void ending_scenario(void)
{
    static const struct fs_type type = {.name = "ending"};
    static const struct superblock_ops ops = {.evict = evict};
    struct superblock *sb;

    host_expect(superblock_create(&sb, &type, &ops), 0);
    stirring = true;
    host_spawn("loop", reclaimer, (void *)1);
    host_spawn("other", reclaimer, NULL);
    for (unsigned i = 0; i < STEPS; i++)
        cache_inode(sb);
    stirring = false;
    host_join();
    superblock_put(sb); // waits for all that are held
    host_expect(ended, STEPS);
}

HOST_TEST(gone, 8)
HOST_TEST(final, 5 * RUNS)
HOST_TEST(ending, RUNS)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_final),
        cmocka_unit_test(test_ending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
