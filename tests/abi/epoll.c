// SPDX-License-Identifier: MIT
// epoll: level and edge, one-shot, exclusive, nested; the life of what is watched; errors.
#include "abi.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#define WIDE 200

static int ep;

static int wait_some(int e, struct epoll_event *out, int max)
{
    return epoll_wait(e, out, max, 0);
}

// The one event that is there: its bits, 0 for none, -1 for more than one or the wrong data.
static long one_of(int e, uint64_t data)
{
    struct epoll_event out[4];
    int n = wait_some(e, out, 4);

    if (n == 0)
        return 0;
    return n == 1 && out[0].data.u64 == data ? (long)out[0].events : -1;
}

static int control(int e, int op, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data.u64 = data};

    return epoll_ctl(e, op, fd, &event);
}

static void add(int e, int fd, uint32_t events, uint64_t data)
{
    NEED(control(e, EPOLL_CTL_ADD, fd, events, data) == 0);
}

static int epoll_make(void)
{
    int e = epoll_create1(EPOLL_CLOEXEC);

    NEED(e >= 0);
    return e;
}

static int event_make(unsigned count)
{
    int fd = eventfd(count, EFD_NONBLOCK);

    NEED(fd >= 0);
    return fd;
}

static void signal_event(int fd)
{
    uint64_t one = 1;

    NEED(write(fd, &one, 8) == 8);
}

static void take_event(int fd)
{
    uint64_t value;

    NEED(read(fd, &value, 8) == 8);
}

