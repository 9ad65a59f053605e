// SPDX-License-Identifier: MIT
// Time: clocks by the vDSO and by system call, sleeping, interval timers, POSIX timers. What is
// asked is order and arithmetic, never speed.
#include "abi.h"

#include <sys/auxv.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

static int64_t ns_of(struct timespec t)
{
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t by_call(clockid_t clock)
{
    struct timespec t = {-1, -1};

    if (syscall(SYS_clock_gettime, clock, &t) != 0)
        return -1;
    return ns_of(t);
}

static int64_t by_libc(clockid_t clock)
{
    struct timespec t = {-1, -1};

    return clock_gettime(clock, &t) == 0 ? ns_of(t) : -1;
}

static void test_clocks(void)
{
    static const clockid_t clocks[] = {
        CLOCK_REALTIME,         CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,      CLOCK_REALTIME_COARSE,
        CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME,  CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
    struct timespec t;

    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        char name[64];
        snprintf(name, sizeof(name), "clock %d", clocks[i]);
        int64_t a = by_call(clocks[i]), b = by_libc(clocks[i]), c = by_call(clocks[i]);
        CHECK(name, a >= 0 && b >= a && c >= b);
        snprintf(name, sizeof(name), "resolution of clock %d", clocks[i]);
        EXPECT(name, clock_getres(clocks[i], &t), 0);
        CHECK(name, t.tv_sec == 0 && t.tv_nsec > 0);
    }
    EXPECT_ERR("no such clock", clock_gettime(99, &t), EINVAL);
    CHECK("vDSO", getauxval(AT_SYSINFO_EHDR) != 0);
    struct timeval v;
    int64_t before = by_call(CLOCK_REALTIME);
    EXPECT("gettimeofday", gettimeofday(&v, NULL), 0);
    int64_t after = by_call(CLOCK_REALTIME), middle = v.tv_sec * 1000000000LL + v.tv_usec * 1000;
    CHECK("agrees with the clock", middle >= before - 1000 && middle <= after);
    CHECK("microseconds", v.tv_usec >= 0 && v.tv_usec < 1000000);
}

static void test_monotonic(void)
{
    int64_t last = 0, back = 0;

    for (int i = 0; i < 20000; i++) {
        int64_t now = i % 8 ? by_libc(CLOCK_MONOTONIC) : by_call(CLOCK_MONOTONIC);
        back += now < last;
        last = now;
    }
    EXPECT("never goes back", back, 0);
}

static void test_sleep(void)
{
    struct timespec bad = {0, 1000000000}, negative = {-1, 0}, ms = {0, 1000000}, at;

    EXPECT_ERR("bad nanoseconds", nanosleep(&bad, NULL), EINVAL);
    EXPECT_ERR("negative", nanosleep(&negative, NULL), EINVAL);
    int64_t start = by_call(CLOCK_MONOTONIC);
    EXPECT("nanosleep", nanosleep(&ms, NULL), 0);
    CHECK("slept as long", by_call(CLOCK_MONOTONIC) - start >= 1000000);
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += 2000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    EXPECT("until", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL), 0);
    CHECK("not before", by_call(CLOCK_MONOTONIC) >= ns_of(at));
    at.tv_sec = 0;
    EXPECT("until the past", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL), 0);
    EXPECT("on the real-time clock", clock_nanosleep(CLOCK_REALTIME, 0, &ms, NULL), 0);
    EXPECT("bad clock", clock_nanosleep(99, 0, &ms, NULL), EINVAL);
    EXPECT("thread's own clock", clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &ms, NULL), EINVAL);
}

static volatile int alarms[65];
static volatile int timer_value, timer_code;

static void count(int number, siginfo_t *info, void *context)
{
    (void)context;
    alarms[number]++;
    timer_code = info->si_code;
    timer_value = info->si_value.sival_int;
}

static void on(int number)
{
    struct sigaction action = {.sa_sigaction = count, .sa_flags = SA_SIGINFO | SA_RESTART};

    NEED(sigaction(number, &action, NULL) == 0);
}

