// SPDX-License-Identifier: MIT
// ext4: names, attributes and the superblock at the edges: the last free block, memory that is not
// there, a log that says something else of the file system than its superblock does.
//
// Afterwards e2fsck has nothing to say.
#include "abi/fcntl.h"
#include "abi/mount.h"
#include "disk.h"
#include "ext4images.h"
#include "fs/ext4/extent_node.h"
#include "fs/ext4/group.h"
#include "fs/ext4/super.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "world.h"

#include <stdio.h>

#define SIZE (4UL << 20) // bytes; file systems are smaller
#define OLD  "none,filetype,sparse_super,large_file,ext_attr,dir_index,has_journal"
#define NEW  OLD ",extent,flex_bg,extra_isize,metadata_csum,ea_inode"

static struct disk *one, *two;

/* A file system */

static void make(const char *features)
{
    char text[200];

    snformat(text, sizeof(text), "-b 1024 -g 1024 -I 256 -N 96 -J size=1 -O %s", features);
    ext4_image_make(text, one->image, SIZE);
}

static void image_check(struct disk *d)
{
    ext4_image_check(d->image, SIZE);
}

void host_setup(void)
{
    clock_set_realtime(1700000000 * NS_PER_SEC); // a time of deletion is no inode number
    world_setup_disks(ext4_init);
    one = world_disk_create("one", SIZE);
    two = world_disk_create("two", SIZE);
    shrink_all();
}

static int mount(const char *source, u32 flags)
{
    return world_mount(source, "ext4", flags, NULL);
}

/* The last free blocks */

// A directory gets an index, or one of its blocks is split, with so many free blocks that this is
// possible, but not more. A link whose target has taken the block for it gives that back in vain.
static void growth_scenario(void)
{
    u64 names = machine_below(5) * (1 + machine_below(20)), pads = 40, size = 0;
    char name[300], fill[200], target[181] = "";
    struct path file, dir;
    int err = 0;

    make(machine_below(2) ? NEW : OLD);
    memset(fill, 'n', sizeof(fill));
    memset(target, 't', sizeof(target) - 1);
    host_expect(mount("/dev/one", 0), 0);
    host_expect(vfs_mkdir(NULL, "/m/dir", 0755), 0);
    host_expect(world_file_make("/m/rest", 0), 0);
    host_expect(path_lookup(NULL, "/m/rest", 0, &file), 0);
    for (u64 n = 0; n < names; n++) {
        snprintf(name, sizeof(name), "/m/dir/%lu%.*s", n, (int)sizeof(fill), fill);
        host_expect(vfs_link(&file, NULL, name), 0);
    }
    for (u64 n = 0; n < pads; n++) {
        snprintf(name, sizeof(name), "/m/pad%lu", n);
        host_expect(world_file_make(name, 1), 0);
    }
    host_expect(vfs_sync(), 0);
    host_expect(world_file_make("/m/rest", SIZE), -ENOSPC);
    host_expect(vfs_sync(), 0);
    host_expect(path_lookup(NULL, "/m/dir", 0, &dir), 0);
    while (pads-- && (err != -ENOSPC || size == path_inode(&dir)->size)) {
        snprintf(name, sizeof(name), "/m/pad%lu", pads);
        host_expect(vfs_unlink(NULL, name, false), 0);
        host_expect(vfs_sync(), 0);
        for (err = 0; !err; names++) {
            size = path_inode(&dir)->size;
            snprintf(name, sizeof(name), "/m/dir/%lu%.*s", names, (int)machine_below(200), fill);
            err = machine_below(3) == 0   ? vfs_symlink(target, NULL, name)
                  : machine_below(2) ? vfs_link(&file, NULL, name)
                                     : vfs_rename(NULL, "/m/rest", NULL, name, 0)
                                           ?: vfs_rename(NULL, name, NULL, "/m/rest", 0);
        }
        verify(err == -ENOSPC);
    }
    path_put(&file);
    path_put(&dir);
    world_unmount();
    image_check(one);
}
HOST_TEST(growth, 40)

/* The log and the superblock */

