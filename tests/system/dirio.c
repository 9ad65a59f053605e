// SPDX-License-Identifier: MIT
// Directory exerciser, for test_ext4_dirs.py: dirio OPERATION FOLDER [NUMBER...].
//
//   steps SEED COUNT      random changes of names in a few folders, compared with a model
//   many FROM TO LENGTH   files FROM..TO-1 with names of that length
//   folders COUNT         folders 0..COUNT-1, as many as can be
//   cookies COUNT         lists a folder that changes meanwhile
//   threads SEED COUNT    as steps, in four threads with a folder each, and renames between them
//   failures SIZE         operations (an attribute of SIZE bytes among them) of which each
//   allocation fails once (a debug kernel) attributes SEED COUNT random attributes of one file,
//   compared with a model set, get, list, remove NAME [VALUE]: one attribute of FOLDER, which may
//   be a file
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FOLDERS   3
#define NAMES_MAX 600

#define CHECK(x)               \
    do {                       \
        if (!(x))              \
            die(#x, __LINE__); \
    } while (0)

static void die(const char *what, int line)
{
    printf("line %d: %s: %s\n", line, what, strerror(errno));
    exit(1);
}

static void text(char *out, size_t size, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    CHECK((size_t)vsnprintf(out, size, format, list) < size);
    va_end(list);
}

static __thread uint64_t state;

static uint64_t any(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % below;
}

/* Steps against a model */

struct entry {
    char name[256];
    ino_t inode;
    int type; // DT_*
    int kids; // of a directory: 1 if it holds something
};

struct folder {
    char path[64];
    int fd;
    struct entry entries[NAMES_MAX];
    int count;
};

static int find(struct folder *f, const char *name)
{
    for (int i = 0; i < f->count; i++)
        if (!strcmp(f->entries[i].name, name))
            return i;
    return -1;
}

static void new_name(char *name)
{
    size_t length = any(5) ? 3 + any(20) : 1 + any(255);

    do {
        for (size_t i = 0; i < length; i++)
            name[i] = any(9) ? 'a' + any(20) : 0x80 + any(127);
        name[length] = '\0';
    } while (!strcmp(name, ".") || !strcmp(name, ".."));
}

static void forget(struct folder *f, int at)
{
    f->entries[at] = f->entries[--f->count];
}

static ino_t inode_of(struct folder *f, const char *name)
{
    struct stat st;

    CHECK(!fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW));
    return st.st_ino;
}

static void make(struct folder *f)
{
    struct entry *e = &f->entries[f->count];
    char target[200];
    int kind = any(8), got;

    if (f->count == NAMES_MAX)
        return;
    new_name(e->name);
    memset(target, 't', sizeof(target));
    target[1 + any(sizeof(target) - 1)] = '\0';
    target[sizeof(target) - 1] = '\0';
    e->kids = 0;
    e->type = kind == 0 ? DT_DIR : kind == 1 ? DT_LNK : kind == 2 ? DT_FIFO : DT_REG;
    if (e->type == DT_DIR)
        got = mkdirat(f->fd, e->name, 0755);
    else if (e->type == DT_LNK)
        got = symlinkat(target, f->fd, e->name);
    else
        got = mknodat(f->fd, e->name, e->type == DT_REG ? S_IFREG | 0644 : S_IFIFO | 0600, 0);
    if (find(f, e->name) >= 0) {
        CHECK(got && errno == EEXIST);
        return;
    }
    CHECK(!got);
    e->inode = inode_of(f, e->name);
    f->count++;
}

static void drop(struct folder *f)
{
    int at = any(f->count);
    struct entry *e = &f->entries[at];
    int got = unlinkat(f->fd, e->name, e->type == DT_DIR ? AT_REMOVEDIR : 0);

    if (e->type == DT_DIR && e->kids) {
        CHECK(got && errno == ENOTEMPTY);
        return;
    }
    CHECK(!got);
    CHECK(faccessat(f->fd, e->name, F_OK, AT_SYMLINK_NOFOLLOW) && errno == ENOENT);
    forget(f, at);
}

static void link_one(struct folder *f, struct folder *to)
{
    struct entry *from = &f->entries[any(f->count)], *e = &to->entries[to->count];
    int got;

    if (to->count == NAMES_MAX || from->type == DT_DIR)
        return;
    new_name(e->name);
    got = linkat(f->fd, from->name, to->fd, e->name, 0);
    if (find(to, e->name) >= 0) {
        CHECK(got && errno == EEXIST);
        return;
    }
    CHECK(!got);
    e->type = from->type;
    e->kids = 0;
    e->inode = from->inode;
    to->count++;
}

