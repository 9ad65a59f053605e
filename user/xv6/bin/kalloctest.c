// SPDX-License-Identifier: MIT
// kalloctest: eight processes take memory and give it back at once, pages and small pieces of the
// kernel's. Nobody gets what another has, all comes back, and hardly anybody waits for a lock.
#include "kernel/riscv.h"
#include "kernel/sysinfo.h"
#include "kernel/types.h"
#include "locks.h"
#include "user/user.h"

#define ROUNDS 240
#define PAGES  48          // once, twice or three times as many are taken at once
#define SLACK  (2UL << 20) // what harts keep at hand

static int pages(int n, int count)
{
    char *p = sbrk(count * PGSIZE);
    int failures = p == (char *)-1;

    for (int i = 0; !failures && i < count; i++)
        *(int *)(p + i * PGSIZE) = n * count + i;
    for (int i = 0; !failures && i < count; i++)
        failures = *(int *)(p + i * PGSIZE) != n * count + i;
    if (failures)
        fprintf(2, "process %d: memory is missing or somebody else's\n", n);
    else
        sbrk(-count * PGSIZE);
    return failures;
}

// A pipe is several objects of the kernel, and a page once it is used.
static int pieces(int n)
{
    int fds[2], got = -1;

    if (pipe(fds) < 0)
        return 1;
    write(fds[1], &n, sizeof(n));
    read(fds[0], &got, sizeof(got));
    close(fds[0]);
    close(fds[1]);
    return got != n;
}

static int load(int n)
{
    int failures = 0;

    for (int i = 0; i < ROUNDS && !failures; i++)
        failures = pages(n, PAGES * (1 + i % 3)) + pieces(n);
    return failures;
}

int main(void)
{
    struct sysinfo before, after;
    int failures;

    locks_need();
    sysinfo(&before);
    failures = locks_load(load);
    sysinfo(&after);
    if (after.freemem + SLACK < before.freemem) {
        fprintf(2, "free memory: expected %lu, saw %lu\n", before.freemem, after.freemem);
        failures++;
    }
    if (!failures)
        printf("kalloctest: OK\n");
    exit(failures != 0);
}
