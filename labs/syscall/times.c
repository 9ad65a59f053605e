// SPDX-License-Identifier: MIT
// times: the call of that name tells how much CPU time the process and its children used, in
// hundredths of a second, and refuses bad pointers.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BURN 30 // hundredths of a second
#define SAME 2  // so far apart may they be that count the same

static int failed;

static void check_range(const char *what, long low, long high, long seen)
{
    if (low - SAME <= seen && seen <= high + SAME)
        return;
    printf("%s: expected %ld to %ld, saw %ld\n", what, low, high, seen);
    failed = 1;
}

static void check_errno(const char *what, long expected, const void *pointer)
{
    errno = 0;
    syscall(SYS_times, pointer);
    if (errno == expected)
        return;
    printf("%s: expected errno %ld, saw %d\n", what, expected, errno);
    failed = 1;
}

// Hundredths of a second on a clock.
static long hundredths(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return t.tv_sec * 100 + t.tv_nsec / 10000000;
}

static void burn(void)
{
    long end = hundredths(CLOCK_PROCESS_CPUTIME_ID) + BURN;

    while (hundredths(CLOCK_PROCESS_CPUTIME_ID) < end)
        ;
}

// What a call told, and what clocks showed just before and just after it.
struct sample {
    long time, own, children;
    long clock[2], cpu[2];
};

static struct sample take(void)
{
    struct sample s;
    struct tms t;

    s.clock[0] = hundredths(CLOCK_MONOTONIC);
    s.cpu[0] = hundredths(CLOCK_PROCESS_CPUTIME_ID);
    s.time = syscall(SYS_times, &t); // the C library's function looks at the pointer itself
    if (s.time == -1) {
        perror("times");
        exit(1);
    }
    s.cpu[1] = hundredths(CLOCK_PROCESS_CPUTIME_ID);
    s.clock[1] = hundredths(CLOCK_MONOTONIC);
    s.own = t.tms_utime + t.tms_stime;
    s.children = t.tms_cutime + t.tms_cstime;
    return s;
}

static void check_between(const struct sample *a, const struct sample *b, long burned)
{
    long most = b->clock[1] - a->clock[0];

    check_range("time that went by", b->clock[0] - a->clock[1], most, b->time - a->time);
    check_range("its own time", b->cpu[0], b->cpu[1], b->own);
    check_range("its children's time", burned, burned ? most : 0, b->children - a->children);
}

int main(void)
{
    struct sample begin = take(), alone, last;

    burn();
    alone = take();
    check_between(&begin, &alone, 0);
    if (fork() == 0) {
        burn();
        _exit(0);
    }
    wait(NULL);
    last = take();
    check_between(&alone, &last, BURN);
    check_errno("no pointer", 0, NULL);
    check_errno("an address that is not there", EFAULT, (void *)8);
    check_errno("the kernel's memory", EFAULT, (void *)0xffffffff80000000);
    if (!failed)
        printf("times: OK\n");
    return failed;
}
