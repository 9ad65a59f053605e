// SPDX-License-Identifier: MIT
// Names over tmpfs: every thread knows exactly what became of its own names while directories move
// under it and other names are fought over; in the end names, links and inodes agree.
#include "abi/mount.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "world.h"

#define RUNS        80
#define DIRECTORIES 4
#define OWN         4 // names of a thread
#define THREADS     4
#define STEPS       25

void host_setup(void)
{
    world_setup();
}

static struct path directories[DIRECTORIES]; // they move, and stay

static int file_make(const struct path *dir, const char *name, u32 flags, struct file **out)
{
    return file_open(dir, name, O_RDWR | O_CREAT | flags, 0644, WALK_FOLLOW, out);
}

static void directories_make(void)
{
    char name[8];

    for (int i = 0; i < DIRECTORIES; i++) {
        snformat(name, sizeof(name), "/d%d", i);
        host_expect(vfs_mkdir(NULL, name, 0755), 0);
        host_expect(path_lookup(NULL, name, WALK_DIRECTORY, &directories[i]), 0);
    }
}

/* The tree as readdir and lookup see it */

#define SEEN_MAX 200

static struct seen {
    struct inode *inode;
    u32 names;
} seen[SEEN_MAX];
static u32 seen_count, names_count;

struct listing {
    struct dir_sink sink;
    u32 count;
    char names[32][64];
};

static bool listing_emit(struct dir_sink *sink, const char *name, size_t length, ino_t ino,
                         u8 dt_type, loff_t next_pos)
{
    struct listing *l = container_of(sink, struct listing, sink);

    verify(l->count < ARRAY_SIZE(l->names) && length < sizeof(l->names[0]));
    if (name[0] == '.')
        return true;
    memcpy(l->names[l->count], name, length);
    l->names[l->count++][length] = '\0';
    return true;
}

static struct listing *list_directory(const struct path *dir)
{
    struct listing *l = host_alloc(sizeof(*l));
    struct file *f;

    l->sink.emit = listing_emit;
    host_expect(file_open(dir, ".", O_RDONLY | O_DIRECTORY, 0, 0, &f), 0);
    host_expect(f->ops->readdir(f, &l->sink), 0);
    file_put(f);
    return l;
}

static void see(struct inode *inode)
{
    u32 i = 0;

    while (i < seen_count && seen[i].inode != inode)
        i++;
    verify(i < SEEN_MAX);
    if (i == seen_count)
        seen[seen_count++] = (struct seen){inode, 0};
    seen[i].names++;
    names_count++;
}

static void tree_see(const struct path *dir)
{
    struct listing *l = list_directory(dir);
    u32 subdirectories = 0;

    for (u32 i = 0; i < l->count; i++) {
        char text[256];
        struct path child, again;
        ssize_t n;

        host_expect(path_lookup(dir, l->names[i], 0, &child), 0);
        see(path_inode(&child));
        n = path_to_text(&child, text, sizeof(text));
        verify(n > 0 && !strcmp(text + n - strlen(l->names[i]), l->names[i]));
        host_expect(path_lookup(NULL, text, 0, &again), 0);
        verify(path_inode(&again) == path_inode(&child));
        path_put(&again);
        if (S_ISDIR(path_inode(&child)->mode)) {
            subdirectories++;
            tree_see(&child);
        }
        path_put(&child);
    }
    host_expect(path_inode(dir)->nlink, 2 + subdirectories);
    kfree(l);
}

// Every name found by readdir is found by lookup, with its path; link counts are the numbers of
// names; no inode is alive without a name, and each name is counted. With the caches full, and
// empty.
static void tree_check(void)
{
    struct statfs64 st;

    for (int round = 0; round < 2; round++) {
        seen_count = names_count = 0;
        tree_see(&root_path);
        for (u32 i = 0; i < seen_count; i++)
            if (!S_ISDIR(seen[i].inode->mode))
                host_expect(seen[i].inode->nlink, seen[i].names);
        shrink_all();
        host_expect(superblock_statfs(root_path.mount->sb, &st), 0);
        host_expect(st.f_files - st.f_ffree, names_count + 1);
    }
}