static void test_level(void)
{
    int fd = event_make(0);

    ep = epoll_make();
    add(ep, fd, EPOLLIN, 7);
    EXPECT("level quiet", one_of(ep, 7), 0);
    signal_event(fd);
    EXPECT("level ready", one_of(ep, 7), EPOLLIN);
    EXPECT("level ready again", one_of(ep, 7), EPOLLIN);
    take_event(fd);
    EXPECT("level quiet again", one_of(ep, 7), 0);
    EXPECT_OK("level mod", control(ep, EPOLL_CTL_MOD, fd, EPOLLOUT, 1UL << 40));
    EXPECT("level mod ready", one_of(ep, 1UL << 40), EPOLLOUT);
    EXPECT_OK("level mod both", control(ep, EPOLL_CTL_MOD, fd, EPOLLOUT | EPOLLIN, 3));
    signal_event(fd);
    EXPECT("level both", one_of(ep, 3), EPOLLOUT | EPOLLIN);
    EXPECT_OK("level no events", control(ep, EPOLL_CTL_MOD, fd, 0, 3));
    EXPECT("level none wanted", one_of(ep, 3), 0);
    EXPECT_OK("level del", control(ep, EPOLL_CTL_DEL, fd, 0, 0));
    EXPECT_OK("level add ready", control(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 4));
    EXPECT("level at once", one_of(ep, 4), EPOLLIN);
    EXPECT_OK("level del without event", epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
    EXPECT("level gone", one_of(ep, 4), 0);
    close(fd);
    close(ep);
}

static void test_edge(void)
{
    int fd = event_make(1), p[2];
    char text[8];

    ep = epoll_make();
    add(ep, fd, EPOLLIN | EPOLLET, 1);
    EXPECT("edge at add", one_of(ep, 1), EPOLLIN);
    EXPECT("edge once", one_of(ep, 1), 0);
    signal_event(fd);
    EXPECT("edge new write", one_of(ep, 1), EPOLLIN);
    EXPECT("edge new write once", one_of(ep, 1), 0);
    take_event(fd);
    EXPECT("edge read is none", one_of(ep, 1), 0);
    signal_event(fd);
    EXPECT_OK("edge mod", control(ep, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLET, 2));
    EXPECT("edge mod rearms", one_of(ep, 2), EPOLLIN);
    close(fd);

    NEED(pipe2(p, O_NONBLOCK) == 0);
    add(ep, p[0], EPOLLIN | EPOLLET, 3);
    NEED(write(p[1], "ab", 2) == 2);
    EXPECT("edge pipe", one_of(ep, 3), EPOLLIN);
    NEED(read(p[0], text, 1) == 1);
    EXPECT("edge pipe partly read", one_of(ep, 3), 0);
    NEED(write(p[1], "c", 1) == 1);
    EXPECT("edge pipe not empty", one_of(ep, 3), EPOLLIN);
    EXPECT("edge pipe once", one_of(ep, 3), 0);
    close(p[1]);
    EXPECT("edge pipe hangup", one_of(ep, 3), EPOLLIN | EPOLLHUP);
    EXPECT("edge pipe hangup once", one_of(ep, 3), 0);
    close(p[0]);

    NEED(pipe2(p, O_NONBLOCK) == 0);
    add(ep, p[1], EPOLLOUT | EPOLLET, 4);
    EXPECT("edge write end", one_of(ep, 4), EPOLLOUT);
    NEED(write(p[1], "ab", 2) == 2);
    EXPECT("edge write end once", one_of(ep, 4), 0);
    NEED(read(p[0], text, 2) == 2);
    EXPECT("edge write end had room", one_of(ep, 4), 0);
    close(p[0]);
    EXPECT("edge write end broken", one_of(ep, 4), EPOLLOUT | EPOLLERR);
    close(p[1]);
    close(ep);
}

static void test_oneshot(void)
{
    int fd = event_make(1);

    ep = epoll_make();
    add(ep, fd, EPOLLIN | EPOLLONESHOT, 5);
    EXPECT("oneshot", one_of(ep, 5), EPOLLIN);
    EXPECT("oneshot off", one_of(ep, 5), 0);
    signal_event(fd);
    EXPECT("oneshot stays off", one_of(ep, 5), 0);
    EXPECT_ERR("oneshot is still there", control(ep, EPOLL_CTL_ADD, fd, EPOLLIN, 5), EEXIST);
    EXPECT_OK("oneshot mod", control(ep, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT, 6));
    EXPECT("oneshot armed", one_of(ep, 6), EPOLLIN);
    EXPECT("oneshot off again", one_of(ep, 6), 0);
    close(fd);
    close(ep);
}

// Errors and hang-ups are told unasked.
static void test_unasked(void)
{
    int p[2];

    ep = epoll_make();
    NEED(pipe(p) == 0);
    add(ep, p[0], 0, 1);
    EXPECT("unasked quiet", one_of(ep, 1), 0);
    close(p[1]);
    EXPECT("unasked hangup", one_of(ep, 1), EPOLLHUP);
    close(p[0]);
    NEED(pipe(p) == 0);
    add(ep, p[1], 0, 2);
    close(p[0]);
    EXPECT("unasked error", one_of(ep, 2), EPOLLERR);
    close(p[1]);
    close(ep);
}

static void test_errors(void)
{
    int fd = event_make(0), file, dir = open("/", O_RDONLY), null = open("/dev/null", O_RDONLY);
    int path = open("/", O_PATH);
    struct epoll_event event = {.events = EPOLLIN}, out[2];

    scratch_enter();
    file = open("file", O_RDWR | O_CREAT, 0600);
    ep = epoll_make();
    EXPECT_ERR("create flags", epoll_create1(1), EINVAL);
    EXPECT_ERR("create size", epoll_create(0), EINVAL);
    int old = epoll_create(1);
    EXPECT("create without cloexec", fcntl(old, F_GETFD), 0);
    EXPECT("create cloexec", fcntl(ep, F_GETFD), FD_CLOEXEC);
    close(old);
    EXPECT_ERR("add a file", epoll_ctl(ep, EPOLL_CTL_ADD, file, &event), EPERM);
    EXPECT_ERR("add a directory", epoll_ctl(ep, EPOLL_CTL_ADD, dir, &event), EPERM);
    EXPECT_ERR("add null", epoll_ctl(ep, EPOLL_CTL_ADD, null, &event), EPERM);
    EXPECT_ERR("add a path", epoll_ctl(ep, EPOLL_CTL_ADD, path, &event), EBADF);
    EXPECT_ERR("add closed", epoll_ctl(ep, EPOLL_CTL_ADD, 999, &event), EBADF);
    EXPECT_ERR("control closed", epoll_ctl(999, EPOLL_CTL_ADD, fd, &event), EBADF);
    EXPECT_ERR("control a file", epoll_ctl(file, EPOLL_CTL_ADD, fd, &event), EINVAL);
    EXPECT_ERR("control an eventfd", epoll_ctl(fd, EPOLL_CTL_ADD, ep, &event), EINVAL);
    EXPECT_ERR("add itself", epoll_ctl(ep, EPOLL_CTL_ADD, ep, &event), EINVAL);
    EXPECT_ERR("bad operation", epoll_ctl(ep, 99, fd, &event), EINVAL);
    EXPECT_ERR("mod absent", epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event), ENOENT);
    EXPECT_ERR("del absent", epoll_ctl(ep, EPOLL_CTL_DEL, fd, &event), ENOENT);
    EXPECT("add bad pointer", raw(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fd, UNMAPPED, 0, 0), -EFAULT);
    add(ep, fd, EPOLLIN, 1);
    EXPECT_ERR("add twice", epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), EEXIST);
    EXPECT_ERR("wait closed", epoll_wait(999, out, 1, 0), EBADF);
    EXPECT_ERR("wait an eventfd", epoll_wait(fd, out, 1, 0), EINVAL);
    EXPECT_ERR("wait none", epoll_wait(ep, out, 0, 0), EINVAL);
    EXPECT_ERR("wait negative", epoll_wait(ep, out, -1, 0), EINVAL);
    EXPECT_ERR("wait too many", epoll_wait(ep, out, 1 << 28, 0), EINVAL);
    EXPECT("wait kernel", raw(SYS_epoll_pwait, ep, KERNEL_ADDR, 1, 0, 0, 8), -EFAULT);
    EXPECT("wait mask size", raw(SYS_epoll_pwait, ep, (long)out, 1, 0, (long)&event, 7), -EINVAL);
    EXPECT("wait mask pointer", raw(SYS_epoll_pwait, ep, (long)out, 1, 0, UNMAPPED, 8), -EFAULT);
    signal_event(fd);
    EXPECT("wait unmapped", raw(SYS_epoll_pwait, ep, UNMAPPED, 1, 0, 0, 8), -EFAULT);
    EXPECT("not lost with the fault", one_of(ep, 1), EPOLLIN);
    EXPECT_ERR("read an epoll", read(ep, out, 8), EINVAL);
    EXPECT_ERR("write an epoll", write(ep, out, 8), EINVAL);
    close(fd);
    close(file);
    close(dir);
    close(null);
    close(path);
    close(ep);
    scratch_leave();
}

