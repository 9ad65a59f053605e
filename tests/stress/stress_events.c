// SPDX-License-Identifier: MIT
// Stress of what passes between processes: pipes and signals.
#include "tests/stress/stress.h"

/* pipes: M writers of N records each, M readers, one pipe; records never tear */

struct record {
    uint32_t writer, number, length, sum;
    unsigned char data[112];
};

static void record_fill(struct record *r, uint32_t writer, uint32_t number, uint32_t *seed)
{
    *r = (struct record){.writer = writer, .number = number, .length = sizeof(r->data)};
    for (size_t i = 0; i < sizeof(r->data); i++)
        r->sum = r->sum * 31 + (r->data[i] = (unsigned char)next_random(seed));
}

static void record_check(const struct record *r)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < sizeof(r->data); i++)
        sum = sum * 31 + r->data[i];
    CHECK(r->length == sizeof(r->data) && sum == r->sum);
}

static int pipe_fds[2], result_fds[2];

static void pipes_write(int index, int n)
{
    uint32_t seed = (uint32_t)index + 1;
    struct record r;

    close(pipe_fds[0]);
    if (index % 2) // half of them wait with poll
        fcntl(pipe_fds[1], F_SETFL, O_NONBLOCK);
    for (int i = 0; i < n; i++) {
        record_fill(&r, (uint32_t)index, (uint32_t)i, &seed);
        for (;;) {
            struct pollfd p = {pipe_fds[1], POLLOUT, 0};
            ssize_t did = write(pipe_fds[1], &r, sizeof(r));

            if (did == sizeof(r))
                break;
            CHECK(did < 0 && errno == EAGAIN);
            CHECK(poll(&p, 1, 20000) == 1);
        }
    }
}

static void pipes_read(int index, int n)
{
    uint64_t count = 0;
    struct record r;

    (void)n;
    close(pipe_fds[1]);
    for (;;) {
        struct pollfd p = {pipe_fds[0], POLLIN, 0};
        ssize_t got;

        if (index % 2)
            CHECK(poll(&p, 1, 20000) == 1);
        got = read(pipe_fds[0], &r, sizeof(r));
        if (got == 0)
            break;
        if (got < 0 && errno == EAGAIN)
            continue;
        CHECK(got == sizeof(r));
        record_check(&r);
        count++;
    }
    CHECK(write(result_fds[1], &count, sizeof(count)) == sizeof(count));
}

static void pipes_side(int index, int n)
{
    if (index % 2)
        pipes_read(index / 2, n);
    else
        pipes_write(index / 2, n);
}

void pipes(int n, int m)
{
    pid_t pids[2 * m];
    uint64_t total = 0, count;

    CHECK(pipe(pipe_fds) == 0 && pipe(result_fds) == 0);
    for (int i = 0; i < 2 * m; i++) {
        pids[i] = fork_checked();
        if (pids[i] == 0) {
            pipes_side(i, n);
            _exit(0);
        }
    }
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    for (int i = 0; i < m; i++) {
        CHECK(read(result_fds[0], &count, sizeof(count)) == sizeof(count));
        total += count;
    }
    for (int i = 0; i < 2 * m; i++)
        wait_ok(pids[i]);
    close(result_fds[0]);
    close(result_fds[1]);
    CHECK(total == (uint64_t)n * (uint64_t)m);
}

/* signals: kill storms between processes and threads, stops, interval timers */

static atomic_int caught[65];

static void on_signal(int sig)
{
    int saved = errno;

    atomic_fetch_add(&caught[sig], 1);
    getppid();
    errno = saved;
}

static void signals_catch(int sig, int flags)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

    CHECK(sigaction(sig, &action, NULL) == 0);
}

