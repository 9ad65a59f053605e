// SPDX-License-Identifier: MIT
// timerfd, signalfd and pidfd.
#include "abi.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif
#define SECOND         1000000000L
#define SET_TICKS      0x40085400
#define PIDFD_NONBLOCK O_NONBLOCK

static long poll_of(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n = poll(&p, 1, 0);

    return n < 0 ? n : p.revents;
}

static void await_ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    NEED(poll(&p, 1, -1) == 1);
}

static long ns_of(struct timespec t)
{
    return t.tv_sec * SECOND + t.tv_nsec;
}

static long now_of(int clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return ns_of(t);
}

static struct itimerspec spec_of(long value, long interval)
{
    return (struct itimerspec){.it_value = {value / SECOND, value % SECOND},
                               .it_interval = {interval / SECOND, interval % SECOND}};
}

static int set(int fd, int flags, long value, long interval)
{
    struct itimerspec spec = spec_of(value, interval);

    return timerfd_settime(fd, flags, &spec, NULL);
}

static long ticks_of(int fd)
{
    uint64_t ticks;
    ssize_t n = read(fd, &ticks, 8);

    return n == 8 ? (long)ticks : n == -1 ? -errno : -1000;
}

/* timerfd */

static void test_timer(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct itimerspec spec, old;
    long start;

    EXPECT("timer cloexec", fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT("timer nonblock", fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    EXPECT("timer new", ticks_of(fd), -EAGAIN);
    EXPECT_OK("timer get", timerfd_gettime(fd, &spec));
    EXPECT("timer new is off", ns_of(spec.it_value) | ns_of(spec.it_interval), 0);
    EXPECT("timer quiet", poll_of(fd), 0);
    start = now_of(CLOCK_MONOTONIC);
    EXPECT_OK("timer set", set(fd, 0, 5000000, 0));
    await_ready(fd);
    CHECK("timer not early", now_of(CLOCK_MONOTONIC) - start >= 5000000);
    EXPECT("timer once", ticks_of(fd), 1);
    EXPECT("timer once only", ticks_of(fd), -EAGAIN);
    timerfd_gettime(fd, &spec);
    EXPECT("timer is off", ns_of(spec.it_value), 0);

    EXPECT_OK("timer interval", set(fd, 0, 1000000, 1000000));
    await_ready(fd);
    start = ticks_of(fd);
    CHECK("timer interval ticks", start >= 1);
    await_ready(fd);
    CHECK("timer goes on", ticks_of(fd) >= 1);
    fcntl(fd, F_SETFL, 0);
    CHECK("timer waits", ticks_of(fd) >= 1);
    spec = spec_of(100 * SECOND, 7);
    EXPECT_OK("timer old", timerfd_settime(fd, 0, &spec, &old));
    EXPECT("timer old interval", ns_of(old.it_interval), 1000000);
    CHECK("timer old value", ns_of(old.it_value) >= 0 && ns_of(old.it_value) <= 1000000);
    timerfd_gettime(fd, &spec);
    CHECK("timer left", ns_of(spec.it_value) > 90 * SECOND && ns_of(spec.it_value) <= 100 * SECOND);
    EXPECT("timer interval back", ns_of(spec.it_interval), 7);
    EXPECT_OK("timer off", set(fd, 0, 0, 5));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    EXPECT("timer off quiet", ticks_of(fd), -EAGAIN);

    EXPECT_OK("timer absolute past", set(fd, TFD_TIMER_ABSTIME, 1, 0));
    await_ready(fd);
    EXPECT("timer absolute past once", ticks_of(fd), 1);
    EXPECT_OK("timer absolute past interval", set(fd, TFD_TIMER_ABSTIME, 1, SECOND / 1000));
    await_ready(fd);
    CHECK("timer counts from then",
          ticks_of(fd) >= now_of(CLOCK_MONOTONIC) / (SECOND / 1000) - 1000);
    EXPECT_OK("timer tiny interval", set(fd, 0, 1, 1));
    await_ready(fd);
    CHECK("timer tiny ticks", ticks_of(fd) > 100);
    EXPECT_OK("timer set drops ticks", set(fd, 0, 1000 * SECOND, 0));
    EXPECT("timer dropped", ticks_of(fd), -EAGAIN);
    uint64_t n = 77;
    EXPECT_OK("timer ticks set", ioctl(fd, SET_TICKS, &n));
    EXPECT("timer ticks ready", poll_of(fd), POLLIN);
    EXPECT("timer ticks read", ticks_of(fd), 77);
    n = -512UL;
    EXPECT_OK("timer many ticks set", ioctl(fd, SET_TICKS, &n));
    n = 0;
    EXPECT("timer many ticks read", read(fd, &n, 8), 8);
    EXPECT("timer many ticks", n, -512L);
    n = 0;
    EXPECT_ERR("timer ticks zero", ioctl(fd, SET_TICKS, &n), EINVAL);
    EXPECT_ERR("timer ticks pointer", ioctl(fd, SET_TICKS, UNMAPPED), EFAULT);
    EXPECT_ERR("timer other ioctl", ioctl(fd, TIOCGWINSZ, &spec), ENOTTY);
    close(fd);
}

static void test_timer_errors(void)
{
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK), event = eventfd(0, 0);
    struct itimerspec spec = spec_of(1, 0), bad = {.it_value.tv_nsec = SECOND};
    char small[8];

    EXPECT_ERR("timer clock", timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
    EXPECT_ERR("timer no clock", timerfd_create(77, 0), EINVAL);
    EXPECT_ERR("timer flags", timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
    int boot = timerfd_create(CLOCK_BOOTTIME, 0);
    CHECK("timer boottime", boot >= 0);
    close(boot);
    EXPECT_ERR("timer set flags", timerfd_settime(fd, 4, &spec, NULL), EINVAL);
    EXPECT_ERR("timer set bad", timerfd_settime(fd, 0, &bad, NULL), EINVAL);
    EXPECT_ERR("timer set pointer", timerfd_settime(fd, 0, (void *)UNMAPPED, NULL), EFAULT);
    EXPECT_ERR("timer set an eventfd", timerfd_settime(event, 0, &spec, NULL), EINVAL);
    EXPECT_ERR("timer set closed", timerfd_settime(999, 0, &spec, NULL), EBADF);
    EXPECT_ERR("timer get an eventfd", timerfd_gettime(event, &spec), EINVAL);
    EXPECT_ERR("timer get closed", timerfd_gettime(999, &spec), EBADF);
    EXPECT_ERR("timer get pointer", timerfd_gettime(fd, (void *)UNMAPPED), EFAULT);
    EXPECT_ERR("timer read little", read(fd, small, 7), EINVAL);
    EXPECT_ERR("timer write", write(fd, small, 8), EINVAL);
    close(fd);
    close(event);
}

// Setting the clock moves absolute timers, and cancels those that ask for it.
static void test_timer_clock(void)
{
    int moved = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    int cancelled = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    int relative = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    long offset = now_of(CLOCK_REALTIME) - now_of(CLOCK_MONOTONIC), now = now_of(CLOCK_REALTIME);
    struct timespec later = {now / SECOND + 2000, 0}, back;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    int ep = epoll_create1(0);

    set(moved, TFD_TIMER_ABSTIME, now + 1000 * SECOND, 0);
    set(cancelled, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, now + 9000 * SECOND, 0);
    set(relative, 0, 1000 * SECOND, 0);
    epoll_ctl(ep, EPOLL_CTL_ADD, cancelled, &event);
    EXPECT("clock before", epoll_wait(ep, &event, 1, 0), 0);
    NEED(clock_settime(CLOCK_REALTIME, &later) == 0);
    await_ready(moved);
    EXPECT("clock moved", ticks_of(moved), 1);
    EXPECT("clock relative", ticks_of(relative), -EAGAIN);
    EXPECT("clock wakes", epoll_wait(ep, &event, 1, -1), 1);
    EXPECT("clock cancelled", ticks_of(cancelled), -ECANCELED);
    EXPECT("clock cancelled once", ticks_of(cancelled), -EAGAIN);
    now = now_of(CLOCK_MONOTONIC) + offset;
    back = (struct timespec){now / SECOND, now % SECOND};
    NEED(clock_settime(CLOCK_REALTIME, &back) == 0);
    EXPECT_ERR("clock set again",
               set(cancelled, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, now + 9000 * SECOND, 0),
               ECANCELED);
    EXPECT("clock is set", ticks_of(cancelled), -EAGAIN);
    struct itimerspec spec;
    timerfd_gettime(cancelled, &spec);
    CHECK("clock is armed", spec.it_value.tv_sec > 8000 && spec.it_value.tv_sec <= 9000);
    set(moved, TFD_TIMER_ABSTIME, now_of(CLOCK_REALTIME) + SECOND / 1000, 0);
    await_ready(moved);
    later = back;
    later.tv_sec -= 1000;
    NEED(clock_settime(CLOCK_REALTIME, &later) == 0);
    EXPECT("clock keeps what expired", ticks_of(moved), 1);
    EXPECT("clock expired once", ticks_of(moved), -EAGAIN);
    EXPECT("clock off", set(cancelled, 0, 0, 0), 0);
    EXPECT("clock off is quiet", poll_of(cancelled), 0);
    EXPECT("clock off is off", ticks_of(cancelled), -EAGAIN);
    NEED(clock_settime(CLOCK_REALTIME, &back) == 0);
    close(moved);
    close(cancelled);
    close(relative);
    close(ep);
}

/* signalfd */

static sigset_t set_of(int a, int b)
{
    sigset_t s;

    sigemptyset(&s);
    sigaddset(&s, a);
    if (b)
        sigaddset(&s, b);
    return s;
}

static void signal_child(void *argument)
{
    int fd = *(int *)argument;
    struct signalfd_siginfo info;
    struct epoll_event event = {.events = EPOLLIN};
    int ep = epoll_create1(0);

    EXPECT("child has none", poll_of(fd), 0);
    EXPECT_OK("child adds", epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
    raise(SIGUSR1);
    EXPECT("child has one", epoll_wait(ep, &event, 1, -1), 1);
    EXPECT("child reads", read(fd, &info, sizeof(info)), sizeof(info));
    EXPECT("child's own", info.ssi_pid, getpid());
    close(ep);
    kill(getpid(), SIGUSR2); // goes with its death
}

static void *signal_thread(void *argument)
{
    struct signalfd_siginfo info = {0};

    NEED(read(*(int *)argument, &info, sizeof(info)) == sizeof(info));
    return (void *)(long)info.ssi_signo;
}

static void test_signals(void)
{
    sigset_t both = set_of(SIGUSR1, SIGRTMIN + 3), chld = set_of(SIGCHLD, SIGUSR2);
    struct signalfd_siginfo info[4];
    union sigval word = {.sival_int = 4711};
    pthread_t thread;
    void *got;
    int fd, event = eventfd(0, 0);

    sigprocmask(SIG_BLOCK, &both, NULL);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    fd = signalfd(-1, &both, SFD_NONBLOCK | SFD_CLOEXEC);
    EXPECT("signal cloexec", fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT_ERR("signal none", read(fd, info, sizeof(info)), EAGAIN);
    EXPECT("signal quiet", poll_of(fd), 0);
    raise(SIGUSR2);
    EXPECT("signal another", poll_of(fd), 0);
    kill(getpid(), SIGUSR1);
    EXPECT("signal ready", poll_of(fd), POLLIN);
    sigqueue(getpid(), SIGRTMIN + 3, word);
    word.sival_int = 4712;
    sigqueue(getpid(), SIGRTMIN + 3, word);
    EXPECT_ERR("signal little", read(fd, info, sizeof(info[0]) - 1), EINVAL);
    EXPECT("signal read", read(fd, info, sizeof(info[0]) * 2 + 5), sizeof(info[0]) * 2);
    EXPECT("signal number", info[0].ssi_signo, SIGUSR1);
    EXPECT("signal code", info[0].ssi_code, SI_USER);
    EXPECT("signal pid", info[0].ssi_pid, getpid());
    EXPECT("signal uid", info[0].ssi_uid, getuid());
    EXPECT("signal queued", info[1].ssi_signo, SIGRTMIN + 3);
    EXPECT("signal queued code", info[1].ssi_code, SI_QUEUE);
    EXPECT("signal queued int", info[1].ssi_int, 4711);
    EXPECT("signal rest", read(fd, info, sizeof(info)), sizeof(info[0]));
    EXPECT("signal rest int", info[0].ssi_int, 4712);
    EXPECT("signal all read", poll_of(fd), 0);

    EXPECT("signal mask", signalfd(fd, &chld, 0), fd);
    EXPECT("signal new mask", read(fd, info, sizeof(info)), sizeof(info[0]));
    EXPECT("signal of new mask", info[0].ssi_signo, SIGUSR2);
    pid_t child = fork();
    if (child == 0)
        _exit(33);
    await_ready(fd);
    EXPECT("signal child", read(fd, info, sizeof(info)), sizeof(info[0]));
    EXPECT("signal child number", info[0].ssi_signo, SIGCHLD);
    EXPECT("signal child code", info[0].ssi_code, CLD_EXITED);
    EXPECT("signal child pid", info[0].ssi_pid, child);
    EXPECT("signal child status", info[0].ssi_status, 33);
    child_end(child);

    // Who reads it gets his own, also from a descriptor that he inherited.
    signalfd(fd, &both, 0);
    EXPECT("signal forked", child_run(signal_child, &fd), 0);
    EXPECT("signal not the child's", poll_of(fd), 0);

    // Readers sleep until there is one; a signal to one thread is that thread's.
    fcntl(fd, F_SETFL, 0);
    NEED(pthread_create(&thread, NULL, signal_thread, &fd) == 0);
    pthread_kill(pthread_self(), SIGUSR1);
    EXPECT("signal own", read(fd, info, sizeof(info[0])), sizeof(info[0]));
    EXPECT("signal own code", info[0].ssi_code, SI_TKILL);
    pthread_kill(thread, SIGUSR1);
    pthread_join(thread, &got);
    EXPECT("signal of thread", (long)got, SIGUSR1);
    NEED(pthread_create(&thread, NULL, signal_thread, &fd) == 0);
    kill(getpid(), SIGRTMIN + 3);
    pthread_join(thread, &got);
    EXPECT("signal of process", (long)got, SIGRTMIN + 3);

    EXPECT("signal size", raw(SYS_signalfd4, -1, (long)&both, 16, 0, 0, 0), -EINVAL);
    EXPECT("signal pointer", raw(SYS_signalfd4, -1, UNMAPPED, 8, 0, 0, 0), -EFAULT);
    EXPECT("signal flags", raw(SYS_signalfd4, -1, (long)&both, 8, 1, 0, 0), -EINVAL);
    EXPECT_ERR("signal of an eventfd", signalfd(event, &both, 0), EINVAL);
    EXPECT_ERR("signal closed", signalfd(999, &both, 0), EBADF);
    EXPECT_ERR("signal write", write(fd, info, sizeof(info)), EINVAL);
    sigset_t all = set_of(SIGKILL, SIGSTOP);
    int kill_fd = signalfd(-1, &all, SFD_NONBLOCK);
    CHECK("signal kill", kill_fd >= 0);
    EXPECT_ERR("signal kill is not read", read(kill_fd, info, sizeof(info)), EAGAIN);
    close(kill_fd);
    close(event);
    close(fd);
}

// Edges: a signal that comes while one is there is one.
static void test_signal_edges(void)
{
    sigset_t mask = set_of(SIGRTMIN + 3, 0);
    int fd = signalfd(-1, &mask, SFD_NONBLOCK), ep = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};

    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
    raise(SIGRTMIN + 3);
    EXPECT("signal edge", epoll_wait(ep, &event, 1, 0), 1);
    EXPECT("signal edge once", epoll_wait(ep, &event, 1, 0), 0);
    raise(SIGRTMIN + 3);
    EXPECT("signal new edge", epoll_wait(ep, &event, 1, 0), 1);
    close(fd);
    EXPECT("signal closed edge", epoll_wait(ep, &event, 1, 0), 0);
    raise(SIGRTMIN + 3);
    EXPECT("signal nobody there", epoll_wait(ep, &event, 1, 0), 0);
    close(ep);
    sigtimedwait(&mask, NULL, &(struct timespec){0});
}

/* pidfd */

static int pidfd_of(pid_t pid, unsigned flags)
{
    return syscall(SYS_pidfd_open, pid, flags);
}

static int pidfd_kill(int fd, int sig, siginfo_t *info, unsigned flags)
{
    return syscall(SYS_pidfd_send_signal, fd, sig, info, flags);
}

static void pause_child(void *argument)
{
    gate_post(argument);
    for (;;)
        pause();
}

static void *pid_thread(void *argument)
{
    pid_t tid = gettid();
    int fd = pidfd_of(tid, 0), error = errno;

    *(int *)argument = fd < 0 && (error == EINVAL || error == ENOENT);
    return NULL;
}

static void test_pidfd(void)
{
    struct gate gate;
    siginfo_t info;
    pthread_t thread;
    int fd, number = 0;
    struct epoll_event event = {.events = EPOLLIN};
    int ep = epoll_create1(0), null = open("/dev/null", O_RDONLY);
    pid_t child, gone;

    gate_init(&gate);
    child = child_start(pause_child, &gate);
    gate_wait(&gate);
    fd = pidfd_of(child, 0);
    EXPECT("pidfd cloexec", fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT("pidfd alive", poll_of(fd), 0);
    EXPECT_OK("pidfd probe", pidfd_kill(fd, 0, NULL, 0));
    EXPECT_ERR("pidfd signal", pidfd_kill(fd, 65, NULL, 0), EINVAL);
    EXPECT_ERR("pidfd signal flags", pidfd_kill(fd, 0, NULL, 128), EINVAL);
    EXPECT_ERR("pidfd no pidfd", pidfd_kill(null, 0, NULL, 0), EBADF);
    EXPECT_ERR("pidfd closed", pidfd_kill(999, 0, NULL, 0), EBADF);
    EXPECT_ERR("pidfd info pointer", pidfd_kill(fd, SIGTERM, (void *)UNMAPPED, 0), EFAULT);
    memset(&info, 0, sizeof(info));
    info.si_signo = SIGTERM;
    EXPECT_ERR("pidfd pose", pidfd_kill(fd, SIGTERM, &info, 0), EPERM);
    EXPECT_ERR("pidfd info of another", pidfd_kill(fd, SIGINT, &info, 0), EINVAL);
    EXPECT_ERR("pidfd read", read(fd, &info, 8), EINVAL);
    EXPECT("pidfd wait not yet", waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG), 0);
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
    EXPECT_OK("pidfd end", pidfd_kill(fd, SIGTERM, NULL, 0));
    EXPECT("pidfd wakes epoll", epoll_wait(ep, &event, 1, -1), 1);
    EXPECT("pidfd dead", poll_of(fd), POLLIN);
    EXPECT_OK("pidfd zombie", pidfd_kill(fd, 0, NULL, 0));
    EXPECT_OK("pidfd wait", waitid(P_PIDFD, fd, &info, WEXITED));
    EXPECT("pidfd wait pid", info.si_pid, child);
    EXPECT("pidfd wait code", info.si_code, CLD_KILLED);
    EXPECT("pidfd wait status", info.si_status, SIGTERM);
    EXPECT_ERR("pidfd wait again", waitid(P_PIDFD, fd, &info, WEXITED), ECHILD);
    EXPECT("pidfd reaped", poll_of(fd) & POLLIN, POLLIN);
    EXPECT_ERR("pidfd signal to nobody", pidfd_kill(fd, 0, NULL, 0), ESRCH);
    close(fd);
    EXPECT_ERR("pidfd open nobody", pidfd_of(child, 0), ESRCH);
    EXPECT_ERR("pidfd open 0", pidfd_of(0, 0), EINVAL);
    EXPECT_ERR("pidfd open -1", pidfd_of(-1, 0), EINVAL);
    EXPECT_ERR("pidfd open flags", pidfd_of(getpid(), 1), EINVAL);
    NEED(pthread_create(&thread, NULL, pid_thread, &number) == 0);
    pthread_join(thread, NULL);
    CHECK("pidfd open a thread", number == 1);

    // Waits.
    child = child_start(pause_child, &gate);
    gate_wait(&gate);
    fd = pidfd_of(child, PIDFD_NONBLOCK);
    EXPECT("pidfd nonblock", fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    EXPECT_ERR("pidfd wait nonblock", waitid(P_PIDFD, fd, &info, WEXITED), EAGAIN);
    EXPECT_ERR("pidfd wait null", waitid(P_PIDFD, null, &info, WEXITED), EBADF);
    EXPECT_ERR("pidfd wait closed", waitid(P_PIDFD, 999, &info, WEXITED), EBADF);
    EXPECT_ERR("pidfd wait -1", waitid(P_PIDFD, -1, &info, WEXITED), EINVAL);
    fcntl(fd, F_SETFL, 0);
    pidfd_kill(fd, SIGKILL, NULL, 0);
    EXPECT_OK("pidfd wait blocks", waitid(P_PIDFD, fd, &info, WEXITED));
    close(fd);
    fd = pidfd_of(getppid(), 0);
    if (fd >= 0)
        EXPECT_ERR("pidfd wait no child", waitid(P_PIDFD, fd, &info, WEXITED), ECHILD);
    close(fd);

    // Signals to oneself may say what they like.
    sigset_t mask = set_of(SIGUSR1, 0);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    fd = pidfd_of(getpid(), 0);
    memset(&info, 0, sizeof(info));
    info.si_signo = SIGUSR1;
    info.si_code = SI_USER;
    info.si_pid = 1234;
    EXPECT_OK("pidfd self", pidfd_kill(fd, SIGUSR1, &info, 0));
    NEED(sigwaitinfo(&mask, &info) == SIGUSR1);
    EXPECT("pidfd self pid", info.si_pid, 1234);
    close(fd);

    gone = child_start(pause_child, &gate);
    gate_wait(&gate);
    fd = pidfd_of(gone, 0);
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
    kill(gone, SIGKILL);
    child_end(gone);
    EXPECT("pidfd after the end", epoll_wait(ep, &event, 1, 0), 1);
    close(fd);
    close(ep);
    close(null);
    gate_fini(&gate);
}

// A directory of /proc is as good, for signals alone.

static int proc_open(pid_t pid, const char *name, int flags)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d%s", pid, name);
    return open(path, O_RDONLY | O_CLOEXEC | flags);
}

static void not_to_others(void *fd)
{
    NEED(setuid(1000) == 0);
    EXPECT_ERR("directory of another's", pidfd_kill(*(int *)fd, SIGTERM, NULL, 0), EPERM);
}

static void test_pidfd_directory(void)
{
    static const char *const others[] = {"/task", "/status", "/fd"};
    siginfo_t info = {.si_signo = SIGTERM};
    struct gate gate;
    int fd, no;
    pid_t child;

    gate_init(&gate);
    child = child_start(pause_child, &gate);
    gate_wait(&gate);
    for (int i = 0; i < 3; i++) {
        no = proc_open(child, others[i], 0);
        EXPECT_ERR(others[i], pidfd_kill(no, 0, NULL, 0), EBADF);
        close(no);
    }
    no = open("/proc", O_RDONLY);
    EXPECT_ERR("directory of nobody", pidfd_kill(no, 0, NULL, 0), EBADF);
    close(no);
    no = proc_open(child, "", O_PATH);
    EXPECT_ERR("directory not opened", pidfd_kill(no, 0, NULL, 0), EBADF);
    close(no);
    fd = proc_open(child, "", O_DIRECTORY);
    EXPECT_OK("directory probe", pidfd_kill(fd, 0, NULL, 0));
    EXPECT_ERR("directory signal", pidfd_kill(fd, 65, NULL, 0), EINVAL);
    EXPECT_ERR("directory flags", pidfd_kill(fd, 0, NULL, 128), EINVAL);
    EXPECT_ERR("directory info pointer", pidfd_kill(fd, SIGTERM, (void *)UNMAPPED, 0), EFAULT);
    EXPECT_ERR("directory pose", pidfd_kill(fd, SIGTERM, &info, 0), EPERM);
    EXPECT("directory rights", child_run(not_to_others, &fd), 0);
    EXPECT_ERR("directory wait", waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG), EBADF);
    EXPECT_ERR("directory getfd", syscall(SYS_pidfd_getfd, fd, 0, 0), EBADF);
    EXPECT_OK("directory end", pidfd_kill(fd, SIGTERM, NULL, 0));
    EXPECT_OK("directory zombie", (process_await(child, "Z"), pidfd_kill(fd, 0, NULL, 0)));
    EXPECT("directory end status", child_end(child), SIGNALED(SIGTERM));
    EXPECT_ERR("directory of the gone", pidfd_kill(fd, 0, NULL, 0), ESRCH);
    close(fd);
    fd = proc_open(getpid(), "", 0);
    EXPECT_OK("directory of oneself", pidfd_kill(fd, 0, NULL, 0));
    close(fd);
    gate_fini(&gate);
}

static void hold_child(void *argument)
{
    int fd = open("/proc/self/stat", O_RDONLY);

    NEED(dup2(fd, 77) == 77);
    pause_child(argument);
}

static void test_getfd(void)
{
    struct gate gate;
    int p[2], fd, got;
    char c = 0;
    pid_t child;

    gate_init(&gate);
    NEED(pipe(p) == 0);
    child = child_start(hold_child, &gate);
    gate_wait(&gate);
    fd = pidfd_of(child, 0);
    got = syscall(SYS_pidfd_getfd, fd, 77, 0);
    CHECK("getfd", got >= 0);
    EXPECT("getfd cloexec", fcntl(got, F_GETFD), FD_CLOEXEC);
    close(got);
    got = syscall(SYS_pidfd_getfd, fd, p[1], 0);
    EXPECT("getfd writes", write(got, "y", 1), 1);
    EXPECT("getfd is the pipe", read(p[0], &c, 1), 1);
    close(got);
    EXPECT_ERR("getfd closed there", syscall(SYS_pidfd_getfd, fd, 999, 0), EBADF);
    EXPECT_ERR("getfd flags", syscall(SYS_pidfd_getfd, fd, 77, 1), EINVAL);
    EXPECT_ERR("getfd no pidfd", syscall(SYS_pidfd_getfd, p[0], 77, 0), EBADF);
    kill(child, SIGKILL);
    await_ready(fd);
    EXPECT_ERR("getfd of a zombie", syscall(SYS_pidfd_getfd, fd, 77, 0), ESRCH);
    child_end(child);
    close(fd);
    child = fork();
    if (child == 0) {
        pid_t parent = getppid();

        fd = pidfd_of(parent, 0);
        NEED(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
        EXPECT_ERR("getfd not permitted", syscall(SYS_pidfd_getfd, fd, 0, 0), EPERM);
        EXPECT_ERR("pidfd signal not permitted", pidfd_kill(fd, SIGTERM, NULL, 0), EPERM);
        _exit(0);
    }
    EXPECT("getfd child", child_end(child), 0);
    close(p[0]);
    close(p[1]);
    gate_fini(&gate);
}

struct clone3_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
        set_tid_size, cgroup;
};

static void test_clone(void)
{
    struct clone3_args args = {.flags = CLONE_PIDFD, .exit_signal = SIGCHLD};
    int fd = -1, free_fd = dup(0);
    siginfo_t info;
    long pid;

    close(free_fd);
    fflush(stdout);
    args.pidfd = (uint64_t)&fd;
    pid = raw(SYS_clone3, (long)&args, sizeof(args), 0, 0, 0, 0);
    if (pid == 0)
        raw(SYS_exit_group, fcntl(free_fd, F_GETFD) < 0 ? 5 : 6, 0, 0, 0, 0, 0);
    CHECK("clone3", pid > 0);
    EXPECT("clone3 lowest", fd, free_fd);
    EXPECT("clone3 cloexec", fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT_OK("clone3 wait", waitid(P_PIDFD, fd, &info, WEXITED));
    EXPECT("clone3 the child has it not", info.si_status, 5);
    close(fd);
    fd = -1;
    pid = raw(SYS_clone, CLONE_PIDFD | CLONE_VFORK | SIGCHLD, 0, (long)&fd, 0, 0, 0);
    if (pid == 0)
        raw(SYS_exit_group, 7, 0, 0, 0, 0, 0);
    EXPECT("clone lowest", fd, free_fd);
    await_ready(fd); // the parent may go on before the child is dead
    EXPECT_OK("clone wait", waitid(P_PIDFD, fd, &info, WEXITED));
    EXPECT("clone pid", info.si_pid, pid);
    close(fd);
    EXPECT("clone two uses",
           raw(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, (long)&fd, 0, 0, 0),
           -EINVAL);
    args.pidfd = UNMAPPED;
    EXPECT("clone3 pointer", raw(SYS_clone3, (long)&args, sizeof(args), 0, 0, 0, 0), -EFAULT);
    int after = dup(0);
    EXPECT("clone3 undone", after, free_fd);
    close(after);
}

/* What /proc says of them */

static const char *info_of(int fd)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    return file_text(path);
}

static void info_child(void *argument)
{
    (void)argument;
}

static void test_fdinfo(void)
{
    int count = eventfd(0x2a, 0), timer = timerfd_create(CLOCK_BOOTTIME, 0), set = epoll_create1(0);
    struct itimerspec long_time = {{7, 8}, {100000, 5}};
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 0xabcdef};
    sigset_t mask;
    char want[200];
    struct stat st;

    CHECK("eventfd", strstr(info_of(count), "eventfd-count:               2a\neventfd-id: "));
    NEED(timerfd_settime(timer, 0, &long_time, NULL) == 0);
    CHECK("timerfd", strstr(info_of(timer), "clockid: 7\nticks: 0\nsettime flags: 00\n"
                                            "it_value: (99999, "));
    CHECK("its interval", strstr(info_of(timer), ")\nit_interval: (7, 8)\n"));
    long_time.it_value.tv_sec = 1;
    NEED(timerfd_settime(timer, TFD_TIMER_ABSTIME, &long_time, NULL) == 0);
    CHECK("its flags", strstr(info_of(timer), "\nsettime flags: 01\n"));
    NEED(epoll_ctl(set, EPOLL_CTL_ADD, count, &event) == 0 && fstat(count, &st) == 0);
    snprintf(want, sizeof(want), "tfd: %8d events: %8x data: %16x  pos:0 ino:%lx sdev:", count,
             EPOLLIN | EPOLLET | EPOLLERR | EPOLLHUP, 0xabcdef, st.st_ino);
    CHECK("epoll", strstr(info_of(set), want));
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigaddset(&mask, SIGKILL);
    int signals = signalfd(-1, &mask, 0);
    CHECK("signalfd", strstr(info_of(signals), "sigmask:\t0000000000000200\n"));
    pid_t child = child_start(info_child, NULL);
    int pidfd = syscall(SYS_pidfd_open, child, 0);
    snprintf(want, sizeof(want), "Pid:\t%d\nNSpid:\t%d\n", child, child);
    CHECK("pidfd", strstr(info_of(pidfd), want));
    child_end(child);
    CHECK("pidfd of none", strstr(info_of(pidfd), "Pid:\t-1\nNSpid:\t-1\n"));
    close(pidfd);
    close(signals);
    close(set);
    close(timer);
    close(count);
}

int main(void)
{
    abi_begin();
    test_timer();
    test_timer_errors();
    test_timer_clock();
    test_signals();
    test_signal_edges();
    test_pidfd();
    test_pidfd_directory();
    test_getfd();
    test_clone();
    test_fdinfo();
    return abi_end();
}
