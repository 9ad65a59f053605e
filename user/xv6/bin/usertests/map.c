// SPDX-License-Identifier: MIT
// mmap and munmap of files.
#include "usertests.h"

#define SIZE (3 * PGSIZE)

static char *const failed = (char *)-1;
static char *shared;

static char *map(const char *name, int mode, int size, int prot, int flags)
{
    int fd = open(name, mode);

    check(fd >= 0);
    char *p = mmap(0, size, prot, flags, fd, 0);
    close(fd); // the mapping stays
    return p;
}

static void map_read(void)
{
    file_make("m", SIZE, 1);
    char *p = map("m", O_RDONLY, SIZE, PROT_READ, MAP_PRIVATE);
    check(p != failed && (uint64)p % PGSIZE == 0);
    check(bytes_are(p, SIZE, 0, 1));
    expect(touch_status(p, true), -1); // not to be written
    expect(munmap(p, SIZE), 0);
    expect(touch_status(p, false), -1);
    expect(unlink("m"), 0);
}

static void map_private(void)
{
    file_make("m", SIZE, 1);
    char *p = map("m", O_RDONLY, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    check(p != failed);
    memset(p, 'Z', SIZE);
    expect(p[SIZE - 1], 'Z');
    expect(munmap(p, SIZE), 0);
    check(file_is("m", SIZE, 1));
    expect(unlink("m"), 0);
}

static void map_shared(void)
{
    file_make("m", SIZE, 1);
    char *p = map("m", O_RDWR, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED);
    check(p != failed);
    bytes_fill(p, SIZE, 0, 2);
    expect(munmap(p, SIZE), 0);
    check(file_is("m", SIZE, 2));
    expect(unlink("m"), 0);
}

static void map_refused(void)
{
    file_make("m", SIZE, 1);
    int fd = open("m", O_RDONLY);
    expect(mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), -1);
    check(mmap(0, SIZE, PROT_READ, MAP_SHARED, fd, 0) != failed);
    expect(mmap(0, 0, PROT_READ, MAP_PRIVATE, fd, 0), -1);
    expect(mmap(0, -PGSIZE, PROT_READ, MAP_PRIVATE, fd, 0), -1);
    expect(mmap(0, SIZE, PROT_READ, MAP_PRIVATE, fd, -PGSIZE), -1);
    expect(mmap(0, SIZE, PROT_READ, MAP_PRIVATE, fd, 100), -1);
    expect(mmap(0, SIZE, PROT_READ, 0, fd, 0), -1);
    close(fd);
    expect(mmap(0, SIZE, PROT_READ, MAP_PRIVATE, fd, 0), -1);
    expect(mmap(0, SIZE, PROT_READ, MAP_PRIVATE, -1, 0), -1);
    fd = open("m", O_WRONLY);
    expect(mmap(0, SIZE, PROT_READ, MAP_PRIVATE, fd, 0), -1);
    expect(munmap((char *)100, PGSIZE), -1);
    expect(munmap((char *)(16 << 20), 0), -1);
    expect(unlink("m"), 0);
}

static void map_offset(void)
{
    file_make("m", SIZE, 1);
    int fd = open("m", O_RDONLY);
    char *p = mmap(0, PGSIZE, PROT_READ, MAP_PRIVATE, fd, PGSIZE);
    check(p != failed);
    check(bytes_are(p, PGSIZE, PGSIZE, 1));
    expect(unlink("m"), 0);
}

// From either end: what stays is still mapped, what is cut off has been written.
static void map_ends(void)
{
    file_make("m", SIZE, 1);
    char *p = map("m", O_RDWR, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED);
    bytes_fill(p, SIZE, 0, 2);
    expect(munmap(p, PGSIZE), 0);
    expect(touch_status(p, false), -1);
    check(bytes_are(p + PGSIZE, 2 * PGSIZE, PGSIZE, 2));
    expect(munmap(p + 2 * PGSIZE, PGSIZE), 0);
    expect(touch_status(p + 2 * PGSIZE, false), -1);
    check(bytes_are(p + PGSIZE, PGSIZE, PGSIZE, 2));
    expect(munmap(p + PGSIZE, PGSIZE), 0);
    check(file_is("m", SIZE, 2));
    expect(unlink("m"), 0);
}