// A page that is not there yet takes the events, also where one lies across two.
static void test_memory(void)
{
    int fds[WIDE];
    char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t sum = 0;
    int n;

    ep = epoll_make();
    for (int i = 0; i < WIDE; i++)
        add(ep, fds[i] = event_make(1), EPOLLIN | EPOLLET, i + 1);
    n = epoll_wait(ep, (void *)(p + PAGE - 40), WIDE, 0);
    CHECK("memory some", n > 0 && n <= WIDE);
    for (int more; n < WIDE; n += more) {
        more = epoll_wait(ep, (void *)(p + PAGE - 40 + n * 16), WIDE - n, 0);
        NEED(more > 0);
    }
    for (int i = 0; i < WIDE; i++) {
        struct epoll_event event;

        memcpy(&event, p + PAGE - 40 + i * 16, 16);
        sum += event.data.u64;
    }
    EXPECT("memory each once", sum, WIDE * (WIDE + 1) / 2);
    EXPECT("memory no more", one_of(ep, 0), 0);
    for (int i = 0; i < WIDE; i++)
        close(fds[i]);
    munmap(p, 4 * PAGE);
    close(ep);
}

// Few at a time: all have their turn.
static void test_turns(void)
{
    struct epoll_event out[3];
    int fds[10], seen[10] = {0}, turns = 0;

    ep = epoll_make();
    for (int i = 0; i < 10; i++)
        add(ep, fds[i] = event_make(1), EPOLLIN, i);
    for (int call = 0; call < 10; call++) {
        NEED(wait_some(ep, out, 3) == 3);
        for (int i = 0; i < 3; i++)
            seen[out[i].data.u64]++;
    }
    for (int i = 0; i < 10; i++)
        turns += seen[i] == 3;
    EXPECT("turns", turns, 10);
    for (int i = 0; i < 10; i++)
        close(fds[i]);
    close(ep);
}

