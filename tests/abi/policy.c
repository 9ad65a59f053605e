// SPDX-License-Identifier: MIT
// Scheduling policies: sched_setattr and sched_getattr, their sizes and flags, what is reset on
// fork, and who may change what. As root.
#include "abi.h"

#include <grp.h>
#include <pthread.h>
#include <sys/resource.h>

#define USER 1234

#ifndef SCHED_DEADLINE
#define SCHED_DEADLINE 6
#endif
#define SCHED_FLAG_RESET_ON_FORK 0x1
#define SCHED_FLAG_KEEP_POLICY   0x8
#define SCHED_FLAG_KEEP_PARAMS   0x10
#define SCHED_ATTR_SIZE_VER0     48

struct sched_attr {
    unsigned size, sched_policy;
    unsigned long sched_flags;
    int sched_nice;
    unsigned sched_priority;
    unsigned long sched_runtime, sched_deadline, sched_period;
    unsigned sched_util_min, sched_util_max;
};
_Static_assert(sizeof(struct sched_attr) == 56, "struct sched_attr");

static long set(pid_t pid, struct sched_attr *a)
{
    return raw(SYS_sched_setattr, pid, (long)a, 0, 0, 0, 0);
}

static long change(unsigned policy, unsigned priority, int nice, unsigned long flags)
{
    struct sched_attr a = {.size = sizeof(a),
                           .sched_policy = policy,
                           .sched_priority = priority,
                           .sched_nice = nice,
                           .sched_flags = flags};

    return set(0, &a);
}

static struct sched_attr get(pid_t pid)
{
    struct sched_attr a;

    memset(&a, 0xff, sizeof(a));
    NEED(raw(SYS_sched_getattr, pid, (long)&a, sizeof(a), 0, 0, 0) == 0);
    return a;
}

static void expect(const char *name, pid_t pid, unsigned policy, unsigned priority, int nice,
                   unsigned long flags)
{
    struct sched_attr a = get(pid);

    abi_report(a.size == sizeof(a) && a.sched_policy == policy && a.sched_priority == priority &&
                   a.sched_nice == nice && a.sched_flags == flags,
               name, "size %u policy %u priority %u nice %d flags %lx", a.size, a.sched_policy,
               a.sched_priority, a.sched_nice, (unsigned long)a.sched_flags);
}

static void test_policies(void)
{
    expect("as ever", 0, SCHED_OTHER, 0, 0, 0);
    EXPECT("nice", change(SCHED_OTHER, 0, 5, 0), 0);
    expect("is nice", getpid(), SCHED_OTHER, 0, 5, 0);
    EXPECT("nice, the old way", getpriority(PRIO_PROCESS, 0), 5);
    EXPECT("batch", change(SCHED_BATCH, 0, 3, 0), 0);
    expect("is batch", 0, SCHED_BATCH, 0, 3, 0);
    EXPECT("batch, the old way", sched_getscheduler(0), SCHED_BATCH);
    EXPECT("fifo", change(SCHED_FIFO, 7, 9, 0), 0);
    expect("is fifo", 0, SCHED_FIFO, 7, 0, 0);
    EXPECT("nice waits", getpriority(PRIO_PROCESS, 0), 3);
    EXPECT("round robin, reset on fork", change(SCHED_RR, 9, 0, SCHED_FLAG_RESET_ON_FORK), 0);
    expect("is round robin", 0, SCHED_RR, 9, 0, SCHED_FLAG_RESET_ON_FORK);
    EXPECT("the old way", sched_getscheduler(0), SCHED_RR | SCHED_RESET_ON_FORK);
    EXPECT("idle", change(SCHED_IDLE, 0, 0, 0), 0);
    expect("is idle", 0, SCHED_IDLE, 0, 3, 0);
    EXPECT("far too nice", change(SCHED_OTHER, 0, 100, 0), 0);
    expect("as nice as can be", 0, SCHED_OTHER, 0, 19, 0);
    EXPECT("back", change(SCHED_OTHER, 0, 0, 0), 0);
    EXPECT("deadline has one priority", sched_get_priority_max(SCHED_DEADLINE), 0);
}