static void fill_folder(struct folder *f)
{
    struct entry *e = &f->entries[any(f->count)];
    int in;

    if (e->type != DT_DIR)
        return;
    in = openat(f->fd, e->name, O_RDONLY | O_DIRECTORY);
    CHECK(in >= 0);
    if (e->kids)
        CHECK(!unlinkat(in, "kid", 0));
    else
        CHECK(!mknodat(in, "kid", S_IFREG | 0600, 0));
    e->kids = !e->kids;
    close(in);
}

static void move_over(struct folder *f, int at, struct folder *to, int over)
{
    struct entry *from = &f->entries[at], *victim = &to->entries[over];
    int got = renameat(f->fd, from->name, to->fd, victim->name);
    struct entry moved = *from;

    if (from->inode == victim->inode) { // the same file: nothing happens
        CHECK(!got);
        return;
    }
    if (moved.type == DT_DIR && victim->type != DT_DIR) {
        CHECK(got && errno == ENOTDIR);
        return;
    }
    if (moved.type != DT_DIR && victim->type == DT_DIR) {
        CHECK(got && errno == EISDIR);
        return;
    }
    if (victim->type == DT_DIR && victim->kids) {
        CHECK(got && errno == ENOTEMPTY);
        return;
    }
    CHECK(!got);
    strcpy(moved.name, victim->name);
    *victim = moved;
    forget(f, at);
}

static void move(struct folder *f, struct folder *to)
{
    int at = any(f->count), got;
    struct entry moved = f->entries[at];

    if (to->count && any(2)) {
        move_over(f, at, to, any(to->count));
        return;
    }
    if (to->count == NAMES_MAX)
        return;
    new_name(moved.name);
    got = syscall(SYS_renameat2, f->fd, f->entries[at].name, to->fd, moved.name, 1); // NOREPLACE
    if (find(to, moved.name) >= 0) {
        CHECK(got && errno == EEXIST);
        return;
    }
    CHECK(!got);
    forget(f, at);
    to->entries[to->count++] = moved;
}

static void exchange(struct folder *f, struct folder *to)
{
    struct entry *a = &f->entries[any(f->count)], *b = &to->entries[any(to->count)], was = *a;
    int got = syscall(SYS_renameat2, f->fd, a->name, to->fd, b->name, 2);

    CHECK(!got);
    if (a == b)
        return;
    a->type = b->type;
    a->inode = b->inode;
    a->kids = b->kids;
    b->type = was.type;
    b->inode = was.inode;
    b->kids = was.kids;
}

static void compare(struct folder *f)
{
    DIR *d = fdopendir(openat(f->fd, ".", O_RDONLY | O_DIRECTORY));
    static __thread char seen[NAMES_MAX];
    struct dirent *e;
    int n = 0, dots = 0;
    struct stat st;
    int subfolders = 0;

    CHECK(d != NULL);
    memset(seen, 0, sizeof(seen));
    while ((e = readdir(d))) {
        int at = find(f, e->d_name);

        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) {
            dots++;
            continue;
        }
        CHECK(at >= 0 && !seen[at]);
        CHECK(e->d_ino == f->entries[at].inode);
        CHECK(e->d_type == f->entries[at].type || e->d_type == DT_UNKNOWN);
        CHECK(inode_of(f, e->d_name) == e->d_ino);
        seen[at] = 1;
        subfolders += f->entries[at].type == DT_DIR;
        n++;
    }
    closedir(d);
    CHECK(n == f->count && dots == 2);
    CHECK(!fstat(f->fd, &st));
    CHECK(st.st_nlink == 2U + subfolders);
}

static void step(struct folder *folders, int count)
{
    struct folder *f = &folders[any(count)], *to = &folders[any(count)];

    switch (f->count && to->count ? any(12) : 0) {
    case 0 ... 4:
        make(f);
        break;
    case 5 ... 6:
        drop(f);
        break;
    case 7:
        link_one(f, to);
        break;
    case 8:
        fill_folder(f);
        break;
    case 9 ... 10:
        move(f, to);
        break;
    default:
        exchange(f, to);
        break;
    }
}

static void folder_open(struct folder *f, const char *base, int n)
{
    text(f->path, sizeof(f->path), "%s/folder%d", base, n);
    CHECK(!mkdir(f->path, 0755));
    f->fd = open(f->path, O_RDONLY | O_DIRECTORY);
    CHECK(f->fd >= 0);
    f->count = 0;
}