static void tree_remove(const struct path *dir)
{
    struct listing *l = list_directory(dir);

    for (u32 i = 0; i < l->count; i++) {
        struct path child;
        bool directory;

        host_expect(path_lookup(dir, l->names[i], 0, &child), 0);
        directory = S_ISDIR(path_inode(&child)->mode);
        if (directory)
            tree_remove(&child);
        path_put(&child);
        host_expect(vfs_unlink(dir, l->names[i], directory), 0);
    }
    kfree(l);
}

/* Names of one thread's own: every answer is known */

struct own {
    char name[16];
    int at;  // index of the directory, -1: it is nowhere
    u64 tag; // contents
};

static void own_create(struct own *o)
{
    int at = machine_below(DIRECTORIES);
    struct uio u;
    struct file *f;
    int err = file_make(&directories[at], o->name, O_EXCL, &f);

    host_expect(err, o->at == at ? -EEXIST : 0);
    if (err)
        return;
    if (o->at >= 0) // only one place at a time
        host_expect(vfs_unlink(&directories[o->at], o->name, false), 0);
    o->at = at;
    o->tag = machine_random();
    uio_init_kernel(&u, &o->tag, sizeof(o->tag));
    host_expect(file_write(f, &u), sizeof(o->tag));
    file_put(f);
}

static void own_look(struct own *o)
{
    int at = machine_below(DIRECTORIES);
    struct file *f;
    u64 tag = 0;
    int err = file_open(&directories[at], o->name, O_RDONLY, 0, WALK_FOLLOW, &f);

    host_expect(err, o->at == at ? 0 : -ENOENT);
    if (err)
        return;
    host_expect(file_read_kernel(f, &tag, sizeof(tag), 0), sizeof(tag));
    host_expect(tag, o->tag);
    file_put(f);
}

static void own_unlink(struct own *o)
{
    int at = machine_below(DIRECTORIES);

    host_expect(vfs_unlink(&directories[at], o->name, true), o->at == at ? -ENOTDIR : -ENOENT);
    host_expect(vfs_unlink(&directories[at], o->name, false), o->at == at ? 0 : -ENOENT);
    if (o->at == at)
        o->at = -1;
}

static void own_rename(struct own *o, struct own *other)
{
    int from = machine_below(DIRECTORIES), to = machine_below(DIRECTORIES);
    u32 flags = machine_below(3); // none, NOREPLACE, EXCHANGE
    bool there = other->at == to;
    int expected = 0;

    if (o->at != from)
        expected = -ENOENT;
    else if (flags == RENAME_NOREPLACE && there)
        expected = -EEXIST;
    else if (flags == RENAME_EXCHANGE && !there)
        expected = -ENOENT;
    else if (other->at >= 0 && !there)
        return; // the name would be in two places
    host_expect(vfs_rename(&directories[from], o->name, &directories[to], other->name, flags),
                expected);
    if (expected || o == other) {
        if (!expected)
            o->at = to;
        return;
    }
    other->at = to;
    if (flags == RENAME_EXCHANGE) {
        u64 tag = o->tag;

        o->tag = other->tag;
        other->tag = tag;
        return;
    }
    other->tag = o->tag;
    o->at = -1;
}

static void own_user(void *number)
{
    struct own own[OWN];

    for (int i = 0; i < OWN; i++) {
        own[i] = (struct own){.at = -1};
        snformat(own[i].name, sizeof(own[i].name), "own%lu.%d", (u64)number, i);
    }
    for (int step = 0; step < STEPS; step++) {
        struct own *o = &own[machine_below(OWN)];

        switch (machine_below(5)) {
        case 0:
        case 1:
            own_create(o);
            break;
        case 2:
            own_look(o);
            break;
        case 3:
            own_unlink(o);
            break;
        case 4:
            own_rename(o, &own[machine_below(OWN)]);
            break;
        }
    }
}

/* Names that all fight over: any answer of a correct file system */

