// SPDX-License-Identifier: MIT
// Files that tell by signal: O_ASYNC, F_SETOWN, F_SETOWN_EX, F_SETSIG, FIOASYNC, FIOSETOWN.
#include "abi.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#define USER  1000
#define OTHER 1001

#define MARK (SIGRTMIN + 1)

static const struct timespec soon = {5, 0}, at_once = {0, 0};
static int mark[2]; // a pipe that tells by MARK

static int make_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

    NEED(fd >= 0);
    return fd;
}

static sigset_t set_of(int a, int b)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, a);
    sigaddset(&set, b);
    return set;
}

// The next of both signals, 0 if there is none in time.
static int next(int a, int b, siginfo_t *info, const struct timespec *within)
{
    sigset_t set = set_of(a, b);
    int sig = sigtimedwait(&set, info, within);

    return sig < 0 ? 0 : sig;
}

// What was told before is there now: this process stays on one processor, and there is one order.
static void settle(void)
{
    siginfo_t info;
    char c;

    NEED(write(mark[1], "m", 1) == 1);
    EXPECT("the mark", next(MARK, MARK, &info, &soon), MARK);
    NEED(read(mark[0], &c, 1) == 1);
    while (next(MARK, MARK, &info, &at_once))
        ;
}

static void drain(int a, int b)
{
    siginfo_t info;

    settle();
    while (next(a, b, &info, &at_once))
        ;
}

static bool told_nothing(int sig)
{
    siginfo_t info;

    settle();
    return next(sig, sig, &info, &at_once) == 0;
}

