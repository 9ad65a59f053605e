// SPDX-License-Identifier: MIT
// ext4: what several do to a file's bytes at once, and what an operation leaves that failed.
//
// Afterwards e2fsck has nothing to say.
#include "abi/fcntl.h"
#include "abi/mount.h"
#include "disk.h"
#include "ext4images.h"
#include "fs/ext4/data.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vm/vm_private.h"
#include "world.h"

#define SIZE (4UL << 20) // bytes; file systems are smaller
#define OLD  "none,filetype,sparse_super,large_file,ext_attr,dir_index,has_journal"
#define NEW  OLD ",extent,flex_bg,extra_isize,metadata_csum"
#define BARE "none,filetype,sparse_super,extent" // no journal

static struct disk *one;

void host_setup(void)
{
    world_setup_disks(ext4_init);
    one = world_disk_create("one", SIZE);
    shrink_all();
}

static void make(const char *features)
{
    char text[200];

    snformat(text, sizeof(text), "-b 1024 -g 1024 -I 256 -N 96 -O %s", features);
    ext4_image_make(text, one->image, SIZE);
}

static int mount(const char *source, u32 flags)
{
    return world_mount(source, "ext4", flags, NULL);
}

static struct file *file; // of the run

static void open_file(u64 size)
{
    host_expect(mount("/dev/one", 0), 0);
    host_expect(world_file_make("/m/file", size), 0);
    host_expect(file_open(NULL, "/m/file", O_RDWR, 0, 0, &file), 0);
}

static void close_file(void)
{
    file_put(file);
    world_unmount();
    ext4_image_check(one->image, SIZE);
}

static int inode_shrink(const char *name, u64 bytes)
{
    struct attr a = {.valid = ATTR_SIZE};
    struct path p;
    int err;

    host_expect(path_lookup(NULL, name, 0, &p), 0);
    a.size = path_inode(&p)->size - bytes;
    err = inode_setattr(path_inode(&p), &a);
    path_put(&p);
    return err;
}

/* Stores into a mapping while the file's blocks move */

#define PAGES  6
#define STORED 3   // the page
#define STORES 100 // one word each

static uaddr_t mapping;

static void store_words(void *unused)
{
    for (u64 n = 0; n < STORES; n++) {
        u64 word = n + 1;

        host_expect(
            copy_to_user(mapping + STORED * PAGE_SIZE + n * sizeof(word), &word, sizeof(word)), 0);
        if (!machine_below(8))
            host_pause();
    }
}

static void word_read(u64 page, u64 n, u64 *out)
{
    struct uio u;

    uio_init_kernel(&u, out, sizeof(*out));
    host_expect(file_pread(file, &u, page * PAGE_SIZE + n * sizeof(*out)), sizeof(*out));
}

// Each store was before the move, or after it.
static void shift_scenario(void)
{
    struct vm_map_args args = {.length = PAGES * PAGE_SIZE,
                               .prot = PROT_READ | PROT_WRITE,
                               .flags = AREA_SHARED | AREA_MAYWRITE};
    bool out = machine_below(2);
    u64 moved = STORED + (out ? -1 : 1);

    make(NEW);
    open_file(PAGES * PAGE_SIZE);
    args.object = &file->inode->object;
    world_user_begin(PAGE_SIZE);
    host_expect(vm_map(thread_self()->space, &args, &mapping), 0);
    host_spawn("store", store_words, NULL);
    while (machine_below(8))
        host_pause();
    host_expect(file->ops->fallocate(file, out ? FALLOC_FL_COLLAPSE_RANGE : FALLOC_FL_INSERT_RANGE,
                                     PAGE_SIZE, PAGE_SIZE),
                0);
    world_user_end();
    for (u64 n = 0; n < STORES; n++) {
        u64 before, after;

        word_read(moved, n, &before);
        word_read(STORED, n, &after);
        verify((before == n + 1) != (after == n + 1) && !(before && after));
    }
    close_file();
}
HOST_TEST(shift, 60)

// Nothing is promised to a store that comes after the page has gone.
static void store_until_cut(void *unused)
{
    u64 word = 1;
    int err = 0;

    for (unsigned n = 0; !err && n < 20; n++) {
        err = copy_to_user(mapping + n % PAGES * PAGE_SIZE, &word, sizeof(word));
        verify(!err || err == -EFAULT);
    }
}