// A watched file goes with its last descriptor, not before.
static void test_closing(void)
{
    int fd = event_make(1), copy = dup(fd), p[2];
    pid_t child;
    struct gate gate;

    ep = epoll_make();
    add(ep, fd, EPOLLIN, 1);
    EXPECT_OK("a copy is another item", control(ep, EPOLL_CTL_ADD, copy, EPOLLIN, 2));
    EXPECT_OK("its own del", control(ep, EPOLL_CTL_DEL, copy, 0, 0));
    close(fd);
    EXPECT("closed, but a copy is open", one_of(ep, 1), EPOLLIN);
    EXPECT_ERR("no way to name it", control(ep, EPOLL_CTL_DEL, fd, 0, 0), EBADF);
    close(copy);
    EXPECT("closed", one_of(ep, 1), 0);
    NEED(pipe(p) == 0);
    add(ep, p[0], EPOLLIN, 3);
    NEED(write(p[1], "x", 1) == 1);
    gate_init(&gate);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        gate_wait(&gate);
        _exit(0);
    }
    close(p[0]);
    EXPECT("the child has it open", one_of(ep, 3), EPOLLIN);
    gate_post(&gate);
    child_end(child);
    EXPECT("nobody has it open", one_of(ep, 3), 0);
    EXPECT_ERR("its reader is gone", write(p[1], "x", 1), EPIPE);
    close(p[1]);
    gate_fini(&gate);
    fd = event_make(1);
    add(ep, fd, EPOLLIN, 5);
    close(ep);
    EXPECT("the epoll goes first", fd, fd);
    take_event(fd);
    signal_event(fd);
    close(fd);
}

static void test_nested(void)
{
    int chain[8], fd = event_make(0), i, outer = epoll_make(), inner = epoll_make();
    struct epoll_event event = {.events = EPOLLIN};
    struct pollfd pfd = {.fd = outer, .events = POLLIN};

    add(inner, fd, EPOLLIN, 1);
    add(outer, inner, EPOLLIN, 2);
    EXPECT("nested quiet", one_of(outer, 2), 0);
    EXPECT("nested poll quiet", poll(&pfd, 1, 0), 0);
    signal_event(fd);
    EXPECT("nested ready", one_of(outer, 2), EPOLLIN);
    EXPECT("nested poll", poll(&pfd, 1, 0), 1);
    EXPECT("nested inner", one_of(inner, 1), EPOLLIN);
    EXPECT("nested still", one_of(outer, 2), EPOLLIN);
    take_event(fd);
    EXPECT("nested taken", one_of(outer, 2), 0);
    EXPECT_ERR("circle", control(inner, EPOLL_CTL_ADD, outer, EPOLLIN, 0), ELOOP);
    EXPECT_OK("edge of an epoll", control(outer, EPOLL_CTL_MOD, inner, EPOLLIN | EPOLLET, 3));
    signal_event(fd);
    EXPECT("nested edge", one_of(outer, 3), EPOLLIN);
    EXPECT("nested edge once", one_of(outer, 3), 0);
    signal_event(fd);
    EXPECT("nested new edge", one_of(outer, 3), EPOLLIN);
    EXPECT_ERR("exclusive epoll", control(outer, EPOLL_CTL_ADD, inner, EPOLLIN | EPOLLEXCLUSIVE, 0),
               EINVAL);
    close(inner);
    EXPECT("inner closed", one_of(outer, 3), 0);
    close(outer);

    for (i = 0; i < 8; i++)
        chain[i] = epoll_make();
    add(chain[0], fd, EPOLLIN, 100);
    for (i = 1; i < 8; i++)
        if (epoll_ctl(chain[i], EPOLL_CTL_ADD, chain[i - 1], &event) < 0)
            break;
    CHECK("depth errno", errno == ELOOP);
    EXPECT("depth", i, 5);
    EXPECT("depth outermost", wait_some(chain[4], &event, 1), 1);
    for (i = 0; i < 8; i++)
        close(chain[i]);
    close(fd);
}

