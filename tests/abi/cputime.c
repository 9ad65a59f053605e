// SPDX-License-Identifier: MIT
// Processor time: user and system time apart, of the process, its threads and its children, in all
// the places that tell them; and the interval timers that count them.
//
// The split is by samples, and a busy host delays them: so work is repeated, within bounds, until
// the samples say what it was.
#include "abi.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#define MS     1000000L
#define WHILE  (300 * MS) // long against the tick
#define ROUNDS 20
#define SLACK  (2 * 1000) // two roundings to microseconds

static long clock_ns(clockid_t clock)
{
    struct timespec t;

    NEED(clock_gettime(clock, &t) == 0);
    return t.tv_sec * 1000 * MS + t.tv_nsec;
}

struct cpu {
    long user, system; // ns
};

static struct cpu cpu_of(const struct rusage *r)
{
    return (struct cpu){r->ru_utime.tv_sec * 1000 * MS + r->ru_utime.tv_usec * 1000,
                        r->ru_stime.tv_sec * 1000 * MS + r->ru_stime.tv_usec * 1000};
}

static struct cpu cpu_used(int who)
{
    struct rusage r;

    NEED(getrusage(who, &r) == 0);
    return cpu_of(&r);
}

static struct cpu cpu_since(int who, struct cpu before)
{
    struct cpu now = cpu_used(who);

    return (struct cpu){now.user - before.user, now.system - before.system};
}

static void calls(void)
{
    for (int i = 0; i < 1000; i++)
        syscall(SYS_getpid);
}

static void compute(void)
{
    for (volatile int i = 0; i < 100000; i++)
        ;
}

static void spend(void (*work)(void), long ns)
{
    long end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ns;

    while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
        work();
}

// Works until that shows in the time of `who`; false if it never does.
static bool shows(void (*work)(void), int who)
{
    struct cpu before = cpu_used(who), used;

    for (int i = 0; i < ROUNDS; i++) {
        spend(work, WHILE);
        used = cpu_since(who, before);
        if (work == compute ? used.user > 3 * used.system : used.system > used.user * 5 / 4)
            return true;
    }
    return false;
}

static void test_split(void)
{
    CHECK("computing is user time", shows(compute, RUSAGE_SELF));
    CHECK("system calls are system time", shows(calls, RUSAGE_SELF));
}

static void test_sums(void)
{
    struct cpu used, last = {0};
    long wrong = 0, back = 0;

    for (int i = 0; i < 60; i++) {
        long before = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        used = cpu_used(RUSAGE_SELF);
        long after = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        wrong += used.user + used.system < before - SLACK || used.user + used.system > after;
        back += used.user < last.user || used.system < last.system;
        last = used;
        spend(i % 2 ? compute : calls, 3 * MS);
    }
    EXPECT("the sum is the processor time", wrong, 0);
    EXPECT("neither part goes back", back, 0);
}

// Fields 14 to 17 of a stat file: ticks of user, system, children's user, children's system time.
static void stat_ticks(const char *path, long ticks[4])
{
    char *at = strrchr(file_text(path), ')');

    NEED(at && sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld %ld %ld",
                      &ticks[0], &ticks[1], &ticks[2], &ticks[3]) == 4);
}

// What was read between the two times.
static bool between(long ticks, long before, long after)
{
    return ticks >= before / (10 * MS) - 1 && ticks <= after / (10 * MS) + 1;
}

static void test_reports(void)
{
    struct cpu before = cpu_used(RUSAGE_SELF), children = cpu_used(RUSAGE_CHILDREN), after;
    struct tms t;
    long stat[4];

    times(&t);
    stat_ticks("/proc/self/stat", stat);
    after = cpu_used(RUSAGE_SELF);
    CHECK("times", between(t.tms_utime, before.user, after.user) &&
                       between(t.tms_stime, before.system, after.system));
    CHECK("times of children", between(t.tms_cutime, children.user, children.user) &&
                                   between(t.tms_cstime, children.system, children.system));
    CHECK("stat", between(stat[0], before.user, after.user) &&
                      between(stat[1], before.system, after.system));
    CHECK("stat of children", between(stat[2], children.user, children.user) &&
                                  between(stat[3], children.system, children.system));
}

static void child_calls(void *unused)
{
    (void)unused;
    shows(calls, RUSAGE_SELF);
}

static void child_compute(void *unused)
{
    (void)unused;
    shows(compute, RUSAGE_SELF);
}

static void test_children(void)
{
    struct cpu before = cpu_used(RUSAGE_CHILDREN), used, total;
    struct rusage r;
    int status;
    pid_t pid = child_start(child_calls, NULL);

    EXPECT("child", wait4(pid, &status, 0, &r), pid);
    used = cpu_of(&r);
    CHECK("its time", used.system > used.user && used.system + used.user >= WHILE);
    total = cpu_since(RUSAGE_CHILDREN, before);
    CHECK("is counted",
          labs(total.user - used.user) <= SLACK && labs(total.system - used.system) <= SLACK);
    pid = child_start(child_compute, NULL);
    EXPECT("another", wait4(pid, &status, 0, &r), pid);
    used = cpu_of(&r);
    CHECK("its time is user time", used.user > 2 * used.system);
}

