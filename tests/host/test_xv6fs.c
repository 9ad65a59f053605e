// SPDX-License-Identifier: MIT
// The xv6 file system: crashes at any event of the disk, threads, failing requests and allocations.
//
// Operations reach the disk in order and as a whole: so after a crash the file system must be
// exactly what it was after one of them, and not one before the last sync. What the state was is
// read through the live file system after each.
#include "abi/mount.h"
#include "fs/xv6fs/xv6fs.h"
#include "kept.h"
#include "lib/format.h"
#include "lib/hash.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "world.h"
#include "xv6disk.h"

#define BLOCKS  300 // of 1 KiB
#define INODES  40
#define LOG     30
#define DATA    36UL // first data block: the root's
#define BYTES   (BLOCKS * 1024UL)
#define FOLDERS 3
#define NAMES   5 // in each
#define SLOTS   (FOLDERS * NAMES)
#define STEPS   60
#define STATES  25            // crashes of a run
#define SIZE    (16 * 1024UL) // of a file at most

static struct disk *one, *two, *three;

void host_setup(void)
{
    world_setup_disks(xv6fs_init);
    one = xv6_disk_create("one", BLOCKS, INODES, LOG);
    two = xv6_disk_create("two", BLOCKS, INODES, LOG);
    three = xv6_disk_create("three", BLOCKS, INODES, LOG);
    shrink_all();
}

/* What can be seen */

struct seen {        // of a name
    u32 kind;        // 0: there is none
    u32 links, same; // the first name that leads to it
    u64 size, sum;
};

struct state {
    struct seen names[SLOTS];
};

static const char *name_of(u32 slot, char *text)
{
    static const char *const folders[FOLDERS] = {"", "p/", "q/"};

    snformat(text, 32, "/m/%sname%d", folders[slot / NAMES], slot % NAMES);
    return text;
}

static u64 sum_of(struct inode *i, const struct path *p)
{
    u8 *bytes = host_alloc(SIZE);
    u64 sum = 0;
    ssize_t n = 0;

    if (S_ISLNK(i->mode)) {
        n = vfs_readlink(p, (char *)bytes, SIZE);
    } else if (S_ISREG(i->mode)) {
        struct file *f;

        host_expect(file_open(p, "", O_RDONLY, 0, WALK_FOLLOW | WALK_EMPTY, &f), 0);
        n = file_read_kernel(f, bytes, SIZE, 0);
        file_put(f);
        host_expect(n, i->size);
    }
    verify(n >= 0);
    for (ssize_t k = 0; k < n; k++)
        sum = hash_u64(sum + bytes[k]);
    kfree(bytes);
    return sum;
}

static void state_read(struct state *s)
{
    struct inode *inodes[SLOTS] = {0};

    memset(s, 0, sizeof(*s));
    for (u32 n = 0; n < SLOTS; n++) {
        struct seen *e = &s->names[n];
        struct path p;
        char text[32];
        int err = path_lookup(NULL, name_of(n, text), 0, &p);

        if (err) {
            host_expect(err, -ENOENT);
            continue;
        }
        inodes[n] = path_inode(&p);
        *e = (struct seen){inodes[n]->mode & S_IFMT, inodes[n]->nlink, n, inodes[n]->size,
                           sum_of(inodes[n], &p)};
        while (inodes[e->same] != inodes[n] || e->same > n)
            e->same = (e->same + 1) % SLOTS;
        for (u32 k = 0; k < n; k++)
            if (inodes[k] == inodes[n]) {
                e->same = k;
                break;
            }
        if (S_ISDIR(e->kind))
            e->size = 0;
        path_put(&p);
    }
}

/* Operations, each of which is one in the log */

static int file_change(const char *name, bool cut)
{
    u64 at = machine_below(SIZE - 1024), n = 1 + machine_below(1024 - at % 1024);
    u8 *bytes = host_alloc(1024);
    struct file *f;
    ssize_t err = file_open(NULL, name, O_RDWR | O_NOFOLLOW, 0, 0, &f);

    memset(bytes, machine_random(), n);
    if (!err) {
        err = cut ? vfs_truncate(f->inode, at) : world_pwrite(f, bytes, n, at);
        file_put(f);
    }
    kfree(bytes);
    return MIN(err, 0L);
}