static void check_one_of(int err, const int *allowed)
{
    for (; *allowed; allowed++)
        if (err == *allowed)
            return;
    host_expect(err, 0);
}

#define ONE_OF(err, ...) check_one_of(err, (const int[]){__VA_ARGS__, 0})

static void name_random(char *out, size_t n)
{
    static const char *const kinds[] = {"x%lu", "/x%lu", "/d1/x%lu", "/x0/x%lu", "d2/x%lu"};

    snformat(out, n, kinds[machine_below(ARRAY_SIZE(kinds))], machine_below(3));
}

static void fight_step(void)
{
    const struct path *dir = &directories[machine_below(DIRECTORIES)];
    char a[32], b[32];
    struct path p;
    struct file *f;
    int err;

    name_random(a, sizeof(a));
    name_random(b, sizeof(b));
    switch (machine_below(8)) {
    case 0:
        err = file_make(dir, a, machine_below(2) ? O_EXCL : 0, &f);
        ONE_OF(err, -EEXIST, -ENOENT, -ENOTDIR, -EISDIR, -ELOOP);
        if (!err)
            file_put(f);
        break;
    case 1:
        ONE_OF(vfs_mkdir(dir, a, 0755), -EEXIST, -ENOENT, -ENOTDIR, -ELOOP);
        break;
    case 2:
        ONE_OF(vfs_unlink(dir, a, false), -ENOENT, -ENOTDIR, -EISDIR, -ELOOP);
        break;
    case 3:
        ONE_OF(vfs_unlink(dir, a, true), -ENOENT, -ENOTDIR, -ENOTEMPTY, -ELOOP);
        break;
    case 4:
        ONE_OF(vfs_rename(dir, a, NULL, b, machine_below(3)), -ENOENT, -ENOTDIR, -EISDIR,
               -ENOTEMPTY, -EINVAL, -EEXIST, -ELOOP);
        break;
    case 5:
        ONE_OF(vfs_symlink(b, dir, a), -EEXIST, -ENOENT, -ENOTDIR, -ELOOP);
        break;
    case 6:
        err = path_lookup(dir, a, machine_below(2) ? WALK_FOLLOW : 0, &p);
        ONE_OF(err, -ENOENT, -ENOTDIR, -ELOOP);
        if (err)
            break;
        ONE_OF(vfs_link(&p, NULL, b), -EEXIST, -ENOENT, -ENOTDIR, -EPERM, -ELOOP);
        path_put(&p);
        break;
    case 7:
        dcache_shrink();
        break;
    }
}

static void fight_user(void *unused)
{
    for (int i = 0; i < STEPS; i++)
        fight_step();
}

// Moves the directories into each other and back to the root.
static void mover(void *unused)
{
    char text[256], name[8];

    for (int i = 0; i < STEPS; i++) {
        const struct path *dir = &directories[machine_below(DIRECTORIES)];
        const struct path *to =
            machine_below(2) ? &root_path : &directories[machine_below(DIRECTORIES)];

        snformat(name, sizeof(name), "d%ld", dir - directories);
        verify(path_to_text(dir, text, sizeof(text)) > 0);
        ONE_OF(vfs_rename(NULL, text, to, name, 0), -ENOENT, -EINVAL, -ENOTEMPTY, -ENOTDIR);
    }
}

static void names_scenario(void)
{
    directories_make();
    for (u64 i = 0; i < THREADS; i++)
        host_spawn("owner", own_user, (void *)i);
    host_spawn("mover", mover, NULL);
    host_spawn("fight", fight_user, NULL);
    host_spawn("fight", fight_user, NULL);
    host_join();
    tree_check();
    for (int i = 0; i < DIRECTORIES; i++)
        path_put(&directories[i]);
    tree_remove(&root_path);
    tree_check();
}

/* Three directories, each of whose locks comes after another's by address or by tree */

static struct path near, far, inner; // /p/near and /p/far, which change places, and /p/far/inner

