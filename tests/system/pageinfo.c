// SPDX-License-Identifier: MIT
// What a process learns of its own pages: pageinfo pagemap | idle | table | megapage. Each failed
// check is reported; the status is whether there was one.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE      4096UL
#define FRAME(e)  ((e) & ((1UL << 55) - 1))
#define EXCLUSIVE (1UL << 56)
#define FILE_PAGE (1UL << 61)
#define PRESENT   (1UL << 63)
#define MEGAPAGE  (2UL << 20)
#define IDLE      "/sys/kernel/mm/page_idle/bitmap"

static int failures;

#define CHECK(condition)                                                             \
    do {                                                                             \
        if (!(condition)) {                                                          \
            fprintf(stderr, "line %d: %s, errno %d\n", __LINE__, #condition, errno); \
            failures = 1;                                                            \
        }                                                                            \
    } while (0)

static int opened(const char *path, int flags)
{
    int fd = open(path, flags);

    if (fd < 0) {
        perror(path);
        exit(1);
    }
    return fd;
}

static volatile char *map_pages(int n, int flags, int fd)
{
    void *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

    if (p == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return p;
}

static volatile char *map_file(int n)
{
    int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);

    if (fd < 0 || ftruncate(fd, n * PAGE)) {
        perror("/tmp");
        exit(1);
    }
    return map_pages(n, MAP_SHARED, fd);
}

static uint64_t entry(volatile void *p)
{
    int fd = opened("/proc/self/pagemap", O_RDONLY);
    uint64_t e = 0;

    CHECK(pread(fd, &e, 8, (uintptr_t)p / PAGE * 8) == 8);
    close(fd);
    return e;
}

static int child_status(void)
{
    int status;

    CHECK(wait(&status) > 0);
    return status;
}

/* pagemap */

static void pagemap_edges(void)
{
    int fd = opened("/proc/self/pagemap", O_RDONLY);
    uint64_t e[2] = {1, 1};
    volatile uintptr_t nowhere = 8;

    CHECK(pread(fd, e, 8, 0) == 8 && e[0] == 0);
    CHECK(pread(fd, e, 8, 4) < 0 && errno == EINVAL);
    CHECK(pread(fd, e, 12, 8) < 0 && errno == EINVAL);
    CHECK(pread(fd, e, 8, 1UL << 60) == 0);
    CHECK(pread(fd, (void *)nowhere, 8, 0) < 0 && errno == EFAULT);
    close(fd);
}

static void pagemap_test(void)
{
    volatile char *own = map_pages(200, MAP_PRIVATE | MAP_ANONYMOUS, -1), *file = map_file(2);
    uint64_t e[200], shared;
    int fd = opened("/proc/self/pagemap", O_RDONLY);

    for (int i = 1; i < 200; i += 7)
        own[i * PAGE] = 1;
    file[PAGE] = 1;
    CHECK(pread(fd, e, sizeof(e), (uintptr_t)own / PAGE * 8) == sizeof(e));
    for (int i = 0; i < 200; i++) {
        CHECK(!(e[i] & PRESENT) == (i % 7 != 1));
        CHECK(!FRAME(e[i]) == !(e[i] & PRESENT) && !(e[i] & FILE_PAGE));
    }
    CHECK(e[1] & EXCLUSIVE && FRAME(e[1]) != FRAME(e[8]));
    shared = FRAME(entry(file + PAGE));
    CHECK(entry(file + PAGE) & FILE_PAGE && entry(file + PAGE) & EXCLUSIVE);
    if (fork() == 0) {
        CHECK(FRAME(entry(own + PAGE)) == FRAME(e[1]) && !(entry(own + PAGE) & EXCLUSIVE));
        own[PAGE] = 2;
        CHECK(FRAME(entry(own + PAGE)) != FRAME(e[1]) && entry(own + PAGE) & EXCLUSIVE);
        CHECK(!(entry(file + PAGE) & PRESENT) || FRAME(entry(file + PAGE)) == shared);
        file[PAGE] = 2;
        CHECK(FRAME(entry(file + PAGE)) == shared && !(entry(file + PAGE) & EXCLUSIVE));
        exit(failures);
    }
    CHECK(child_status() == 0);
    pagemap_edges();
    CHECK(setuid(1000) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0);
    CHECK((entry(own + PAGE) & (PRESENT | FILE_PAGE)) == PRESENT && !FRAME(entry(own + PAGE)));
    CHECK(open("/proc/1/pagemap", O_RDONLY) < 0 && errno == EACCES);
}

/* Idle page tracking */

static int idle_fd;

static int is_idle(volatile void *p)
{
    uint64_t frame = FRAME(entry(p)), word = 0;

    CHECK(pread(idle_fd, &word, 8, frame / 64 * 8) == 8);
    return word >> frame % 64 & 1;
}

static void mark_idle(volatile void *p)
{
    uint64_t frame = FRAME(entry(p)), word = 1UL << frame % 64;

    CHECK(pwrite(idle_fd, &word, 8, frame / 64 * 8) == 8);
}

static void idle_edges(void)
{
    static uint64_t all[1 << 16];
    uint64_t frame = FRAME(entry(all + 512)), word = 0;
    ssize_t size = pread(idle_fd, all, sizeof(all), 0);

    CHECK(size > (long)(frame / 64 * 8) && size < (long)sizeof(all));
    CHECK(pread(idle_fd, all, 8, size) == 0);
    CHECK(pread(idle_fd, all, 8, 4) < 0 && errno == EINVAL);
    CHECK(pread(idle_fd, all, 9, 0) < 0 && errno == EINVAL);
    CHECK(pwrite(idle_fd, &word, 8, size) < 0 && errno == ENXIO);
    CHECK(pwrite(idle_fd, &word, 7, 0) < 0 && errno == EINVAL);
}

static void idle_pages(volatile char *p)
{
    p[0] = p[PAGE] = 1;
    CHECK(!is_idle(p) && !is_idle(p + PAGE));
    mark_idle(p);
    CHECK(is_idle(p) && is_idle(p) && !is_idle(p + PAGE));
    (void)p[1];
    CHECK(!is_idle(p));
    mark_idle(p);
    CHECK(write(idle_fd, (void *)p, 0) == 0 && is_idle(p));
    CHECK(pwrite(idle_fd, (void *)p, 8, 0) == 8 && !is_idle(p)); // the kernel reads it
}

// A frame that two processes map is idle when neither has used it.
static void idle_shared(volatile char *p)
{
    int down[2], up[2];
    char c;

    CHECK(pipe(down) == 0 && pipe(up) == 0);
    p[0] = 1;
    if (fork() == 0) {
        while (read(down[0], &c, 1) == 1 && c) {
            c = p[0];
            CHECK(write(up[1], &c, 1) == 1);
        }
        exit(failures);
    }
    mark_idle(p);
    CHECK(is_idle(p));
    CHECK(write(down[1], "x", 1) == 1 && read(up[0], &c, 1) == 1);
    CHECK(!is_idle(p));
    mark_idle(p);
    CHECK(is_idle(p));
    CHECK(write(down[1], "", 1) == 1 && child_status() == 0);
    CHECK(is_idle(p));
}

static void idle_test(void)
{
    idle_fd = opened(IDLE, O_RDWR);
    idle_edges();
    idle_pages(map_pages(2, MAP_PRIVATE | MAP_ANONYMOUS, -1));
    idle_pages(map_pages(2, MAP_SHARED | MAP_ANONYMOUS, -1));
    idle_pages(map_file(2));
    idle_shared(map_pages(1, MAP_PRIVATE | MAP_ANONYMOUS, -1));
    idle_shared(map_file(1));
    CHECK(setuid(1000) == 0);
    CHECK(open(IDLE, O_RDONLY) < 0 && errno == EACCES);
}

/* The printed page table */

// Where a line's entry is, by the indices of the lines above it; -1: the line is none.
static int table_line(const char *line, unsigned long *va, unsigned long *pte, unsigned long *pa)
{
    static unsigned long index[3];
    int depth = (strspn(line, " ") - 2) / 2;

    if (depth > 2 || sscanf(line, " %lu: pte 0x%lx pa 0x%lx", &index[depth], pte, pa) != 3)
        return -1;
    *va = index[0] << 30 | index[1] << 21 | index[2] << 12;
    return depth;
}

static void table_test(void)
{
    volatile char *own = map_pages(3, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    unsigned long va, pte, pa, root;
    uint64_t wanted[3];
    char line[200];
    int depth, seen = 0;
    FILE *f = fopen("/proc/self/pagetable", "r");

    own[0] = own[2 * PAGE] = 1;
    for (int i = 0; i < 3; i++)
        wanted[i] = FRAME(entry(own + i * PAGE));
    CHECK(f && fgets(line, sizeof(line), f) && sscanf(line, "page table 0x%lx", &root) == 1);
    CHECK(root && root % PAGE == 0);
    while (f && fgets(line, sizeof(line), f)) {
        depth = table_line(line, &va, &pte, &pa);
        CHECK(depth >= 0 && pte & 1 && pa == pte >> 10 << 12);
        CHECK((depth == 2) == !!(pte & 0xe));
        if (depth != 2 || va < (uintptr_t)own || va >= (uintptr_t)own + 3 * PAGE)
            continue;
        CHECK(wanted[(va - (uintptr_t)own) / PAGE] == pa / PAGE);
        CHECK(strstr(line, "rw-u-ad"));
        seen++;
    }
    CHECK(seen == 2);
    CHECK(setuid(1000) == 0);
    CHECK(open("/proc/1/pagetable", O_RDONLY) < 0);
}

// Whether the table has one entry for the 2 MiB at p.
static int is_megapage(volatile char *p)
{
    unsigned long va, pte, pa;
    char line[200];
    int found = 0;
    FILE *f = fopen("/proc/self/pagetable", "r");

    while (f && fgets(line, sizeof(line), f))
        if (table_line(line, &va, &pte, &pa) == 1 && pte & 2 && (va & -MEGAPAGE) == (uintptr_t)p)
            found = pa % MEGAPAGE == 0;
    CHECK(f);
    fclose(f);
    return found;
}

// Those who ask for it get megapages at the first touch, and lose them to who needs single pages.
static void megapage_test(void)
{
    volatile char *all = map_pages(4 * MEGAPAGE / PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    volatile char *p = (char *)(((uintptr_t)all + MEGAPAGE - 1) & -MEGAPAGE);

    p[0] = 1;
    CHECK(!is_megapage(p));
    CHECK(madvise((void *)p, 3 * MEGAPAGE - PAGE, MADV_HUGEPAGE) == 0);
    p[PAGE] = 1;
    CHECK(!is_megapage(p)); // it has a table
    p[MEGAPAGE + 5 * PAGE] = 1;
    CHECK(is_megapage(p + MEGAPAGE));
    p[2 * MEGAPAGE] = 1;
    CHECK(!is_megapage(p + 2 * MEGAPAGE)); // a page is missing
    CHECK(mprotect((void *)(p + MEGAPAGE), PAGE, PROT_READ) == 0);
    CHECK(!is_megapage(p + MEGAPAGE));
    CHECK(p[MEGAPAGE + 5 * PAGE] == 1 && p[2 * MEGAPAGE - 1] == 0);
    CHECK(FRAME(entry(p + MEGAPAGE)) + 1 == FRAME(entry(p + MEGAPAGE + PAGE)));
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (!strcmp(what, "pagemap"))
        pagemap_test();
    else if (!strcmp(what, "idle"))
        idle_test();
    else if (!strcmp(what, "table"))
        table_test();
    else if (!strcmp(what, "megapage"))
        megapage_test();
    else
        return 2;
    return failures;
}