static void cut_stores_scenario(void)
{
    struct vm_map_args args = {.length = PAGES * PAGE_SIZE,
                               .prot = PROT_READ | PROT_WRITE,
                               .flags = AREA_SHARED | AREA_MAYWRITE};
    struct attr a = {.valid = ATTR_SIZE};
    struct frame *f;

    make(NEW);
    open_file(0);
    host_expect(vfs_truncate(file->inode, PAGES * PAGE_SIZE), 0);
    host_expect(vm_object_page(&file->inode->object, 0, &f), 0);
    verify(vm_object_mark_dirty(&file->inode->object, f));
    args.object = &file->inode->object;
    world_user_begin(PAGE_SIZE);
    host_expect(vm_map(thread_self()->space, &args, &mapping), 0);
    host_spawn("store", store_until_cut, NULL);
    while (machine_below(16))
        host_pause();
    host_expect(inode_setattr(file->inode, &a), 0);
    verify(!vm_object_mark_dirty(&file->inode->object, f));
    frame_put(f);
    host_join();
    host_expect(ext4_i(file->inode)->delayed.total, 0);
    world_user_end();
    close_file();
}
HOST_TEST(cut_stores, 100)

/* A shift that lacks blocks or memory */

#define EXTENTS 4 // as many as an inode has room for
#define BLOCK   1024UL

static void open_extents(void)
{
    u64 word = 1;

    make(NEW);
    open_file(0);
    for (u64 page = 0; page < 2 * EXTENTS; page += 2)
        for (u64 at = 0; at < PAGE_SIZE; at += BLOCK)
            host_expect(world_pwrite(file, &word, sizeof(word), page * PAGE_SIZE + at),
                        sizeof(word));
    host_expect(file_fsync(file, false), 0);
}

static int shift_second(bool out)
{
    return file->ops->fallocate(file, out ? FALLOC_FL_COLLAPSE_RANGE : FALLOC_FL_INSERT_RANGE,
                                BLOCK, BLOCK);
}

// As long on the disk as it was here, and writable to the end.
static void reopen(u64 size)
{
    host_expect(file->inode->size, size);
    close_file();
    open_file(0);
    host_expect(file->inode->size, size);
    close_file();
}

static void shift_full_scenario(void)
{
    static u64 taken[SIZE / BLOCK];
    struct ext4_inode *e;
    unsigned n = 0;
    u32 count = 1;
    u64 size;

    open_extents();
    e = ext4_i(file->inode);
    size = file->inode->size;
    while (!ext4_blocks_pick(e, &count, &taken[n]))
        n++;
    verify(n > 100);
    host_expect(shift_second(false), -ENOSPC);
    host_expect(e->disk_size, size);
    while (n)
        ext4_blocks_unpick(ext4_of(file->inode), taken[--n], 1);
    reopen(size);
}
HOST_TEST(shift_full, 4)

// Taking out an extent's middle makes a new node: it waits for blocks that are about to be free.
static void cut_full_scenario(void)
{
    static u64 taken[SIZE / BLOCK];
    bool punch = machine_below(2);
    struct ext4 *fs;
    unsigned n = 0;
    u32 count = 1;

    open_extents();
    fs = ext4_of(file->inode);
    host_expect(world_file_make("/m/other", SIZE / 16), 0);
    host_expect(vfs_sync(), 0);
    while (!ext4_blocks_pick(ext4_i(file->inode), &count, &taken[n]))
        n++;
    host_expect(inode_shrink("/m/other", SIZE / 16), 0);
    verify(fs->freed[0].total + fs->freed[1].total > fs->slack_blocks);
    host_expect(
        punch ? file->ops->fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, BLOCK, BLOCK)
              : shift_second(true),
        0);
    while (n)
        ext4_blocks_unpick(fs, taken[--n], 1);
    reopen(file->inode->size);
}
HOST_TEST(cut_full, 8)

static bool shift_out; // of the run