// What the log has of the superblock; there is no copy of it in groups but the first.
static struct ext4_super *logged_super(struct disk *d)
{
    for (u8 *at = d->image + 2048; at < d->image + SIZE; at += 1024) {
        struct ext4_super *s = (struct ext4_super *)at;

        if (s->s_magic == EXT4_MAGIC && s->s_last_orphan)
            return s;
    }
    panic("the superblock is not in the log");
}

// The log makes the file system larger, or its blocks.
static void geometry_scenario(void)
{
    struct ext4_super *s;
    struct file *f;
    int err;

    make(OLD ",^metadata_csum");
    host_expect(mount("/dev/one", 0), 0);
    host_expect(file_open(NULL, "/m/open", O_RDWR | O_CREAT, 0600, 0, &f), 0);
    host_expect(vfs_unlink(NULL, "/m/open", false), 0);
    host_expect(vfs_sync(), 0);
    memcpy(two->image, one->image, SIZE);
    file_put(f);
    world_unmount();
    s = logged_super(two);
    s->s_last_orphan = 0;
    if (machine_below(2)) {
        s->s_blocks_count_lo = SIZE / 1024;
        s->s_inodes_count = 4 * s->s_inodes_per_group;
    } else {
        s->s_log_block_size = 2;
        s->s_first_data_block = 0;
        s->s_blocks_count_lo /= 4;
        s->s_inodes_count = s->s_inodes_per_group;
    }
    err = mount("/dev/two", 0);
    verify(err == -EUCLEAN);
}
HOST_TEST(geometry, 8)

// A journal that fails: what it did not commit is not in the superblock either.
static void aborted_scenario(void)
{
    struct file *f;

    make(OLD);
    host_expect(mount("/dev/one", 0), 0);
    host_expect(file_open(NULL, "/m/open", O_RDWR | O_CREAT, 0600, 0, &f), 0);
    host_expect(vfs_unlink(NULL, "/m/open", false), 0);
    one->fail_nth = 1;
    verify(vfs_sync());
    file_put(f);
    world_unmount();
    memcpy(two->image, one->image, SIZE);
    host_expect(mount("/dev/two", 0), 0);
    world_unmount();
    image_check(two);
}
HOST_TEST(aborted, 8)

// A block of the log of this type, from `at` on; NULL.
static u8 *log_block(u8 *at, u8 type)
{
    static const u8 magic[] = {0xc0, 0x3b, 0x39, 0x98, 0, 0, 0};

    for (; at < two->image + SIZE; at += 1024)
        if (!memcmp(at, magic, sizeof(magic)) && at[sizeof(magic)] == type)
            return at;
    return NULL;
}

// A descriptor that does not match its sum: what was committed is not silently lost, and what was
// being written when the power went is no damage.
static void descriptor_scenario(void)
{
    bool torn = machine_below(2);
    const struct ext4_super *s = (void *)(two->image + 1024);
    u8 *descriptor, *commit;

    make(NEW);
    host_expect(mount("/dev/one", 0), 0);
    host_expect(world_file_make("/m/file", 5000), 0);
    host_expect(vfs_sync(), 0);
    memcpy(two->image, one->image, SIZE);
    world_unmount();
    descriptor = log_block(two->image, 1);
    verify(descriptor);
    descriptor[600] ^= 1;
    for (commit = descriptor; torn && (commit = log_block(commit, 2));)
        memset(commit, 0, 1024);
    host_expect(mount("/dev/two", 0), torn ? 0 : -EUCLEAN);
    if (torn)
        world_unmount();
    verify(!(s->s_state & EXT4_STATE_ERROR) == torn);
}
HOST_TEST(descriptor, 8)

/* Values of attributes that are inodes */

static struct inode *inode_of(const char *name)
{
    struct inode *i;
    struct path p;

    host_expect(path_lookup(NULL, name, 0, &p), 0);
    i = path_inode(&p);
    inode_get(i);
    path_put(&p);
    return i;
}

