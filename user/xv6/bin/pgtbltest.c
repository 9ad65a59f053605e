// SPDX-License-Identifier: MIT
// pgtbltest: what a program's page table lets it do: the page at USYSCALL, pages it must not touch,
// in its own code and through the kernel, and a heap of 2 MiB regions.
#include "check.h"
#include "kernel/fcntl.h"
#include "kernel/memlayout.h"
#include "kernel/riscv.h"
#include "kernel/types.h"
#include "user/user.h"

#define CHILDREN 64
#define REGIONS  4 // of 2 MiB

static char data[PGSIZE];
static const char constant[] = "constant";

static void touch_read(uint64 address)
{
    volatile char c = *(volatile char *)address;
    (void)c;
}

static void touch_write(uint64 address)
{
    *(volatile char *)address = 1;
}

static void touch_run(uint64 address)
{
    ((void (*)(void))address)();
}

static void same_pid(uint64 depth)
{
    check("ugetpid", getpid(), ugetpid());
    if (depth > 0)
        check_child("a child of a child", 0, same_pid, depth - 1);
    check("ugetpid after a child", getpid(), ugetpid());
}

static void test_ugetpid(char *self)
{
    char *argv[] = {self, "exec", 0};

    same_pid(3);
    for (int i = 0; i < CHILDREN; i++)
        check_child("a child", 0, same_pid, 0);
    int status, pid = fork();
    if (pid == 0) {
        exec(self, argv);
        exit(1);
    }
    wait(&status);
    check("after exec", 0, status);
}

// The kernel, asked to use a page for the process, must refuse what the process may not do.
static void test_kernel(const char *what, uint64 address, int readable)
{
    int fds[2];

    check("pipe", 0, pipe(fds));
    check(what, readable ? 8 : -1, write(fds[1], (void *)address, 8));
    if (!readable)
        write(fds[1], data, 8);
    check(what, -1, read(fds[0], (void *)address, 8));
    close(fds[0]);
    close(fds[1]);
}

static void test_forbidden(void)
{
    uint64 stack = PGROUNDDOWN(r_sp());
    const struct {
        const char *what;
        uint64 address;
        int readable;
    } pages[] = {
        {"address 0", 0, 0},
        {"text", (uint64)test_forbidden, 1},
        {"read-only data", (uint64)constant, 1},
        {"the guard page", stack - PGSIZE, 0},
        {"behind the break", PGROUNDUP((uint64)sbrk(0)), 0},
        {"USYSCALL", USYSCALL, 1},
        {"TRAPFRAME", TRAPFRAME, 0},
        {"TRAMPOLINE", TRAMPOLINE, 0},
        {"MAXVA", MAXVA, 0},
        {"the UART", UART0, 0},
        {"the kernel of xv6", KERNBASE, 0},
        {"the top of all addresses", -4096UL, 0},
        {"an address that is not canonical", 1UL << 45, 0},
    };

    for (uint i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
        check_child(pages[i].what, pages[i].readable ? 0 : KILLED, touch_read, pages[i].address);
        check_child(pages[i].what, KILLED, touch_write, pages[i].address);
        test_kernel(pages[i].what, pages[i].address, pages[i].readable);
    }
    check_child("running the stack's page", KILLED, touch_run, stack);
    check_child("running data", KILLED, touch_run, (uint64)data);
    check_child("running the heap", KILLED, touch_run, (uint64)sbrk(PGSIZE));
}

static void region_fill(char *p, uint64 size, int salt)
{
    for (uint64 at = 0; at < size; at += PGSIZE)
        *(uint64 *)(p + at) = at + salt;
}

static void region_check(const char *what, char *p, uint64 size, int salt)
{
    for (uint64 at = 0; at < size; at += PGSIZE)
        check(what, at + salt, *(uint64 *)(p + at));
}

static char *regions;

static void change_regions(uint64 size)
{
    region_check("what a child gets", regions, size, 1);
    region_fill(regions, size, 2);
    region_check("what a child wrote", regions, size, 2);
}

// How many entries of the second level map memory: their lines are indented by 4, and name `va`.
static int superpages(void)
{
    int n, indent = 0, begins = 1, found = 0;
    int fd = open("/proc/self/pagetable", O_RDONLY);
    char buf[512];

    check("opening the page table", 1, fd >= 0);
    while ((n = read(fd, buf, sizeof(buf))) > 0)
        for (char *c = buf; c < buf + n; c++) {
            indent = *c == '\n' ? 0 : indent + (begins && *c == ' ');
            begins = *c == '\n' || (begins && *c == ' ');
            found += *c == 'v' && indent == 4;
        }
    close(fd);
    return found;
}

// Whether large pages map it or small ones, each page of it is its own.
static void test_superpages(void)
{
    uint64 size = REGIONS * SUPERPGSIZE, kept = size - SUPERPGSIZE - 5 * PGSIZE;
    uint64 begin = SUPERPGROUNDUP((uint64)sbrk(0));

    sbrk(begin - (uint64)sbrk(0));
    regions = sbrk(size);
    check("the break", begin, (long)regions);
    for (uint64 at = 0; at < size; at += PGSIZE)
        check("new memory", 0, regions[at]);
    check("superpages", REGIONS, superpages());
    region_fill(regions, size, 1);
    check("superpages, written", REGIONS, superpages());
    check_child("a child of large regions", 0, change_regions, size);
    region_check("what it left", regions, size, 1);
    sbrk(kept - size);
    check_child("what was given back", KILLED, touch_read, (uint64)regions + kept);
    region_check("what is kept", regions, kept, 1);
    sbrk(-kept);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        exit(getpid() != ugetpid());
    test_ugetpid(argv[0]);
    test_forbidden();
    test_superpages();
    exit(check_end("pgtbltest"));
}