static void triangle_move(void *unused)
{
    for (int i = 0; i < STEPS; i++)
        host_expect(vfs_rename(i % 2 ? &near : &inner, "x", i % 2 ? &inner : &near, "x", 0), 0);
}

static void triangle_exchange(void *unused)
{
    for (int i = 0; i < STEPS; i++)
        host_expect(vfs_rename(NULL, "/p/near", NULL, "/p/far", RENAME_EXCHANGE), 0);
}

static void triangle_remove(void *unused)
{
    for (int i = 0; i < STEPS; i++)
        host_expect(vfs_unlink(&far, "inner", true), -ENOTEMPTY);
}

static void path_sort(struct path *low, struct path *high)
{
    struct path p = *low;

    if (path_inode(low) < path_inode(high))
        return;
    *low = *high;
    *high = p;
}

// inner before near before far by address.
static void triangle_make(void)
{
    static const char *const names[] = {"/p/1", "/p/2", "/p/3"};
    struct path p[3];
    struct file *f;
    char text[16];

    host_expect(vfs_mkdir(NULL, "/p", 0755), 0);
    for (int i = 0; i < 3; i++) {
        host_expect(vfs_mkdir(NULL, names[i], 0755), 0);
        host_expect(path_lookup(NULL, names[i], 0, &p[i]), 0);
    }
    path_sort(&p[0], &p[1]);
    path_sort(&p[1], &p[2]);
    path_sort(&p[0], &p[1]);
    inner = p[0];
    near = p[1];
    far = p[2];
    for (int i = 0; i < 3; i++) {
        verify(path_to_text(&p[i], text, sizeof(text)) > 0);
        host_expect(vfs_rename(NULL, text, i ? NULL : &far,
                               i == 0   ? "inner"
                               : i == 1 ? "/p/near"
                                        : "/p/far",
                               0),
                    0);
    }
    host_expect(file_make(&inner, "x", 0, &f), 0);
    file_put(f);
    host_expect(file_make(&inner, "stays", 0, &f), 0);
    file_put(f);
}

static void triangle_scenario(void)
{
    triangle_make();
    host_spawn("move", triangle_move, NULL);
    host_spawn("exchange", triangle_exchange, NULL);
    host_spawn("remove", triangle_remove, NULL);
    host_join();
    path_put(&near);
    path_put(&far);
    path_put(&inner);
    tree_remove(&root_path);
    tree_check();
}

/* Mounts */

static void mount_user(void *unused)
{
    for (int i = 0; i < STEPS / 3; i++) {
        struct path at;
        struct file *f;
        bool lazy;
        int err;

        host_expect(path_lookup(NULL, "/m", 0, &at), 0);
        switch (machine_below(3)) {
        case 0:
            ONE_OF(vfs_mount("none", &at, "tmpfs", 0, NULL), -EINVAL);
            break;
        case 1:
            lazy = machine_below(2);
            err = mount_detach(&at, lazy ? MNT_DETACH : 0);
            ONE_OF(err, -EINVAL, -EBUSY);
            if (!err && !lazy)
                host_expect(ref_read(&at.mount->refs), 1); // nobody is inside
            break;
        case 2:
            err = file_make(NULL, "/m/file", 0, &f);
            host_expect(err, 0);
            file_put(f);
            ONE_OF(vfs_unlink(&at, "file", false), -ENOENT);
            break;
        }
        path_put(&at);
    }
}

static void mount_scenario(void)
{
    struct path at;
    int err;

    host_expect(vfs_mkdir(NULL, "/m", 0755), 0);
    for (int i = 0; i < THREADS; i++)
        host_spawn("mounter", mount_user, NULL);
    host_join();
    do {
        host_expect(path_lookup(NULL, "/m", 0, &at), 0);
        err = mount_detach(&at, MNT_DETACH);
        path_put(&at);
    } while (!err);
    host_expect(err, -EINVAL);
    tree_remove(&root_path);
    tree_check();
}

/* Descriptor tables */

static struct file *fd_file(void)
{
    struct file *f;

    host_expect(file_open(NULL, "/", O_RDONLY, 0, 0, &f), 0);
    return f;
}