// A value is not used any more, and a crash comes before its inode is free.
static void value_scenario(void)
{
    static u8 bytes[3000];
    struct inode *i, *value;

    make(NEW);
    host_expect(mount("/dev/one", 0), 0);
    host_expect(world_file_make("/m/file", 0), 0);
    i = inode_of("/m/file");
    host_expect(inode_xattr_set(i, "user.large", bytes, sizeof(bytes), 0), 0);
    host_expect(ext4_inode_get(i->sb, i->ino + 1, &value), 0);
    verify(ext4_i(value)->flags & EXT4_EA_INODE_FL);
    host_expect(inode_xattr_set(i, "user.large", NULL, 0, 0), 0);
    host_expect(vfs_sync(), 0);
    memcpy(two->image, one->image, SIZE);
    inode_put(value);
    inode_put(i);
    world_unmount();
    image_check(one);
    host_expect(mount("/dev/two", 0), 0);
    world_unmount();
    image_check(two);
}
HOST_TEST(value, 3)

// The bitmap says that the number of an open file is free: its slot stays as it is.
static void twice_scenario(void)
{
    const struct ext4_group_desc *desc;
    struct buf *bits, *table;
    u8 before[256], *slot;
    struct inode *i;
    struct ext4 *fs;
    u32 n;

    make(OLD);
    host_expect(mount("/dev/one", 0), 0);
    host_expect(world_file_make("/m/file", 10), 0);
    host_expect(vfs_sync(), 0);
    i = inode_of("/m/file");
    fs = ext4_of(i);
    n = (i->ino - 1) % fs->inodes_per_group;
    desc = &ext4_group(fs, (i->ino - 1) / fs->inodes_per_group)->desc;
    host_expect(buf_read(fs->cache, desc->bg_inode_bitmap_lo, &bits), 0);
    host_expect(buf_read(fs->cache, desc->bg_inode_table_lo + n * 256 / 1024, &table), 0);
    slot = table->data + n * 256 % 1024;
    memcpy(before, slot, sizeof(before));
    bits->data[n / 8] &= ~(1 << n % 8);
    host_expect(world_file_make("/m/other", 0), -EUCLEAN);
    verify(!memcmp(before, slot, sizeof(before)));
    host_expect(world_file_make("/m/other", 0), 0); // of another group
    buf_put(bits);
    buf_put(table);
    inode_put(i);
    world_unmount();
}
HOST_TEST(twice, 1)

/* Read-only and back */

static void protected_scenario(void)
{
    make(NEW);
    one->block.read_only = true;
    host_expect(mount("/dev/one", 0), -EACCES);
    host_expect(mount("/dev/one", MS_RDONLY), 0);
    host_expect(mount(NULL, MS_REMOUNT), -EACCES);
    world_unmount();
    one->block.read_only = false;
}
HOST_TEST(protected, 1)

static u64 log_place(void)
{
    struct inode *i;
    struct path p;
    u64 at;

    host_expect(mount("/dev/one", 0), 0);
    host_expect(path_lookup(NULL, "/m", WALK_FOLLOW, &p), 0);
    host_expect(ext4_inode_get_special(p.mount->sb, EXT4_JOURNAL_INO, &i), 0);
    at = extent_entry((void *)ext4_i(i)->block, 0).physical << ext4_of(i)->block_shift;
    inode_put(i);
    path_put(&p);
    world_unmount();
    return at;
}

// A damaged log is noted, but not where another machine may have it mounted.
static void damaged_log_scenario(void)
{
    const struct ext4_super *s = (void *)(one->image + EXT4_SUPER_AT);
    bool shared = machine_below(2);

    make(shared ? NEW ",mmp" : NEW);
    memset(one->image + log_place(), 0, 1024);
    shrink_all();
    vm_reclaim(~0UL);
    host_expect(mount("/dev/one", MS_RDONLY), -EUCLEAN);
    host_expect(s->s_state & EXT4_STATE_ERROR, shared ? 0 : EXT4_STATE_ERROR);
}
HOST_TEST(damaged_log, 6)

