// SPDX-License-Identifier: MIT
// sbrk: growing, shrinking, touching late, and asking for too much.
#include "usertests.h"

#define MANY (64 << 20) // bytes: half of the machine's memory

static char *const no_break = (char *)-1;

static void sbrk_old(void)
{
    char *begin = sbrk(0);

    expect(sbrk(100), begin);
    expect(sbrk(0), begin + 100);
    expect(sbrk(-40), begin + 100);
    expect(sbrk(-60), begin + 60);
    expect(sbrk(0), begin);
    expect(sbrklazy(PGSIZE), begin);
    expect(sbrklazy(-PGSIZE), begin + PGSIZE);
}

static void sbrk_bytes(void)
{
    char *begin = sbrk(0);

    for (int i = 0; i < 3 * PGSIZE; i++) {
        char *p = sbrk(1);
        expect(p, begin + i);
        expect(*p, 0);
        *p = 1;
    }
}

// What is given back and taken again is zero; the part of a page that stays keeps its bytes.
static void sbrk_zero(void)
{
    sbrk(-(uint64)sbrk(0) % PGSIZE);
    char *p = sbrk(4 * PGSIZE);

    memset(p, 3, 4 * PGSIZE);
    sbrk(-3 * PGSIZE);
    for (int i = 0; i < PGSIZE; i++)
        expect(p[i], 3);
    sbrk(3 * PGSIZE);
    for (int i = PGSIZE; i < 4 * PGSIZE; i++)
        expect(p[i], 0);
    sbrk(-100);
    expect(p[4 * PGSIZE - 101], 0);
    sbrk(-(4 * PGSIZE - 100) + 10);
    for (int i = 0; i < 10; i++)
        expect(p[i], 3);
}

static void sbrk_shrunk(void)
{
    sbrk(-(uint64)sbrk(0) % PGSIZE);
    char *p = sbrk(2 * PGSIZE);

    p[0] = p[PGSIZE] = 1;
    expect(touch_status(p + PGSIZE, true), 0);
    sbrk(-PGSIZE);
    expect(touch_status(p, true), 0);
    expect(touch_status(p + PGSIZE, false), -1);
    expect(touch_status(p + PGSIZE, true), -1);
}

static void sbrk_past_end(void)
{
    sbrk(-(uint64)sbrk(0) % PGSIZE);
    char *end = sbrk(0);

    expect(touch_status(end - 1, true), 0);
    expect(touch_status(end, false), -1);
    expect(touch_status(end, true), -1);
    expect(touch_status(end + 100 * PGSIZE, false), -1);
}

// Most of a large heap is never touched.
static void sbrk_sparse(void)
{
    uint64 before = memory_free();
    char *p = sbrk(MANY);

    check(p != no_break);
    check(memory_free() + (4 << 20) > before);
    for (int i = 0; i < MANY; i += 64 * PGSIZE)
        *(int *)(p + i) = i;
    for (int i = 0; i < MANY; i += 64 * PGSIZE)
        expect(*(int *)(p + i), i);
    check(memory_free() + MANY / 8 > before);
    expect(sbrk(-MANY), p + MANY);
}

static void sbrk_all_touched(void)
{
    char *p = sbrk(MANY);

    check(p != no_break);
    for (int i = 0; i < MANY; i += PGSIZE)
        *(int *)(p + i) = i;
    for (int i = 0; i < MANY; i += PGSIZE)
        expect(*(int *)(p + i), i);
}

static void sbrk_too_much(void)
{
    char *begin = sbrk(0);

    expect(sbrk(0x7fffffff), -1);
    expect(sbrk(1 << 30), -1);
    expect(sbrk(-2147483647 - 1), -1);
    expect(sbrk(-(1 << 30)), -1);
    expect(sbrk(0), begin);
    expect(sbrk(PGSIZE), begin);
    begin[0] = begin[PGSIZE - 1] = 1;
}

static void untouched_read(void)
{
    char *p = sbrk(4 * PGSIZE);
    int fd = open("/README", O_RDONLY);

    expect(read(fd, p + PGSIZE - 10, 20), 20);
    expect(read(fd, p + 3 * PGSIZE, 10), 10);
    close(fd);
}