static void test_keep(void)
{
    struct sched_param p = {.sched_priority = 8};

    NEED(change(SCHED_FIFO, 5, 0, SCHED_FLAG_RESET_ON_FORK) == 0);
    EXPECT("keep the policy", change(SCHED_OTHER, 6, 0, SCHED_FLAG_KEEP_POLICY), 0);
    expect("kept policy", 0, SCHED_FIFO, 6, 0, SCHED_FLAG_RESET_ON_FORK);
    EXPECT("keep parameters", change(SCHED_RR, 0, 0, SCHED_FLAG_KEEP_PARAMS), 0);
    expect("kept parameters, and policy", 0, SCHED_FIFO, 6, 0, 0);
    EXPECT("set the priority", sched_setparam(0, &p), 0);
    expect("priority set", 0, SCHED_FIFO, 8, 0, 0);
    EXPECT("with reset", sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &p), 0);
    EXPECT("priority keeps reset", sched_setparam(0, &p), 0);
    expect("reset kept", 0, SCHED_FIFO, 8, 0, SCHED_FLAG_RESET_ON_FORK);
    EXPECT("parameters of a fair one", change(SCHED_OTHER, 0, 0, 0), 0);
}

static void test_errors(void)
{
    struct sched_attr a = {.size = sizeof(a)};
    struct sched_param p = {.sched_priority = 0};

    EXPECT("fair with priority", change(SCHED_OTHER, 1, 0, 0), -EINVAL);
    EXPECT("fifo without", change(SCHED_FIFO, 0, 0, 0), -EINVAL);
    EXPECT("fifo too high", change(SCHED_FIFO, 100, 0, 0), -EINVAL);
    EXPECT("no such policy", change(4, 0, 0, 0), -EINVAL);
    EXPECT("no such policy either", change(77, 0, 0, 0), -EINVAL);
    EXPECT("negative policy", change(-1U, 0, 0, 0), -EINVAL);
    EXPECT("deadline of nothing", change(SCHED_DEADLINE, 0, 0, 0), -EINVAL);
    EXPECT("flags of attr", change(SCHED_OTHER, 0, 0, 0x80), -EINVAL);
    EXPECT("flags of the call", raw(SYS_sched_setattr, 0, (long)&a, 1, 0, 0, 0), -EINVAL);
    EXPECT("no attr", set(0, NULL), -EINVAL);
    EXPECT("bad attr", set(0, (void *)UNMAPPED), -EFAULT);
    EXPECT("negative pid", set(-1, &a), -EINVAL);
    EXPECT("no such thread", set(0x7ffffff, &a), -ESRCH);
    EXPECT("get no attr", raw(SYS_sched_getattr, 0, 0, 56, 0, 0, 0), -EINVAL);
    EXPECT("get flags", raw(SYS_sched_getattr, 0, (long)&a, 56, 1, 0, 0), -EINVAL);
    EXPECT("get bad attr", raw(SYS_sched_getattr, 0, UNMAPPED, 56, 0, 0, 0), -EFAULT);
    EXPECT("get negative pid", raw(SYS_sched_getattr, -1, (long)&a, 56, 0, 0, 0), -EINVAL);
    EXPECT("get no thread", raw(SYS_sched_getattr, 0x7ffffff, (long)&a, 56, 0, 0, 0), -ESRCH);
    EXPECT_ERR("set no parameters", sched_setscheduler(0, 0, NULL), EINVAL);
    EXPECT_ERR("set thread before policy", sched_setscheduler(0x7ffffff, 77, &p), ESRCH);
    EXPECT_ERR("deadline", sched_setscheduler(0, SCHED_DEADLINE, &p), EINVAL);
    EXPECT_ERR("get no parameters", sched_getparam(0, NULL), EINVAL);
}

