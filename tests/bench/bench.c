// SPDX-License-Identifier: MIT
// What the everyday operations of a kernel cost. `bench TINY [SCALE] [ROW...]`: TINY is the path of
// the program tiny, SCALE multiplies the iterations (1).
//
// It sleeps first, so that work which a kernel puts off until after its boot is not measured.
//
// One line a row: name, cost of one operation, iterations of a loop, the five loops' costs. A cost
// is the median of five loops, loop overhead included, in hundredths of a tick of `rdtime`. With
// the 10 MHz clock of QEMU's virt machine that is nanoseconds; under -icount shift=0 one
// nanosecond is one instruction.
#include "bench.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOPS       5
#define PAGE        4096
#define FRESH_PAGES 1024
#define COW_PAGES   512
#define AREA_PAGES  16
#define BULK        65536
#define SETTLE      3 // seconds
#define FILE_NAME   "/tmp/x"

struct row {
    const char *name;
    long iterations;          // of one loop
    uint64_t (*loop)(long n); // runs n operations, returns their ticks
    long divisor;             // operations in one iteration
};

static const char *tiny_path;
static char bulk[BULK];

static void wait_for(pid_t pid)
{
    int status;

    check(waitpid(pid, &status, 0) == pid && status == 0, "child");
}

static uint64_t loop_null(long n)
{
    uint64_t start = ticks();

    while (n--)
        syscall(SYS_getppid);
    return ticks() - start;
}

static uint64_t loop_read(long n)
{
    int fd = open("/dev/zero", O_RDONLY);
    char c;

    check(fd >= 0, "/dev/zero");
    uint64_t start = ticks();
    while (n--)
        check(read(fd, &c, 1) == 1, "read");
    uint64_t end = ticks();
    close(fd);
    return end - start;
}

static void file_make(void)
{
    int fd = open(FILE_NAME, O_RDWR | O_CREAT, 0644);

    check(fd >= 0, FILE_NAME);
    close(fd);
}

static uint64_t loop_open(long n)
{
    file_make();
    uint64_t start = ticks();
    while (n--) {
        int fd = open(FILE_NAME, O_RDONLY);
        check(fd >= 0, "open");
        close(fd);
    }
    uint64_t end = ticks();
    unlink(FILE_NAME);
    return end - start;
}

static uint64_t loop_stat(long n)
{
    struct stat st;

    file_make();
    uint64_t start = ticks();
    while (n--)
        check(stat(FILE_NAME, &st) == 0, "stat");
    uint64_t end = ticks();
    unlink(FILE_NAME);
    return end - start;
}

static uint64_t loop_create(long n)
{
    uint64_t start = ticks();

    while (n--) {
        int fd = open(FILE_NAME, O_RDWR | O_CREAT | O_EXCL, 0644);
        check(fd >= 0, "create");
        close(fd);
        check(unlink(FILE_NAME) == 0, "unlink");
    }
    return ticks() - start;
}

// Answers every byte of one pipe on another until the first is closed.
static void echo_main(int from, int to)
{
    char c;

    while (read(from, &c, 1) == 1)
        if (write(to, &c, 1) != 1)
            _exit(1);
    _exit(0);
}

// n bytes there and back, after a first one.
static uint64_t echo_rounds(int to, int from, long n)
{
    char c = 'x';

    check(write(to, &c, 1) == 1 && read(from, &c, 1) == 1, "first round");
    uint64_t start = ticks();
    while (n--) {
        check(write(to, &c, 1) == 1, "write");
        check(read(from, &c, 1) == 1, "read");
    }
    return ticks() - start;
}

