// SPDX-License-Identifier: MIT
// What the operations on a file system on a disk cost.
//
//     storage DEVICE LOOPS TAR [ROW...]    mounts DEVICE at /mnt as ext4 and measures there
//     storage fill BLOCKS DEVICE           writes an image, as host/bench_storage.py packs it
//
// TAR is an archive for the row tar. One line a row: name, cost of one operation, operations of a
// loop, requests that the device completed in a loop, flushes among them (beside, on Linux), the
// loops' costs. Costs are as in bench.c: hundredths of a tick of `rdtime`, the median of the loops;
// the first loop only warms up. What a row needs is made before each loop, and is on the device
// before the loop's time begins.
#include "bench.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE      4096
#define CHUNK     65536
#define PAGES     8192 // of the file: 32 MiB
#define RANDOM    2048 // pages that a random row visits, no page twice
#define STRIDE    3449 // odd, so that multiples of it visit all pages
#define APPEND    512  // bytes
#define APPENDS   200
#define FILES     10000
#define MANY      100000
#define EDGE      1000 // creations at the begin and end of MANY that are compared
#define SETTLE    3    // seconds
#define LOOPS_MAX 64
#define BUSYBOX   "/usr/bin/busybox"
#define DEPTH_MAX 64

struct count {
    uint64_t requests, flushes;
};

struct row {
    const char *name;
    long operations;
    void (*before)(void);
    void (*work)(void);
    void (*after)(void);
};

static const char *device, *archive;
static char chunk[CHUNK];
static char names[MANY][16];

static int file_open(int flags)
{
    int fd = open("file", flags, 0644);

    check(fd >= 0, "file");
    return fd;
}

/* Contents */

static void write_all(int fd)
{
    for (int i = 0; i < PAGES * PAGE / CHUNK; i++)
        check(write(fd, chunk, CHUNK) == CHUNK, "write");
}

static void read_all(int fd)
{
    for (int i = 0; i < PAGES * PAGE / CHUNK; i++)
        check(read(fd, chunk, CHUNK) == CHUNK, "read");
}

// Opens, changes, syncs if asked to, closes.
static void change(int flags, void (*work)(int fd), int sync)
{
    int fd = file_open(O_WRONLY | flags);

    work(fd);
    check(!sync || fsync(fd) == 0, "fsync");
    close(fd);
}

static void write_work(void)
{
    change(O_CREAT | O_EXCL, write_all, 0);
}

static void write_sync_work(void)
{
    change(O_CREAT | O_EXCL, write_all, 1);
}

static void read_work(void)
{
    int fd = file_open(O_RDONLY);

    read_all(fd);
    close(fd);
}

static void random_read_work(void)
{
    int fd = file_open(O_RDONLY);

    for (long i = 0; i < RANDOM; i++)
        check(pread(fd, chunk, PAGE, i * STRIDE % PAGES * PAGE) == PAGE, "pread");
    close(fd);
}

static void random_write(int fd)
{
    for (long i = 0; i < RANDOM; i++)
        check(pwrite(fd, chunk, PAGE, i * STRIDE % PAGES * PAGE) == PAGE, "pwrite");
}

static void random_write_work(void)
{
    change(0, random_write, 0);
}

static void random_write_sync_work(void)
{
    change(0, random_write, 1);
}

static void append_work(void)
{
    int fd = file_open(O_WRONLY | O_CREAT | O_EXCL | O_APPEND);

    for (int i = 0; i < APPENDS; i++) {
        check(write(fd, chunk, APPEND) == APPEND, "append");
        check(fsync(fd) == 0, "fsync");
    }
    close(fd);
}

static void no_file(void)
{
    check(unlink("file") == 0 || errno == ENOENT, "unlink");
}

static long pages_resident(int fd)
{
    static unsigned char here[PAGES];
    void *p = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    long n = 0;

    check(p != MAP_FAILED && mincore(p, PAGES * PAGE, here) == 0, "mincore");
    munmap(p, PAGES * PAGE);
    for (int i = 0; i < PAGES; i++)
        n += here[i] & 1;
    return n;
}

static void file_present(void)
{
    struct stat st;

    if (stat("file", &st) < 0 || st.st_size != PAGES * PAGE) {
        no_file();
        write_sync_work();
    }
}

static void file_cached(void)
{
    file_present();
    read_work();
}

static void file_uncached(void)
{
    file_present();
    int fd = file_open(O_RDONLY);
    check(fsync(fd) == 0, "fsync");
    check(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0, "fadvise");
    check(pages_resident(fd) == 0, "pages stay cached");
    close(fd);
}

/* Names */

static void create_range(int from, int to)
{
    for (int i = from; i < to; i++) {
        int fd = open(names[i], O_WRONLY | O_CREAT | O_EXCL, 0644);
        check(fd >= 0, "create");
        close(fd);
    }
}

static void create_work(void)
{
    create_range(0, FILES);
}

static void stat_work(void)
{
    struct stat st;

    for (int i = 0; i < FILES; i++)
        check(stat(names[i], &st) == 0, "stat");
}

static void unlink_work(void)
{
    for (int i = 0; i < FILES; i++)
        check(unlink(names[i]) == 0, "unlink");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st, (void)type, (void)place;
    return remove(path);
}

