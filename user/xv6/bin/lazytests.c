// SPDX-License-Identifier: MIT
// lazytests: sbrk() moves the break and no more; pages come zeroed at first touch, also when the
// kernel touches them; bad addresses kill; who takes too much dies alone.
#include "check.h"
#include "kernel/fcntl.h"
#include "kernel/param.h"
#include "kernel/riscv.h"
#include "kernel/stat.h"
#include "kernel/sysinfo.h"
#include "kernel/types.h"
#include "user/user.h"

#define SIZE  (64 * 1024 * 1024)
#define STEP  (1024 * 1024)
#define SLACK (256 * PGSIZE)

static long memory_free(void)
{
    struct sysinfo info = {0};

    check("sysinfo", 0, sysinfo(&info));
    return info.freemem;
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

static void test_sparse(void)
{
    long before = memory_free();
    char *p = sbrk(SIZE);

    check_range("memory taken by sbrk", 0, SLACK, before - memory_free());
    for (long at = 0; at < SIZE; at += STEP) {
        check("a new byte", 0, p[at + 7]);
        p[at + 7] = at / STEP + 1;
    }
    for (long at = 0; at < SIZE; at += STEP)
        check("a byte kept", (char)(at / STEP + 1), p[at + 7]);
    check_range("memory taken by a page each", SIZE / STEP * PGSIZE, SIZE / STEP * PGSIZE + SLACK,
                before - memory_free());
    check("the break", (long)p + SIZE, (long)sbrk(-SIZE));
    check_range("memory given back", -SLACK, SLACK, before - memory_free());
    check_child("a read of what was given back", KILLED, touch_read, (uint64)p + 7);
    check_child("a write", KILLED, touch_write, (uint64)p + 7);
}

static void test_zeroed(void)
{
    char *p = sbrk(4 * PGSIZE);

    memset(p, 0xff, 4 * PGSIZE);
    sbrk(-3 * PGSIZE);
    check("again", (long)p + PGSIZE, (long)sbrk(3 * PGSIZE));
    check("what was kept", 0xff, (uchar)p[PGSIZE - 1]);
    for (int at = PGSIZE; at < 4 * PGSIZE; at += 512)
        check("what came again", 0, p[at]);
    sbrk(-4 * PGSIZE);
}

static void test_bounds(void)
{
    char *end = sbrk(0);
    uint64 stack = PGROUNDDOWN(r_sp());

    check("sbrk(0) after sbrk(1)", (long)end, (long)sbrk(1));
    check("the break", (long)end + 1, (long)sbrk(0));
    check("back", (long)end + 1, (long)sbrk(-1));
    check("too much", -1, (long)sbrk(0x7fffffff));
    check("below the heap", -1, (long)sbrk(-0x7fffffff));
    check("the break after that", (long)end, (long)sbrk(0));
    check_child("past the break", KILLED, touch_write, PGROUNDUP((uint64)end));
    check_child("far past it", KILLED, touch_write, (uint64)end + SIZE);
    check_child("below the stack", KILLED, touch_write, stack - 8);
    check_child("the end of the guard page", KILLED, touch_read, stack - 1);
    check_child("its beginning", KILLED, touch_read, stack - PGSIZE);
    check_child("address 0", KILLED, touch_read, 0);
}

// A heap page that nobody has touched yet, at each call.
static char *fresh(void)
{
    char *p = sbrk(2 * PGSIZE);

    return (char *)PGROUNDUP((uint64)p);
}

static void test_files(void)
{
    static char text[PGSIZE];
    int fd = open("lazy.file", O_CREATE | O_RDWR);
    struct stat *st = (struct stat *)fresh();
    char *p = fresh();

    check("write from an untouched page", PGSIZE, write(fd, p, PGSIZE));
    check("fstat into one", 0, fstat(fd, st));
    check("size", PGSIZE, st->size);
    close(fd);
    fd = open("lazy.file", O_RDONLY);
    p = fresh();
    memset(text, 1, PGSIZE);
    check("read of what was written", PGSIZE, read(fd, text, PGSIZE));
    for (int i = 0; i < PGSIZE; i++)
        check("its bytes", 0, text[i]);
    close(fd);

    fd = open("README", O_RDONLY);
    check("read into an untouched page", 10, read(fd, p + PGSIZE - 5 - PGSIZE, 10));
    close(fd);
    fd = open("README", O_RDONLY);
    check("read again", 10, read(fd, text, 10));
    check("the same", 0, memcmp(p - 5, text, 10));
    close(fd);
    check("unlink", 0, unlink("lazy.file"));
    check("open with an untouched path", -1, open(fresh(), O_RDONLY));
}

static void test_processes(void)
{
    int *fds = (int *)fresh(), *status = (int *)fresh();
    char *p = fresh(), **argv = (char **)fresh();

    check("pipe into an untouched page", 0, pipe(fds));
    check("write into the pipe", 1, write(fds[1], fresh(), 1));
    *p = 1;
    check("read from it", 1, read(fds[0], p, 1));
    check("the byte", 0, *p);
    close(fds[0]);
    close(fds[1]);
    int pid = fork();
    if (pid == 0)
        exit(77);
    check("wait into an untouched page", pid, wait(status));
    check("the status", 77, *status);
    check("exec with untouched arguments", -1, exec("none", argv));
    check("exec of an untouched path", -1, exec(fresh(), argv));
}

static void touch_fresh(uint64 unused)
{
    char *p = fresh();

    check("a new page in a child", 0, *p);
    *p = 1;
}

static char *shared;

static void touch_shared(uint64 unused)
{
    for (int i = 0; i < 8; i++)
        check("an untouched page of the parent", 0, shared[i * PGSIZE]);
    memset(shared, 7, 8 * PGSIZE);
}

static void test_fork(void)
{
    shared = sbrk(8 * PGSIZE);
    check_child("a child with untouched pages", 0, touch_shared, 0);
    for (int i = 0; i < 8; i++)
        check("an untouched page after a child wrote", 0, shared[i * PGSIZE]);
    check_child("a child's own sbrk", 0, touch_fresh, 0);
    sbrk(-8 * PGSIZE);
}

// Takes more than there is, by fork(), so that no sbrk() can refuse it. Who has its memory keeps it
// until the other has died.
static void take_all(uint64 free)
{
    long each = free / 4 * 3;
    char *p = sbrk(each);
    int status, fds[2];

    check("memory that is there", 1, p != (char *)-1);
    check("pipe", 0, pipe(fds));
    for (int i = 0; i < 2; i++) {
        if (fork() == 0) {
            close(fds[1]);
            for (long at = 0; at < each; at += PGSIZE)
                p[at] = 1;
            exit(read(fds[0], &status, 1));
        }
    }
    wait(&status);
    check("the first to end", KILLED, status);
    close(fds[1]);
    wait(&status);
    check("the second", 0, status);
}

static void test_exhaustion(void)
{
    long before = memory_free();

    for (int i = 0; i < 5; i++)
        check_child("two that take three quarters each", 0, take_all, before);
    check_range("memory that came back", -4 * SLACK, SLACK, before - memory_free());
    char *old = sbrk(0);
    while (sbrk(STEP) != (char *)-1)
        ;
    check_range("what sbrk gave in all", before / 2, before, sbrk(0) - old);
    sbrk(old - sbrk(0));
}

int main(void)
{
    sbrk(PGSIZE);
    test_sparse();
    test_zeroed();
    test_bounds();
    test_files();
    test_processes();
    test_fork();
    test_exhaustion();
    exit(check_end("lazytests"));
}