static uint64_t loop_pingpong(long n)
{
    int there[2], back[2];

    check(pipe(there) == 0 && pipe(back) == 0, "pipe");
    pid_t pid = fork();
    check(pid >= 0, "fork");
    if (pid == 0) {
        close(there[1]);
        echo_main(there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    uint64_t cost = echo_rounds(there[1], back[0], n);
    close(there[1]);
    close(back[0]);
    wait_for(pid);
    return cost;
}

// Takes `size` bytes from one pipe, then says so on the other.
static void sink_main(int from, int to, size_t size)
{
    while (size > 0) {
        ssize_t got = read(from, bulk, BULK);
        if (got <= 0)
            _exit(1);
        size -= got;
    }
    _exit(write(to, bulk, 1) != 1);
}

static uint64_t loop_bandwidth(long n)
{
    int there[2], back[2];
    char c;

    check(pipe(there) == 0 && pipe(back) == 0, "pipe");
    pid_t pid = fork();
    check(pid >= 0, "fork");
    if (pid == 0)
        sink_main(there[0], back[1], (size_t)n * BULK);
    uint64_t start = ticks();
    while (n--)
        check(write(there[1], bulk, BULK) == BULK, "write");
    check(read(back[0], &c, 1) == 1, "answer");
    uint64_t end = ticks();
    for (int i = 0; i < 2; i++) {
        close(there[i]);
        close(back[i]);
    }
    wait_for(pid);
    return end - start;
}

static uint64_t loop_fork(long n)
{
    uint64_t start = ticks();

    while (n--) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        check(pid > 0, "fork");
        wait_for(pid);
    }
    return ticks() - start;
}

static uint64_t loop_exec(long n)
{
    char *argv[] = {(char *)tiny_path, NULL}, *env[] = {NULL};
    uint64_t start = ticks();

    while (n--) {
        pid_t pid = fork();
        if (pid == 0) {
            execve(tiny_path, argv, env);
            _exit(1);
        }
        check(pid > 0, "fork");
        wait_for(pid);
    }
    return ticks() - start;
}

static char *pages_map(long pages, int flags)
{
    char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

    check(p != MAP_FAILED, "mmap");
    madvise(p, pages * PAGE, MADV_NOHUGEPAGE); // the cost of single pages, where there are others
    return p;
}

static void pages_touch(char *p, long pages)
{
    for (long i = 0; i < pages; i++)
        *(volatile char *)(p + i * PAGE) = 1;
}

static uint64_t loop_fresh(long n)
{
    uint64_t start = ticks();

    while (n--) {
        char *p = pages_map(FRESH_PAGES, MAP_PRIVATE);
        pages_touch(p, FRESH_PAGES);
        munmap(p, FRESH_PAGES * PAGE);
    }
    return ticks() - start;
}

static uint64_t loop_cow(long n)
{
    char *p = pages_map(COW_PAGES, MAP_PRIVATE);
    uint64_t *sum = (uint64_t *)pages_map(1, MAP_SHARED);

    pages_touch(p, COW_PAGES);
    *sum = 0;
    while (n--) {
        pid_t pid = fork();
        check(pid >= 0, "fork");
        if (pid == 0) {
            uint64_t start = ticks();
            pages_touch(p, COW_PAGES);
            *sum += ticks() - start;
            _exit(0);
        }
        wait_for(pid);
    }
    uint64_t total = *sum;
    munmap(p, COW_PAGES * PAGE);
    munmap(sum, PAGE);
    return total;
}

static volatile long signals;

static void signal_count(int number)
{
    (void)number;
    signals++;
}

static uint64_t loop_signal(long n)
{
    struct sigaction action = {.sa_handler = signal_count};
    pid_t pid = getpid();

    check(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");
    signals = 0;
    uint64_t start = ticks();
    for (long i = 0; i < n; i++)
        kill(pid, SIGUSR1);
    uint64_t end = ticks();
    check(signals == n, "signals lost");
    return end - start;
}

static uint32_t ping, pong;

static void word_wait(uint32_t *word)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0)
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, NULL);
    __atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

