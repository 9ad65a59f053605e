// SPDX-License-Identifier: MIT
// Every call that takes a pointer gets bad ones: -1, nothing half done, and the process goes on.
#include "usertests.h"

static char *const bad[] = {
    (char *)0,
    (char *)8,
    (char *)KERNBASE,
    (char *)(PHYSTOP - 8),
    (char *)TRAPFRAME,
    (char *)TRAMPOLINE,
    (char *)MAXVA,
    (char *)(MAXVA * 2),
    (char *)-PGSIZE,
    (char *)-8,
    (char *)-1,
    (char *)0xffffffff00000000UL,
    (char *)0xeaeb0b5b00002f5eUL,
};
#define EACH_BAD(p)                     \
    for (char *const *p##_at = bad, *p; \
         p##_at < bad + sizeof(bad) / sizeof(bad[0]) && (p = *p##_at, true); p##_at++)

static char *end; // of the heap, at a page's end

static void heap_align(void)
{
    sbrk(-(uint64)sbrk(0) % PGSIZE);
    sbrk(PGSIZE);
    end = sbrk(0);
}

static char *guard(void)
{
    return (char *)PGROUNDDOWN(r_sp()) - PGSIZE;
}

static void pointer_write(void)
{
    int fds[2], fd = open("pw", O_CREATE | O_RDWR);

    check(fd >= 0);
    expect(pipe(fds), 0);
    EACH_BAD(p)
    {
        expect(write(fd, p, 8192), -1);
        expect(write(fds[1], p, 8192), -1);
    }
    expect(write(fd, guard(), 1), -1);
    expect(write(fds[1], guard(), 1), -1);
    expect(file_size("pw"), 0);
    expect(write(fds[1], "x", 1), 1); // the pipe is still empty and sound
    char c[2];
    expect(read(fds[0], c, 2), 1);
    close(fd);
    expect(unlink("pw"), 0);
}

static void pointer_read(void)
{
    int fds[2], fd = open("/README", O_RDONLY), directory = open("/", O_RDONLY);

    expect(pipe(fds), 0);
    expect(write(fds[1], "xyz", 3), 3);
    EACH_BAD(p)
    {
        expect(read(fd, p, 8192), -1);
        expect(read(fds[0], p, 8192), -1);
        expect(read(directory, p, 64), -1);
    }
    expect(read(fd, guard(), 10), -1);
    expect(read(fd, pointer_read, 10), -1); // text cannot be written
    expect(read(fds[0], pointer_read, 10), -1);
    char c;
    expect(read(fd, &c, 1), 1);
    expect(c, 'T'); // README's first letter: the offset has not moved
    expect(read(fds[0], &c, 1), 1);
    expect(c, 'x');
}

// A call may do the part that has memory, and says so, or nothing; never more.
static void pointer_partial(void)
{
    heap_align();
    int fd = open("pp", O_CREATE | O_RDWR), n = write(fd, end - 10, 20);

    check(n == -1 || n == 10);
    expect(file_size("pp"), n < 0 ? 0 : n);
    close(fd);
    file_make("pp", 100, 1);
    fd = open("pp", O_RDONLY);
    n = read(fd, end - 10, 20);
    check(n == -1 || n == 10);
    close(fd);
    expect(unlink("pp"), 0);
}

static void pointer_freed(void)
{
    heap_align();
    sbrk(8 * PGSIZE);
    sbrk(-8 * PGSIZE);
    int fd = open("pf", O_CREATE | O_RDWR);
    expect(write(fd, end + PGSIZE, 1024), -1);
    close(fd);
    file_make("pf", 1024, 1);
    fd = open("pf", O_RDONLY);
    expect(read(fd, end + PGSIZE, 10), -1);
    close(fd);
    expect(unlink("pf"), 0);
}

static void name_bad(char *p)
{
    char *argv[] = {"x", 0};
    struct stat st;

    expect(open(p, O_RDONLY), -1);
    expect(open(p, O_CREATE | O_RDWR), -1);
    expect(exec(p, argv), -1);
    expect(unlink(p), -1);
    expect(mkdir(p), -1);
    expect(mknod(p, 1, 0), -1);
    expect(chdir(p), -1);
    expect(link(p, "new"), -1);
    expect(link("/README", p), -1);
    expect(symlink(p, "new"), -1);
    expect(symlink("x", p), -1);
    expect(stat(p, &st), -1);
}

static void pointer_name(void)
{
    int before = descriptors_open();

    EACH_BAD(p)
    name_bad(p);
    name_bad(guard());
    expect(descriptors_open(), before);
    expect(directory_count(), 0);
}

// A name that the end of memory cuts off, and one with no end for too long.
static void pointer_name_unended(void)
{
    static char text[2 * PGSIZE];

    heap_align();
    end[-1] = 'x';
    name_bad(end - 1);
    memset(end - 8, 'x', 8);
    name_bad(end - 8);
    memset(text, 'x', sizeof(text) - 1);
    name_bad(text);
    text[MAXPATH] = 0; // MAXPATH bytes and the zero
    name_bad(text);
    expect(directory_count(), 0);
}

static void pointer_arguments(void)
{
    char *argv[] = {"x", 0, 0};

    EACH_BAD(p)
    {
        expect(exec(PROGRAM, (char **)p), -1);
        if (!p)
            continue;
        argv[1] = p;
        expect(exec(PROGRAM, argv), -1);
    }
    heap_align();
    char **unended = (char **)end - 2;
    unended[0] = unended[1] = "x";
    expect(exec(PROGRAM, unended), -1);
    end[-1] = 'x';
    argv[1] = end - 1;
    expect(exec(PROGRAM, argv), -1);
}

static void pointer_stat(void)
{
    heap_align();
    EACH_BAD(p)
    {
        expect(fstat(0, (struct stat *)p), -1);
        expect(stat("/", (struct stat *)p), -1);
    }
    expect(fstat(0, (struct stat *)(end - 8)), -1);
    expect(fstat(0, (struct stat *)pointer_stat), -1);
    expect(fstat(0, (struct stat *)guard()), -1);
}

static void pointer_pipe(void)
{
    int before = descriptors_open();

    heap_align();
    EACH_BAD(p)
    expect(pipe((int *)p), -1);
    expect(pipe((int *)(end - 4)), -1);
    expect(pipe((int *)pointer_pipe), -1);
    expect(descriptors_open(), before);
}

static void nothing(void)
{
}

// The child can still be waited for.
static void pointer_wait(void)
{
    int pid = child(nothing);

    EACH_BAD(p)
    if (p)
        expect(wait((int *)p), -1);
    expect(wait((int *)pointer_wait), -1);
    expect(status_of(pid), 0);
}

static void pointer_sysinfo(void)
{
    heap_align();
    EACH_BAD(p)
    expect(sysinfo((struct sysinfo *)p), -1);
    expect(sysinfo((struct sysinfo *)(end - 8)), -1);
    expect(sysinfo((struct sysinfo *)pointer_sysinfo), -1);
}

static void pointer_pgaccess(void)
{
    char *page = sbrk(PGSIZE);
    uint64 mask = 0;

    page[0] = 1;
    EACH_BAD(p)
    expect(pgaccess(page, 1, p), -1);
    expect(pgaccess(page, 1, pointer_pgaccess), -1);
    expect(pgaccess(page, 0, &mask), -1);
    expect(pgaccess(page, -1, &mask), -1);
    expect(pgaccess(page, 65, &mask), -1);
    expect(mask, 0);
}

static void pointer_pages(void)
{
    for (uint64 at = 0; at < 1100 * 1024; at += PGSIZE) {
        expect(link("nosuchfile", (char *)at), -1);
        expect(open((char *)at, O_RDONLY), -1);
    }
}

// read() and write() with counts below zero and of zero.
static void pointer_counts(void)
{
    int fd = open("pc", O_CREATE | O_RDWR);
    char c = 'c';

    expect(write(fd, &c, 0), 0);
    expect(read(fd, &c, 0), 0);
    expect(write(fd, &c, -1), -1);
    expect(read(fd, &c, -1), -1);
    expect(write(fd, &c, -2147483647 - 1), -1);
    expect(file_size("pc"), 0);
    close(fd);
    expect(unlink("pc"), 0);
}

const struct test pointer_tests[] = {
    {"pointer_write", pointer_write, false},
    {"pointer_read", pointer_read, false},
    {"pointer_partial", pointer_partial, false},
    {"pointer_freed", pointer_freed, false},
    {"pointer_name", pointer_name, false},
    {"pointer_name_unended", pointer_name_unended, false},
    {"pointer_arguments", pointer_arguments, false},
    {"pointer_stat", pointer_stat, false},
    {"pointer_pipe", pointer_pipe, false},
    {"pointer_wait", pointer_wait, false},
    {"pointer_sysinfo", pointer_sysinfo, false},
    {"pointer_pgaccess", pointer_pgaccess, false},
    {"pointer_pages", pointer_pages, false},
    {"pointer_counts", pointer_counts, false},
    {0},
};
