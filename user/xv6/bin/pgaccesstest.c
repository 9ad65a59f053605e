// SPDX-License-Identifier: MIT
// pgaccesstest: pgaccess() tells of every page exactly whether it was used since it was last asked:
// read or written, by the program or by the kernel for it.
#include "kernel/memlayout.h"
#include "kernel/riscv.h"
#include "kernel/types.h"
#include "user/user.h"

#define PAGES  64
#define ROUNDS 100

static char *area;
static int failures;

static void check(const char *what, uint64 expected, uint64 seen)
{
    if (expected == seen)
        return;
    fprintf(2, "%s: expected 0x%lx, saw 0x%lx\n", what, expected, seen);
    failures++;
}

static uint64 used(const char *what)
{
    uint64 mask = 0;

    check(what, 0, pgaccess(area, PAGES, &mask));
    return mask;
}

static void touch(uint64 mask, int write)
{
    for (int i = 0; i < PAGES; i++) {
        volatile char *p = area + i * PGSIZE;

        if (!(mask >> i & 1))
            continue;
        if (write)
            *p = i;
        else
            (void)*p;
    }
}

static void test_touches(void)
{
    uint64 mask = 1;

    check("behind the heap", 0, pgaccess((void *)PGROUNDUP((uint64)sbrk(0)), PAGES, &mask));
    check("pages that are not there", 0, mask);
    used("call"); // some systems' sbrk() touches them
    touch(0x8000000000000406UL, 1);
    check("first touches", 0x8000000000000406UL, used("call"));
    check("nothing since", 0, used("call"));
    touch(0x0000000000000402UL, 0);
    check("reads", 0x402, used("call"));
    touch(~0UL, 1);
    check("all", ~0UL, used("call"));
    mask = 1;
    for (int i = 0; i < ROUNDS; i++) {
        mask = mask * 6364136223846793005UL + 1442695040888963407UL;
        touch(mask, i & 1);
        check("a random set", mask, used("call"));
    }
}

static void test_kernel(void)
{
    int fds[2];

    pipe(fds);
    write(fds[1], area + 3 * PGSIZE, 5);
    read(fds[0], area + 7 * PGSIZE, 5);
    check("the kernel's use", 1 << 3 | 1 << 7, used("call"));
    close(fds[0]);
    close(fds[1]);
}

static void test_child(void)
{
    int status, pid = fork();

    if (pid == 0) {
        used("a child's call");
        touch(0xf0, 1);
        check("a child's writes", 0xf0, used("a child's call"));
        exit(failures);
    }
    wait(&status);
    check("the child", 0, status);
    touch(0xf, 0);
    check("its parent's reads", 0xf, used("call"));
}

static void test_arguments(void)
{
    struct {
        uint few, guard;
    } mask = {0, 12345};

    used("call");
    touch(3, 0);
    check("a few pages", 0, pgaccess(area, 20, &mask.few));
    check("of a few pages", 3, mask.few);
    check("behind their mask", 12345, mask.guard);
    touch(~0UL, 0);
    check("a part", 0, pgaccess(area + 8 * PGSIZE, 4, &mask.few));
    check("of a part", 0xf, mask.few);
    check("the rest is left", ~0xf00UL, used("call"));
    check("no pages", -1, pgaccess(area, 0, &mask.few));
    check("less than none", -1, pgaccess(area, -1, &mask.few));
    check("too many", -1, pgaccess(area, PAGES + 1, &mask.few));
    check("a mask that is not there", -1, pgaccess(area, 1, (void *)MAXVA));
    check("a mask that is constant", -1, pgaccess(area, 1, (void *)test_arguments));
    check("pages past the end", -1, pgaccess((void *)MAXVA, 1, &mask.few));
}

int main(void)
{
    area = sbrk(2 * PAGES * PGSIZE);
    area = (char *)PGROUNDUP((uint64)area);
    test_touches();
    test_kernel();
    test_child();
    test_arguments();
    if (!failures)
        printf("pgaccesstest: OK\n");
    exit(failures != 0);
}