static void no_tree(void)
{
    check(nftw("tree", remove_one, DEPTH_MAX, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT,
          "tree");
}

static void tree_make(void)
{
    no_tree();
    check(mkdir("tree", 0755) == 0, "tree");
}

static void files_make(void)
{
    tree_make();
    create_work();
}

static void tar_work(void)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        execl(BUSYBOX, "busybox", "tar", "xf", archive, "-C", "tree", NULL);
        _exit(127);
    }
    check(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "tar");
}

static void tar_sync_work(void)
{
    tar_work();
    int fd = file_open(O_RDONLY | O_CREAT);
    check(syncfs(fd) == 0, "syncfs");
    close(fd);
}

/* Rows */

static const struct row rows[] = {
    {"write", PAGES, no_file, write_work, NULL},
    {"write-sync", PAGES, no_file, write_sync_work, NULL},
    {"read", PAGES, file_cached, read_work, NULL},
    {"read-cold", PAGES, file_uncached, read_work, NULL},
    {"random-read", RANDOM, file_cached, random_read_work, NULL},
    {"random-read-cold", RANDOM, file_uncached, random_read_work, NULL},
    {"random-write", RANDOM, file_cached, random_write_work, NULL},
    {"random-write-sync", RANDOM, file_cached, random_write_sync_work, NULL},
    {"append", APPENDS, no_file, append_work, no_file},
    {"create", FILES, tree_make, create_work, NULL},
    {"stat", FILES, files_make, stat_work, NULL},
    {"unlink", FILES, files_make, unlink_work, NULL},
    {"tar", 1, tree_make, tar_work, no_tree},
    {"tar-sync", 1, tree_make, tar_sync_work, no_tree},
};

// What the device has completed so far.
static struct count device_count(void)
{
    const char *wanted = strrchr(device, '/') + 1;
    struct count c = {0, 0};
    FILE *f = fopen("/proc/diskstats", "r");
    uint64_t v[16];
    char line[512], name[32];

    check(f != NULL, "/proc/diskstats");
    while (fgets(line, sizeof(line), f)) {
        int n = sscanf(line,
                       "%*u %*u %31s %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu "
                       "%lu",
                       name, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8], &v[9],
                       &v[10], &v[11], &v[12], &v[13], &v[14], &v[15]);
        if (n == 17 && strcmp(name, wanted) == 0)
            c = (struct count){v[0] + v[4] + v[11], v[15]};
    }
    fclose(f);
    return c;
}

static uint64_t loop_run(const struct row *r, struct count *c)
{
    r->before();
    sync();
    struct count before = device_count();
    getsid(0); // marks the begin and end for host/profile.py
    uint64_t start = ticks();
    r->work();
    uint64_t end = ticks();
    getsid(0);
    *c = device_count();
    c->requests -= before.requests;
    c->flushes -= before.flushes;
    if (r->after)
        r->after();
    return (end - start) * 100 / r->operations;
}

static void row_run(const struct row *r, int loops)
{
    uint64_t cost[LOOPS_MAX];
    struct count c;

    loop_run(r, &c);
    for (int i = 0; i < loops; i++)
        cost[i] = loop_run(r, &c);
    printf("%s %lu %ld %lu %lu", r->name, costs_sort(cost, loops), r->operations, c.requests,
           c.flushes);
    costs_print(cost, loops);
}

// Whether creating a file costs more in a large directory.
static void many_run(void)
{
    uint64_t cost[2], start;

    tree_make();
    sync();
    start = ticks();
    create_range(0, EDGE);
    cost[0] = (ticks() - start) * 100 / EDGE;
    create_range(EDGE, MANY - EDGE);
    start = ticks();
    create_range(MANY - EDGE, MANY);
    cost[1] = (ticks() - start) * 100 / EDGE;
    printf("many-first %lu %d 0 0 %lu\nmany-last %lu %d 0 0 %lu\n", cost[0], EDGE, cost[0], cost[1],
           EDGE, cost[1]);
}

static int fill(const char *blocks, const char *to)
{
    int out = open(to, O_WRONLY);
    FILE *in = fopen(blocks, "r");
    uint64_t at;

    check(in && out >= 0, "fill");
    while (fread(&at, sizeof(at), 1, in) == 1) {
        check(fread(chunk, PAGE, 1, in) == 1, blocks);
        check(pwrite(out, chunk, PAGE, at) == PAGE, to);
    }
    check(fsync(out) == 0, to);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "fill") == 0)
        return fill(argv[2], argv[3]);
    int loops = argc > 3 ? atoi(argv[2]) : 0;
    if (loops < 1 || loops > LOOPS_MAX) {
        fprintf(stderr, "usage: storage DEVICE LOOPS TAR [ROW...]\n");
        return 2;
    }
    device = argv[1];
    archive = argv[3];
    memset(chunk, 's', CHUNK);
    for (int i = 0; i < MANY; i++)
        snprintf(names[i], sizeof(names[i]), "tree/%06d", i);
    mkdir("/mnt", 0755);
    check(mount(device, "/mnt", "ext4", 0, "") == 0 && chdir("/mnt") == 0, device);
    sleep(SETTLE);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (wanted(rows[i].name, argv + 4))
            row_run(&rows[i], loops);
    if (wanted("many", argv + 4))
        many_run();
    check(chdir("/") == 0 && umount("/mnt") == 0, "umount");
    return 0;
}