static int file_make(const char *name)
{
    struct file *f;
    int err = file_open(NULL, name, O_RDWR | O_CREAT | O_EXCL, 0644, 0, &f);

    if (!err)
        file_put(f);
    return err;
}

static int link_names(const char *from, const char *to)
{
    struct path p;
    int err = path_lookup(NULL, from, 0, &p);

    if (!err) {
        err = vfs_link(&p, NULL, to);
        path_put(&p);
    }
    return err;
}

static int step(u32 slots, u32 first)
{
    char a[32], b[32];

    name_of(first + machine_below(slots), a);
    name_of(first + machine_below(slots), b);
    switch (machine_below(14)) {
    case 0:
    case 1:
        return file_make(a);
    case 2:
        return link_names(a, b);
    case 3:
        return vfs_unlink(NULL, a, false);
    case 4:
        return vfs_mkdir(NULL, a, 0755);
    case 5:
        return vfs_unlink(NULL, a, true);
    case 6:
        return vfs_symlink(b, NULL, a);
    case 7:
    case 8:
        return vfs_rename(NULL, a, NULL, b, machine_below(4) ? 0 : RENAME_EXCHANGE);
    case 9:
        return file_change(a, true);
    default:
        return file_change(a, false);
    }
}

static void folders_make(void)
{
    host_expect(vfs_mkdir(NULL, "/m/p", 0755), 0);
    host_expect(vfs_mkdir(NULL, "/m/q", 0755), 0);
}

/* Crashes */

struct moment {
    u64 begun; // events of the disk when the operation began
    u64 safe;  // and when a sync after it had ended; ~0: none did
    struct state state;
};

static struct moment *moments;
static u32 moment_count;

static void moment_add(const struct disk *d)
{
    struct moment *m = &moments[moment_count++];

    *m = (struct moment){.begun = d->event_count, .safe = ~0UL};
}

static void moments_safe(const struct disk *d)
{
    struct path p;

    host_expect(path_lookup(NULL, "/m", WALK_FOLLOW, &p), 0);
    host_expect(p.mount->sb->ops->sync(p.mount->sb), 0);
    path_put(&p);
    for (u32 i = moment_count; i-- && moments[i].safe == ~0UL;)
        moments[i].safe = d->event_count;
}

// Is the state one that a crash after so many events may leave?
static bool may_be(const struct state *s, u64 events)
{
    for (u32 i = moment_count; i--;) {
        if (moments[i].begun > events)
            continue;
        if (!memcmp(s, &moments[i].state, sizeof(*s)))
            return true;
        if (moments[i].safe <= events)
            return false;
    }
    return false;
}

// Recovers what is on the disk and looks at it.
static void recover(struct disk *d, u64 events)
{
    struct state *s = host_alloc(sizeof(*s));
    char source[20];

    snformat(source, sizeof(source), "/dev/%s", d->block.name);
    host_expect(xv6_mount(source), 0);
    state_read(s);
    if (!may_be(s, events))
        panic("after event %lu: no state that was", events);
    world_unmount();
    xv6_image_check(d, false);
    kfree(s);
}

static void crash_once(void)
{
    u64 events = machine_below(one->event_count + 1);

    disk_crash(one, events, machine_below, two->image);
    memcpy(three->image, two->image, BYTES);
    two->event_count = 0;
    disk_record(two);
    recover(two, events);
    if (!two->event_count)
        return;
    memcpy(three->image, two->image, BYTES); // recovery is cut too
    disk_crash(two, machine_below(two->event_count + 1), machine_below, three->image);
    recover(three, events);
}

static void crash_scenario(void)
{
    moments = host_alloc((STEPS + 1) * sizeof(*moments));
    moment_count = 0;
    host_expect(xv6_mount("/dev/one"), 0);
    folders_make();
    moments_safe(one);
    disk_record(one);
    moment_add(one);
    state_read(&moments[0].state);
    moments_safe(one);
    for (u32 i = 0; i < STEPS; i++) {
        moment_add(one);
        step(SLOTS, 0);
        state_read(&moments[moment_count - 1].state);
        if (machine_below(6) == 0)
            moments_safe(one);
        if (machine_below(20) == 0)
            sleep_until(clock_monotonic() + 6 * NS_PER_SEC, WAIT_UNINTERRUPTIBLE);
    }
    world_unmount();
    xv6_image_check(one, false);
    for (u32 i = 0; i < STATES; i++)
        crash_once();
    kfree(moments);
}
HOST_TEST(crash, 60)

