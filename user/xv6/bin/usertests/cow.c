// SPDX-License-Identifier: MIT
// Pages that fork shares are copied by the first write, the program's or the kernel's for it.
#include "usertests.h"

#define MOST (72 << 20) // bytes: twice of it is more than the machine has
#define SOME (1 << 20)

static char *heap;
static int fds[2];
static char data[2 * PGSIZE];

static void fill(int size, int value)
{
    for (int i = 0; i < size; i += PGSIZE)
        *(int *)(heap + i) = value + i;
}

static bool holds(int size, int value)
{
    for (int i = 0; i < size; i += PGSIZE)
        if (*(int *)(heap + i) != value + i)
            return false;
    return true;
}

static void sees_one(void)
{
    check(holds(MOST, 1));
}

// There is no memory for a second copy.
static void cow_large(void)
{
    heap = sbrk(MOST);
    check(heap != (char *)-1);
    fill(MOST, 1);
    for (int i = 0; i < 3; i++)
        expect(child_status(sees_one), 0);
    check(holds(MOST, 1));
}

static void write_own(void)
{
    check(holds(SOME, 1));
    fill(SOME, getpid());
    int pid = fork();
    if (pid == 0) {
        fill(SOME / 2, 3);
        check(holds(SOME / 2, 3));
        exit(0);
    }
    expect(status_of(pid), 0);
    check(holds(SOME, getpid()));
}

static void cow_generations(void)
{
    heap = sbrk(SOME);
    fill(SOME, 1);
    for (int i = 0; i < 4; i++)
        child(write_own);
    expect(children_status(4), 0);
    check(holds(SOME, 1));
}

static void parent_first(void)
{
    char c;

    expect(read(fds[0], &c, 1), 1);
    check(holds(SOME, 1));
}

static void cow_parent_writes(void)
{
    heap = sbrk(SOME);
    fill(SOME, 1);
    expect(pipe(fds), 0);
    int pid = child(parent_first);
    fill(SOME, 2);
    write(fds[1], "g", 1);
    expect(status_of(pid), 0);
    check(holds(SOME, 2));
}

static void kernel_writes(void)
{
    struct stat *st = (struct stat *)(data + PGSIZE - 8);

    expect(read(fds[0], data, 4), 4);
    expect(memcmp(data, "abcd", 4), 0);
    expect(fstat(0, st) == 0 && st->type > 0, true);
    expect(pipe((int *)(data + 100)), 0);
    expect(wait((int *)data), -1);
}

// read() into a shared page, fstat() across two.
static void cow_kernel(void)
{
    memset(data, 9, sizeof(data));
    expect(pipe(fds), 0);
    for (int i = 0; i < 4; i++) {
        expect(write(fds[1], "abcd", 4), 4);
        expect(child_status(kernel_writes), 0);
        for (uint j = 0; j < sizeof(data); j++)
            expect(data[j], 9);
    }
}

static void stack_write(void)
{
    volatile char page[512];

    for (int i = 0; i < 512; i++)
        page[i] = i;
    expect(page[511], (char)511);
}

static void cow_stack(void)
{
    volatile char here[256];

    for (int i = 0; i < 256; i++)
        here[i] = 255 - i;
    expect(child_status(stack_write), 0);
    for (int i = 0; i < 256; i++)
        expect(here[i], (char)(255 - i));
}

static void write_and_die(void)
{
    fill(SOME, 8);
    *(volatile int *)(KERNBASE) = 1;
}

// Who is killed in the middle gives back what it copied.
static void cow_killed(void)
{
    heap = sbrk(SOME);
    fill(SOME, 1);
    uint64 before = memory_free();
    for (int i = 0; i < 20; i++)
        expect(child_status(write_and_die), -1);
    check(memory_free() + SOME > before);
    check(holds(SOME, 1));
}

static void copier(void)
{
    for (int i = 0; i < 20; i++)
        fill(SOME, i);
    check(holds(SOME, 19));
}

static void cow_race(void)
{
    heap = sbrk(SOME);
    for (int round = 0; round < 3; round++) {
        fill(SOME, 1);
        for (int i = 0; i < 4; i++)
            child(copier);
        fill(SOME, 2);
        expect(children_status(4), 0);
        check(holds(SOME, 2));
    }
}

const struct test cow_tests[] = {
    {"cow_large", cow_large, false},
    {"cow_generations", cow_generations, false},
    {"cow_parent_writes", cow_parent_writes, false},
    {"cow_kernel", cow_kernel, false},
    {"cow_stack", cow_stack, false},
    {"cow_killed", cow_killed, false},
    {"cow_race", cow_race, false},
    {0},
};