static void map_part_page(void)
{
    file_make("m", PGSIZE + PGSIZE / 2, 1);
    char *p = map("m", O_RDWR, 2 * PGSIZE, PROT_READ | PROT_WRITE, MAP_SHARED);
    check(bytes_are(p, PGSIZE + PGSIZE / 2, 0, 1));
    for (int i = PGSIZE + PGSIZE / 2; i < 2 * PGSIZE; i++)
        expect(p[i], 0);
    p[2 * PGSIZE - 1] = 1; // past the end: never in the file
    expect(munmap(p, 2 * PGSIZE), 0);
    check(file_is("m", PGSIZE + PGSIZE / 2, 1));
    expect(unlink("m"), 0);
}

static void exit_mapped(void)
{
    char *p = map("m", O_RDWR, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED);

    bytes_fill(p, SIZE, 0, 4);
}

static void die_mapped(void)
{
    char *p = map("m", O_RDWR, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED);

    bytes_fill(p, SIZE, 0, 5);
    *(volatile char *)KERNBASE = 1;
}

static void map_exit(void)
{
    file_make("m", SIZE, 1);
    expect(child_status(exit_mapped), 0);
    check(file_is("m", SIZE, 4));
    expect(child_status(die_mapped), -1);
    check(file_is("m", SIZE, 5));
    expect(unlink("m"), 0);
}

static void fork_mapped(void)
{
    check(bytes_are(shared, SIZE, 0, 1));
    shared[0] = 'c';
    expect(munmap(shared, SIZE), 0);
}

static void map_fork(void)
{
    file_make("m", SIZE, 1);
    shared = map("m", O_RDWR, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED);
    expect(child_status(fork_mapped), 0);
    expect(shared[0], 'c');
    check(bytes_are(shared + 1, SIZE - 1, 1, 1));
    expect(munmap(shared, SIZE), 0);
    file_make("m", SIZE, 1);
    shared = map("m", O_RDWR, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    expect(child_status(fork_mapped), 0);
    check(bytes_are(shared, SIZE, 0, 1));
    expect(munmap(shared, SIZE), 0);
    expect(unlink("m"), 0);
}

static void map_two(void)
{
    file_make("m", SIZE, 1);
    file_make("n", SIZE, 2);
    char *p = map("m", O_RDONLY, SIZE, PROT_READ, MAP_PRIVATE);
    char *q = map("n", O_RDWR, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED);
    char *r = map("n", O_RDWR, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED);
    check(bytes_are(p, SIZE, 0, 1) && bytes_are(q, SIZE, 0, 2));
    q[5] = 'q';
    expect(r[5], 'q'); // one file's pages
    expect(munmap(p, SIZE), 0);
    expect(r[5], 'q');
    expect(munmap(r, SIZE), 0);
    expect(q[5], 'q');
    expect(munmap(q, SIZE), 0);
    expect(unlink("m"), 0);
    expect(unlink("n"), 0);
}

// read(), write() and mappings see the same bytes; the kernel may be given mapped memory.
static void map_and_files(void)
{
    char text[8];

    file_make("m", SIZE, 1);
    int fd = open("m", O_RDWR);
    char *p = mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    expect(write(fd, "written", 7), 7);
    expect(memcmp(p, "written", 7), 0);
    p[7] = '!';
    close(fd);
    fd = open("m", O_RDONLY);
    expect(read(fd, text, 8), 8);
    expect(memcmp(text, "written!", 8), 0);
    close(fd);
    fd = open("/README", O_RDONLY);
    expect(read(fd, p + PGSIZE, 100), 100);
    expect(p[PGSIZE], 'T');
    strcpy(p, "m2");
    fd = open(p, O_CREATE | O_RDWR);
    expect(write(fd, p + PGSIZE, 100), 100);
    expect(unlink("m2"), 0);
    expect(unlink("m"), 0);
}

static void map_often(void)
{
    uint64 before = memory_free();

    file_make("m", SIZE, 1);
    for (int i = 0; i < 200; i++) {
        char *p = map("m", O_RDWR, SIZE, PROT_READ | PROT_WRITE, i % 2 ? MAP_SHARED : MAP_PRIVATE);
        check(p != failed);
        p[i % 3 * PGSIZE] = i;
        expect(munmap(p, SIZE), 0);
    }
    expect(unlink("m"), 0);
    check(memory_free() + (2 << 20) > before);
}

const struct test map_tests[] = {
    {"map_read", map_read, false},
    {"map_private", map_private, false},
    {"map_shared", map_shared, false},
    {"map_refused", map_refused, false},
    {"map_offset", map_offset, false},
    {"map_ends", map_ends, false},
    {"map_part_page", map_part_page, false},
    {"map_exit", map_exit, false},
    {"map_fork", map_fork, false},
    {"map_two", map_two, false},
    {"map_and_files", map_and_files, false},
    {"map_often", map_often, false},
    {0},
};
