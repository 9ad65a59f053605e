// SPDX-License-Identifier: MIT
// Absolute times of CLOCK_REALTIME follow that clock when it is set; relative ones do not. As root.
#include "abi.h"

#include <linux/futex.h>
#include <mqueue.h>

#define SECOND 1000000000L
#define SOON   1000 // seconds until times that come only because the clock is set
#define LATE   2000 // to which it is set

static long offset; // of the clock as it was found, against the monotonic one

static long now_of(clockid_t clock)
{
    struct timespec t;

    NEED(clock_gettime(clock, &t) == 0);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static struct timespec spec(long ns)
{
    return (struct timespec){ns / SECOND, ns % SECOND};
}

static void clock_ahead(long seconds)
{
    struct timespec t = spec(now_of(CLOCK_MONOTONIC) + offset + seconds * SECOND);

    NEED(clock_settime(CLOCK_REALTIME, &t) == 0);
}

static struct timespec soon(void)
{
    return spec(now_of(CLOCK_MONOTONIC) + offset + SOON * SECOND);
}

/* Who waits ends with 0 if it waited until the time. */

static void sleeps(void *unused)
{
    struct timespec until = soon();

    (void)unused;
    _exit(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL));
}

static void waits_for_word(void *unused)
{
    struct timespec until = soon();
    int word = 5;
    long got = raw(SYS_futex, (long)&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5,
                   (long)&until, 0, -1);

    (void)unused;
    _exit(got != -ETIMEDOUT);
}

static void waits_for_lock(void *owner)
{
    struct timespec until = soon();

    _exit(raw(SYS_futex, (long)owner, FUTEX_LOCK_PI, 0, (long)&until, 0, 0) != -ETIMEDOUT);
}

static void waits_for_message(void *name)
{
    struct timespec until = soon();
    mqd_t q = mq_open(name, O_RDONLY);
    char text[64];

    _exit(!(q >= 0 && mq_timedreceive(q, text, sizeof(text), NULL, &until) == -1 &&
            errno == ETIMEDOUT));
}

static void waits_for_timer(void *unused)
{
    struct itimerspec when = {.it_value = soon()};
    sigset_t alarm;
    timer_t timer;

    (void)unused;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarm, NULL);
    NEED(timer_create(CLOCK_REALTIME, NULL, &timer) == 0);
    NEED(timer_settime(timer, TIMER_ABSTIME, &when, NULL) == 0);
    _exit(sigwaitinfo(&alarm, NULL) != SIGALRM);
}

static void test_waits(void)
{
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 64};
    int *lock = shared_page();
    struct {
        const char *name;
        void (*main)(void *);
        void *argument;
        pid_t pid;
    } waits[] = {
        {"a sleep", sleeps, NULL, 0},
        {"a futex", waits_for_word, NULL, 0},
        {"a lock with inheritance", waits_for_lock, lock, 0},
        {"a message", waits_for_message, "/walltimes", 0},
        {"a timer", waits_for_timer, NULL, 0},
    };
    unsigned n = sizeof(waits) / sizeof(waits[0]);

    NEED(raw(SYS_futex, (long)lock, FUTEX_LOCK_PI, 0, 0, 0, 0) == 0);
    NEED(mq_open("/walltimes", O_CREAT | O_RDWR, 0600, &attributes) >= 0);
    for (unsigned i = 0; i < n; i++) {
        waits[i].pid = child_start(waits[i].main, waits[i].argument);
        process_await(waits[i].pid, "S");
    }
    clock_ahead(LATE);
    for (unsigned i = 0; i < n; i++)
        EXPECT(waits[i].name, child_end(waits[i].pid), EXITED(0));
    clock_ahead(0);
    mq_unlink("/walltimes");
}

/* Timers as they are read */

static void set_timer(timer_t timer, int flags, struct timespec value, long interval)
{
    struct itimerspec when = {.it_value = value, .it_interval = spec(interval)};

    NEED(timer_settime(timer, flags, &when, NULL) == 0);
}

static long left_of(timer_t timer)
{
    struct itimerspec left;

    NEED(timer_gettime(timer, &left) == 0);
    return left.it_value.tv_sec * SECOND + left.it_value.tv_nsec;
}

static void test_left(void)
{
    struct sigevent quiet = {.sigev_notify = SIGEV_NONE};
    timer_t absolute, relative;

    NEED(timer_create(CLOCK_REALTIME, &quiet, &absolute) == 0);
    NEED(timer_create(CLOCK_REALTIME, &quiet, &relative) == 0);
    set_timer(absolute, TIMER_ABSTIME, soon(), 0);
    set_timer(relative, 0, spec(SOON * SECOND), 0);
    clock_ahead(-5000);
    CHECK("the clock goes back", left_of(absolute) > (SOON + 4900) * SECOND);
    CHECK("a relative time stays", left_of(relative) <= SOON * SECOND);
    clock_ahead(LATE);
    CHECK("the clock is ahead", COMES(left_of(absolute) == 0));
    CHECK("a relative time still is", left_of(relative) > (SOON - 900) * SECOND);
    EXPECT("one without a signal has no overruns", timer_getoverrun(absolute), 0);
    clock_ahead(0);
    timer_delete(absolute);
    timer_delete(relative);
}

static volatile sig_atomic_t rings;

static void ring(int sig)
{
    (void)sig;
    rings++;
}

// Those of an interval that are jumped over come as one, and the next when its time has come.
static void test_interval(void)
{
    timer_t timer;

    signal(SIGALRM, ring);
    NEED(timer_create(CLOCK_REALTIME, NULL, &timer) == 0);
    set_timer(timer, TIMER_ABSTIME, soon(), 400 * SECOND);
    clock_ahead(LATE);
    CHECK("the first of an interval", COMES(rings == 1));
    EXPECT("the others are overruns", timer_getoverrun(timer), (LATE - SOON) / 400);
    CHECK("the next is to come", left_of(timer) > 100 * SECOND && left_of(timer) <= 200 * SECOND);
    clock_ahead(0);
    CHECK("and waits for its time", left_of(timer) > 2100 * SECOND);
    EXPECT("none is told twice", rings, 1);
    timer_delete(timer);
}

int main(void)
{
    abi_begin();
    offset = now_of(CLOCK_REALTIME) - now_of(CLOCK_MONOTONIC);
    test_waits();
    test_left();
    test_interval();
    return abi_end();
}