// A file with many indirect blocks: it is cut and ends in many operations, some after its name.
static void deep_file(void)
{
    struct file *f;
    u8 byte = 1;

    host_expect(file_open(NULL, "/m/deep", O_RDWR | O_CREAT, 0644, 0, &f), 0);
    for (u32 i = 0; i < 25; i++)
        host_expect(world_pwrite(f, &byte, 1, machine_below(65803 * 1024)), 1);
    if (machine_below(2))
        host_expect(vfs_truncate(f->inode, machine_below(65803 * 1024)), 0);
    if (machine_below(4))
        host_expect(vfs_unlink(NULL, "/m/deep", false), 0);
    if (machine_below(2))
        host_expect(file_fsync(f, false), 0);
    file_put(f);
}

static void deep_scenario(void)
{
    host_expect(xv6_mount("/dev/one"), 0);
    disk_record(one);
    for (u32 i = 0; i < 4; i++)
        deep_file();
    world_unmount();
    xv6_image_check(one, false);
    for (u32 i = 0; i < STATES; i++) {
        disk_crash(one, machine_below(one->event_count + 1), machine_below, two->image);
        host_expect(xv6_mount("/dev/two"), 0);
        deep_file();
        world_unmount();
        xv6_image_check(two, true);
    }
}
HOST_TEST(deep, 20)

/* Threads */

static void thread_main(void *number)
{
    for (u32 i = 0; i < STEPS; i++)
        step(NAMES, (u64)number * NAMES);
}

static void threads_scenario(void)
{
    struct state *before = host_alloc(sizeof(*before)), *after = host_alloc(sizeof(*after));

    host_expect(xv6_mount("/dev/one"), 0);
    folders_make();
    for (u64 i = 0; i < FOLDERS; i++)
        host_spawn("user", thread_main, (void *)i);
    host_join();
    state_read(before);
    world_unmount();
    xv6_image_check(one, false);
    host_expect(xv6_mount("/dev/one"), 0);
    state_read(after);
    verify(!memcmp(before, after, sizeof(*after)));
    world_unmount();
    kfree(before);
    kfree(after);
}
HOST_TEST(threads, 60)

/* Failures */

static void fail_scenario(void)
{
    host_expect(xv6_mount("/dev/one"), 0);
    folders_make();
    disk_record(one);
    one->fail_nth = 1 + machine_below(300);
    for (u32 i = 0; i < STEPS; i++)
        step(SLOTS, 0);
    world_unmount();
    disk_crash(one, one->event_count, machine_below, two->image);
    host_expect(xv6_mount("/dev/two"), 0);
    world_unmount();
    xv6_image_check(two, false);
}
HOST_TEST(fail, 120)

static void memory_scenario(void)
{
    int err = xv6_mount("/dev/one");

    if (err) {
        verify(host_failed_yet());
        host_expect(err, -ENOMEM);
        return;
    }
    vfs_mkdir(NULL, "/m/p", 0755);
    file_make("/m/p/f");
    file_change("/m/p/f", false);
    vfs_symlink("x", NULL, "/m/l");
    vfs_rename(NULL, "/m/p/f", NULL, "/m/g", 0);
    vfs_unlink(NULL, "/m/p", true);
    file_change("/m/g", true);
    world_unmount();
    xv6_image_check(one, true);
}
HOST_FAIL_TEST(memory)

static int mount_one(void)
{
    return xv6_mount("/dev/one");
}

static void kept_scenario(void)
{
    if (!mount_one())
        kept_check(host_seed % 3, mount_one, world_unmount);
}
HOST_FAIL_TEST(kept)

/* Full */