static void shift_memory_scenario(void)
{
    u32 fail_nth = arch_self()->fail_nth;
    u64 size;

    arch_self()->fail_nth = 0;
    open_extents();
    size = file->inode->size + (shift_out ? -BLOCK : BLOCK);
    shrink_all();
    arch_self()->fail_nth = fail_nth;
    host_expect(shift_second(shift_out), 0);
    fail_nth = arch_self()->fail_nth;
    arch_self()->fail_nth = 0;
    reopen(size);
    arch_self()->fail_nth = fail_nth;
}

static void test_shift_memory(void **unused)
{
    for (unsigned out = 0; out < 2; out++) {
        shift_out = out;
        host_fail_each(shift_memory_scenario);
    }
}

// Some leaves of unwritten blocks, and one at the end with a word.
#define TREE_BLOCKS 400UL

static void open_tree(const char *features)
{
    u64 word = 1;

    make(features);
    open_file(0);
    for (u64 n = 0; n < TREE_BLOCKS; n += 2)
        host_expect(file->ops->fallocate(file, 0, n * BLOCK, BLOCK), 0);
    host_expect(world_pwrite(file, &word, sizeof(word), TREE_BLOCKS * BLOCK), sizeof(word));
    host_expect(file_fsync(file, false), 0);
    verify(ext4_i(file->inode)->blocks > TREE_BLOCKS / 2 + 3); // leaves
    verify(vm_reclaim(SIZE));
}

// All of it is where it was, or has moved, or nothing can be written any more.
static void tree_expect(int err, s64 delta)
{
    struct ext4_inode *e = ext4_i(file->inode);

    if (ext4_check_writable(ext4_of(file->inode)))
        return;
    for (u64 at = 2; at <= TREE_BLOCKS; at += 2) {
        struct ext4_map m = {.logical = at + (err ? 0 : delta), .count = 1};

        host_expect(ext4_map_find(e, &m), 0);
        verify(m.physical != EXT4_MAP_FAIL);
    }
}

static bool shift_io; // requests fail, not allocations

static int tree_shift(u32 *fail_nth)
{
    int err;

    one->fail_nth = shift_io ? *fail_nth : 0;
    arch_self()->fail_nth = shift_io ? 0 : *fail_nth;
    err = shift_second(shift_out);
    *fail_nth = shift_io ? one->fail_nth : arch_self()->fail_nth;
    one->fail_nth = 0;
    arch_self()->fail_nth = 0;
    return err;
}

static void shift_tree_scenario(void)
{
    u32 fail_nth = arch_self()->fail_nth;
    s64 delta = shift_out ? -1 : 1;
    u64 size, disk_size;
    int err;

    arch_self()->fail_nth = 0;
    open_tree(BARE);
    size = file->inode->size;
    err = tree_shift(&fail_nth);
    tree_expect(err, delta);
    size += err ? 0 : delta * (s64)BLOCK;
    disk_size = ext4_i(file->inode)->disk_size;
    if (!ext4_check_writable(ext4_of(file->inode))) {
        host_expect(file->inode->size, size);
        host_expect(disk_size, size);
    }
    file_put(file);
    world_unmount();
    arch_self()->fail_nth = fail_nth;
}

static void sync_once(void *unused)
{
    (void)vfs_sync();
}

// The transaction ends meanwhile, and the handle goes on in another.
static void shift_restart_scenario(void)
{
    u32 fail_nth = arch_self()->fail_nth;
    struct handle *h;
    int err;

    arch_self()->fail_nth = 0;
    open_tree(NEW);
    host_expect(ext4_map_begin(file->inode, 4, &h), 0);
    host_spawn("sync", sync_once, NULL);
    for (unsigned n = 0; n < 50; n++)
        host_pause();
    arch_self()->fail_nth = fail_nth;
    err = ext4_map_shift(h, ext4_i(file->inode), 2, -1);
    fail_nth = arch_self()->fail_nth;
    arch_self()->fail_nth = 0;
    verify(ext4_map_end(h, file->inode, err) == err);
    tree_expect(err, -1);
    host_join();
    file_put(file);
    world_unmount();
    arch_self()->fail_nth = fail_nth;
}
HOST_FAIL_TEST(shift_restart)