static void steps(const char *base, uint64_t count)
{
    static struct folder folders[FOLDERS];

    for (int i = 0; i < FOLDERS; i++)
        folder_open(&folders[i], base, i);
    for (uint64_t i = 0; i < count; i++) {
        step(folders, FOLDERS);
        if (i % 200 == 199 || i == count - 1)
            for (int k = 0; k < FOLDERS; k++)
                compare(&folders[k]);
    }
    printf("%d %d %d\n", folders[0].count, folders[1].count, folders[2].count);
}

/* Threads */

#define THREADS 4

static struct folder shared[THREADS];
static uint64_t thread_steps, thread_seed;

static void *thread(void *arg)
{
    int me = (intptr_t)arg;
    char from[400], to[400], name[64];

    state = thread_seed * 1000003 + me + 1;
    for (uint64_t i = 0; i < thread_steps; i++) {
        step(&shared[me], 1);
        // A folder of one's own wanders through the others' folders, and others' past it.
        text(name, sizeof(name), "traveller%d", me);
        text(from, sizeof(from), "%s/%s", shared[any(THREADS)].path, name);
        text(to, sizeof(to), "%s/%s", shared[any(THREADS)].path, name);
        if (rename(from, to) && errno != ENOENT)
            die("rename", __LINE__);
    }
    return NULL;
}

static void threads(const char *base, uint64_t seed, uint64_t count)
{
    pthread_t ids[THREADS];
    char path[400];

    thread_steps = count;
    thread_seed = seed;
    for (int i = 0; i < THREADS; i++) {
        folder_open(&shared[i], base, i);
        text(path, sizeof(path), "%s/traveller%d", shared[i].path, i);
        CHECK(!mkdir(path, 0755));
    }
    for (int i = 0; i < THREADS; i++)
        CHECK(!pthread_create(&ids[i], NULL, thread, (void *)(intptr_t)i));
    for (int i = 0; i < THREADS; i++)
        CHECK(!pthread_join(ids[i], NULL));
    for (int i = 0; i < THREADS; i++) {
        int found = 0;

        for (int k = 0; k < THREADS; k++) {
            text(path, sizeof(path), "%s/traveller%d", shared[k].path, i);
            if (!rmdir(path))
                found++;
        }
        CHECK(found == 1);
    }
    for (int i = 0; i < THREADS; i++)
        compare(&shared[i]);
    printf("ok\n");
}

/* Many, and listing while they change */

static void numbered(char *name, uint64_t n, int length)
{
    sprintf(name, "%0*lu", length, (unsigned long)n);
}

static void many(const char *base, uint64_t from, uint64_t to, int length)
{
    char name[256];

    CHECK(!chdir(base));
    for (uint64_t i = from; i < to; i++) {
        numbered(name, i, length);
        CHECK(!mknod(name, S_IFREG | 0600, 0));
    }
    for (uint64_t i = from; i < to; i++) {
        numbered(name, i, length);
        CHECK(!access(name, F_OK));
    }
    printf("ok\n");
}

static void folders_make(const char *base, uint64_t count)
{
    char name[32];
    uint64_t i;

    CHECK(!chdir(base));
    for (i = 0; i < count; i++) {
        text(name, sizeof(name), "%lu", (unsigned long)i);
        if (mkdir(name, 0700)) {
            CHECK(errno == EMLINK);
            break;
        }
    }
    printf("%lu\n", (unsigned long)i);
}

// Names "s..." stay; "t..." come and go between the reads of a small buffer. Each that stays is
// seen once; also from positions that telldir told long ago.
static void cookies(const char *base, uint64_t count)
{
    static unsigned char seen[100000];
    static long places[100000];
    char name[64];
    struct dirent *e;
    uint64_t n = 0, made = 0;
    DIR *d;

    CHECK(!chdir(base));
    for (uint64_t i = 0; i < count; i++) {
        text(name, sizeof(name), "s%lu-%.*s", (unsigned long)i, (int)(i % 40),
             "----------------------------------------");
        CHECK(!mknod(name, S_IFREG | 0600, 0));
    }
    CHECK((d = opendir(".")));
    for (;;) {
        long place = telldir(d);

        if (!(e = readdir(d)))
            break;
        for (int k = 0; k < 3 && e->d_name[0] == 's'; k++) {
            text(name, sizeof(name), "t%lu", (unsigned long)(made++));
            CHECK(!mknod(name, S_IFREG | 0600, 0));
        }
        text(name, sizeof(name), "t%lu", (unsigned long)(made / 2));
        unlink(name);
        if (e->d_name[0] == 's') {
            uint64_t i = strtoul(e->d_name + 1, NULL, 10);

            CHECK(i < count && !seen[i]);
            seen[i] = 1;
            places[i] = place;
            n++;
        }
    }
    CHECK(n == count);
    for (uint64_t i = 0; i < count; i += 7) {
        uint64_t tries = 0;

        seekdir(d, places[i]);
        do { // new names may have come between the position and the name
            CHECK((e = readdir(d)) && ++tries < made);
        } while (e->d_name[0] != 's');
        CHECK(strtoul(e->d_name + 1, NULL, 10) == i);
    }
    closedir(d);
    printf("ok\n");
}

