// SPDX-License-Identifier: MIT
// cowtest: fork() shares pages until somebody writes, and the kernel counts as somebody. Writers
// see their own bytes only; a page is copied when needed and not else; all of it comes back.
#include "check.h"
#include "kernel/fcntl.h"
#include "kernel/riscv.h"
#include "kernel/stat.h"
#include "kernel/sysinfo.h"
#include "kernel/types.h"
#include "user/user.h"

#define SLACK    (512 * PGSIZE)
#define PATIENCE 600 // ticks until a death that does not come is missed

static char page[3 * PGSIZE] __attribute__((aligned(PGSIZE))) = {1}; // in data, not bss
static char *heap;
static long heap_size;

static long memory_free(void)
{
    struct sysinfo info = {0};

    check("sysinfo", 0, sysinfo(&info));
    return info.freemem;
}

static void fill(int salt)
{
    for (long at = 0; at < heap_size; at += PGSIZE)
        *(long *)(heap + at) = at * 31 + salt;
}

static void compare(const char *what, int salt)
{
    for (long at = 0; at < heap_size; at += PGSIZE)
        check(what, at * 31 + salt, *(long *)(heap + at));
}

static void heap_take(long size)
{
    heap_size = PGROUNDDOWN(size);
    heap = sbrk(heap_size);
    check("memory", 1, heap != (char *)-1);
}

static void heap_give(void)
{
    sbrk(-heap_size);
}

// fork() of a process with two thirds of all memory, which copies cannot fit beside.
static void look(uint64 before)
{
    check_range("memory taken by fork", 0, SLACK, before - memory_free());
    compare("what a child reads", 1);
    check_range("memory taken by reading", 0, SLACK, before - memory_free());
}

static void test_large(void)
{
    heap_take(memory_free() / 3 * 2);
    fill(1);
    for (int i = 0; i < 3; i++)
        check_child("a child of a large process", 0, look, memory_free());
    compare("what the parent has", 1);
    heap_give();
}

// Each generation writes all, forks, and looks again after its child has ended.
static void generation(uint64 left)
{
    compare("what came from the parent", left + 1);
    fill(left);
    if (left > 0)
        check_child("a generation", 0, generation, left - 1);
    compare("what a child must not have changed", left);
}

static void test_generations(void)
{
    heap_take(memory_free() / 8);
    fill(6);
    check_child("the first generation", 0, generation, 5);
    compare("the parent's", 6);
    heap_give();
}

// Four at once; the parent writes while they hold its pages.
static void test_together(void)
{
    int status;

    heap_take(memory_free() / 8);
    fill(100);
    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            check_failures = 0;
            compare("the parent's, in a child", 100);
            for (int round = 0; round < 3; round++) {
                fill(i * 10 + round);
                sleep(i % 2);
                compare("a child's own", i * 10 + round);
            }
            exit(check_failures);
        }
    }
    compare("the parent's, before it writes", 100);
    fill(101);
    while (wait(&status) >= 0)
        check("a child's failures", 0, status);
    compare("the parent's, written meanwhile", 101);
    heap_give();
}

// What a page costs: a copy for the first who writes, nothing for the last who has it.
static void write_all(uint64 before)
{
    fill(2);
    check_range("memory taken by writing", heap_size - SLACK, heap_size + SLACK,
                before - memory_free());
    fill(3);
    check_range("by writing again", heap_size - SLACK, heap_size + SLACK, before - memory_free());
}

static void test_counts(void)
{
    long before = memory_free();

    heap_take(before / 4);
    fill(1);
    long filled = memory_free();
    for (int i = 0; i < 5; i++) {
        check_child("a child that writes", 0, write_all, filled);
        check_range("memory after it", -SLACK, SLACK, filled - memory_free());
    }
    fill(2);
    check_range("memory when the last one writes", -SLACK, SLACK, filled - memory_free());
    heap_give();
    check_range("memory in the end", -SLACK, SLACK, before - memory_free());
}

// The kernel writes for a process: into a shared page, over the border of two, in data and stack.
static void kernel_writes(uint64 offset)
{
    char *at = page + offset;
    int fds[2];

    check("pipe", 0, pipe((int *)page));
    memmove(fds, page, sizeof(fds));
    check("into the pipe", 5, write(fds[1], "hello", 5));
    check("into a shared page", 5, read(fds[0], at, 5));
    check("what came", 0, memcmp(at, "hello", 5));
    check("fstat", 0, fstat(fds[0], (struct stat *)(page + PGSIZE)));
    int pid = fork();
    if (pid == 0)
        exit(3);
    check("wait", pid, wait((int *)(page + 2 * PGSIZE)));
    check("status", 3, *(int *)(page + 2 * PGSIZE));
}

static void test_kernel(void)
{
    char before[64];
    const long offsets[] = {8, PGSIZE - 2, 2 * PGSIZE + 100};

    for (uint i = 0; i < sizeof(page); i++)
        page[i] = i * 7;
    memmove(before, page, sizeof(before));
    for (uint i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
        check_child("a child for which the kernel writes", 0, kernel_writes, offsets[i]);
        for (uint at = 0; at < sizeof(page); at++)
            check("a byte of the parent", (char)(at * 7), page[at]);
    }
    check("the stack", 0, memcmp(before, page, sizeof(before)));
}

// fork() must not make writable what was not, nor lose that when the copy is alone.
static void write_text(uint64 address)
{
    *(volatile char *)address = 0;
}

static void write_text_in_child(uint64 address)
{
    check_child("a grandchild that writes text", KILLED, write_text, address);
    write_text(address);
}

// Each takes memory of its own first, so that it has more than the parent, which therefore is not
// the one to go; and keeps it until one has died.
static void take_twice(int hold)
{
    char c, *more = sbrk(heap_size);

    for (long at = 0; more != (char *)-1 && at < heap_size; at += PGSIZE)
        more[at] = 1;
    fill(2);
    read(hold, &c, 1);
}

// Children write more than there is: some die, and memory comes back.
static void test_exhaustion(void)
{
    long before = memory_free();
    int status, fds[2], guard = fork();

    if (guard == 0) {
        sleep(PATIENCE);
        exit(0);
    }
    heap_take(before / 4);
    fill(1);
    check("pipe", 0, pipe(fds));
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            close(fds[1]);
            take_twice(fds[0]);
            exit(0);
        }
    }
    wait(&status);
    check("the first to end", KILLED, status);
    kill(guard);
    close(fds[1]);
    while (wait(&status) >= 0)
        ;
    close(fds[0]);
    compare("what the parent kept", 1);
    heap_give();
    check_range("memory in the end", -SLACK, SLACK, before - memory_free());
}

int main(void)
{
    test_large();
    if (check_failures) // the others would take all memory, and tell no more
        exit(check_end("cowtest"));
    test_generations();
    test_together();
    test_counts();
    test_kernel();
    check_child("a child that writes text", KILLED, write_text_in_child, (uint64)write_text);
    test_exhaustion();
    exit(check_end("cowtest"));
}