static void await(int number, int n)
{
    sigset_t block, old;

    sigemptyset(&block);
    sigaddset(&block, number);
    sigprocmask(SIG_BLOCK, &block, &old);
    while (alarms[number] < n)
        sigsuspend(&old);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static void test_itimers(void)
{
    struct itimerval once = {.it_value = {0, 2000}}, often = {{0, 1000}, {0, 1000}}, zero = {0},
                     got;

    on(SIGALRM);
    EXPECT("setitimer", setitimer(ITIMER_REAL, &once, NULL), 0);
    await(SIGALRM, 1);
    EXPECT("getitimer", getitimer(ITIMER_REAL, &got), 0);
    CHECK("one shot is over", got.it_value.tv_sec == 0 && got.it_value.tv_usec == 0);
    EXPECT("repeating", setitimer(ITIMER_REAL, &often, NULL), 0);
    await(SIGALRM, 6);
    EXPECT("off", setitimer(ITIMER_REAL, &zero, &got), 0);
    EXPECT("old interval", got.it_interval.tv_usec, 1000);
    EXPECT("alarm", alarm(1000), 0);
    unsigned left = alarm(0);
    CHECK("alarm's rest", left == 1000 || left == 999);
    struct itimerval bad = {.it_value = {0, 1000000}};
    EXPECT_ERR("bad microseconds", setitimer(ITIMER_REAL, &bad, NULL), EINVAL);
    EXPECT_ERR("bad timer", setitimer(9, &once, NULL), EINVAL);
    on(SIGVTALRM);
    on(SIGPROF);
    setitimer(ITIMER_VIRTUAL, &once, NULL);
    while (!alarms[SIGVTALRM])
        ;
    setitimer(ITIMER_PROF, &once, NULL);
    while (!alarms[SIGPROF])
        getppid();
    CHECK("virtual and profiling timers", alarms[SIGVTALRM] == 1 && alarms[SIGPROF] == 1);
}

static void test_posix_timers(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    struct itimerspec when = {{0, 1000000}, {0, 1000000}}, got, off = {0};
    timer_t timer, other;

    event.sigev_value.sival_int = 4711;
    on(SIGRTMIN);
    EXPECT("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    event.sigev_notify = SIGEV_NONE;
    EXPECT("a second one", timer_create(CLOCK_REALTIME, &event, &other), 0);
    EXPECT("timer_settime", timer_settime(timer, 0, &when, NULL), 0);
    await(SIGRTMIN, 3);
    CHECK("its info", timer_code == SI_TIMER && timer_value == 4711);
    EXPECT("timer_gettime", timer_gettime(timer, &got), 0);
    CHECK("interval", got.it_interval.tv_nsec == 1000000 && got.it_value.tv_nsec > 0);
    EXPECT_OK("overrun", timer_getoverrun(timer));
    EXPECT("off", timer_settime(timer, 0, &off, NULL), 0);
    EXPECT("is off", (timer_gettime(timer, &got), got.it_value.tv_nsec), 0);
    EXPECT("timer_delete", timer_delete(timer), 0);
    EXPECT("timer_delete again", timer_delete(other), 0);
    EXPECT("gone", raw(SYS_timer_delete, 12345, 0, 0, 0, 0, 0), -EINVAL);
}

// Times that no clock can have.
static void test_set_clock(void)
{
    static const struct timeval bad[] = {
        {INT64_MAX, 0}, {INT64_MAX / 1000000000 + 1, 0}, {-1, 0}, {0, 1000000}, {0, -1}};
    int64_t before = by_call(CLOCK_REALTIME), now;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct timespec t = {bad[i].tv_sec, bad[i].tv_usec * 1000};
        char name[64];
        snprintf(name, sizeof(name), "clock_settime to no time %zu", i);
        EXPECT(name, raw(SYS_clock_settime, CLOCK_REALTIME, (long)&t, 0, 0, 0, 0), -EINVAL);
    }
    now = by_call(CLOCK_REALTIME);
    CHECK("the clock goes on", now >= before && now - before < 3600 * 1000000000LL);
}

// Times so far, and intervals so short, that sums overflow and steps never end.
static void test_extreme_timers(void)
{
    struct itimerval never = {{INT64_MAX, 999999}, {INT64_MAX, 999999}}, got, off = {0},
                     once = {{INT64_MAX, 0}, {0, 1}}, often = {{0, 1}, {0, 1}};
    struct itimerspec far = {{INT64_MAX, 999999999}, {INT64_MAX, 999999999}}, was,
                      fast = {{0, 1}, {0, 1}}, none = {0};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    timer_t timer;

    for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++) {
        static const int numbers[] = {SIGALRM, SIGVTALRM, SIGPROF};
        int number = numbers[which];
        char name[64];
        on(number);
        alarms[number] = 0;
        snprintf(name, sizeof(name), "far, timer %d", which);
        EXPECT(name, setitimer(which, &never, NULL), 0);
        getitimer(which, &got);
        CHECK(name,
              which != ITIMER_REAL || got.it_value.tv_sec > 1000000); // Linux: only of this kind
        snprintf(name, sizeof(name), "then never again, timer %d", which);
        EXPECT(name, setitimer(which, &once, NULL), 0);
        while (!alarms[number])
            ;
        getitimer(which, &got);
        CHECK(name, alarms[number] == 1 && (which != ITIMER_REAL || got.it_value.tv_sec > 1000000));
        snprintf(name, sizeof(name), "always, timer %d", which);
        EXPECT(name, setitimer(which, &often, NULL), 0);
        while (alarms[number] < 10)
            ;
        EXPECT(name, setitimer(which, &off, NULL), 0);
    }
    on(SIGRTMIN);
    alarms[SIGRTMIN] = 0;
    NEED(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    for (int flags = 0; flags <= TIMER_ABSTIME; flags++) {
        EXPECT("far timer_settime", timer_settime(timer, flags, &far, NULL), 0);
        EXPECT("far timer_gettime", timer_gettime(timer, &was), 0);
        CHECK("far away", was.it_value.tv_sec > 1000000 && was.it_interval.tv_sec > 1000000);
    }
    CHECK("no signal of it", alarms[SIGRTMIN] == 0);
    EXPECT("each nanosecond", timer_settime(timer, 0, &fast, NULL), 0);
    while (alarms[SIGRTMIN] < 10)
        ;
    CHECK("with overruns", timer_getoverrun(timer) > 0);
    EXPECT("no more", timer_settime(timer, 0, &none, NULL), 0);
    timer_delete(timer);
}

// On each hart many timers that are always due: their process goes on, and can be ended.
static void storm(void *unused)
{
    struct itimerspec fast = {{0, 1}, {0, 1}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    int harts = (int)sysconf(_SC_NPROCESSORS_ONLN);
    volatile int steps = 0;
    timer_t timer;
    sigset_t set;

    (void)unused;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    NEED(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    for (int hart = 0; hart < harts; hart++) {
        unsigned long one = 1UL << hart;

        NEED(raw(SYS_sched_setaffinity, 0, sizeof(one), (long)&one, 0, 0, 0) == 0);
        for (int i = 0; i < 200 / harts; i++)
            NEED(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 &&
                 timer_settime(timer, 0, &fast, NULL) == 0);
    }
    while (steps < 1000000)
        steps++;
    raise(SIGKILL);
}

static void test_storm(void)
{
    EXPECT("a storm of timers is ended", child_run(storm, NULL), SIGNALED(SIGKILL));
}

static void test_inheritance(void)
{
    struct itimerval far = {.it_value = {1000, 0}}, got;

    setitimer(ITIMER_REAL, &far, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        getitimer(ITIMER_REAL, &got);
        _exit(got.it_value.tv_sec == 0 ? 0 : 1);
    }
    EXPECT("timers are not inherited", child_end(pid), 0);
    alarm(0);
}

static void test_cpu_time(void)
{
    struct tms t;
    int64_t start = by_call(CLOCK_PROCESS_CPUTIME_ID);

    while (by_call(CLOCK_PROCESS_CPUTIME_ID) - start < 20000000)
        ;
    times(&t);
    CHECK("times counts", t.tms_utime + t.tms_stime >= 1);
    EXPECT("ticks a second", sysconf(_SC_CLK_TCK), 100);
    EXPECT_OK("clock()", clock());
}

// Timers that share a signal are told one by one; what passes meanwhile counts for each.
static void test_timers_of_one_signal(void)
{
    struct itimerspec soon = {.it_value = {0, 1}}, often = {{0, 1000000}, {0, 1000000}}, none = {0};
    struct timespec now, end;
    timer_t timers[2];
    siginfo_t info;
    sigset_t set;
    int seen = 0;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    NEED(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    for (int i = 0; i < 2; i++) {
        struct sigevent event = {
            .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = i + 1};

        NEED(timer_create(CLOCK_MONOTONIC, &event, &timers[i]) == 0);
        NEED(timer_settime(timers[i], 0, &soon, NULL) == 0);
    }
    for (int i = 0; i < 2; i++)
        seen += sigtimedwait(&set, &info, &(struct timespec){10, 0}) == SIGRTMIN
                    ? info.si_value.sival_int
                    : 0;
    EXPECT("both are told", seen, 3);
    NEED(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 7}) == 0);
    NEED(timer_settime(timers[0], 0, &often, NULL) == 0);
    NEED(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
    end.tv_sec += (end.tv_nsec + 100000000) / 1000000000;
    end.tv_nsec = (end.tv_nsec + 100000000) % 1000000000;
    do
        NEED(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
    NEED(timer_settime(timers[1], 0, &none, NULL) == 0);
    EXPECT("what was sent", sigwaitinfo(&set, &info), SIGRTMIN);
    EXPECT("is no timer's", info.si_value.sival_int, 7);
    EXPECT("the timer's", sigwaitinfo(&set, &info), SIGRTMIN);
    CHECK("overruns of the wait are told with it", info.si_overrun >= 90);
    CHECK("and so they are later", timer_getoverrun(timers[0]) >= 90);
    for (int i = 0; i < 2; i++)
        NEED(timer_delete(timers[i]) == 0);
    while (sigtimedwait(&set, &info, &(struct timespec){0}) == SIGRTMIN)
        ;
    NEED(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
}

int main(void)
{
    abi_begin();
    test_clocks();
    test_monotonic();
    test_sleep();
    test_itimers();
    test_posix_timers();
    test_timers_of_one_signal();
    test_set_clock();
    test_extreme_timers();
    test_storm();
    test_inheritance();
    test_cpu_time();
    return abi_end();
}
