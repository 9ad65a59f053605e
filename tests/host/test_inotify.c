// SPDX-License-Identifier: MIT
// inotify: watches that are added, removed, closed, deleted, unmounted and told of at once are
// freed once, nothing is used after, and each watch that ended says so last.
#include "abi/mount.h"
#include "lib/format.h"
#include "vfs/inotify.h"
#include "vfs/inotify_queue.h"
#include "world.h"

#define RUNS      120
#define INSTANCES 3
#define FILES     3
#define STEPS     30
#define WATCHES   (INSTANCES * STEPS * 4)

static struct path place; // stays

void host_setup(void)
{
    world_setup();
    host_expect(vfs_mkdir(NULL, "/m", 0755), 0);
    host_expect(path_lookup(NULL, "/m", 0, &place), 0);
}

static struct file *instances[INSTANCES];
static struct mutex pool_lock = MUTEX_INIT(pool_lock, RANK_NONE); // who takes from `instances`

static struct file *instance_make(void)
{
    struct file *f;

    host_expect(inotify_create(IN_NONBLOCK, &f), 0);
    return f;
}

static struct file *instance_get(u32 i)
{
    struct file *f;

    mutex_lock(&pool_lock);
    f = instances[i];
    file_get(f);
    mutex_unlock(&pool_lock);
    return f;
}

static void some_name(char out[16])
{
    snformat(out, 16, machine_below(3) ? "/m/d/f%lu" : "/m/f%lu", machine_below(FILES));
}

static void add_some(struct file *f)
{
    u32 mask = machine_below(2) ? IN_ALL_EVENTS : IN_OPEN | IN_ONESHOT;
    struct path p;
    char name[16];
    int wd;

    some_name(name);
    if (path_lookup(NULL, machine_below(3) ? name : machine_below(2) ? "/m" : "/m/d", 0, &p))
        return;
    wd = inotify_add(f, path_inode(&p), mask | (machine_below(4) ? 0 : IN_MASK_ADD));
    verify(wd > 0 || (wd == -ENOMEM && host_failed_yet()));
    path_put(&p);
}

// Reads all; a watch that ended is not heard of again.
static void drain(struct file *f)
{
    struct inotify_record r;
    struct uio u;
    ssize_t n;

    do {
        uio_init_kernel(&u, &r, sizeof(r));
        n = file_read(f, &u);
        verify(n == -EAGAIN || n >= 16);
    } while (n > 0);
}

static void watcher(void *arg)
{
    u32 i = (u64)arg;

    for (u32 step = 0; step < STEPS; step++) {
        struct file *f = instance_get(i);

        switch (machine_below(6)) {
        case 0:
            inotify_remove(f, 1 + machine_below(STEPS));
            break;
        case 1:
            drain(f);
            break;
        case 2: // closed, by the last who has it
            mutex_lock(&pool_lock);
            file_put(instances[i]);
            instances[i] = instance_make();
            mutex_unlock(&pool_lock);
            break;
        default:
            add_some(f);
        }
        file_put(f);
    }
}

static void use_some(void)
{
    u32 flags = O_RDWR | (machine_below(2) ? O_CREAT : 0) | (machine_below(4) ? 0 : O_TRUNC);
    char name[16], other[16];
    struct file *f;
    struct uio u;

    some_name(name);
    some_name(other);
    switch (machine_below(6)) {
    case 0:
        vfs_unlink(NULL, name, false);
        break;
    case 1:
        vfs_rename(NULL, name, NULL, other, 0);
        break;
    case 2:
        vfs_unlink(NULL, "/m/d", true);
        break;
    case 3:
        vfs_mkdir(NULL, "/m/d", 0755);
        break;
    default:
        if (file_open(NULL, name, flags, 0644, WALK_FOLLOW, &f))
            return;
        notify_file(f, IN_MODIFY);
        if (machine_below(2))
            vfs_unlink(NULL, name, false);
        uio_init_kernel(&u, other, 4);
        file_write(f, &u);
        notify_file(f, IN_MODIFY);
        file_put(f);
    }
}

static void user(void *arg)
{
    for (u32 step = 0; step < STEPS; step++) {
        use_some();
        if (!machine_below(4))
            host_pause();
    }
}