// Queued real-time signals: none may be lost.
static void signals_queued(int index, int n)
{
    sigset_t set, old;
    pid_t pid;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, &old);
    pid = fork_checked();
    if (pid == 0) {
        for (int i = 0; i < n; i++) {
            siginfo_t info;
            struct timespec limit = {20, 0};

            CHECK(sigtimedwait(&set, &info, &limit) == SIGRTMIN);
            CHECK(info.si_value.sival_int == i);
        }
        _exit(0);
    }
    for (int i = 0; i < n; i++)
        while (sigqueue(pid, SIGRTMIN, (union sigval){.sival_int = i}) != 0) {
            CHECK(errno == EAGAIN);
            sched_yield();
        }
    wait_ok(pid);
    sigprocmask(SIG_SETMASK, &old, NULL);
    (void)index;
}

atomic_int storm_over;

void *signals_busy(void *arg)
{
    volatile double x = 1;
    char *page = arg;

    while (!storm_over) {
        x = x * 1.0001;
        getpid();
        page[next_random(&(uint32_t){(uint32_t)x}) % PAGE]++;
    }
    return NULL;
}

void *signals_sleepy(void *arg)
{
    struct timespec nap = {0, 200000};

    while (!storm_over)
        nanosleep(&nap, NULL);
    return arg;
}

// A process with threads, under handlers, an interval timer, stops and continues.
static void signals_target(void)
{
    static char page[PAGE];
    struct itimerval interval = {{0, 1000}, {0, 1000}};
    pthread_t t[4];

    setitimer(ITIMER_REAL, &interval, NULL);
    for (int i = 0; i < 4; i++)
        thread_start(&t[i], i % 2 ? signals_busy : signals_sleepy, page);
    while (caught[SIGRTMAX] == 0 || caught[SIGUSR1] == 0 || caught[SIGALRM] == 0)
        sched_yield();
    storm_over = 1;
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
}

static void signals_storm(int index, int n)
{
    pid_t pid;
    int status;

    signals_catch(SIGUSR1, 0);
    signals_catch(SIGALRM, SA_RESTART);
    signals_catch(SIGRTMAX, SA_RESTART);
    pid = fork_checked();
    if (pid == 0) {
        signals_target();
        _exit(0);
    }
    for (int i = 0; i < n; i++) {
        CHECK(kill(pid, SIGUSR1) == 0);
        if (i % 16 == 0) {
            CHECK(kill(pid, SIGSTOP) == 0);
            CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
            CHECK(kill(pid, SIGCONT) == 0);
            CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
        } else if (i % 16 == 8) { // not waited for
            kill(pid, SIGSTOP);
            kill(pid, SIGCONT);
        }
    }
    CHECK(kill(pid, SIGRTMAX) == 0);
    wait_ok(pid);
    (void)index;
}

static void signals_thread_kill(int index, int n)
{
    static char page[PAGE];
    pthread_t t[3];

    signals_catch(SIGUSR1, 0);
    for (int i = 0; i < 3; i++)
        thread_start(&t[i], i % 2 ? signals_sleepy : signals_busy, page);
    for (int i = 0; i < n; i++)
        CHECK(pthread_kill(t[i % 3], SIGUSR1) == 0);
    storm_over = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    CHECK(caught[SIGUSR1] > 0);
    (void)index;
}

// A process that spins with threads, killed at a random moment.
static void signals_killed(int index, int n)
{
    static char page[PAGE];
    uint32_t seed = (uint32_t)index;

    for (int i = 0; i < n / 20 + 1; i++) {
        pid_t pid = fork_checked();
        int status;

        if (pid == 0) {
            pthread_t t;

            for (int j = 0; j < 3; j++)
                thread_start(&t, j % 2 ? signals_sleepy : signals_busy, page);
            for (;;)
                pause();
        }
        if (i % 3)
            usleep(next_random(&seed) % 2000);
        if (i % 2)
            kill(pid, SIGSTOP);
        CHECK(kill(pid, SIGKILL) == 0);
        do {
            CHECK(waitpid(pid, &status, 0) == pid);
        } while (WIFSTOPPED(status));
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
}

static void signals_one(int index, int n)
{
    static void (*const kinds[])(int, int) = {signals_queued, signals_storm, signals_thread_kill,
                                              signals_killed};

    kinds[index % 4](index, n);
}

void signals(int n, int m)
{
    in_children(m, signals_one, n);
}