// From the top down, and in the middle.
static void test_depth(void)
{
    int chain[8], i;

    for (i = 0; i < 8; i++)
        chain[i] = epoll_make();
    for (i = 1; i < 5; i++)
        EXPECT_OK("down", control(chain[i - 1], EPOLL_CTL_ADD, chain[i], EPOLLIN, 0));
    EXPECT_ERR("down too deep", control(chain[4], EPOLL_CTL_ADD, chain[5], EPOLLIN, 0), ELOOP);
    EXPECT_OK("cut", control(chain[2], EPOLL_CTL_DEL, chain[3], 0, 0));
    EXPECT_OK("another", control(chain[4], EPOLL_CTL_ADD, chain[5], EPOLLIN, 0));
    EXPECT_ERR("join too deep", control(chain[2], EPOLL_CTL_ADD, chain[3], EPOLLIN, 0), ELOOP);
    EXPECT_ERR("long circle", control(chain[2], EPOLL_CTL_ADD, chain[0], EPOLLIN, 0), ELOOP);
    for (i = 0; i < 8; i++)
        close(chain[i]);
}

// The ways on from the epolls that watch a file are as many at most as those from an epoll, whoever
// comes last.
static void test_fanout(void)
{
    int inner = epoll_make(), event = event_make(0), outer[50], copy[11], good = 0;

    for (int i = 0; i < 11; i++)
        copy[i] = dup(event);
    for (int i = 0; i < 10; i++)
        good += !control(inner, EPOLL_CTL_ADD, copy[i], EPOLLIN, i);
    for (int i = 0; i < 50; i++) {
        outer[i] = epoll_make();
        good += !control(outer[i], EPOLL_CTL_ADD, inner, EPOLLIN, 0);
    }
    EXPECT("fan within the limit", good, 60);
    EXPECT_ERR("fan with one more file", control(inner, EPOLL_CTL_ADD, copy[10], EPOLLIN, 10),
               EINVAL);
    EXPECT_ERR("fan with one more epoll",
               control(ep = epoll_make(), EPOLL_CTL_ADD, inner, EPOLLIN, 0), EINVAL);
    EXPECT_OK("fan with one less", control(inner, EPOLL_CTL_DEL, copy[0], 0, 0));
    EXPECT_OK("fan has room again", control(inner, EPOLL_CTL_ADD, copy[10], EPOLLIN, 10));
    signal_event(event);
    good = 0;
    for (int i = 0; i < 50; i++) {
        good += one_of(outer[i], 0) > 0;
        close(outer[i]);
    }
    EXPECT("fan tells all", good, 50);
    for (int i = 0; i < 11; i++)
        close(copy[i]);
    close(ep);
    close(inner);
    close(event);
}

struct waiter {
    pthread_t thread;
    int ep, timeout;
    int result, error;
    struct epoll_event event;
    pid_t tid;
    bool started;
};

static void *waiter_main(void *argument)
{
    struct waiter *w = argument;

    __atomic_store_n(&w->tid, gettid(), __ATOMIC_RELEASE);
    w->result = epoll_wait(w->ep, &w->event, 1, w->timeout);
    w->error = errno;
    return NULL;
}

static char thread_state(pid_t tid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
    char *end = strrchr(file_text(path), ')');
    return end && end[1] ? end[2] : 0;
}

// Starts a thread and waits until it sleeps.
static void waiter_start(struct waiter *w, int e, int timeout)
{
    *w = (struct waiter){.ep = e, .timeout = timeout};
    NEED(pthread_create(&w->thread, NULL, waiter_main, w) == 0);
    while (!__atomic_load_n(&w->tid, __ATOMIC_ACQUIRE) || thread_state(w->tid) != 'S')
        sched_yield();
}