static long thread_ticks[4];
static long thread_before, thread_after;

static void *thread_compute(void *unused)
{
    char path[64];

    (void)unused;
    CHECK("a thread's own time", shows(compute, RUSAGE_THREAD));
    snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", syscall(SYS_gettid));
    thread_before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    stat_ticks(path, thread_ticks);
    thread_after = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    return NULL;
}

static void test_threads(void)
{
    struct cpu main_before = cpu_used(RUSAGE_THREAD), before = cpu_used(RUSAGE_SELF), used;
    pthread_t thread;

    NEED(pthread_create(&thread, NULL, thread_compute, NULL) == 0);
    pthread_join(thread, NULL);
    used = cpu_since(RUSAGE_SELF, before);
    CHECK("stays with the process", used.user + used.system >= WHILE);
    used = cpu_since(RUSAGE_THREAD, main_before);
    CHECK("and is no other thread's", used.user + used.system < WHILE);
    CHECK("stat of a thread",
          between(thread_ticks[0] + thread_ticks[1], thread_before - 10 * MS, thread_after));
}

// The ticks of user (and nice) and of system time in the first line of /proc/stat.
static struct cpu machine_used(void)
{
    long user, nice, system;

    NEED(sscanf(file_text("/proc/stat"), "cpu  %ld %ld %ld ", &user, &nice, &system) == 3);
    return (struct cpu){user + nice, system};
}

static bool machine_shows(void (*work)(void))
{
    struct cpu before = machine_used(), now;

    for (long spent = WHILE; spent < ROUNDS * WHILE; spent += WHILE) {
        spend(work, WHILE);
        now = machine_used();
        if ((work == compute ? now.user - before.user : now.system - before.system) * 10 * MS >
            spent / 2)
            return true;
    }
    return false;
}

static void test_machine(void)
{
    CHECK("the machine's user time", machine_shows(compute));
    CHECK("the machine's system time", machine_shows(calls));
}

static volatile int counted[65];

static void count(int number)
{
    counted[number]++;
}

// Runs until `number` has come n times, with both CPU timers at this interval; the time it took.
// *stalled is what one piece of work took beyond an interval: the host had the machine wait, and of
// the intervals meanwhile only one is signalled.
static struct cpu spend_timed(void (*work)(void), int number, int n, long ns, long *stalled)
{
    struct itimerval often = {{0, ns / 1000}, {0, ns / 1000}}, off = {0};
    struct cpu before = cpu_used(RUSAGE_SELF);

    counted[SIGVTALRM] = counted[SIGPROF] = 0;
    NEED(setitimer(ITIMER_VIRTUAL, &often, NULL) == 0 && setitimer(ITIMER_PROF, &often, NULL) == 0);
    for (long last = clock_ns(CLOCK_PROCESS_CPUTIME_ID), now; counted[number] < n; last = now) {
        work();
        now = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        *stalled += now - last > ns ? now - last - ns : 0;
    }
    before = cpu_since(RUSAGE_SELF, before);
    NEED(setitimer(ITIMER_VIRTUAL, &off, NULL) == 0 && setitimer(ITIMER_PROF, &off, NULL) == 0);
    return before;
}

static void test_timers(void)
{
    struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};
    const long ns = 5 * MS;
    bool early = false, wrong = false, lags = true, counts_all = true;
    struct cpu used;
    long stalled;

    NEED(sigaction(SIGVTALRM, &action, NULL) == 0 && sigaction(SIGPROF, &action, NULL) == 0);
    for (int i = 0; i < ROUNDS && (lags || counts_all); i++) {
        stalled = 0;
        used = spend_timed(calls, SIGPROF, 40, ns, &stalled);
        early |= used.user + used.system < 40 * ns - SLACK;
        wrong |= counted[SIGVTALRM] * ns > used.user * 3 / 2 + 4 * ns;
        lags = used.user + used.system - stalled > 56 * ns;
        counts_all = counted[SIGVTALRM] >= 20;
    }
    CHECK("the profiling timer is not early", !early);
    CHECK("nor does it lag", !lags);
    CHECK("the virtual timer counts user time", !wrong);
    CHECK("and no other", !counts_all);
    used = spend_timed(compute, SIGVTALRM, 20, ns, &stalled);
    CHECK("both count user time", used.user >= 19 * ns && counted[SIGPROF] >= 19);
}

/* RLIMIT_CPU */

static volatile sig_atomic_t xcpus;

static void on_xcpu(int number)
{
    (void)number;
    xcpus++;
}

static void limit_cpu(unsigned long soft, unsigned long hard)
{
    struct rlimit limit = {soft, hard};

    NEED(setrlimit(RLIMIT_CPU, &limit) == 0);
}