static void test_sizes(void)
{
    struct {
        struct sched_attr a;
        char more[16];
    } s = {.a = {.size = sizeof(s)}};
    unsigned char bytes[80];

    EXPECT("larger", set(0, &s.a), 0);
    s.more[15] = 1;
    EXPECT("larger with content", set(0, &s.a), -E2BIG);
    EXPECT("told ours", s.a.size, sizeof(s.a));
    s.a.size = 47;
    EXPECT("too small", set(0, &s.a), -E2BIG);
    EXPECT("told ours again", s.a.size, sizeof(s.a));
    s.a.size = PAGE + 1;
    EXPECT("too large", set(0, &s.a), -E2BIG);
    s.a.size = 0;
    s.a.sched_util_max = 7;
    EXPECT("the first size", set(0, &s.a), 0);
    EXPECT("0 stays", s.a.size, 0);
    s.a.size = SCHED_ATTR_SIZE_VER0;
    EXPECT("the first size by number", set(0, &s.a), 0);
    s.a.sched_flags = 0x20;
    EXPECT("clamps need room", set(0, &s.a), -EINVAL);
    memset(bytes, 0x55, sizeof(bytes));
    EXPECT("get less", raw(SYS_sched_getattr, 0, (long)bytes, 48, 0, 0, 0), 0);
    EXPECT("less is told", bytes[0], 48);
    EXPECT("less is given", bytes[48], 0x55);
    EXPECT("get more", raw(SYS_sched_getattr, 0, (long)bytes, 80, 0, 0, 0), 0);
    EXPECT("more is told", bytes[0], 56);
    EXPECT("more is given", bytes[56], 0x55);
    EXPECT("get too little", raw(SYS_sched_getattr, 0, (long)bytes, 47, 0, 0, 0), -EINVAL);
    EXPECT("get too much", raw(SYS_sched_getattr, 0, (long)bytes, PAGE + 1, 0, 0, 0), -EINVAL);
}

struct born {
    const char *name;
    int policy, priority, nice;
};

static void born(void *argument)
{
    const struct born *b = argument;

    expect(b->name, 0, b->policy, b->priority, b->nice, 0);
}

static void test_reset(void)
{
    const unsigned long reset = SCHED_FLAG_RESET_ON_FORK;

    NEED(change(SCHED_FIFO, 5, 0, 0) == 0);
    child_run(born, &(struct born){"born real-time", SCHED_FIFO, 5, 0});
    NEED(change(SCHED_FIFO, 5, 0, reset) == 0);
    child_run(born, &(struct born){"born ordinary", SCHED_OTHER, 0, 0});
    NEED(change(SCHED_OTHER, 0, -5, 0) == 0);
    child_run(born, &(struct born){"born favoured", SCHED_OTHER, 0, -5});
    NEED(change(SCHED_OTHER, 0, -5, reset) == 0);
    child_run(born, &(struct born){"born not favoured", SCHED_OTHER, 0, 0});
    NEED(change(SCHED_BATCH, 0, 7, reset) == 0);
    child_run(born, &(struct born){"born nice", SCHED_BATCH, 0, 7});
    NEED(change(SCHED_IDLE, 0, 0, reset) == 0);
    child_run(born, &(struct born){"born idle", SCHED_IDLE, 0, 7});
    NEED(change(SCHED_OTHER, 0, 0, 0) == 0);
}

static void limit(int resource, unsigned long value)
{
    struct rlimit r = {value, value};

    NEED(setrlimit(resource, &r) == 0);
}

