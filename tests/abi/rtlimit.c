// SPDX-License-Identifier: MIT
// RLIMIT_RTTIME: what real-time threads may run without blocking. As root, on one processor.
#include "abi.h"

#include <sys/resource.h>

#define MS   1000000LL // ns
#define SOFT 100       // ms
#define LONG 30000     // ms that no test takes: nobody ends it

static volatile sig_atomic_t told;
static volatile long long told_at[2]; // ns of CPU time

static long long used(void)
{
    struct timespec t;

    NEED(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return t.tv_sec * 1000 * MS + t.tv_nsec;
}

static void on_limit(int number)
{
    (void)number;
    if (told < 2)
        told_at[told] = used();
    told++;
}

static void become(int policy)
{
    struct sched_param p = {.sched_priority = policy == SCHED_OTHER ? 0 : 1};

    NEED(sched_setscheduler(0, policy, &p) == 0);
}

static void limit(unsigned long soft, unsigned long hard)
{
    struct rlimit none = {0, 0}, r = {soft * 1000, hard == RLIM_INFINITY ? hard : hard * 1000};

    NEED(setrlimit(RLIMIT_CORE, &none) == 0 && setrlimit(RLIMIT_RTTIME, &r) == 0);
}

// Until told so often, or for so long.
static void run(int times, long long ms, bool yields)
{
    long long end = used() + ms * MS;

    while (told < times && used() < end)
        if (yields)
            sched_yield();
}

// A first signal where the soft limit is, and one a second later; half of that is room for clocks
// that count by ticks.
static void told_twice(void *yields)
{
    long long began;

    signal(SIGXCPU, on_limit);
    limit(SOFT, RLIM_INFINITY);
    become(yields ? SCHED_RR : SCHED_FIFO);
    began = used();
    run(2, LONG, yields);
    become(SCHED_OTHER);
    EXPECT("told twice", told, 2);
    CHECK("not early", told_at[0] - began >= SOFT / 2 * MS);
    CHECK("not early again", told_at[1] - told_at[0] >= 500 * MS);
}

static void ended(void *unused)
{
    (void)unused;
    limit(SOFT, RLIM_INFINITY);
    become(SCHED_FIFO);
    run(1, LONG, false);
}

static void killed(void *unused)
{
    (void)unused;
    signal(SIGXCPU, SIG_IGN);
    limit(SOFT, 2 * SOFT);
    become(SCHED_RR);
    run(1, LONG, false);
}

static void nothing(void *unused)
{
    (void)unused;
}

// The child does not run before its parent waits.
static void blocks(void *unused)
{
    (void)unused;
    signal(SIGXCPU, on_limit);
    limit(2 * SOFT, RLIM_INFINITY);
    become(SCHED_FIFO);
    for (int i = 0; i < 10; i++) {
        run(1, SOFT / 2, false);
        NEED(child_run(nothing, NULL) == 0);
    }
    become(SCHED_OTHER);
    EXPECT("who blocks is not told", told, 0);
}

static void is_ordinary(void *unused)
{
    (void)unused;
    signal(SIGXCPU, on_limit);
    limit(SOFT, 2 * SOFT);
    run(1, 4 * SOFT, false);
    EXPECT("nor who is ordinary", told, 0);
}

// A limit that another sets counts, too.
static void limited_by_another(void *gate)
{
    become(SCHED_FIFO);
    gate_post(gate);
    become(SCHED_RR);
    run(1, LONG, false);
}

static void test_by_another(void)
{
    struct rlimit r = {SOFT * 1000, SOFT * 1000};
    struct gate gate;
    pid_t pid;

    gate_init(&gate);
    become(SCHED_FIFO);
    pid = child_start(limited_by_another, &gate);
    NEED(prlimit(pid, RLIMIT_RTTIME, &r, NULL) == 0);
    gate_wait(&gate);
    EXPECT("by another", child_end(pid), SIGNALED(SIGKILL));
    become(SCHED_OTHER);
    gate_fini(&gate);
}

int main(void)
{
    cpu_set_t first;

    abi_begin();
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    NEED(sched_setaffinity(0, sizeof(first), &first) == 0);
    EXPECT("told twice, running", child_run(told_twice, NULL), 0);
    EXPECT("told twice, yielding", child_run(told_twice, &first), 0);
    EXPECT("ended", child_run(ended, NULL), SIGNALED(SIGXCPU));
    EXPECT("killed", child_run(killed, NULL), SIGNALED(SIGKILL));
    EXPECT("blocks", child_run(blocks, NULL), 0);
    EXPECT("is ordinary", child_run(is_ordinary, NULL), 0);
    test_by_another();
    return abi_end();
}