/* Failing allocations */

static char long_value[3000];
static int long_size; // of an attribute

static int do_mkdir(void)
{
    return mkdir("new", 0700);
}
static int do_rmdir(void)
{
    return rmdir("new");
}
static int do_create(void)
{
    return mknod("file", S_IFREG | 0600, 0);
}
static int do_link(void)
{
    return link("file", "link");
}
static int do_symlink(void)
{
    return symlink(long_value + 2000, "slow");
}
static int do_rename(void)
{
    return rename("link", "new/link");
}
static int do_exchange(void)
{
    return syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "slow", 2);
}
static int do_over(void)
{
    return rename("file", "new/link");
}
static int do_set(void)
{
    return setxattr("new", "user.small", "x", 1, 0);
}
static int do_set_large(void)
{
    return setxattr("new", "user.large", long_value, long_size, 0);
}
static int do_remove(void)
{
    return removexattr("new", "user.large");
}
static int do_unlink(void)
{
    return unlink("new/link");
}
static int do_unlink_file(void)
{
    return unlink("slow");
}
static int do_split(void)
{
    static int n;
    char name[250];

    numbered(name, n, 240);
    if (mknod(name, S_IFREG | 0600, 0))
        return -1;
    n++;
    return 0;
}
static int do_list(void)
{
    char bytes[300];
    int fd = open(".", O_RDONLY | O_DIRECTORY), got = fd, error;

    if (fd < 0)
        return -1;
    while ((got = syscall(SYS_getdents64, fd, bytes, sizeof(bytes))) > 0)
        ;
    error = errno;
    close(fd);
    errno = error;
    return got;
}

static int fail_nth_fd;

// Runs it with its nth allocation failing: whether it did fail.
static int armed(int (*run)(void), int n, int *got)
{
    char number[16], left[16] = "";
    int length = sprintf(number, "%d", n), error;

    CHECK(pwrite(fail_nth_fd, number, length, 0) == length);
    *got = run();
    error = errno;
    CHECK(pread(fail_nth_fd, left, sizeof(left) - 1, 0) > 0);
    errno = error;
    pwrite(fail_nth_fd, "0", 1, 0);
    return atoi(left) == 0;
}

static unsigned sweep(int (*run)(void))
{
    unsigned failed = 0;
    int got;

    for (int n = 1; armed(run, n, &got); n++) {
        CHECK(n < 300);
        if (!got)
            return failed; // it went on without that memory, or could not be done twice
        CHECK(errno == ENOMEM || errno == ENOSPC);
        failed++;
    }
    if (got)
        printf("after %u failures: ", failed);
    CHECK(!got);
    return failed;
}

static void fail_all(const char *base)
{
    static int (*const all[])(void) = {
        do_mkdir, do_create,    do_link, do_symlink, do_rename, do_exchange, do_over,
        do_set,   do_set_large, do_list, do_remove,  do_unlink, do_rmdir,    do_unlink_file,
    };
    unsigned failed = 0;
    int got;

    memset(long_value, 'v', sizeof(long_value) - 1);
    CHECK((fail_nth_fd = open("/proc/thread-self/fail-nth", O_RDWR)) >= 0 ||
          (fail_nth_fd = open("/proc/self/fail-nth", O_RDWR)) >= 0);
    CHECK(!chdir(base));
    armed(do_list, 0, &got);
    for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) // all pages of the program are there
        CHECK(!all[i]());
    CHECK(!do_split());
    for (int round = 0; round < 3; round++) {
        for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
            failed += sweep(all[i]);
        for (int i = 0; i < 60; i++) // new blocks, leaves and the index among them
            failed += sweep(do_split);
    }
    printf("%u\n", failed);
}

/* Attributes */

#define ATTRIBUTES 12

static char values[ATTRIBUTES][70000];
static int sizes[ATTRIBUTES]; // -1: none

static void attribute_name(int n, char *name)
{
    sprintf(name, "%s.%0*d", n % 3 ? "user" : "trusted", 1 + n * 7, n);
}