// Calls take pointers to memory that no instruction has touched.
static void sbrk_untouched(void)
{
    int *fds = (int *)sbrk(PGSIZE);
    struct stat *st = (struct stat *)sbrk(PGSIZE);
    char *text = sbrk(3 * PGSIZE);

    expect(pipe(fds), 0);
    expect(fstat(fds[0], st), 0);
    expect(write(fds[1], text + PGSIZE - 8, 16), 16);
    expect(read(fds[0], text + 2 * PGSIZE - 8, 16), 16);
    for (int i = 0; i < 16; i++)
        expect(text[2 * PGSIZE - 8 + i], 0);
    expect(open(text + 4 * PGSIZE - 1, 0), -1); // an empty name
    int pid = child(untouched_read);
    expect(wait((int *)sbrk(PGSIZE)), pid);
    pid = child(untouched_read);
    expect(status_of(pid), 0);
}

// The last bytes of the heap can be a name, and a buffer.
static void sbrk_last(void)
{
    sbrk(-(uint64)sbrk(0) % PGSIZE);
    sbrk(PGSIZE);
    char *name = sbrk(0) - 8;

    strcpy(name, "sl");
    int fd = open(name, O_CREATE | O_RDWR);
    check(fd >= 0);
    memset(name, 'q', 8);
    expect(write(fd, name, 8), 8);
    close(fd);
    fd = open("sl", O_RDWR);
    memset(name, 0, 8);
    expect(read(fd, name, 8), 8);
    expect(name[7], 'q');
    close(fd);
    expect(unlink("sl"), 0);
}

static void sbrk_forked_child(void)
{
    char *end = sbrk(0);

    for (int i = 1; i <= 10 * PGSIZE; i += 100)
        expect(end[-i], 6);
    memset(end - 10 * PGSIZE, 7, 10 * PGSIZE);
    sbrk(-10 * PGSIZE);
    expect(sbrk(PGSIZE), end - 10 * PGSIZE);
}

static void sbrk_forked(void)
{
    char *p = sbrk(10 * PGSIZE);

    memset(p, 6, 10 * PGSIZE);
    for (int i = 0; i < 3; i++)
        expect(child_status(sbrk_forked_child), 0);
    for (int i = 0; i < 10 * PGSIZE; i += 100)
        expect(p[i], 6);
}

static void sbrk_up_and_down(void)
{
    char *begin = sbrk(0);
    uint64 before = memory_free();

    for (int i = 0; i < 300; i++) {
        char *p = sbrk(20 * PGSIZE);
        check(p == begin);
        p[i % 20 * PGSIZE] = 1;
        expect(sbrk(-20 * PGSIZE), begin + 20 * PGSIZE);
    }
    check(memory_free() + (2 << 20) > before);
}

static void sbrk_superpage(void)
{
    sbrk(SUPERPGROUNDUP((uint64)sbrk(0)) - (uint64)sbrk(0));
    char *p = sbrk(2 * SUPERPGSIZE);

    for (int i = 0; i < 2 * SUPERPGSIZE; i += 512) {
        expect(p[i], 0);
        *(int *)(p + i) = i;
    }
    for (int i = 0; i < 2 * SUPERPGSIZE; i += 512)
        expect(*(int *)(p + i), i);
    sbrk(-2 * SUPERPGSIZE + PGSIZE);
    expect(*(int *)(p + 512), 512);
    expect(touch_status(p + PGSIZE, false), -1);
}

const struct test memory_tests[] = {
    {"sbrk_old", sbrk_old, false},
    {"sbrk_bytes", sbrk_bytes, false},
    {"sbrk_zero", sbrk_zero, false},
    {"sbrk_shrunk", sbrk_shrunk, false},
    {"sbrk_past_end", sbrk_past_end, false},
    {"sbrk_sparse", sbrk_sparse, false},
    {"sbrk_all_touched", sbrk_all_touched, true},
    {"sbrk_too_much", sbrk_too_much, false},
    {"sbrk_untouched", sbrk_untouched, false},
    {"sbrk_last", sbrk_last, false},
    {"sbrk_forked", sbrk_forked, false},
    {"sbrk_up_and_down", sbrk_up_and_down, false},
    {"sbrk_superpage", sbrk_superpage, false},
    {0},
};