static void remount_scenario(void)
{
    struct file *f;

    make(machine_below(2) ? NEW : NEW ",orphan_file");
    host_expect(mount("/dev/one", 0), 0);
    host_expect(world_file_make("/m/file", 5000), 0);
    host_expect(file_open(NULL, "/m/file", O_RDONLY, 0, 0, &f), 0);
    host_expect(mount(NULL, MS_REMOUNT | MS_RDONLY), 0);
    host_expect(mount(NULL, MS_REMOUNT), 0);
    host_expect(vfs_unlink(NULL, "/m/file", false), 0);
    host_expect(mount(NULL, MS_REMOUNT | MS_RDONLY), -EBUSY); // it has to be deleted some time
    file_put(f);
    host_expect(mount(NULL, MS_REMOUNT | MS_RDONLY), 0);
    host_expect(mount(NULL, MS_REMOUNT), 0);
    host_expect(world_file_make("/m/file", 5000), 0);
    world_unmount();
    image_check(one);
}
HOST_TEST(remount, 4)

/* Memory */

static u32 operation; // of the run

static int operate(const struct path *file)
{
    switch (operation) {
    case 0:
        return vfs_rename(NULL, "/m/a/file", NULL, "/m/b/name", 0);
    case 1:
        return vfs_rename(NULL, "/m/a/file", NULL, "/m/a/name", 0);
    case 2:
        return vfs_rename(NULL, "/m/a/dir", NULL, "/m/b/dir", 0);
    case 3:
        return vfs_rename(NULL, "/m/a/file", NULL, "/m/b/other", 0);
    case 4:
        return vfs_rename(NULL, "/m/a/file", NULL, "/m/b/other", RENAME_EXCHANGE);
    case 5:
        return vfs_link(file, NULL, "/m/b/name");
    case 6:
        return vfs_unlink(NULL, "/m/a/file", false);
    default:
        return vfs_mkdir(NULL, "/m/a/new", 0755);
    }
}

// What fails for want of memory leaves a file system in which others go on.
static void memory_scenario(void)
{
    u32 fail_nth = arch_self()->fail_nth;
    struct path file;
    int err;

    arch_self()->fail_nth = 0;
    make(NEW);
    host_expect(mount("/dev/one", 0), 0);
    host_expect(vfs_mkdir(NULL, "/m/a", 0755), 0);
    host_expect(vfs_mkdir(NULL, "/m/a/dir", 0755), 0);
    host_expect(vfs_mkdir(NULL, "/m/b", 0755), 0);
    host_expect(world_file_make("/m/a/file", 10), 0);
    host_expect(world_file_make("/m/b/other", 10), 0);
    host_expect(vfs_sync(), 0);
    host_expect(path_lookup(NULL, "/m/a/file", 0, &file), 0);
    arch_self()->fail_nth = fail_nth;
    err = operate(&file);
    fail_nth = arch_self()->fail_nth;
    verify(!err || (err == -ENOMEM && host_failed_yet()));
    arch_self()->fail_nth = 0;
    path_put(&file);
    host_expect(vfs_mkdir(NULL, "/m/c", 0755), 0);
    host_expect(vfs_sync(), 0);
    world_unmount();
    image_check(one);
    arch_self()->fail_nth = fail_nth;
}

static void test_memory(void **unused)
{
    for (operation = 0; operation < 8; operation++)
        host_fail_each(memory_scenario);
}

// A file that cannot be opened is not made either.
static void open_scenario(void)
{
    struct file *f;
    struct path p;
    int err = file_open(NULL, "/new", O_RDWR | O_CREAT, 0600, 0, &f);
    u32 fail_nth = arch_self()->fail_nth;

    if (!err)
        file_put(f);
    verify(!err || (err == -ENOMEM && host_failed_yet()));
    arch_self()->fail_nth = 0;
    host_expect(path_lookup(NULL, "/new", 0, &p), err ? -ENOENT : 0);
    if (!err)
        path_put(&p);
    arch_self()->fail_nth = fail_nth;
}
HOST_FAIL_TEST(open)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growth),    cmocka_unit_test(test_geometry),
        cmocka_unit_test(test_aborted),   cmocka_unit_test(test_descriptor),
        cmocka_unit_test(test_protected), cmocka_unit_test(test_damaged_log),
        cmocka_unit_test(test_twice),     cmocka_unit_test(test_value),
        cmocka_unit_test(test_remount),   cmocka_unit_test(test_memory),
        cmocka_unit_test(test_open)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