static void test_shift_tree(void **unused)
{
    for (unsigned n = 0; n < 4; n++) {
        shift_out = n & 1;
        shift_io = n & 2;
        host_fail_each(shift_tree_scenario);
    }
}

/* Appending while pages are written, and the last blocks are wanted by all */

#define CHUNK 600UL
#define LEFT  24 // blocks

static bool ended;

static ssize_t append(struct file *f, u64 at)
{
    static u8 bytes[CHUNK];

    memset(bytes, 1, sizeof(bytes));
    return world_pwrite(f, bytes, sizeof(bytes), at);
}

static void take_blocks(void *other)
{
    u64 at = 0;

    while (!ended) {
        ssize_t n = append(other, at);

        verify(n >= 0 || n == -ENOSPC);
        at += MAX(n, 0L);
        host_pause();
    }
}

static void sync_often(void *unused)
{
    while (!ended) {
        host_expect(file_fsync(file, false), 0);
        host_pause();
    }
}

// What a write was given room for, write-back has room for.
static void append_scenario(void)
{
    struct file *other;
    u64 at = 0;
    ssize_t n;

    ended = false;
    make(machine_below(2) ? NEW : OLD);
    open_file(0);
    host_expect(world_file_make("/m/other", 0), 0);
    host_expect(file_open(NULL, "/m/other", O_RDWR, 0, 0, &other), 0);
    host_expect(world_file_make("/m/rest", SIZE), -ENOSPC);
    host_expect(vfs_sync(), 0);
    host_expect(inode_shrink("/m/rest", LEFT << 10), 0);
    host_expect(vfs_sync(), 0);
    host_spawn("other", take_blocks, other);
    host_spawn("sync", sync_often, NULL);
    for (unsigned step = 0; step < 60; step++) {
        n = append(file, at);
        verify(n >= 0 || n == -ENOSPC);
        at += MAX(n, 0L);
        if (!machine_below(4))
            host_pause();
    }
    ended = true;
    host_join();
    host_expect(file_fsync(file, false), 0);
    file_put(other);
    close_file();
}
HOST_TEST(append, 60)

// Without memory for a write-back its pages are marked again, and keep what they were promised.
static void promise_scenario(void)
{
    u32 fail_nth = arch_self()->fail_nth;
    struct file *other;
    u64 at = 0;
    ssize_t n;
    int err;

    arch_self()->fail_nth = 0;
    make(machine_below(2) ? NEW : OLD);
    open_file(0);
    host_expect(world_file_make("/m/other", 0), 0);
    host_expect(file_open(NULL, "/m/other", O_RDWR, 0, 0, &other), 0);
    for (u64 page = 0; page < PAGES; page++)
        verify(append(file, page * 2 * PAGE_SIZE) > 0);
    shrink_all();
    arch_self()->fail_nth = fail_nth;
    err = ext4_data_flush(file->inode); // fsync would try again
    fail_nth = arch_self()->fail_nth;
    arch_self()->fail_nth = 0;
    verify(!err || (err == -ENOMEM && !fail_nth));
    while ((n = append(other, at)) > 0)
        at += n;
    host_expect(n, -ENOSPC);
    host_expect(file_fsync(other, false), 0);
    host_expect(file_fsync(file, false), 0);
    file_put(other);
    close_file();
    arch_self()->fail_nth = fail_nth;
}
HOST_FAIL_TEST(promise)

/* Writing that fails */

#define LATER 20 // a page that is on the disk

static struct file *folder;
static u64 later_block;

static void open_written(void)
{
    struct ext4_map m = {.logical = LATER * PAGE_SIZE / BLOCK, .count = 1};

    make(machine_below(2) ? NEW : OLD);
    open_file(0);
    host_expect(file_open(NULL, "/m", O_RDONLY, 0, 0, &folder), 0);
    verify(append(file, LATER * PAGE_SIZE) > 0);
    host_expect(file_fsync(file, false), 0);
    host_expect(ext4_map_find(ext4_i(file->inode), &m), 0);
    later_block = m.physical;
}

static void later_fails(bool fails)
{
    one->bad_sector = later_block * BLOCK / SECTOR_SIZE;
    one->bad_ops = fails ? BIT(BLOCK_WRITE) : 0;
}

