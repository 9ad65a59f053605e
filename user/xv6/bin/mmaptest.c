// SPDX-License-Identifier: MIT
// mmaptest: files in memory: filled at first touch, private and shared, written back, unmapped in
// parts, inherited by fork(), used by the kernel, refused where they would break a file's rights.
#include "check.h"
#include "kernel/fcntl.h"
#include "kernel/memlayout.h"
#include "kernel/riscv.h"
#include "kernel/stat.h"
#include "kernel/sysinfo.h"
#include "kernel/types.h"
#include "user/user.h"

#define NAME   "mmap.file"
#define PAGES  4
#define SIZE   (3 * PGSIZE + 1000) // the last page is partly behind the end
#define RW     (PROT_READ | PROT_WRITE)
#define FAILED ((void *)-1)

static char expected(long at)
{
    return at * 13 + at / PGSIZE;
}

static void file_make(void)
{
    static char page[PGSIZE];
    int fd = open(NAME, O_CREATE | O_TRUNC | O_RDWR);

    for (long at = 0; at < SIZE; at += PGSIZE) {
        int n = SIZE - at < PGSIZE ? SIZE - at : PGSIZE;
        for (int i = 0; i < n; i++)
            page[i] = expected(at + i);
        check("writing the file", n, write(fd, page, n));
    }
    close(fd);
}

// Whether `changed` (-1: no) and no other byte of the file differs, by `by`.
static void file_check(const char *what, long changed, int by)
{
    static char page[PGSIZE];
    int fd = open(NAME, O_RDONLY), n;
    long at = 0;

    while ((n = read(fd, page, PGSIZE)) > 0) {
        for (int i = 0; i < n; i++, at++)
            if (page[i] != (char)(expected(at) + (at == changed ? by : 0)))
                check(what, expected(at), page[i]);
    }
    check(what, SIZE, at);
    close(fd);
}

static void memory_check(const char *what, const char *p, long from, long size)
{
    for (long at = from; at < from + size; at++) {
        char wanted = at < SIZE ? expected(at) : 0;
        if (p[at - from] != wanted)
            check(what, wanted, p[at - from]);
    }
}

static void touch_read(uint64 address)
{
    volatile char c = *(volatile char *)address;
    (void)c;
}

static void touch_write(uint64 address)
{
    *(volatile char *)address = 1;
}

// Opens, maps and closes: a mapping keeps its file.
static char *map(int open_flags, int prot, int flags, int pages, int offset)
{
    int fd = open(NAME, open_flags);
    char *p = mmap(0, pages * PGSIZE, prot, flags, fd, offset);

    close(fd);
    return p;
}

static void test_private(void)
{
    file_make();
    char *p = map(O_RDONLY, RW, MAP_PRIVATE, PAGES, 0);
    memory_check("a private mapping", p, 0, PAGES * PGSIZE);
    p[5] += 3;
    p[SIZE + 5] = 1;
    file_check("a file mapped privately", -1, 0);
    check("what was written", (char)(expected(5) + 3), p[5]);
    check("munmap", 0, munmap(p, PAGES * PGSIZE));
    file_check("after munmap", -1, 0);
    check_child("a read of what was unmapped", KILLED, touch_read, (uint64)p);

    p = map(O_RDONLY, PROT_READ, MAP_PRIVATE, PAGES, 0);
    check_child("a write of what may be read", KILLED, touch_write, (uint64)p);
    memory_check("the same read-only", p, 0, PAGES * PGSIZE);
    munmap(p, PAGES * PGSIZE);
}