static void test_waiting(void)
{
    int fd = event_make(0);
    struct waiter w[2];
    struct epoll_event out;
    struct timespec ts = {0, 1000}, bad = {0, 1000000000}, t0, t1;

    ep = epoll_make();
    add(ep, fd, EPOLLIN, 1);
    clock_gettime(CLOCK_MONOTONIC, &t0);
    EXPECT("time-out", epoll_wait(ep, &out, 1, 20), 0);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    CHECK("not early", (t1.tv_sec - t0.tv_sec) * 1000000000L + t1.tv_nsec - t0.tv_nsec >= 20000000);
    EXPECT("pwait2 time-out", raw(SYS_epoll_pwait2, ep, (long)&out, 1, (long)&ts, 0, 8), 0);
    EXPECT("pwait2 bad time", raw(SYS_epoll_pwait2, ep, (long)&out, 1, (long)&bad, 0, 8), -EINVAL);
    EXPECT("pwait2 bad pointer", raw(SYS_epoll_pwait2, ep, (long)&out, 1, UNMAPPED, 0, 8), -EFAULT);
    waiter_start(&w[0], ep, -1);
    signal_event(fd);
    pthread_join(w[0].thread, NULL);
    EXPECT("woken", w[0].result, 1);
    EXPECT("woken data", w[0].event.data.u64, 1);
    EXPECT("pwait2 without time", raw(SYS_epoll_pwait2, ep, (long)&out, 1, 0, 0, 8), 1);
    take_event(fd);

    // What is added, and what is changed, wakes too.
    int other = event_make(1);
    waiter_start(&w[0], ep, -1);
    add(ep, other, EPOLLIN | EPOLLONESHOT, 2);
    pthread_join(w[0].thread, NULL);
    EXPECT("woken by add", w[0].event.data.u64, 2);
    waiter_start(&w[0], ep, -1);
    control(ep, EPOLL_CTL_MOD, other, EPOLLIN | EPOLLONESHOT, 3);
    pthread_join(w[0].thread, NULL);
    EXPECT("woken by mod", w[0].event.data.u64, 3);

    // One edge wakes one of two.
    control(ep, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLET, 4);
    waiter_start(&w[0], ep, -1);
    waiter_start(&w[1], ep, -1);
    signal_event(fd);
    signal_event(other);
    control(ep, EPOLL_CTL_MOD, other, EPOLLIN | EPOLLONESHOT, 4);
    pthread_join(w[0].thread, NULL);
    pthread_join(w[1].thread, NULL);
    EXPECT("each has one", w[0].result + w[1].result, 2);
    EXPECT("no third", one_of(ep, 0), 0);
    close(other);
    close(fd);
    close(ep);
}

static int handled;

static void handle(int number)
{
    (void)number;
    handled++;
}

static void interrupted_child(void *argument)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    struct epoll_event out;
    sigset_t none, usr1;

    sigaction(SIGUSR1, &action, NULL);
    gate_post(argument);
    EXPECT_ERR("interrupted, whatever SA_RESTART says", epoll_wait(ep, &out, 1, -1), EINTR);
    EXPECT("interrupted handler", handled, 1);
    sigemptyset(&none);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    raise(SIGUSR1);
    EXPECT("blocked", epoll_wait(ep, &out, 1, 0), 0);
    EXPECT("blocked handler", handled, 1);
    EXPECT_ERR("mask opens", epoll_pwait(ep, &out, 1, -1, &none), EINTR);
    EXPECT("mask opens handler", handled, 2);
    sigprocmask(SIG_BLOCK, NULL, &none);
    CHECK("mask is back", sigismember(&none, SIGUSR1));
}

static void test_signals(void)
{
    int fd = event_make(0);
    struct gate gate;
    pid_t child;

    ep = epoll_make();
    add(ep, fd, EPOLLIN, 1);
    gate_init(&gate);
    child = child_start(interrupted_child, &gate);
    gate_wait(&gate);
    process_await(child, "S");
    kill(child, SIGUSR1);
    EXPECT("signals child", child_end(child), 0);
    gate_fini(&gate);
    close(fd);
    close(ep);
}