static void full_scenario(void)
{
    struct path root;
    struct statfs64 before, now;
    char name[20];
    int err = 0;

    host_expect(xv6_mount("/dev/one"), 0);
    host_expect(path_lookup(NULL, "/m", WALK_FOLLOW, &root), 0);
    for (u32 round = 0; round < 2; round++) { // the second finds the directory's blocks there
        u32 files = 0;

        host_expect(superblock_statfs(root.mount->sb, &before), 0);
        for (err = 0; !err; files += !err) {
            snformat(name, sizeof(name), "/m/f%d", files);
            err = file_make(name);
        }
        host_expect(err, -ENOSPC);
        host_expect(files, INODES - 2);
        do {
            snformat(name, sizeof(name), "/m/f%d", (int)machine_below(files));
            err = file_change(name, false);
            verify(!err || err == -ENOSPC);
            host_expect(superblock_statfs(root.mount->sb, &now), 0);
        } while (now.f_bfree);
        for (u32 i = 0; i < 20; i++)
            err = err ?: file_change(name, false);
        host_expect(err, -ENOSPC);
        host_expect(now.f_ffree, 0);
        while (files--) {
            snformat(name, sizeof(name), "/m/f%d", files);
            host_expect(vfs_unlink(NULL, name, false), 0);
        }
        shrink_all();
        host_expect(superblock_statfs(root.mount->sb, &now), 0);
        host_expect(now.f_ffree, INODES - 2);
    }
    host_expect(now.f_bfree, before.f_bfree);
    path_put(&root);
    world_unmount();
    xv6_image_check(one, false);
}
HOST_TEST(full, 2)

/* Disks that are damaged */

// Walks over all names, and changes some.
static void visit(const char *at, u32 depth);

struct visitor {
    struct dir_sink sink;
    const char *at;
    u32 count;
    char names[40][16];
};

static bool visitor_emit(struct dir_sink *sink, const char *name, size_t length, ino_t ino, u8 type,
                         loff_t next)
{
    struct visitor *v = container_of(sink, struct visitor, sink);

    if (v->count == ARRAY_SIZE(v->names))
        return false;
    memcpy(v->names[v->count], name, length);
    v->names[v->count++][length] = '\0';
    return true;
}

static void visit_name(const char *name, u32 depth)
{
    struct path p;

    if (path_lookup(NULL, name, 0, &p))
        return;
    if (S_ISREG(path_inode(&p)->mode)) {
        file_change(name, machine_below(2));
        if (machine_below(3) == 0)
            vfs_unlink(NULL, name, false);
    } else if (S_ISDIR(path_inode(&p)->mode) && depth < 4) {
        visit(name, depth + 1);
        if (machine_below(3) == 0)
            vfs_unlink(NULL, name, true);
    } else if (S_ISLNK(path_inode(&p)->mode)) {
        char text[64];

        vfs_readlink(&p, text, sizeof(text));
    }
    path_put(&p);
    if (machine_below(4) == 0)
        vfs_rename(NULL, name, NULL, "/m/elsewhere", 0);
}

static void visit(const char *at, u32 depth)
{
    struct visitor *v = host_alloc(sizeof(*v));
    struct file *f;

    v->sink.emit = visitor_emit;
    if (!file_open(NULL, at, O_RDONLY | O_DIRECTORY, 0, 0, &f)) {
        f->ops->readdir(f, &v->sink);
        file_put(f);
    }
    for (u32 i = 0; i < v->count; i++) {
        char name[128];

        if (!strcmp(v->names[i], ".") || !strcmp(v->names[i], ".."))
            continue;
        snformat(name, sizeof(name), "%s/%s", at, v->names[i]);
        visit_name(name, depth);
    }
    file_make("/m/new");
    file_change("/m/new", false);
    kfree(v);
}

// Somewhere in what the file system reads by itself, or in an indirect block or directory.
static void damage(struct disk *d)
{
    static const u64 places[] = {1024, 2048, 32 * 1024, 35 * 1024, 36 * 1024, 37 * 1024};
    u64 at = places[machine_below(ARRAY_SIZE(places))] + machine_below(1024);

    if (at < 2048)
        at = 1024 + machine_below(32);
    else if (machine_below(2))
        at = DATA * 1024 + machine_below(60 * 1024);
    switch (machine_below(3)) {
    case 0:
        d->image[at] ^= 1 << machine_below(8);
        break;
    case 1:
        d->image[at] = machine_random();
        break;
    default: // one number where another was
        at &= ~3UL;
        memcpy(d->image + at, d->image + 1024 + (machine_below(BYTES - 2048) & ~3UL), 4);
    }
}