static void test_shared(void)
{
    struct stat st;

    file_make();
    char *p = map(O_RDWR, RW, MAP_SHARED, PAGES, 0);
    memory_check("a shared mapping", p, 0, PAGES * PGSIZE);
    p[2 * PGSIZE + 7] += 9;
    p[SIZE + 9] = 77; // behind the end: never in the file
    check("munmap", 0, munmap(p, PAGES * PGSIZE));
    file_check("what was written back", 2 * PGSIZE + 7, 9);
    check("stat", 0, stat(NAME, &st));
    check("the size", SIZE, st.size);

    file_make();
    p = map(O_RDWR, RW, MAP_SHARED, 2, PGSIZE); // from the middle
    memory_check("with an offset", p, PGSIZE, 2 * PGSIZE);
    p[1] += 5;
    munmap(p, 2 * PGSIZE);
    file_check("written back at an offset", PGSIZE + 1, 5);
}

static void test_refused(void)
{
    file_make();
    int reading = open(NAME, O_RDONLY), writing = open(NAME, O_RDWR), fds[2];

    check("shared and writable, opened to read", -1,
          (long)mmap(0, PGSIZE, RW, MAP_SHARED, reading, 0));
    char *p = mmap(0, PGSIZE, PROT_READ, MAP_SHARED, reading, 0);
    check("shared and read, opened to read", 1, p != FAILED);
    check_child("a write of it", KILLED, touch_write, (uint64)p);
    munmap(p, PGSIZE);
    check("length 0", -1, (long)mmap(0, 0, PROT_READ, MAP_PRIVATE, writing, 0));
    check("a length below 0", -1, (long)mmap(0, -PGSIZE, PROT_READ, MAP_PRIVATE, writing, 0));
    check("an offset within a page", -1, (long)mmap(0, PGSIZE, PROT_READ, MAP_PRIVATE, writing, 1));
    check("no descriptor", -1, (long)mmap(0, PGSIZE, PROT_READ, MAP_PRIVATE, -1, 0));
    pipe(fds);
    check("a pipe", -1, (long)mmap(0, PGSIZE, PROT_READ, MAP_PRIVATE, fds[0], 0));
    check("munmap within a page", -1, munmap((char *)PGSIZE + 1, PGSIZE));
    check("munmap of length 0", -1, munmap(p, 0));
    close(reading);
    close(writing);
    close(fds[0]);
    close(fds[1]);
    check("a closed descriptor", -1, (long)mmap(0, PGSIZE, PROT_READ, MAP_PRIVATE, writing, 0));
}

// From the beginning, from the end, then the rest; each part is written back.
static void test_parts(void)
{
    file_make();
    char *p = map(O_RDWR, RW, MAP_SHARED, PAGES, 0);

    p[3] += 1;
    check("munmap from the beginning", 0, munmap(p, PGSIZE));
    file_check("the first page", 3, 1);
    check_child("a read of the first page", KILLED, touch_read, (uint64)p);
    p[PGSIZE + 3] = expected(PGSIZE + 3);
    check("munmap from the end", 0, munmap(p + 3 * PGSIZE, PGSIZE));
    check_child("a read of the last page", KILLED, touch_read, (uint64)p + 3 * PGSIZE);
    memory_check("what is left", p + PGSIZE, PGSIZE, 2 * PGSIZE);
    check("munmap of the rest", 0, munmap(p + PGSIZE, 2 * PGSIZE));
    check_child("a read of the rest", KILLED, touch_read, (uint64)p + PGSIZE);
    file_check("the file", 3, 1);
}

static void test_two(void)
{
    file_make();
    char *p = map(O_RDWR, RW, MAP_SHARED, PAGES, 0), *q = map(O_RDWR, RW, MAP_SHARED, PAGES, 0);
    char *own = map(O_RDWR, RW, MAP_PRIVATE, PAGES, 0);

    check("each has its place", 1, p != q && q != own && own != p);
    own[100] = 1;
    p[100] += 4;
    check("shared with the other", (char)(expected(100) + 4), q[100]);
    check("not with the private one", 1, own[100]);
    munmap(p, PAGES * PGSIZE);
    check("after the first is gone", (char)(expected(100) + 4), q[100]);
    munmap(q, PAGES * PGSIZE);
    munmap(own, PAGES * PGSIZE);
    file_check("the file", 100, 4);
}