// Of epolls that watch exclusively one is told by an edge that a thread waits for.
static void test_exclusive(void)
{
    int p[2], eps[3], done = 0;
    struct waiter w[3];

    NEED(pipe2(p, O_NONBLOCK) == 0);
    for (int i = 0; i < 3; i++) {
        eps[i] = epoll_make();
        add(eps[i], p[0], EPOLLIN | EPOLLEXCLUSIVE, i);
        waiter_start(&w[i], eps[i], -1);
    }
    EXPECT_ERR("exclusive mod", control(eps[0], EPOLL_CTL_MOD, p[0], EPOLLIN, 0), EINVAL);
    EXPECT_OK("exclusive del", control(eps[0], EPOLL_CTL_DEL, p[0], 0, 0));
    EXPECT_OK("exclusive add", control(eps[0], EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLEXCLUSIVE, 0));
    EXPECT_ERR("exclusive oneshot",
               control(eps[0], EPOLL_CTL_ADD, p[1], EPOLLOUT | EPOLLEXCLUSIVE | EPOLLONESHOT, 0),
               EINVAL);
    EXPECT_ERR("mod to exclusive", control(eps[0], EPOLL_CTL_MOD, p[1], EPOLLEXCLUSIVE, 0), EINVAL);
    NEED(write(p[1], "x", 1) == 1);
    for (int i = 0; i < 3; i++)
        while (!done && thread_state(w[i].tid) != 'S')
            done = w[i].result == 1;
    close(p[1]); // all others
    for (int i = 0; i < 3; i++) {
        pthread_join(w[i].thread, NULL);
        EXPECT("exclusive woken", w[i].result, 1);
    }
    for (int i = 0; i < 3; i++)
        close(eps[i]);
    close(p[0]);
}

// An epoll that nobody waits for, though another watches it, keeps no wake-up.
static void test_exclusive_unawaited(void)
{
    int event = event_make(0), quiet = epoll_make(), outer = epoll_make(), e = epoll_make();

    add(quiet, event, EPOLLIN | EPOLLEXCLUSIVE, 0);
    add(outer, quiet, EPOLLIN, 0);
    add(e, event, EPOLLIN | EPOLLEXCLUSIVE, 0);
    signal_event(event);
    EXPECT("exclusive goes on", one_of(e, 0), EPOLLIN);
    close(quiet);
    close(outer);
    close(e);
    close(event);
}

// Threads add, take away, close and wake at once.
#define ROUNDS 300

static int storm_fd[4];
static volatile bool storm_over;

static void *storm_wake(void *argument)
{
    (void)argument;
    for (int i = 0; !storm_over; i++) {
        uint64_t one = 1;

        write(storm_fd[i % 4], &one, 8);
        read(storm_fd[(i + 1) % 4], &one, 8);
    }
    return NULL;
}

static void *storm_take(void *argument)
{
    struct epoll_event out[4];

    (void)argument;
    while (!storm_over)
        epoll_wait(ep, out, 4, 1);
    return NULL;
}

static void test_storm(void)
{
    pthread_t threads[3];
    int good = 0;

    ep = epoll_make();
    for (int i = 0; i < 4; i++)
        storm_fd[i] = event_make(0);
    pthread_create(&threads[0], NULL, storm_wake, NULL);
    pthread_create(&threads[1], NULL, storm_take, NULL);
    pthread_create(&threads[2], NULL, storm_take, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        int inner = epoll_make(), copy = dup(storm_fd[i % 4]);

        good += !control(inner, EPOLL_CTL_ADD, storm_fd[0], EPOLLIN, 1);
        good += !control(ep, EPOLL_CTL_ADD, inner, EPOLLIN | EPOLLET, 2);
        good += !control(ep, EPOLL_CTL_ADD, copy, EPOLLIN, 3);
        good += !control(inner, EPOLL_CTL_ADD, copy, EPOLLIN, 3);
        if (i % 2)
            good += !control(ep, EPOLL_CTL_DEL, inner, 0, 0);
        good += !control(ep, EPOLL_CTL_DEL, copy, 0, 0);
        close(i % 3 ? inner : copy);
        close(i % 3 ? copy : inner);
    }
    storm_over = true;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    EXPECT("storm", good, ROUNDS * 5 + ROUNDS / 2);
    for (int i = 0; i < 4; i++)
        close(storm_fd[i]);
    close(ep);
}

int main(void)
{
    abi_begin();
    test_level();
    test_edge();
    test_oneshot();
    test_unasked();
    test_errors();
    test_memory();
    test_turns();
    test_closing();
    test_nested();
    test_depth();
    test_fanout();
    test_waiting();
    test_signals();
    test_exclusive();
    test_exclusive_unawaited();
    test_storm();
    return abi_end();
}