static void word_post(uint32_t *word)
{
    __atomic_store_n(word, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

static void *futex_main(void *n)
{
    for (long i = (long)n; i > 0; i--) {
        word_wait(&ping);
        word_post(&pong);
    }
    return NULL;
}

static void futex_round(void)
{
    word_post(&ping);
    word_wait(&pong);
}

static uint64_t loop_futex(long n)
{
    pthread_t peer;

    check(pthread_create(&peer, NULL, futex_main, (void *)(n + 1)) == 0, "thread");
    futex_round();
    uint64_t start = ticks();
    while (n--)
        futex_round();
    uint64_t end = ticks();
    pthread_join(peer, NULL);
    return end - start;
}

// Writes a counter and reads it again.
static uint64_t loop_eventfd(long n)
{
    int fd = eventfd(0, 0);
    uint64_t value = 1;

    check(fd >= 0, "eventfd");
    uint64_t start = ticks();
    while (n--) {
        check(write(fd, &value, 8) == 8, "write");
        check(read(fd, &value, 8) == 8, "read");
    }
    uint64_t end = ticks();
    close(fd);
    return end - start;
}

// Waits until one of those it watches is ready, and takes what is there.
static void epoll_take(int ep)
{
    struct epoll_event event;
    uint64_t value;

    check(epoll_wait(ep, &event, 1, -1) == 1, "epoll_wait");
    check(read(event.data.fd, &value, 8) == 8, "read");
}

static int epoll_watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    int ep = epoll_create1(0);

    check(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
    return ep;
}

static void event_post(int fd)
{
    uint64_t one = 1;

    check(write(fd, &one, 8) == 8, "write");
}

static uint64_t loop_epoll(long n)
{
    int there = eventfd(0, 0), back = eventfd(0, 0);
    pid_t pid = fork();

    check(pid >= 0, "fork");
    if (pid == 0) {
        int ep = epoll_watch(there);
        for (long left = n + 1; left > 0; left--) {
            epoll_take(ep);
            event_post(back);
        }
        _exit(0);
    }
    int ep = epoll_watch(back);
    event_post(there);
    epoll_take(ep);
    uint64_t start = ticks();
    while (n--) {
        event_post(there);
        epoll_take(ep);
    }
    uint64_t end = ticks();
    close(ep);
    close(there);
    close(back);
    wait_for(pid);
    return end - start;
}

// As the pipes' ping-pong, on one pair of Unix sockets.
static uint64_t loop_socket(long n)
{
    int pair[2];

    check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    pid_t pid = fork();
    check(pid >= 0, "fork");
    if (pid == 0) {
        close(pair[0]);
        echo_main(pair[1], pair[1]);
    }
    close(pair[1]);
    uint64_t cost = echo_rounds(pair[0], pair[0], n);
    close(pair[0]);
    wait_for(pid);
    return cost;
}

static void *thread_main(void *unused)
{
    return unused;
}

static uint64_t loop_thread(long n)
{
    uint64_t start = ticks();

    while (n--) {
        pthread_t t;
        check(pthread_create(&t, NULL, thread_main, NULL) == 0, "thread");
        pthread_join(t, NULL);
    }
    return ticks() - start;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

// The holder lets the other thread run, which finds the mutex taken.
static void *mutex_main(void *n)
{
    for (long i = (long)n; i > 0; i--) {
        pthread_mutex_lock(&mutex);
        sched_yield();
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static uint64_t loop_mutex(long n)
{
    pthread_t peer;

    check(pthread_create(&peer, NULL, mutex_main, (void *)n) == 0, "thread");
    uint64_t start = ticks();
    mutex_main((void *)n);
    pthread_join(peer, NULL);
    return ticks() - start;
}

static uint64_t loop_area(long n)
{
    uint64_t start = ticks();

    while (n--) {
        char *p = mmap(NULL, AREA_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                       -1, 0);
        check(p != MAP_FAILED, "mmap");
        pages_touch(p, AREA_PAGES);
        munmap(p, AREA_PAGES * PAGE);
    }
    return ticks() - start;
}

static const struct row rows[] = {
    {"null", 20000, loop_null, 1},
    {"read", 10000, loop_read, 1},
    {"open", 1500, loop_open, 1},
    {"stat", 2000, loop_stat, 1},
    {"pipe", 800, loop_pingpong, 1},
    {"bandwidth", 96, loop_bandwidth, BULK / 1024},
    {"fork", 40, loop_fork, 1},
    {"exec", 25, loop_exec, 1},
    {"fresh", 2, loop_fresh, FRESH_PAGES},
    {"cow", 4, loop_cow, COW_PAGES},
    {"signal", 2000, loop_signal, 1},
    {"futex", 1000, loop_futex, 1},
    {"create", 500, loop_create, 1},
    {"eventfd", 2000, loop_eventfd, 1},
    {"epoll", 800, loop_epoll, 1},
    {"socket", 800, loop_socket, 1},
    {"thread", 200, loop_thread, 1},
    {"mutex", 400, loop_mutex, 2},
    {"area", 100, loop_area, 1},
};

static void row_run(const struct row *r, long scale)
{
    uint64_t cost[LOOPS];
    long n = r->iterations * scale;

    r->loop(r->iterations / 10 + 1); // first touches are not what is measured
    for (int i = 0; i < LOOPS; i++)
        cost[i] = r->loop(n) * 100 / (n * r->divisor);
    printf("%s %lu %ld", r->name, costs_sort(cost, LOOPS), n * r->divisor);
    costs_print(cost, LOOPS);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench TINY [SCALE] [ROW...]\n");
        return 2;
    }
    tiny_path = argv[1];
    long scale = argc > 2 ? atol(argv[2]) : 1;
    memset(bulk, 'b', BULK);
    sleep(SETTLE);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (wanted(rows[i].name, argc > 3 ? argv + 3 : argv + argc))
            row_run(&rows[i], scale > 0 ? scale : 1);
    return 0;
}