static void attributes_compare(const char *file)
{
    static char value[70000], list[70000];
    int names = 0, size = listxattr(file, list, sizeof(list));

    CHECK(size >= 0);
    CHECK(listxattr(file, NULL, 0) == size);
    if (size > 1)
        CHECK(listxattr(file, list, size - 1) < 0 && errno == ERANGE);
    for (int at = 0; at < size; at += strlen(list + at) + 1)
        names++;
    for (int n = 0; n < ATTRIBUTES; n++) {
        char name[300];
        int got;

        attribute_name(n, name);
        got = getxattr(file, name, value, sizeof(value));
        CHECK(got == sizes[n]);
        if (got < 0) {
            CHECK(errno == ENODATA);
            continue;
        }
        names--;
        CHECK(!memcmp(value, values[n], got));
        CHECK(getxattr(file, name, NULL, 0) == got);
        if (got > 1)
            CHECK(getxattr(file, name, value, got - 1) < 0 && errno == ERANGE);
    }
    CHECK(!names);
}

static void attributes(const char *base, uint64_t count, int most)
{
    char file[300], name[300];
    uint64_t full = 0;

    text(file, sizeof(file), "%s/attributes", base);
    CHECK(!mknod(file, S_IFREG | 0600, 0));
    memset(sizes, -1, sizeof(sizes));
    for (uint64_t i = 0; i < count; i++) {
        int n = any(ATTRIBUTES), flags = any(3), had = sizes[n] >= 0,
            size = any(any(4) ? 60 : most);
        static char value[70000];

        attribute_name(n, name);
        for (int k = 0; k < size; k++)
            value[k] = any(256);
        if (!any(3)) {
            int got = removexattr(file, name);

            CHECK(had ? !got : got && errno == ENODATA);
            sizes[n] = -1;
        } else if (setxattr(file, name, value, size, flags)) {
            if (errno == ENOSPC)
                full++;
            else
                CHECK(flags == XATTR_CREATE ? had && errno == EEXIST : !had && errno == ENODATA);
        } else {
            CHECK(!(flags == XATTR_CREATE && had) && !(flags == XATTR_REPLACE && !had));
            memcpy(values[n], value, size);
            sizes[n] = size;
        }
        attributes_compare(file);
    }
    CHECK(setxattr(file, "nothing.x", "", 0, 0) && errno == EOPNOTSUPP);
    CHECK(setxattr(file, "user.", "", 0, 0) && errno == EINVAL);
    CHECK(setxattr(file, "", "", 0, 0) && errno == ERANGE);
    CHECK(setxattr(file, "user.x", "", 0, 4) && errno == EINVAL);
    CHECK(setxattr(file, "user.x", values, 65537, 0) && errno == E2BIG);
    CHECK(syscall(SYS_setxattr, file, "user.x", 8L, 1L, 0) && errno == EFAULT);
    printf("%lu\n", (unsigned long)full);
}

static int one_attribute(char **argv)
{
    static char out[70000];
    ssize_t n = 0;

    if (!strcmp(argv[1], "set"))
        n = lsetxattr(argv[2], argv[3], argv[4], strlen(argv[4]), 0);
    else if (!strcmp(argv[1], "remove"))
        n = lremovexattr(argv[2], argv[3]);
    else if (!strcmp(argv[1], "get"))
        n = lgetxattr(argv[2], argv[3], out, sizeof(out));
    else if (!strcmp(argv[1], "list"))
        n = llistxattr(argv[2], out, sizeof(out));
    else
        return 2;
    if (n < 0)
        printf("%s", strerror(errno));
    for (ssize_t i = 0; i < n; i++)
        putchar(out[i] ? out[i] : '\n');
    return n < 0;
}

int main(int argc, char **argv)
{
    uint64_t n[3] = {0};

    for (int i = 0; i < 3 && i + 3 < argc; i++)
        n[i] = strtoul(argv[i + 3], NULL, 0);
    if (argc < 3)
        return 2;
    state = n[0] * 2654435761 + 88172645463325252;
    if (!strcmp(argv[1], "steps"))
        steps(argv[2], n[1]);
    else if (!strcmp(argv[1], "threads"))
        threads(argv[2], n[0], n[1]);
    else if (!strcmp(argv[1], "many"))
        many(argv[2], n[0], n[1], n[2]);
    else if (!strcmp(argv[1], "folders"))
        folders_make(argv[2], n[0]);
    else if (!strcmp(argv[1], "cookies"))
        cookies(argv[2], n[0]);
    else if (!strcmp(argv[1], "failures")) {
        long_size = n[0];
        fail_all(argv[2]);
    } else if (!strcmp(argv[1], "attributes"))
        attributes(argv[2], n[1], n[2]);
    else
        return one_attribute(argv);
    return 0;
}
