// SPDX-License-Identifier: MIT
// ext2, ext3 and ext4 on damaged images: refused, errors, read-only; never a panic, a report of the
// sanitizers, a loop, or memory that is lost.
//
// The seeds go through all kinds of damage on all images in turn; how many of each there were, and
// what came of them, is counted and printed.
//
// What the test cannot judge is what a damaged file system holds afterwards; but it is mounted once
// more, to bear that too.
#include "abi/mount.h"
#include "base/log.h"
#include "disk.h"
#include "ext4damage.h"
#include "ext4images.h"
#include "ext4visit.h"
#include "fs/ext4/ext4.h"
#include "kept.h"
#include "lib/crc32.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "world.h"

#include <stdio.h>

#define EACH 3 // damaged images of a run

static struct disk *one, *two; // their caches are never freed
static unsigned image_number;
static struct counts { // of damaged images
    u32 images[EXT4_IMAGES], refused;
} * counts; // by kind; of all runs
static u64 image_size;
static u8 *good; // of that size: what is damaged

static struct disk *disk_make(const char *name)
{
    struct disk *d = world_disk_create(name, image_size);

    memcpy(d->image, good, image_size);
    return d;
}

void host_setup(void)
{
    image_number = host_seed % EXT4_IMAGES;
    good = ext4_image_read(image_number, &image_size);
    world_setup_disks(ext4_init);
    one = disk_make("one");
    two = disk_make("two");
    shrink_all();
}

static const char *options(void)
{
    bool read_only = machine_below(2);

    if (image_number == EXT4_IMAGE_DATA_JOURNAL)
        return read_only ? "data=journal,errors=remount-ro" : "data=journal,errors=continue";
    return read_only ? "errors=remount-ro" : "errors=continue";
}

// What a crash leaves while the file system is mounted and in use; or what its end leaves.
static void prepare(void)
{
    bool crash = machine_below(2);

    host_expect(ext4_visit_mount("/dev/one", options(), 0), 0);
    ext4_visit_fill(machine_below);
    if (crash)
        memcpy(good, one->image, image_size);
    world_unmount();
    if (!crash)
        memcpy(good, one->image, image_size);
}

static bool visit_damaged(enum ext4_damage kind)
{
    static const int refusals[] = {0,           -EUCLEAN, -EIO,    -EINVAL,
                                   -EOPNOTSUPP, -EROFS,   -ENOSPC, -EFBIG};
    u32 flags = machine_below(8) ? 0 : MS_RDONLY;
    int err = ext4_visit("/dev/two", options(), flags, machine_below);

    for (u32 n = 0; n < ARRAY_SIZE(refusals); n++)
        if (refusals[n] == err)
            return !err;
    panic("damage %u: the mount gives error %d", kind, -err);
}

static void damage_scenario(void)
{
    prepare();
    for (u32 n = 0; n < EACH; n++) {
        enum ext4_damage kind = (host_seed * EACH + n) % DAMAGE_KINDS;

        log_info("image %u, damage %u", image_number, kind);
        memcpy(two->image, good, image_size);
        ext4_damage_trust = machine_below(2);
        ext4_damage_begin(two->image, image_size, machine_below);
        for (u64 more = 1 + machine_below(3); more; more--)
            ext4_damage(kind);
        counts[kind].images[image_number]++;
        counts[kind].refused += !visit_damaged(kind);
        visit_damaged(kind);
    }
}

static void counts_print(void)
{
    printf("damage              images   of each set   not mounted\n");
    for (u32 kind = 0; kind < DAMAGE_KINDS; kind++) {
        u32 sum = 0, least = ~0U;

        for (u32 n = 0; n < EXT4_IMAGES; n++) {
            sum += counts[kind].images[n];
            least = MIN(least, counts[kind].images[n]);
        }
        printf("%-20s %5u %13u %13u\n", ext4_damage_names[kind], sum, least, counts[kind].refused);
    }
}

static void test_damage(void **unused)
{
    host_explore(damage_scenario, 300);
    counts_print();
    for (u32 kind = 0; !host_repeats() && kind < DAMAGE_KINDS; kind++)
        for (u32 n = 0; n < EXT4_IMAGES; n++)
            verify(counts[kind].images[n] >= 2);
}

// A sound file system on a disk of which one request fails, a write perhaps halfway. There is no
// damage, so the next mount has nothing to refuse.
static void requests_scenario(void)
{
    prepare();
    for (u32 n = 0; n < 2; n++) {
        memcpy(two->image, good, image_size);
        two->fail_nth = 1 + machine_below(machine_below(2) ? 40 : 400);
        visit_damaged(DAMAGE_KINDS);
        two->fail_nth = 0;
        host_expect(ext4_visit("/dev/two", options(), 0, machine_below), 0);
    }
}
HOST_TEST(requests, 100)

static int mount_one(void)
{
    return ext4_visit_mount("/dev/one", options(), 0);
}

static void kept(enum kept_by by)
{
    u32 fail_nth = arch_self()->fail_nth;

    arch_self()->fail_nth = 0;
    host_expect(mount_one(), 0);
    arch_self()->fail_nth = fail_nth;
    kept_check(by, mount_one, world_unmount);
}

static void kept_by_sync_scenario(void)
{
    kept(KEPT_BY_SYNC);
}
HOST_FAIL_TEST(kept_by_sync)

static void kept_by_eviction_scenario(void)
{
    kept(KEPT_BY_EVICTION);
}
HOST_FAIL_TEST(kept_by_eviction)

static void kept_by_unmount_scenario(void)
{
    kept(KEPT_BY_UNMOUNT);
}
HOST_FAIL_TEST(kept_by_unmount)