static void damage_scenario(void)
{
    host_expect(xv6_mount("/dev/one"), 0);
    folders_make();
    for (u32 i = 0; i < STEPS / 2; i++)
        step(SLOTS, 0);
    world_unmount();
    for (u32 i = 0; i < 20; i++) {
        memcpy(two->image, one->image, BYTES);
        for (u32 n = 1 + machine_below(4); n; n--)
            damage(two);
        if (xv6_mount("/dev/two"))
            continue;
        visit("/m", 0);
        world_unmount();
    }
}
HOST_TEST(damage, 100)

// Another entry for a directory, in directory `block` at place n.
static void entry_put(u64 block, u32 n, u16 ino, const char *name)
{
    u8 *at = one->image + block * 1024 + n * 16;

    memcpy(at, &ino, sizeof(ino));
    memset(at + 2, 0, 14);
    memcpy(at + 2, name, strlen(name));
}

static int look(const char *name)
{
    struct path p;
    int err = path_lookup(NULL, name, 0, &p);

    if (!err)
        path_put(&p);
    return err;
}

// Directories in two places, or in themselves: entered by one name at most.
static void loops_scenario(void)
{
    host_expect(xv6_mount("/dev/one"), 0);
    host_expect(vfs_mkdir(NULL, "/m/a", 0755), 0);
    host_expect(vfs_mkdir(NULL, "/m/a/b", 0755), 0);
    world_unmount();
    entry_put(DATA + 1, 3, 1, "root"); // in a
    entry_put(DATA + 1, 4, 2, "self");
    entry_put(DATA + 2, 2, 2, "up"); // in b
    entry_put(DATA, 3, 2, "twin");
    entry_put(DATA, 4, 3, "nephew");
    one->image[DATA * 1024 - 4 * 1024 + 64 + 8] = 5 * 16; // sizes: of the root
    one->image[DATA * 1024 - 4 * 1024 + 128 + 8] = 5 * 16;
    one->image[DATA * 1024 - 4 * 1024 + 192 + 8] = 3 * 16;
    host_expect(xv6_mount("/dev/one"), 0);
    host_expect(look("/m/a/b"), 0);
    host_expect(look("/m/a/root"), -EUCLEAN);
    host_expect(look("/m/a/self"), -EUCLEAN);
    host_expect(look("/m/a/b/up"), -EUCLEAN);
    host_expect(look("/m/nephew"), -EUCLEAN);
    host_expect(look("/m/twin"), -EUCLEAN);
    host_expect(vfs_rename(NULL, "/m/twin", NULL, "/m/a/c", 0), -EUCLEAN);
    host_expect(vfs_rename(NULL, "/m/a", NULL, "/m/twin", 0), -EUCLEAN);
    host_expect(vfs_rename(NULL, "/m/a", NULL, "/m/c", 0), 0);
    host_expect(look("/m/twin"), -EUCLEAN);
    shrink_all(); // nobody is in c any more: twin is as good
    host_expect(look("/m/twin"), 0);
    host_expect(look("/m/c"), -EUCLEAN);
    host_expect(vfs_unlink(NULL, "/m/twin", true), -ENOTEMPTY);
    world_unmount();
}
HOST_TEST(loops, 5)

// A directory that has too few links is not taken for one without a name.
static void links_scenario(void)
{
    u8 *root_links = one->image + DATA * 1024 - 4 * 1024 + 64 + 6;

    host_expect(xv6_mount("/dev/one"), 0);
    host_expect(vfs_mkdir(NULL, "/m/a", 0755), 0);
    world_unmount();
    host_expect(*root_links, 2);
    *root_links = 1;
    host_expect(xv6_mount("/dev/one"), 0);
    host_expect(vfs_unlink(NULL, "/m/a", true), -EUCLEAN);
    host_expect(look("/m/a"), 0);
    world_unmount();
    host_expect(*root_links, 1);
}
HOST_TEST(links, 5)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash), cmocka_unit_test(test_deep),   cmocka_unit_test(test_threads),
        cmocka_unit_test(test_fail),  cmocka_unit_test(test_memory), cmocka_unit_test(test_kept),
        cmocka_unit_test(test_full),  cmocka_unit_test(test_damage), cmocka_unit_test(test_loops),
        cmocka_unit_test(test_links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