static void mounter(void *arg)
{
    struct path at;

    for (u32 step = 0; step < STEPS / 4; step++) {
        host_expect(world_mount("none", "tmpfs", 0, NULL), 0);
        vfs_mkdir(NULL, "/m/d", 0755);
        for (u32 i = machine_below(8); i > 0; i--)
            host_pause();
        host_expect(path_lookup(NULL, "/m", WALK_FOLLOW, &at), 0);
        host_expect(mount_detach(&at, MNT_DETACH), 0);
        path_put(&at);
    }
}

static void clean(void)
{
    char name[16];

    for (u32 i = 0; i < FILES; i++) {
        snformat(name, sizeof(name), "/m/f%u", i);
        vfs_unlink(NULL, name, false);
        snformat(name, sizeof(name), "/m/d/f%u", i);
        vfs_unlink(NULL, name, false);
    }
    vfs_unlink(NULL, "/m/d", true);
    dcache_shrink();
    host_expect(inotify_watches, 0);
}

static void at_once(bool mounts)
{
    host_expect(vfs_mkdir(NULL, "/m/d", 0755), 0);
    for (u32 i = 0; i < INSTANCES; i++)
        instances[i] = instance_make();
    for (u64 i = 0; i < INSTANCES; i++)
        host_spawn("watcher", watcher, (void *)i);
    for (u32 i = 1 + machine_below(2); i > 0; i--)
        host_spawn("user", user, NULL);
    if (mounts)
        host_spawn("mounter", mounter, NULL);
    host_join();
    for (u32 i = 0; i < INSTANCES; i++)
        file_put(instances[i]);
    clean();
}

static void names_scenario(void)
{
    at_once(false);
}

static void mounts_scenario(void)
{
    at_once(true);
}

// Each watch says at last, and once, that it ended; nothing of it comes after that.

static u8 ended[WATCHES];

static void ends_check(struct file *f)
{
    u8 bytes[1024] __attribute__((aligned(4)));
    const struct inotify_event *e;
    struct uio u;
    ssize_t n;

    for (;;) {
        uio_init_kernel(&u, bytes, sizeof(bytes));
        n = file_read(f, &u);
        if (n < 0)
            return;
        for (ssize_t at = 0; at < n; at += sizeof(*e) + e->len) {
            e = (struct inotify_event *)(bytes + at);
            verify(e->wd > 0 && e->wd < WATCHES);
            verify(!ended[e->wd]);
            ended[e->wd] = e->mask == IN_IGNORED;
        }
    }
}

static void remover(void *arg)
{
    struct file *f = arg;

    for (u32 step = 0; step < STEPS; step++) {
        if (machine_below(2))
            inotify_remove(f, 1 + machine_below(STEPS));
        else
            add_some(f);
    }
}

static void ends_scenario(void)
{
    struct file *f = instance_make();
    int last;
    struct path p;

    for (u32 i = 0; i < WATCHES; i++)
        ended[i] = 0;
    host_expect(vfs_mkdir(NULL, "/m/d", 0755), 0);
    host_spawn("remover", remover, f);
    host_spawn("remover", remover, f);
    host_spawn("user", user, NULL);
    host_join();
    host_expect(path_lookup(NULL, "/", 0, &p), 0);
    last = inotify_add(f, path_inode(&p), IN_OPEN); // numbers are given in order
    path_put(&p);
    for (int wd = 1; wd <= last; wd++)
        inotify_remove(f, wd);
    ends_check(f);
    for (int wd = 1; wd <= last; wd++)
        verify(ended[wd]);
    file_put(f);
    clean();
}

// No allocation but one: what cannot be told is told to be missing.
static void memory_scenario(void)
{
    struct file *f, *in;
    int err = inotify_create(IN_NONBLOCK, &in);

    if (err) {
        host_expect(err, -ENOMEM);
        return;
    }
    err = inotify_add(in, path_inode(&place), IN_ALL_EVENTS);
    if (err > 0) {
        struct inotify_record r;
        struct uio u;

        err = file_open(NULL, "/m/f", O_RDWR | O_CREAT, 0644, WALK_FOLLOW, &f);
        uio_init_kernel(&u, &r, sizeof(r));
        if (!err) {
            host_expect(file_read(in, &u) > 0, 1);
            verify(r.head.mask == IN_CREATE || r.head.mask == IN_Q_OVERFLOW);
            file_put(f);
            vfs_unlink(NULL, "/m/f", false);
        }
    }
    verify(err >= 0 || err == -ENOMEM);
    file_put(in);
    dcache_shrink();
}

HOST_TEST(names, RUNS)
HOST_TEST(mounts, RUNS)
HOST_TEST(ends, RUNS)
HOST_FAIL_TEST(memory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