static void fd_user(void *number)
{
    struct file *files[OWN] = {NULL};
    int fds[OWN];

    for (int i = 0; i < STEPS; i++) {
        int n = machine_below(OWN);

        if (files[n]) {
            struct file *f = fd_get(fds[n]);

            verify(f == files[n]);
            file_put(f);
            if (machine_below(2))
                continue;
            host_expect(fd_close(fds[n]), 0);
            files[n] = NULL;
        } else if (machine_below(2)) {
            files[n] = fd_file();
            fds[n] = fd_add(files[n], machine_below(2));
            verify(fds[n] >= 0);
        } else {
            files[n] = fd_file();
            fds[n] = 100 + (u64)number * OWN + n;
            host_expect(fd_dup_to(files[n], fds[n], 1024, false), fds[n]);
        }
    }
    for (int n = 0; n < OWN; n++)
        if (files[n])
            host_expect(fd_close(fds[n]), 0);
}

static void fd_copier(void *unused)
{
    for (int i = 0; i < STEPS; i++) {
        struct fdtable *copy;
        u32 fd = 0, count = 0, mode;

        host_expect(fdtable_copy(thread_self()->files, &copy), 0);
        for (; fdtable_next(copy, &fd, &mode); fd++)
            count++;
        verify(count <= THREADS * OWN);
        fdtable_put(copy);
    }
}

static void fd_scenario(void)
{
    struct fdtable *table;
    u32 fd = 0, mode;

    host_expect(fdtable_create(&table), 0);
    thread_self()->files = table;
    fdtable_get(table); // of the threads: more than one
    for (u64 i = 0; i < THREADS; i++)
        host_spawn("user", fd_user, (void *)i);
    host_spawn("copier", fd_copier, NULL);
    host_join();
    verify(!fdtable_next(table, &fd, &mode));
    thread_self()->files = NULL;
    fdtable_put(table);
    fdtable_put(table);
}

/* No memory */

// One step failed, and those that need what it makes.
static bool done(int err)
{
    verify(!err || ((err == -ENOMEM || err == -ENOENT) && host_failed_yet()));
    return !err;
}

static void memory_scenario(void)
{
    static char page[2 * PAGE_SIZE];
    struct path p;
    struct file *f;
    struct uio u;

    if (done(vfs_mkdir(NULL, "/a", 0755)) && done(vfs_mkdir(NULL, "/a/b", 0755)) &&
        done(file_make(NULL, "/a/b/a-name-that-is-too-long-to-lie-in-the-dentry-itself", 0, &f))) {
        ssize_t n;

        uio_init_kernel(&u, page, sizeof(page));
        n = file_write(f, &u);
        verify(n == sizeof(page) || host_failed_yet());
        file_put(f);
        done(vfs_rename(NULL, "/a/b/a-name-that-is-too-long-to-lie-in-the-dentry-itself", NULL,
                        "/a/c", 0));
    }
    if (done(vfs_symlink("/a/b", NULL, "/s")) && done(path_lookup(NULL, "/s", WALK_FOLLOW, &p))) {
        done(vfs_mknod(&p, "fifo", S_IFIFO | 0600, 0));
        done(vfs_mount("none", &p, "tmpfs", 0, "size=1m"));
        path_put(&p);
    }
    arch_self()->fail_nth = arch_self()->fail_nth ? 1U << 30 : 0; // what follows cleans up
    if (!path_lookup(NULL, "/a/b", WALK_FOLLOW, &p)) {
        int err = mount_detach(&p, MNT_DETACH);

        verify(!err || err == -EINVAL);
        path_put(&p);
    }
    tree_remove(&root_path);
}

HOST_TEST(names, RUNS)
HOST_TEST(triangle, RUNS)
HOST_TEST(mount, RUNS)
HOST_TEST(fd, RUNS)
HOST_FAIL_TEST(memory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names), cmocka_unit_test(test_triangle), cmocka_unit_test(test_mount),
        cmocka_unit_test(test_fd),    cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
