// SPDX-License-Identifier: MIT
// sysinfotest: free memory and processes are counted as they are taken and given back.
#include "kernel/sysinfo.h"
#include "check.h"
#include "kernel/memlayout.h"
#include "kernel/riscv.h"
#include "kernel/types.h"
#include "user/user.h"

#define PAGES    2048
#define SLACK    (64 * PGSIZE) // page tables, and what others do meanwhile
#define CHILDREN 5
#define ROUNDS   100

static struct sysinfo now(void)
{
    struct sysinfo info = {0};

    check("sysinfo", 0, sysinfo(&info));
    return info;
}

static void test_memory(void)
{
    long before = now().freemem, taken = PAGES * PGSIZE;
    char *p = sbrk(taken);

    check_range("free memory", SLACK, PHYSTOP - KERNBASE, before);
    for (int i = 0; i < PAGES; i++)
        p[i * PGSIZE] = 1;
    check_range("taken by touching", taken - SLACK, taken + SLACK, before - (long)now().freemem);
    sbrk(-taken / 2);
    check_range("after half was given back", taken / 2 - SLACK, taken / 2 + SLACK,
                before - (long)now().freemem);
    sbrk(-taken / 2);
    check_range("after all was", -SLACK, SLACK, before - (long)now().freemem);
}

static void touch_and_end(uint64 size)
{
    char *p = sbrk(size);

    for (uint64 at = 0; at < size; at += PGSIZE)
        p[at] = 1;
}

static void test_exit(void)
{
    long before = now().freemem;

    check_child("a child that takes memory", 0, touch_and_end, PAGES * PGSIZE);
    check_range("taken by a child that ended", -SLACK, SLACK, before - (long)now().freemem);
}

static void end(uint64 unused)
{
}

// Children that wait on a pipe count, and so do those that ended until they are waited for.
static void test_processes(void)
{
    long before = now().nproc;
    int fds[2];
    char c;

    check_range("processes", 1, 64, before);
    check("pipe", 0, pipe(fds));
    for (int i = 1; i <= CHILDREN; i++) {
        if (fork() == 0) {
            close(fds[1]);
            exit(read(fds[0], &c, 1));
        }
        check("with children", before + i, now().nproc);
    }
    close(fds[0]);
    close(fds[1]);
    sleep(2); // they end meanwhile, or have not yet: they count either way
    check("with children that ended", before + CHILDREN, now().nproc);
    for (int i = 1; i <= CHILDREN; i++) {
        wait(0);
        check("after a wait", before + CHILDREN - i, now().nproc);
    }
    for (int i = 0; i < ROUNDS; i++) {
        check_child("a child that only ends", 0, end, 0);
        check("just after a wait", before, now().nproc);
    }
}

static void test_pointers(void)
{
    struct sysinfo *break_end = (struct sysinfo *)(PGROUNDUP((uint64)sbrk(0)) - 8);

    check("no memory", -1, sysinfo((struct sysinfo *)0xeaeb0b5b00002f5e));
    check("address 0", -1, sysinfo(0));
    check("the page at USYSCALL", -1, sysinfo((struct sysinfo *)USYSCALL));
    check("the trampoline", -1, sysinfo((struct sysinfo *)TRAMPOLINE));
    check("text", -1, sysinfo((struct sysinfo *)(uint64)test_pointers));
    check("a structure over the end", -1, sysinfo(break_end));
}

int main(void)
{
    sbrk(PGSIZE); // the break, from here on, has its tables
    test_memory();
    test_exit();
    test_processes();
    test_pointers();
    exit(check_end("sysinfotest"));
}