static void as_user(void *unused)
{
    struct sched_attr a = {.size = sizeof(a)};

    (void)unused;
    limit(RLIMIT_NICE, 18); // nice 2 at best
    limit(RLIMIT_RTPRIO, 10);
    NEED(change(SCHED_OTHER, 0, 6, SCHED_FLAG_RESET_ON_FORK) == 0);
    NEED(setgroups(0, NULL) == 0 && setgid(USER) == 0 && setuid(USER) == 0);
    EXPECT("root's", set(getppid(), &a), -EPERM);
    EXPECT("reset may not go", change(SCHED_OTHER, 0, 6, 0), -EPERM);
    EXPECT("nicer", change(SCHED_OTHER, 0, 10, 1), 0);
    EXPECT("less nice", change(SCHED_OTHER, 0, 2, 1), 0);
    EXPECT("not nice enough", change(SCHED_OTHER, 0, 1, 1), -EPERM);
    EXPECT_ERR("not nice enough, the old way", setpriority(PRIO_PROCESS, 0, 1), EACCES);
    EXPECT("nicer, the old way", setpriority(PRIO_PROCESS, 0, 3), 0);
    EXPECT("less nice, the old way", setpriority(PRIO_PROCESS, 0, 2), 0);
    EXPECT("real-time beyond the limit", change(SCHED_FIFO, 11, 0, 1), -EPERM);
    EXPECT("real-time", change(SCHED_FIFO, 10, 0, 1), 0);
    EXPECT("real-time in turns", change(SCHED_RR, 9, 0, 1), 0);
    limit(RLIMIT_RTPRIO, 0);
    EXPECT("lower", change(SCHED_RR, 8, 0, 1), 0);
    EXPECT("higher", change(SCHED_RR, 9, 0, 1), -EPERM);
    EXPECT("other policy", change(SCHED_FIFO, 8, 0, 1), -EPERM);
    EXPECT("idle", change(SCHED_IDLE, 0, 0, 1), 0);
    limit(RLIMIT_NICE, 0);
    EXPECT("idle for ever", change(SCHED_OTHER, 0, 19, 1), -EPERM);
    EXPECT("ask of root's", get(getppid()).sched_policy, SCHED_OTHER);
}

/* Who runs */

struct turns {
    volatile int last, changes;
};

static struct turns *turns;

// On hart 0, until it has changed hands a few times.
static void takes_turns(void *name)
{
    time_t began = 0;

    while (turns->changes < 4 && !patience_ends(&began))
        if (turns->last != *(int *)name) {
            turns->last = *(int *)name;
            turns->changes++;
        }
}

static void pin(pid_t pid, unsigned long harts)
{
    NEED(raw(SYS_sched_setaffinity, pid, sizeof(harts), (long)&harts, 0, 0, 0) == 0);
}

static pid_t pinned_start(void (*main)(void *), void *argument)
{
    pid_t pid = child_start(main, argument);

    pin(pid, 1);
    return pid;
}

static void round_robin(void *name)
{
    pin(0, 1);
    NEED(change(SCHED_RR, 1, 0, 0) == 0);
    takes_turns(name);
}

static void test_round_robin(void)
{
    static int names[] = {1, 2};
    pid_t pids[2];

    turns = shared_page();
    NEED(change(SCHED_FIFO, 2, 0, 0) == 0); // runs before both until it waits
    for (int i = 0; i < 2; i++)
        pids[i] = child_start(round_robin, &names[i]);
    for (int i = 0; i < 2; i++)
        child_end(pids[i]);
    NEED(change(SCHED_OTHER, 0, 0, 0) == 0);
    CHECK("equals take turns", turns->changes >= 4);
}

static void moves(void *unused)
{
    time_t began = 0;

    (void)unused;
    turns->last = 1;
    while (sched_getcpu() != 2)
        if (patience_ends(&began))
            _exit(1);
    _exit(0);
}

static void spins(void *unused)
{
    (void)unused;
    turns->changes = 1;
    for (;;)
        ;
}

// One of two on hart 0 may also run on the last of those that wait.
static void test_may_move(void)
{
    if (sysconf(_SC_NPROCESSORS_ONLN) < 3)
        return;
    *turns = (struct turns){0};
    pid_t spinner = pinned_start(spins, NULL), mover = pinned_start(moves, NULL);

    while (!turns->changes || !turns->last)
        sched_yield();
    pin(mover, 5);
    EXPECT("moves to a hart that waits", child_end(mover), EXITED(0));
    kill(spinner, SIGKILL);
    child_end(spinner);
}

/* Where it runs */

#define MOVES 2000

struct place {
    volatile int asked, told, hart;
};

static int ask[2], tell[2];

static void tells_woken(void *unused)
{
    char c;

    (void)unused;
    while (read(ask[0], &c, 1) == 1) {
        c = (char)sched_getcpu();
        NEED(write(tell[1], &c, 1) == 1);
    }
}