static ssize_t file_fill(struct file *f, u8 byte, size_t n, loff_t at)
{
    u8 *bytes = host_alloc(n);
    ssize_t done;

    memset(bytes, byte, n);
    done = world_pwrite(f, bytes, n, at);
    kfree(bytes);
    return done;
}

#define PARTS 12 // too many for the inode, so that its map has blocks of its own
#define SHORT 500

// A file is made short, and is used after that.
static void cut_scenario(void)
{
    u32 fail_nth = arch_self()->fail_nth;
    struct file *f;
    u8 back[8];

    arch_self()->fail_nth = 0;
    host_expect(mount_one(), 0);
    host_expect(file_open(NULL, "/m/cut", O_RDWR | O_CREAT, 0644, 0, &f), 0);
    for (u64 n = 0; n < PARTS; n++)
        host_expect(file_fill(f, 1, 1000, n * 10000), 1000);
    host_expect(file_fsync(f, false), 0);
    file_put(f);
    world_unmount(); // nothing of it is in memory
    host_expect(mount_one(), 0);
    host_expect(file_open(NULL, "/m/cut", O_RDWR, 0, 0, &f), 0);
    arch_self()->fail_nth = fail_nth;
    if (vfs_truncate(f->inode, SHORT))
        verify(host_failed_yet());
    else
        host_expect(f->inode->size, SHORT);
    fail_nth = arch_self()->fail_nth;
    arch_self()->fail_nth = 0;
    host_expect(vfs_truncate(f->inode, SHORT), 0);
    host_expect(file_fill(f, 2, 1000, 100000), 1000);
    host_expect(file_fsync(f, false), 0);
    host_expect(file_read_kernel(f, back, 8, 50000), 8);
    verify(!memcmp(back, (u8[8]){0}, 8));
    file_put(f);
    world_unmount();
    arch_self()->fail_nth = fail_nth;
}
HOST_FAIL_TEST(cut)

static bool changing;

static void change_attributes(void *unused)
{
    static const char value[8] = "another";
    struct path p;

    host_expect(path_lookup(NULL, "/m/deep/er/tiny", WALK_FOLLOW, &p), 0);
    for (u32 n = 0; n < 20; n++) {
        int err = inode_xattr_set(path_inode(&p), "user.a", value, 1 + machine_below(8), 0);

        verify(!err || err == -EOPNOTSUPP || err == -ENOSPC);
        host_pause();
    }
    path_put(&p);
    changing = false;
}

// Data inside an inode is read while its attributes move. Nothing is damaged.
static void inside_scenario(void)
{
    struct file *f;
    u8 back[100];

    if (image_number != EXT4_IMAGE_INLINE)
        return;
    host_expect(ext4_visit_mount("/dev/one", "errors=remount-ro", 0), 0);
    host_expect(file_open(NULL, "/m/deep/er/tiny", O_RDONLY, 0, 0, &f), 0);
    changing = true;
    host_spawn("changer", change_attributes, NULL);
    while (changing) {
        host_expect(file_read_kernel(f, back, 100, 0), 100);
        verify(back[0] == 'y' && back[99] == 'y');
        vm_object_drop_clean(f->object, 0, 0);
        host_pause();
    }
    host_join();
    verify(!(f->inode->sb->flags & MS_RDONLY));
    file_put(f);
    world_unmount();
}
HOST_TEST(inside, 40 * EXT4_IMAGES)

// What is written in place, outside of the log, changes in its first sector alone.
static void sealed_scenario(void)
{
    struct ext4 *fs = host_alloc(sizeof(*fs));
    u8 *block = host_alloc(1024), *was = host_alloc(1024);
    struct ext4_super *s = (void *)block;
    struct ext4_mmp *m = (void *)block;
    u32 balance;

    fs->ro_compat = s->s_feature_ro_compat = EXT4_RO_METADATA_CSUM;
    fs->super = s;
    s->s_rev_level = 1;
    s->s_checksum = crc32c(~0U, s, offsetof(struct ext4_super, s_checksum));
    ext4_super_sealed(fs, s);
    for (u32 n = 0; n < 100; n++) {
        memcpy(was, block, 1024);
        block[machine_below(64)] ^= 1
                                    << machine_below(8); // none of them says whether there is a sum
        if (n % 10 == 9)
            s->s_mount_opts[0] = s->s_checksum = n; // by another program
        ext4_super_seal(fs);
        verify(ext4_super_verify(s));
        verify(n % 10 == 9 || !memcmp(was + 512, block + 512, 512));
    }
    memset(block, 0, 1024);
    m->mmp_magic = EXT4_MMP_MAGIC;
    m->mmp_checksum = crc32c(fs->csum_seed, m, offsetof(struct ext4_mmp, mmp_checksum));
    balance = ext4_mmp_balance(fs, m);
    memcpy(was, block, 1024);
    memset(m->mmp_nodename, machine_below(256), sizeof(m->mmp_nodename));
    ext4_mmp_seal(fs, m, balance);
    verify(ext4_mmp_verify(fs, m) && !memcmp(was + 512, block + 512, 512));
    kfree(was);
    kfree(block);
    kfree(fs);
}
HOST_TEST(sealed, 3)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_damage),
                                       cmocka_unit_test(test_requests),
                                       cmocka_unit_test(test_kept_by_sync),
                                       cmocka_unit_test(test_kept_by_eviction),
                                       cmocka_unit_test(test_kept_by_unmount),
                                       cmocka_unit_test(test_sealed),
                                       cmocka_unit_test(test_cut),
                                       cmocka_unit_test(test_inside)};

    counts = host_shared(DAMAGE_KINDS * sizeof(*counts));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