static char *inherited, *inherited_private;

static void use_inherited(uint64 unused)
{
    memory_check("inherited, not touched before", inherited + PGSIZE, PGSIZE, PGSIZE);
    inherited[PGSIZE + 1] += 6;
    check("inherited and private", 55, inherited_private[1]);
    inherited_private[1] = 66;
    check("a child's munmap", 0, munmap(inherited_private, PAGES * PGSIZE));
} // and exit() unmaps the other

static void test_fork(void)
{
    file_make();
    inherited = map(O_RDWR, RW, MAP_SHARED, PAGES, 0);
    inherited_private = map(O_RDWR, RW, MAP_PRIVATE, PAGES, 0);
    inherited_private[1] = 55;
    check_child("a child with mappings", 0, use_inherited, 0);
    check("what it wrote, shared", (char)(expected(PGSIZE + 1) + 6), inherited[PGSIZE + 1]);
    check("and private", 55, inherited_private[1]);
    munmap(inherited, PAGES * PGSIZE);
    munmap(inherited_private, PAGES * PGSIZE);
    file_check("the file", PGSIZE + 1, 6);
}

static void map_and_end(uint64 at)
{
    char *p = map(O_RDWR, RW, MAP_SHARED, PAGES, 0);

    p[at] += 8;
}

static void test_exit(void)
{
    file_make();
    check_child("a process that ends without munmap", 0, map_and_end, 200);
    file_check("what it wrote", 200, 8);
}

// The kernel reads and writes mappings for the process; a file without a name stays mapped.
static void test_kernel(void)
{
    int fds[2], fd;

    file_make();
    fd = open(NAME, O_RDONLY);
    char *p = map(O_RDWR, RW, MAP_SHARED, PAGES, 0);
    char *q = map(O_RDONLY, PROT_READ, MAP_PRIVATE, PAGES, 0);
    pipe(fds);
    check("write from an untouched page", 100, write(fds[1], q + PGSIZE, 100));
    check("read into one", 100, read(fds[0], p + PGSIZE, 100)); // the bytes that are there
    write(fds[1], "!", 1);
    check("read into a page not to be written", -1, read(fds[0], q, 1));
    check("the file into its own mapping", 300, read(fd, p, 300));
    memory_check("mapped after that", p, 0, PAGES * PGSIZE);
    close(fds[0]);
    close(fds[1]);
    close(fd);
    check("unlink", 0, unlink(NAME));
    memory_check("of a file without a name", p, 0, PAGES * PGSIZE);
    munmap(p, PAGES * PGSIZE);
    munmap(q, PAGES * PGSIZE);
}

// Mapped far beyond what memory could hold: only what is touched comes.
static void test_lazy(void)
{
    struct sysinfo before = {0}, after = {0};
    const int pages = (PHYSTOP - KERNBASE) / 16 / PGSIZE;
    char *maps[32];

    file_make();
    int fd = open(NAME, O_RDWR);
    sysinfo(&before);
    for (int i = 0; i < 32; i++) {
        maps[i] = mmap(0, pages * PGSIZE, RW, MAP_SHARED, fd, 0);
        check("a large mapping", 1, maps[i] != FAILED);
        maps[i][i] += 0;
    }
    sysinfo(&after);
    check_range("memory taken", 0, 256 * PGSIZE, (long)before.freemem - (long)after.freemem);
    check_child("behind the file's last page", KILLED, touch_read,
                (uint64)maps[0] + PAGES * PGSIZE);
    for (int i = 0; i < 32; i++)
        check("munmap", 0, munmap(maps[i], pages * PGSIZE));
    close(fd);
    file_check("the file", -1, 0);
}

int main(void)
{
    test_private();
    test_shared();
    test_refused();
    test_parts();
    test_two();
    test_fork();
    test_exit();
    test_kernel();
    test_lazy();
    check("unlink", 0, unlink(NAME));
    exit(check_end("mmaptest"));
}