static void block(int a, int b)
{
    sigset_t set = set_of(a, b);

    NEED(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

static void async(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    NEED(fcntl(fd, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC) == 0);
}

static bool is_async(int fd)
{
    return fcntl(fd, F_GETFL) & O_ASYNC;
}

static void test_owner(void)
{
    struct f_owner_ex ex = {F_OWNER_TID, gettid()}, got = {77, 77};
    int fd = open("/dev/null", O_RDWR);

    EXPECT("nobody", fcntl(fd, F_GETOWN), 0);
    EXPECT("us", fcntl(fd, F_SETOWN, getpid()), 0);
    EXPECT("asked", fcntl(fd, F_GETOWN), getpid());
    EXPECT("with its kind", fcntl(fd, F_GETOWN_EX, &got), 0);
    CHECK("a process", got.type == F_OWNER_PID && got.pid == getpid());
    EXPECT("our group", fcntl(fd, F_SETOWN, -getpgrp()), 0);
    EXPECT("with its kind", fcntl(fd, F_GETOWN_EX, &got), 0);
    CHECK("a group", got.type == F_OWNER_PGRP && got.pid == getpgrp());
    EXPECT("a thread", fcntl(fd, F_SETOWN_EX, &ex), 0);
    EXPECT("with its kind", fcntl(fd, F_GETOWN_EX, &got), 0);
    CHECK("a thread, too", got.type == F_OWNER_TID && got.pid == gettid());
    EXPECT("by its number", fcntl(fd, F_GETOWN), gettid());
    EXPECT_ERR("no such process", fcntl(fd, F_SETOWN, 1 << 22), ESRCH);
    EXPECT_ERR("no such number", fcntl(fd, F_SETOWN, 0x80000000), EINVAL);
    ex = (struct f_owner_ex){3, getpid()};
    EXPECT_ERR("no such kind", fcntl(fd, F_SETOWN_EX, &ex), EINVAL);
    ex = (struct f_owner_ex){F_OWNER_PID, 1 << 22};
    EXPECT_ERR("nobody", fcntl(fd, F_SETOWN_EX, &ex), ESRCH);
    EXPECT_ERR("nowhere", fcntl(fd, F_SETOWN_EX, 8), EFAULT);
    EXPECT_ERR("to nowhere", fcntl(fd, F_GETOWN_EX, 8), EFAULT);
    EXPECT("it stays", fcntl(fd, F_GETOWN), gettid());
    EXPECT("nobody again", fcntl(fd, F_SETOWN, 0), 0);
    EXPECT("asked", fcntl(fd, F_GETOWN), 0);
    EXPECT("which signal", fcntl(fd, F_GETSIG), 0);
    EXPECT("another", fcntl(fd, F_SETSIG, SIGRTMIN), 0);
    EXPECT("asked", fcntl(fd, F_GETSIG), SIGRTMIN);
    EXPECT_ERR("none such", fcntl(fd, F_SETSIG, 65), EINVAL);
    EXPECT_ERR("nor negative", fcntl(fd, F_SETSIG, -1), EINVAL);
    EXPECT("SIGIO again", fcntl(fd, F_SETSIG, 0), 0);
    close(fd);
}

// Of sockets, as BSD has it: either name of each.
static void test_owner_ioctls(void)
{
    static const int setters[] = {FIOSETOWN, SIOCSPGRP}, getters[] = {FIOGETOWN, SIOCGPGRP};
    int s[2], p[2], id, minus = -getpgrp(), us = getpid(), nobody = 0, gone = 1 << 22;

    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && pipe(p) == 0);
    for (int i = 0; i < 2; i++) {
        EXPECT("nobody", (ioctl(s[0], getters[i], &id), id), 0);
        EXPECT("us", ioctl(s[0], setters[i], &us), 0);
        EXPECT("for fcntl, too", fcntl(s[0], F_GETOWN), us);
        EXPECT("our group", ioctl(s[0], setters[i], &minus), 0);
        EXPECT("asked", (ioctl(s[0], getters[i], &id), id), minus);
        EXPECT_ERR("no such process", ioctl(s[0], setters[i], &gone), ESRCH);
        EXPECT_ERR("from nowhere", ioctl(s[0], setters[i], 8), EFAULT);
        EXPECT_ERR("to nowhere", ioctl(s[0], getters[i], 8), EFAULT);
        EXPECT_ERR("not of a pipe", ioctl(p[0], setters[i], &us), ENOTTY);
        EXPECT_ERR("nor is it told", ioctl(p[0], getters[i], &id), ENOTTY);
        EXPECT("nobody again", ioctl(s[0], setters[i], &nobody), 0);
    }
    close(s[0]), close(s[1]), close(p[0]), close(p[1]);
}

// Files that cannot: the flag is not taken.
static void test_others(void)
{
    int fd = make_file("plain"), on = 1;

    EXPECT("a file", fcntl(fd, F_SETFL, O_ASYNC), 0);
    CHECK("does not take it", !is_async(fd));
    EXPECT_ERR("nor by ioctl", ioctl(fd, FIOASYNC, &on), ENOTTY);
    on = 0;
    EXPECT("which may take it away", ioctl(fd, FIOASYNC, &on), 0);
    close(fd);
}

static void test_pipe(void)
{
    siginfo_t info;
    int p[2], on = 1;
    char c;

    NEED(pipe(p) == 0);
    async(p[0], true);
    CHECK("the flag", is_async(p[0]) && !is_async(p[1]));
    NEED(write(p[1], "a", 1) == 1);
    CHECK("nobody is told", told_nothing(SIGIO));
    NEED(fcntl(p[0], F_SETOWN, getpid()) == 0 && read(p[0], &c, 1) == 1);
    NEED(write(p[1], "b", 1) == 1);
    EXPECT("now we are", next(SIGIO, SIGURG, &info, &soon), SIGIO);
    drain(SIGIO, SIGURG);
    NEED(read(p[0], &c, 1) == 1);
    async(p[0], false);
    CHECK("no flag", !is_async(p[0]));
    NEED(write(p[1], "c", 1) == 1 && read(p[0], &c, 1) == 1);
    CHECK("nor signal", told_nothing(SIGIO));
    EXPECT("by ioctl", ioctl(p[0], FIOASYNC, &on), 0);
    CHECK("the flag again", is_async(p[0]));
    EXPECT_ERR("from nowhere", ioctl(p[0], FIOASYNC, 8), EFAULT);
    NEED(fcntl(p[0], F_SETSIG, SIGRTMIN) == 0);
    NEED(write(p[1], "d", 1) == 1);
    EXPECT("our signal", next(SIGIO, SIGRTMIN, &info, &soon), SIGRTMIN);
    EXPECT("why", info.si_code, POLL_IN);
    EXPECT("where", info.si_fd, p[0]);
    EXPECT("what", info.si_band, POLLIN | POLLRDNORM);
    drain(SIGIO, SIGRTMIN);
    NEED(read(p[0], &c, 1) == 1);
    close(p[1]);
    EXPECT("the end, too", next(SIGIO, SIGRTMIN, &info, &soon), SIGRTMIN);
    close(p[0]);
    drain(SIGIO, SIGRTMIN);
}

static void test_room(void)
{
    static char page[65536];
    siginfo_t info;
    int p[2];

    NEED(pipe2(p, O_NONBLOCK) == 0);
    while (write(p[1], page, sizeof(page)) > 0)
        ;
    NEED(fcntl(p[1], F_SETOWN, getpid()) == 0 && fcntl(p[1], F_SETSIG, SIGRTMIN) == 0);
    async(p[1], true);
    NEED(read(p[0], page, sizeof(page)) == sizeof(page));
    EXPECT("there is room", next(SIGIO, SIGRTMIN, &info, &soon), SIGRTMIN);
    EXPECT("why", info.si_code, POLL_OUT);
    close(p[0]);
    close(p[1]);
    drain(SIGIO, SIGRTMIN);
}

static void test_socket(void)
{
    siginfo_t info;
    int s[2];

    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    NEED(fcntl(s[0], F_SETOWN, getpid()) == 0 && fcntl(s[0], F_SETSIG, SIGRTMIN) == 0);
    async(s[0], true);
    NEED(write(s[1], "x", 1) == 1);
    EXPECT("told", next(SIGIO, SIGRTMIN, &info, &soon), SIGRTMIN);
    CHECK("why", info.si_code == POLL_IN && info.si_fd == s[0]);
    close(s[0]);
    close(s[1]);
    drain(SIGIO, SIGRTMIN);
}

// Events that come while nobody could be told yet: each of them once, and none is told after the
// end.
static void test_bursts(void)
{
    siginfo_t info;
    int p[2];

    for (int i = 0; i < 200; i++) {
        NEED(pipe2(p, O_NONBLOCK) == 0 && fcntl(p[1], F_SETOWN, getpid()) == 0);
        async(p[1], true);
        NEED(write(p[1], "a", 1) == 1 && write(p[1], "b", 1) == 1);
        close(p[0]);
        close(p[1]);
    }
    drain(SIGIO, SIGURG);
    NEED(pipe(p) == 0 && fcntl(p[0], F_SETOWN, getpid()) == 0);
    async(p[0], true);
    NEED(write(p[1], "a", 1) == 1);
    async(p[0], false);
    while (next(SIGIO, SIGURG, &info, &at_once)) // told before
        ;
    CHECK("no more", told_nothing(SIGIO));
    close(p[0]);
    close(p[1]);
}

static void test_signalfd(void)
{
    struct signalfd_siginfo info;
    sigset_t set = set_of(SIGRTMIN, SIGRTMIN);
    int fd = signalfd(-1, &set, 0), p[2];

    NEED(fd >= 0 && pipe(p) == 0 && fcntl(p[0], F_SETOWN, getpid()) == 0);
    NEED(fcntl(p[0], F_SETSIG, SIGRTMIN) == 0);
    async(p[0], true);
    NEED(write(p[1], "a", 1) == 1 && read(fd, &info, sizeof(info)) == sizeof(info));
    EXPECT("signalfd's descriptor", info.ssi_fd, p[0]);
    EXPECT("signalfd's band", info.ssi_band, POLLIN | POLLRDNORM);
    EXPECT("from nobody", info.ssi_pid, 0);
    close(fd);
    close(p[0]);
    close(p[1]);
    drain(SIGIO, SIGRTMIN);
}

static void test_inotify(void)
{
    int fd = inotify_init1(IN_NONBLOCK);
    siginfo_t info;

    NEED(fd >= 0 && inotify_add_watch(fd, ".", IN_CREATE) > 0);
    NEED(fcntl(fd, F_SETOWN, getpid()) == 0);
    async(fd, true);
    close(make_file("new"));
    EXPECT("told", next(SIGIO, SIGURG, &info, &soon), SIGIO);
    close(fd);
    drain(SIGIO, SIGURG);
}

static pid_t told;
static int told_pipe[2];

static void *thread_told(void *ready)
{
    siginfo_t info;

    told = gettid();
    __atomic_store_n((int *)ready, 1, __ATOMIC_SEQ_CST);
    return (void *)(long)next(SIGIO, SIGRTMIN, &info, &soon);
}

static void test_thread(void)
{
    struct f_owner_ex ex = {.type = F_OWNER_TID};
    static int ready;
    pthread_t thread;
    siginfo_t info;
    void *result;

    NEED(pipe(told_pipe) == 0 && pthread_create(&thread, NULL, thread_told, &ready) == 0);
    while (!__atomic_load_n(&ready, __ATOMIC_SEQ_CST))
        sched_yield();
    ex.pid = told;
    NEED(fcntl(told_pipe[0], F_SETOWN_EX, &ex) == 0);
    async(told_pipe[0], true);
    NEED(write(told_pipe[1], "x", 1) == 1);
    pthread_join(thread, &result);
    EXPECT("that thread", (long)result, SIGIO);
    EXPECT("not this one", next(SIGIO, SIGRTMIN, &info, &at_once), 0);
    close(told_pipe[0]);
    close(told_pipe[1]);
}

// Who named the owner must have been allowed to signal it.
static void other_user(void *fds)
{
    siginfo_t info;

    NEED(setresuid(OTHER, OTHER, OTHER) == 0);
    NEED(write(((int *)fds)[3], "r", 1) == 1);
    EXPECT("told by root", next(MARK, MARK, &info, &soon), MARK);
    EXPECT("and by nobody else", next(SIGIO, SIGURG, &info, &at_once), 0);
}

static void test_rights(void)
{
    int fd[4];
    pid_t pid;
    char c;

    NEED(pipe(fd) == 0 && pipe(fd + 2) == 0);
    pid = child_start(other_user, fd);
    NEED(read(fd[2], &c, 1) == 1);
    NEED(setresuid(USER, USER, 0) == 0);
    NEED(fcntl(fd[0], F_SETOWN, pid) == 0);
    async(fd[0], true);
    NEED(setresuid(0, 0, 0) == 0);
    NEED(write(fd[1], "x", 1) == 1);
    NEED(fcntl(mark[0], F_SETOWN, pid) == 0 && write(mark[1], "m", 1) == 1);
    EXPECT("its end", child_end(pid), EXITED(0));
    for (int i = 0; i < 4; i++)
        close(fd[i]);
}

// The descriptor goes while events come.
static void *writer(void *fd)
{
    for (int i = 0; i < 2000; i++)
        if (write(*(int *)fd, "x", 1) < 0)
            break;
    return NULL;
}

static void test_end(void)
{
    cpu_set_t all;

    memset(&all, 0xff, sizeof(all));
    NEED(sched_setaffinity(0, sizeof(all), &all) == 0);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        int p[2];

        NEED(pipe(p) == 0 && fcntl(p[0], F_SETOWN, getpid()) == 0);
        async(p[0], true);
        NEED(pthread_create(&thread, NULL, writer, &p[1]) == 0);
        if (i % 2)
            async(p[0], false);
        close(p[0]);
        pthread_join(thread, NULL);
        close(p[1]);
    }
    CHECK("nothing broke", true);
}

static void prepare(void)
{
    cpu_set_t first;

    CPU_ZERO(&first);
    CPU_SET(0, &first);
    NEED(sched_setaffinity(0, sizeof(first), &first) == 0);
    block(SIGIO, SIGURG);
    block(SIGRTMIN, MARK);
    NEED(pipe(mark) == 0 && fcntl(mark[0], F_SETOWN, getpid()) == 0);
    NEED(fcntl(mark[0], F_SETSIG, MARK) == 0);
    async(mark[0], true);
}

int main(void)
{
    abi_begin();
    prepare();
    scratch_enter();
    test_owner();
    test_owner_ioctls();
    test_others();
    test_pipe();
    test_room();
    test_socket();
    test_bursts();
    test_signalfd();
    test_inotify();
    test_thread();
    test_rights();
    test_end();
    scratch_leave();
    return abi_end();
}