static void tells_running(void *place)
{
    struct place *p = place;

    for (;;)
        if (p->told != p->asked) {
            p->hart = sched_getcpu();
            p->told = p->asked;
        }
}

static int hart_woken(void)
{
    char c;

    NEED(write(ask[1], "?", 1) == 1 && read(tell[0], &c, 1) == 1);
    return c;
}

static int hart_running(struct place *p)
{
    p->asked++;
    while (p->told != p->asked)
        sched_yield();
    return p->hart;
}

// Whoever is told to run on one hart is there when the call returns, or when it wakes.
static void test_pinned(void)
{
    struct place *place = shared_page();
    int harts = (int)sysconf(_SC_NPROCESSORS_ONLN), strays[2] = {0};

    NEED(pipe2(ask, O_CLOEXEC) == 0 && pipe2(tell, O_CLOEXEC) == 0);
    pid_t woken = child_start(tells_woken, NULL), running = child_start(tells_running, place);

    for (int i = 0; i < MOVES; i++) {
        int hart = i * 7 / 3 % harts;

        pin(woken, 1UL << hart);
        strays[0] += hart_woken() != hart;
        pin(running, 1UL << hart);
        strays[1] += hart_running(place) != hart;
    }
    EXPECT("strays that were woken", strays[0], 0);
    EXPECT("strays that ran", strays[1], 0);
    for (int i = 0; i < 2; i++)
        kill(i ? woken : running, SIGKILL);
    child_end(woken);
    child_end(running);
}

/* Nice values of many */

static struct gate *go;
static volatile pid_t *others; // a thread, and a process of the group

static void *stays(void *unused)
{
    others[0] = gettid();
    gate_wait(go);
    return unused;
}

static void stays_in_group(void *unused)
{
    NEED(setpriority(PRIO_PROCESS, 0, 10) == 0);
    others[1] = getpid();
    for (;;)
        pause();
    (void)unused;
}

static void many(void *unused)
{
    struct gate gate;
    pthread_t t;
    pid_t pid;

    (void)unused;
    gate_init(&gate);
    go = &gate;
    others = shared_page();
    NEED(setpgid(0, 0) == 0 && pthread_create(&t, NULL, stays, NULL) == 0);
    pid = child_start(stays_in_group, NULL);
    while (!others[0] || !others[1])
        sched_yield();
    EXPECT("the best of a group", getpriority(PRIO_PGRP, 0), 0);
    EXPECT("all of a group", setpriority(PRIO_PGRP, 0, 7), 0);
    EXPECT("its threads, too", getpriority(PRIO_PROCESS, others[0]), 7);
    EXPECT("and its processes", getpriority(PRIO_PROCESS, others[1]), 7);
    NEED(setpriority(PRIO_PROCESS, pid, 15) == 0 && setresuid(USER, USER, USER) == 0);
    EXPECT_ERR("what fails for one fails", setpriority(PRIO_PGRP, 0, 10), EPERM);
    EXPECT("but is done for the others", getpriority(PRIO_PROCESS, 0), 10);
    EXPECT("none of another user's", getpriority(PRIO_PROCESS, pid), 15);
    EXPECT_ERR("no such group", setpriority(PRIO_PGRP, 0x3ffffff, 5), ESRCH);
    EXPECT_ERR("nobody", setpriority(PRIO_PROCESS, -1, 5), ESRCH);
    EXPECT("nobody's harts", raw(SYS_sched_getaffinity, -1, 8, (long)others, 0, 0, 0), -ESRCH);
    gate_post(&gate);
    NEED(pthread_join(t, NULL) == 0);
    kill(0, SIGKILL);
}

int main(void)
{
    abi_begin();
    test_policies();
    test_keep();
    test_errors();
    test_sizes();
    test_reset();
    child_run(as_user, NULL);
    test_round_robin();
    test_may_move();
    test_pinned();
    EXPECT("priorities of many", child_run(many, NULL), SIGNALED(SIGKILL));
    return abi_end();
}