// By fsync, or by syncfs after the last close.
static int error_told(void)
{
    if (machine_below(2))
        return file_fsync(file, false);
    file_put(file);
    shrink_all();
    file = NULL;
    return file_syncfs(folder);
}

// A run of pages that is lost is told of, though another lacks memory and is written later.
static void lost_scenario(void)
{
    u32 fail_nth = arch_self()->fail_nth;
    u8 bytes[BLOCK];
    int err;

    arch_self()->fail_nth = 0;
    open_written();
    memset(bytes, 2, sizeof(bytes));
    verify(append(file, 0) > 0);
    host_expect(world_pwrite(file, bytes, BLOCK, LATER * PAGE_SIZE), BLOCK);
    shrink_all();
    later_fails(true);
    arch_self()->fail_nth = fail_nth;
    err = ext4_data_flush(file->inode);
    fail_nth = arch_self()->fail_nth;
    arch_self()->fail_nth = 0;
    later_fails(false);
    verify(err == -EIO || (err == -ENOMEM && !fail_nth));
    err = error_told();
    verify(err == -EIO || (!err && !memcmp(one->image + later_block * BLOCK, bytes, BLOCK)));
    if (!file)
        host_expect(file_open(NULL, "/m/file", O_RDWR, 0, 0, &file), 0);
    file_put(folder);
    close_file();
    arch_self()->fail_nth = fail_nth;
}
HOST_FAIL_TEST(lost)

// The times of a write stay, whatever comes of its data.
static void times_scenario(void)
{
    ns_t before, after;

    open_written();
    before = file->inode->mtime;
    sleep_until(clock_monotonic() + NS_PER_SEC, WAIT_UNINTERRUPTIBLE);
    verify(append(file, LATER * PAGE_SIZE) > 0);
    after = file->inode->mtime;
    verify(after > before);
    later_fails(true);
    host_expect(error_told(), -EIO);
    later_fails(false);
    if (file)
        file_put(file);
    shrink_all();
    host_expect(file_open(NULL, "/m/file", O_RDWR, 0, 0, &file), 0);
    host_expect(file->inode->mtime, after);
    file_put(folder);
    close_file();
}
HOST_TEST(times, 10)

/* What may be named by a map */

// Without extents there are no blocks past the groups whose numbers fit.
static void narrow_scenario(void)
{
    bool extents = machine_below(2);
    u64 limit;
    struct ext4 *fs;

    make(extents ? NEW : OLD);
    open_file(0);
    fs = ext4_of(file->inode);
    verify(fs->narrow_groups == fs->group_count && fs->group_count > 2);
    fs->narrow_groups = fs->group_count - 1;
    limit = ext4_group_first(fs, fs->narrow_groups);
    ext4_i(file->inode)->goal = machine_below(2) * (limit + 1);
    append(file, 0);
    append(file, 20 * PAGE_SIZE);
    host_expect(file_fsync(file, false), 0);
    for (u64 at = 0; at <= 80; at += 80) {
        struct ext4_map m = {.logical = at, .count = 1};

        host_expect(ext4_map_find(ext4_i(file->inode), &m), 0);
        verify(m.physical != EXT4_MAP_FAIL && (extents || m.physical < limit));
    }
    verify(extents || ext4_i(file->inode)->block[12] < limit);
    close_file();
}
HOST_TEST(narrow, 20)

// What has no block map is not kept to them: an attribute's block, data that leave the inode.
static void wide_scenario(void)
{
    static u64 taken[SIZE / BLOCK];
    bool extents = machine_below(2);
    struct ext4_inode *e;
    struct path p;
    u8 value[300] = {1};
    unsigned n = 0;
    u32 count = 1;
    u64 block;

    make(extents ? NEW : OLD);
    open_file(0);
    e = ext4_i(file->inode);
    ext4_of(file->inode)->narrow_groups = 1;
    host_expect(vfs_symlink("target", NULL, "/m/link"), 0);
    e->flags &= ~EXT4_EXTENTS_FL;
    while (!ext4_blocks_pick(e, &count, &taken[n]))
        n++;
    host_expect(path_lookup(NULL, "/m/link", 0, &p), 0);
    host_expect(inode_xattr_set(path_inode(&p), "trusted.a", value, sizeof(value), 0), 0);
    path_put(&p);
    e->flags |= EXT4_INLINE_DATA_FL;
    host_expect(ext4_blocks_pick(e, &count, &block), extents ? 0 : -ENOSPC);
    if (extents)
        ext4_blocks_unpick(ext4_of(file->inode), block, 1);
    e->flags &= ~EXT4_INLINE_DATA_FL;
    e->flags |= extents ? EXT4_EXTENTS_FL : 0;
    while (n)
        ext4_blocks_unpick(ext4_of(file->inode), taken[--n], 1);
    close_file();
}
HOST_TEST(wide, 4)