static void told_of_limit(void *unused)
{
    struct rlimit limit;

    (void)unused;
    signal(SIGXCPU, on_xcpu);
    limit_cpu(0, RLIM_INFINITY);
    while (xcpus < 2)
        ;
    NEED(getrlimit(RLIMIT_CPU, &limit) == 0);
    exit(limit.rlim_cur < 2 || clock() < CLOCKS_PER_SEC / 2); // a second by samples, two if late
}

static void ended_by_limit(void *hard)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    limit_cpu(0, (long)hard);
    for (;;)
        ;
}

static volatile int *turn; // shared

static void works_long(void *unused)
{
    (void)unused;
    limit_cpu(3600, RLIM_INFINITY);
    spend(compute, 50 * MS);
    *turn = 1;
    for (;;)
        ;
}

// Another process lowers the limit of one that was far from it.
static void test_limit_lowered(void)
{
    struct rlimit soon = {0, RLIM_INFINITY};
    pid_t pid;

    turn = shared_page();
    pid = child_start(works_long, NULL);
    while (!*turn)
        sched_yield();
    EXPECT("lower", prlimit(pid, RLIMIT_CPU, &soon, NULL), 0);
    EXPECT("a lower limit counts at once", child_end(pid) & 0x7f, SIGXCPU);
}

static void sets_timer_twice(void *unused)
{
    const struct itimerval far = {.it_value = {1000, 0}}, soon = {.it_value = {0, 5000}};

    (void)unused;
    NEED(setitimer(ITIMER_PROF, &far, NULL) == 0);
    spend(compute, 50 * MS);
    NEED(setitimer(ITIMER_PROF, &soon, NULL) == 0);
    for (;;)
        ;
}

static void *work_main(void *unused)
{
    for (;;)
        compute();
    return unused;
}

// Ends with 0 if the signal came when none of the threads had used a second alone.
static void limited_threads(void *unused)
{
    pthread_t t[3];
    clockid_t clock;
    bool alone;

    (void)unused;
    signal(SIGXCPU, on_xcpu);
    limit_cpu(1, RLIM_INFINITY);
    for (int i = 0; i < 3; i++)
        NEED(pthread_create(&t[i], NULL, work_main, NULL) == 0);
    while (!xcpus)
        ;
    NEED(clock_ns(CLOCK_PROCESS_CPUTIME_ID) >= 1000 * MS);
    alone = clock_ns(CLOCK_THREAD_CPUTIME_ID) >= 1000 * MS;
    for (int i = 0; i < 3; i++) {
        NEED(pthread_getcpuclockid(t[i], &clock) == 0);
        alone |= clock_ns(clock) >= 1000 * MS;
    }
    _exit(alone);
}

static bool limit_is_shared(void)
{
    for (int i = 0; i < ROUNDS; i++)
        if (child_run(limited_threads, NULL) == EXITED(0))
            return true;
    return false;
}

static void test_limit(void)
{
    test_limit_lowered();
    EXPECT("a timer set anew counts at once", child_run(sets_timer_twice, NULL), SIGNALED(SIGPROF));
    CHECK("threads reach a limit together", limit_is_shared());
    EXPECT("a signal each second", child_run(told_of_limit, NULL), EXITED(0));
    EXPECT("which ends a process", child_run(ended_by_limit, (void *)RLIM_INFINITY),
           SIGNALED(SIGXCPU));
    EXPECT("the hard limit", child_run(ended_by_limit, (void *)0), SIGNALED(SIGKILL));
}

static void child_waits(void *gate)
{
    gate_wait(gate);
}

static void *thread_waits(void *gate)
{
    gate_wait(gate);
    return NULL;
}

// The clock of a thread, by its complement and bit 2, is for its own process.
static clockid_t thread_clock(pid_t tid)
{
    return (clockid_t)(~(unsigned)tid << 3 | 4 | 2);
}

static void test_others(void)
{
    struct timespec now;
    struct gate gate;
    pthread_t thread;
    clockid_t clock;
    pid_t pid;

    gate_init(&gate);
    NEED(pthread_create(&thread, NULL, thread_waits, &gate) == 0);
    NEED(pthread_getcpuclockid(thread, &clock) == 0);
    EXPECT("another thread's clock", clock_gettime(clock, &now), 0);
    gate_post(&gate);
    pthread_join(thread, NULL);
    EXPECT("our first thread's clock", clock_gettime(thread_clock(getpid()), &now), 0);
    pid = child_start(child_waits, &gate);
    NEED(clock_getcpuclockid(pid, &clock) == 0);
    EXPECT("another process's clock", clock_gettime(clock, &now), 0);
    EXPECT_ERR("its thread's", clock_gettime(thread_clock(pid), &now), EINVAL);
    EXPECT_ERR("what that resolves", clock_getres(thread_clock(pid), &now), EINVAL);
    gate_post(&gate);
    child_end(pid);
    gate_fini(&gate);
}

int main(void)
{
    abi_begin();
    test_limit();
    test_split();
    test_sums();
    test_children();
    test_threads();
    test_reports();
    test_machine();
    test_timers();
    test_others();
    return abi_end();
}