/* Read-only */

static int result;

static void cut(void *unused)
{
    struct attr a = {.valid = ATTR_SIZE};

    result = 1;
    result = inode_setattr(file->inode, &a);
}

// What began before, and waited meanwhile, comes to nothing.
static void read_only_scenario(void)
{
    struct mutex *held;

    make(machine_below(2) ? NEW : OLD);
    open_file(5000);
    host_expect(vfs_sync(), 0);
    file_put(file);
    host_expect(file_open(NULL, "/m/file", O_RDONLY, 0, 0, &file), 0);
    held = &file->inode->object.write_lock;
    mutex_lock(held);
    host_spawn("cut", cut, NULL);
    for (unsigned n = 0; n < 20; n++)
        host_pause();
    host_expect(mount(NULL, MS_REMOUNT | MS_RDONLY), 0);
    mutex_unlock(held);
    host_join();
    host_expect(result, -EROFS);
    host_expect(file->inode->size, 5000 + 120);
    close_file();
}
HOST_TEST(read_only, 10)

/* Attributes without memory */

static u32 operation; // of the run

static int attribute_change(struct inode *i)
{
    struct attr a = {.mode = 0444, .uid = 7, .atime = NS_PER_SEC};

    switch (operation) {
    case 0:
        a.valid = ATTR_MODE;
        break;
    case 1:
        a.valid = ATTR_UID;
        break;
    case 2:
        a.valid = ATTR_ATIME;
        break;
    default:
        return inode_xattr_set(i, "user.a", "bytes", 5, 0);
    }
    return inode_setattr(i, &a);
}

// Whether the inode is as it was, or else all that attribute_change makes of it.
static bool attribute_changed(struct inode *i)
{
    char value[8];

    if (operation > 2)
        return inode_xattr_get(i, "user.a", value, sizeof(value)) >= 0;
    return operation == 0   ? (i->mode & 07777) == 0444
           : operation == 1 ? i->uid
                            : i->atime < 2 * NS_PER_SEC;
}

static void attributes_scenario(void)
{
    u32 fail_nth = arch_self()->fail_nth;
    bool done;
    int err;

    arch_self()->fail_nth = 0;
    make(NEW);
    open_file(1000);
    host_expect(vfs_sync(), 0);
    arch_self()->fail_nth = fail_nth;
    err = attribute_change(file->inode);
    fail_nth = arch_self()->fail_nth;
    arch_self()->fail_nth = 0;
    verify(!err || (err == -ENOMEM && host_failed_yet()));
    done = attribute_changed(file->inode);
    verify(done == !err);
    close_file();
    open_file(0);
    host_expect(attribute_changed(file->inode), done);
    close_file();
    arch_self()->fail_nth = fail_nth;
}

static void test_attributes(void **unused)
{
    for (operation = 0; operation < 4; operation++)
        host_fail_each(attributes_scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shift),         cmocka_unit_test(test_cut_stores),
        cmocka_unit_test(test_shift_full),    cmocka_unit_test(test_cut_full),
        cmocka_unit_test(test_shift_memory),  cmocka_unit_test(test_shift_tree),
        cmocka_unit_test(test_shift_restart), cmocka_unit_test(test_append),
        cmocka_unit_test(test_promise),       cmocka_unit_test(test_lost),
        cmocka_unit_test(test_times),         cmocka_unit_test(test_narrow),
        cmocka_unit_test(test_wide),          cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_attributes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
