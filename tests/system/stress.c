// SPDX-License-Identifier: MIT
// Stress for the kernel's concurrency, one kind a subcommand; counts are arguments. Static, glibc.
//
//     stress KIND [N [M]]            runs one kind; exit status 0 if every check held
//     stress memcheck KIND [N [M]]   runs it twice, and compares MemFree around the second run
//
// Every check that fails says where, and ends the program with status 1.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(c)                                                                            \
    do {                                                                                    \
        if (!(c)) {                                                                         \
            dprintf(2, "%s:%d: %s (errno %d, pid %d)\n", __func__, __LINE__, #c, errno, getpid()); \
            _exit(1);                                                                       \
        }                                                                                   \
    } while (0)

#define PAGE 4096UL

static char self_path[256];

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static pid_t fork_checked(void)
{
    pid_t pid = fork();

    CHECK(pid >= 0);
    return pid;
}

static void wait_ok(pid_t pid)
{
    int status;
    pid_t got;

    while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
        ;
    CHECK(got == pid);
    if (status != 0)
        dprintf(2, "child %d: status %x\n", pid, status);
    CHECK(status == 0);
}

static void thread_start(pthread_t *t, void *(*fn)(void *), void *arg)
{
    int err = pthread_create(t, NULL, fn, arg);

    errno = err;
    CHECK(err == 0);
}

// Runs fn(index, n) in `count` child processes; each must end with 0.
static void in_children(int count, void (*fn)(int, int), int n)
{
    pid_t pids[count];

    for (int i = 0; i < count; i++) {
        pids[i] = fork_checked();
        if (pids[i] == 0) {
            fn(i, n);
            _exit(0);
        }
    }
    for (int i = 0; i < count; i++)
        wait_ok(pids[i]);
}

/* forks: N fork + exec + wait, by M parents */

static pid_t spawn(bool by_vfork)
{
    pid_t pid = by_vfork ? vfork() : fork();

    if (pid == 0) {
        execl(self_path, "stress", "true", (char *)NULL);
        _exit(99);
    }
    CHECK(pid > 0);
    return pid;
}

static void forks_one(int index, int n)
{
    for (int i = 0; i < n; i++)
        wait_ok(spawn(i % 4 == 3));
    (void)index;
}

static void forks(int n, int m)
{
    in_children(m, forks_one, n / m);
}

/* live: N processes at once, each in a read of a pipe */

static void live(int n, int m)
{
    int gate[2], ready[2];
    char c = 0;
    pid_t *pids = calloc(n, sizeof(*pids));

    (void)m;
    CHECK(pipe(gate) == 0 && pipe(ready) == 0);
    for (int i = 0; i < n; i++) {
        pids[i] = fork_checked();
        if (pids[i] == 0) {
            close(gate[1]);
            CHECK(write(ready[1], &c, 1) == 1);
            CHECK(read(gate[0], &c, 1) == 0);
            _exit(0);
        }
    }
    for (int i = 0; i < n; i++)
        CHECK(read(ready[0], &c, 1) == 1);
    close(gate[1]);
    for (int i = 0; i < n; i++)
        wait_ok(pids[i]);
    free(pids);
}

/* threads: N rounds of M threads over a mutex and a condition */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t turn;
    long counter;
    int at, count, rounds;
    pthread_barrier_t barrier;
} shared = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0, {{0}}};

static void *threads_one(void *arg)
{
    int me = (int)(intptr_t)arg;

    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&shared.lock);
        shared.counter++;
        pthread_mutex_unlock(&shared.lock);
        if (i % 64 == 0)
            pthread_barrier_wait(&shared.barrier);
    }
    for (int i = 0; i < shared.rounds; i++) { // in turn
        pthread_mutex_lock(&shared.lock);
        while (shared.at % shared.count != me)
            pthread_cond_wait(&shared.turn, &shared.lock);
        shared.at++;
        pthread_cond_broadcast(&shared.turn);
        pthread_mutex_unlock(&shared.lock);
    }
    return NULL;
}

static void threads(int n, int m)
{
    pthread_t t[m];

    for (int round = 0; round < n; round++) {
        shared.counter = shared.at = 0;
        shared.count = m;
        shared.rounds = 10;
        pthread_barrier_init(&shared.barrier, NULL, m);
        for (int i = 0; i < m; i++)
            thread_start(&t[i], threads_one, (void *)(intptr_t)i);
        for (int i = 0; i < m; i++)
            pthread_join(t[i], NULL);
        CHECK(shared.counter == 200L * m && shared.at == 10 * m);
        pthread_barrier_destroy(&shared.barrier);
    }
}

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

static void pipes(int n, int m)
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

static atomic_int storm_over;

static void *signals_busy(void *arg)
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

static void *signals_sleepy(void *arg)
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

static void signals(int n, int m)
{
    in_children(m, signals_one, n);
}

/* mm: threads that map, touch, protect, unmap and fork in one address space */

static char *mm_common;

// Pages marked with their owner and number; a forked child sees them as they were.
static void mm_region(uint32_t me, uint32_t *seed)
{
    size_t pages = 1 + next_random(seed) % 24;
    uint32_t tag = me << 20 | (next_random(seed) & 0xfffff);
    char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(p != MAP_FAILED);
    for (size_t i = 0; i < pages; i++) {
        CHECK(*(uint32_t *)(p + i * PAGE) == 0);
        *(uint32_t *)(p + i * PAGE) = tag + (uint32_t)i;
    }
    if (next_random(seed) % 8 == 0) {
        pid_t pid = fork_checked();

        if (pid == 0) {
            for (size_t i = 0; i < pages; i++)
                if (*(uint32_t *)(p + i * PAGE) != tag + (uint32_t)i)
                    _exit(2);
            memset(p, 1, pages * PAGE);
            _exit(0);
        }
        for (size_t i = 0; i < pages; i++)
            ((uint32_t *)(p + i * PAGE))[1] = tag;
        wait_ok(pid);
    }
    if (next_random(seed) % 4 == 0) {
        CHECK(mprotect(p, pages * PAGE, PROT_READ) == 0);
        CHECK(mprotect(p, pages * PAGE, PROT_READ | PROT_WRITE) == 0);
    }
    if (next_random(seed) % 4 == 0 && pages > 2) {
        CHECK(madvise(p + PAGE, PAGE, MADV_DONTNEED) == 0);
        CHECK(*(uint32_t *)(p + PAGE) == 0);
        *(uint32_t *)(p + PAGE) = tag + 1;
    }
    if (next_random(seed) % 4 == 0) {
        char *q = mremap(p, pages * PAGE, (pages + 4) * PAGE, MREMAP_MAYMOVE);

        CHECK(q != MAP_FAILED);
        p = q;
        pages += 4;
        for (size_t i = pages - 4; i < pages; i++) {
            CHECK(*(uint32_t *)(p + i * PAGE) == 0);
            *(uint32_t *)(p + i * PAGE) = tag + (uint32_t)i;
        }
    }
    for (size_t i = 0; i < pages; i++)
        CHECK(*(uint32_t *)(p + i * PAGE) == tag + (uint32_t)i);
    if (pages > 4) {
        CHECK(munmap(p + PAGE, PAGE) == 0);
        CHECK(munmap(p, PAGE) == 0);
        CHECK(munmap(p + 2 * PAGE, (pages - 2) * PAGE) == 0);
    } else {
        CHECK(munmap(p, pages * PAGE) == 0);
    }
}

static void *mm_one(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg & 0xff, seed = me * 77;
    int n = (int)((uintptr_t)arg >> 8);

    for (int i = 0; i < n; i++) {
        mm_region(me + 1, &seed);
        atomic_fetch_add((atomic_int *)(mm_common + i % 16 * (int)PAGE), 1);
    }
    return NULL;
}

static void mm(int n, int m)
{
    pthread_t t[m];
    long sum = 0;

    mm_common = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mm_common != MAP_FAILED);
    for (int i = 0; i < m; i++)
        thread_start(&t[i], mm_one, (void *)((uintptr_t)n << 8 | (uintptr_t)i));
    for (int i = 0; i < m; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < 16; i++)
        sum += *(int *)(mm_common + i * (int)PAGE);
    CHECK(sum == (long)n * m);
    munmap(mm_common, 16 * PAGE);
}

/* files: processes that create, rename, link, unlink and list in the same directories */

#define FILES "/tmp/stress.files"

static void files_list(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    int dots = 0;

    CHECK(d);
    while ((e = readdir(d))) {
        dots += !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
        if (!strncmp(e->d_name, "stay", 4))
            dots += 16;
    }
    CHECK(dots == 18);
    closedir(d);
}

static void files_step(int me, uint32_t *seed)
{
    char a[64], b[64], own[64], text[32] = "";
    int fd;

    snprintf(a, sizeof(a), FILES "/%c/f%u", 'a' + next_random(seed) % 2, next_random(seed) % 8);
    snprintf(b, sizeof(b), FILES "/%c/f%u", 'a' + next_random(seed) % 2, next_random(seed) % 8);
    snprintf(own, sizeof(own), FILES "/%c/own%d", 'a' + next_random(seed) % 2, me);
    switch (next_random(seed) % 8) {
    case 0:
        fd = open(a, O_CREAT | O_RDWR, 0644);
        CHECK(fd >= 0 || errno == ENOENT || errno == EISDIR);
        if (fd >= 0) {
            CHECK(write(fd, "0123456789", 10) == 10);
            close(fd);
        }
        break;
    case 1:
        CHECK(rename(a, b) == 0 || errno == ENOENT || errno == ENOTDIR || errno == EISDIR ||
              errno == ENOTEMPTY || errno == EEXIST || errno == EINVAL);
        break;
    case 2:
        CHECK(unlink(a) == 0 || errno == ENOENT || errno == EISDIR);
        break;
    case 3:
        CHECK(link(a, b) == 0 || errno == ENOENT || errno == EEXIST || errno == EPERM);
        break;
    case 4:
        CHECK(mkdir(a, 0755) == 0 || errno == EEXIST);
        break;
    case 5:
        CHECK(rmdir(a) == 0 || errno == ENOENT || errno == ENOTDIR || errno == ENOTEMPTY);
        break;
    case 6:
        files_list(next_random(seed) % 2 ? FILES "/a" : FILES "/b");
        break;
    default: // nobody else touches `own`
        fd = open(own, O_CREAT | O_EXCL | O_RDWR, 0600);
        CHECK(fd >= 0);
        CHECK(write(fd, own, sizeof(text)) == sizeof(text));
        CHECK(open(own, O_CREAT | O_EXCL | O_RDWR, 0600) < 0 && errno == EEXIST);
        snprintf(b, sizeof(b), FILES "/b/moved%d", me);
        CHECK(rename(own, b) == 0);
        CHECK(access(own, F_OK) < 0 && errno == ENOENT);
        CHECK(unlink(b) == 0 && access(b, F_OK) < 0);
        CHECK(pread(fd, text, sizeof(text), 0) == sizeof(text) && !memcmp(text, own, sizeof(text)));
        close(fd);
    }
}

static void files_one(int index, int n)
{
    uint32_t seed = (uint32_t)index * 991 + 5;

    for (int i = 0; i < n; i++)
        files_step(index, &seed);
}

static void files_clear(const char *folder)
{
    char path[600];
    DIR *d = opendir(folder);
    struct dirent *e;

    while (d && (e = readdir(d))) {
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.')
            CHECK(unlink(path) == 0 || rmdir(path) == 0 || errno == ENOTEMPTY || errno == EISDIR);
    }
    if (d)
        closedir(d);
}

static void files(int n, int m)
{
    static const char *const folders[] = {FILES "/a", FILES "/b"};
    char path[600], inner[620];
    struct stat st;

    mkdir("/tmp", 0777);
    CHECK(mkdir(FILES, 0755) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK(mkdir(folders[i], 0755) == 0);
        snprintf(path, sizeof(path), "%s/stay", folders[i]);
        close(open(path, O_CREAT | O_WRONLY, 0600));
    }
    in_children(m, files_one, n);
    for (int i = 0; i < 2; i++) { // directories were renamed into directories at most
        for (int f = 0; f < 8; f++) {
            snprintf(path, sizeof(path), "%s/f%d", folders[i], f);
            snprintf(inner, sizeof(inner), "%s", path);
            if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
                files_clear(inner);
        }
        files_clear(folders[i]);
        CHECK(stat(folders[i], &st) == 0 && st.st_nlink == 2);
        CHECK(rmdir(folders[i]) == 0);
    }
    CHECK(rmdir(FILES) == 0);
}

/* exit: exit_group and exec while threads run */

static void *exit_spin(void *arg)
{
    int fds[2];
    char c;

    switch ((intptr_t)arg % 4) {
    case 0:
        for (;;)
            getppid();
    case 1:
        if (pipe(fds) == 0)
            (void)!read(fds[0], &c, 1);
        return NULL;
    case 2:
        for (;;) {
            void *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                           0);
            memset(p, 1, 8 * PAGE);
            munmap(p, 8 * PAGE);
        }
    default:
        for (;;)
            usleep(100);
    }
}

static void *exit_by_exec(void *arg)
{
    execl(self_path, "stress", "true", (char *)NULL);
    return arg;
}

static void exit_process(int kind, uint32_t *seed)
{
    pthread_t t;

    for (int i = 0; i < 6; i++)
        thread_start(&t, exit_spin, (void *)(intptr_t)i);
    if (next_random(seed) % 2)
        usleep(next_random(seed) % 1000);
    switch (kind) {
    case 0:
        _exit(0);
    case 1:
        exit_by_exec(NULL);
        _exit(99);
    case 2: // another thread than the first executes
        thread_start(&t, exit_by_exec, NULL);
        pthread_exit(NULL);
    default: // two exits and an exec at once
        thread_start(&t, exit_by_exec, NULL);
        _exit(0);
    }
}

static void exit_one(int index, int n)
{
    uint32_t seed = (uint32_t)index;

    for (int i = 0; i < n; i++) {
        pid_t pid = fork_checked();

        if (pid == 0)
            exit_process(i % 4, &seed);
        next_random(&seed);
        wait_ok(pid);
    }
}

static void exits(int n, int m)
{
    in_children(m, exit_one, n);
}

/* fds: threads that open, duplicate and close in one table */

static void *fds_one(void *arg)
{
    int n = (int)((uintptr_t)arg >> 8);
    uint32_t seed = (uint32_t)(uintptr_t)arg & 0xff;

    for (int i = 0; i < n; i++) {
        char path[32], want = (char)next_random(&seed), got;
        int p[2], d;
        struct stat a, b;

        CHECK(pipe2(p, O_CLOEXEC) == 0);
        d = fcntl(p[1], F_DUPFD, 100 + (int)(seed & 0x7f));
        CHECK(d >= 100);
        CHECK(write(d, &want, 1) == 1 && read(p[0], &got, 1) == 1 && got == want);
        CHECK(fstat(d, &a) == 0 && fstat(p[0], &b) == 0 && a.st_ino == b.st_ino);
        CHECK(close(p[1]) == 0 && close(d) == 0 && read(p[0], &got, 1) == 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", p[0]);
        CHECK(close(p[0]) == 0);
        (void)!close(300 + (int)(next_random(&seed) % 40)); // anybody's
        d = open("/dev/zero", O_RDONLY);
        CHECK(d >= 0);
        (void)!dup3(d, 600 + (int)(next_random(&seed) % 8), 0);
        (void)!read(600 + (int)(next_random(&seed) % 8), &got, 1);
        CHECK(close(d) == 0);
        if (i % 32 == 0) {
            pid_t pid = fork_checked();

            if (pid == 0)
                _exit(0);
            wait_ok(pid);
        }
    }
    return NULL;
}

static void fds(int n, int m)
{
    pthread_t t[m];

    for (int i = 0; i < m; i++)
        thread_start(&t[i], fds_one, (void *)((uintptr_t)n << 8 | (uintptr_t)i));
    for (int i = 0; i < m; i++)
        pthread_join(t[i], NULL);
    for (int fd = 600; fd < 608; fd++)
        close(fd);
}

/* proc: readers of all of /proc while processes and threads come and go */

static void proc_read(const char *path)
{
    char buffer[4096], target[64];
    int fd = open(path, O_RDONLY | O_NONBLOCK);

    if (fd >= 0) {
        while (read(fd, buffer, sizeof(buffer)) > 0)
            ;
        close(fd);
    }
    (void)!readlink(path, target, sizeof(target));
}

static void proc_folder(const char *path, int depth)
{
    DIR *d = opendir(path);
    struct dirent *e;

    while (d && (e = readdir(d))) {
        char name[800];

        if (e->d_name[0] == '.' || !strcmp(e->d_name, "kmsg") || !strcmp(e->d_name, "sys") ||
            !strcmp(e->d_name, "root") || !strcmp(e->d_name, "cwd"))
            continue;
        snprintf(name, sizeof(name), "%.500s/%s", path, e->d_name);
        if (e->d_type == DT_DIR && depth > 0)
            proc_folder(name, depth - 1);
        else
            proc_read(name);
    }
    if (d)
        closedir(d);
}

static void proc_one(int index, int n)
{
    static char page[PAGE];

    for (int i = 0; i < n; i++) {
        pid_t pid;
        pthread_t t;

        if (index % 2) {
            proc_folder("/proc", 3);
            continue;
        }
        pid = fork_checked();
        if (pid == 0) {
            thread_start(&t, signals_busy, page);
            thread_start(&t, signals_sleepy, page);
            usleep(500);
            if (i % 2)
                execl(self_path, "stress", "true", (char *)NULL);
            _exit(0);
        }
        wait_ok(pid);
    }
}

static void proc(int n, int m)
{
    in_children(m, proc_one, n);
}

/* futex: tokens passed with wait, wake and requeue; none is lost */

static atomic_int futex_gate, futex_second, futex_tokens, futex_taken;

static long futex(atomic_int *at, int op, int value, long other, atomic_int *second, int value3)
{
    return syscall(SYS_futex, at, op, value, other, second, value3);
}

static void *futex_taker(void *arg)
{
    int n = (int)(intptr_t)arg;

    for (int i = 0; i < n; i++) {
        int have;

        for (;;) {
            struct timespec limit = {0, 2000000};

            have = futex_tokens;
            if (have > 0 && atomic_compare_exchange_weak(&futex_tokens, &have, have - 1))
                break;
            if (have <= 0)
                futex(&futex_tokens, FUTEX_WAIT_PRIVATE, have,
                      i % 3 ? 0 : (long)(intptr_t)&limit, NULL, 0);
        }
        atomic_fetch_add(&futex_taken, 1);
    }
    return NULL;
}

static void *futex_giver(void *arg)
{
    int n = (int)(intptr_t)arg;

    for (int i = 0; i < n; i++) {
        atomic_fetch_add(&futex_tokens, 1);
        futex(&futex_tokens, FUTEX_WAKE_PRIVATE, 1, 0, NULL, 0);
    }
    return NULL;
}

// Waits on the gate, is moved to the second word, and is woken there.
static void *futex_moved(void *arg)
{
    int seen = (int)(intptr_t)arg;

    while (futex_gate == seen)
        futex(&futex_gate, FUTEX_WAIT_PRIVATE, seen, 0, NULL, 0);
    return NULL;
}

static void futex_requeue(int rounds, int m)
{
    pthread_t t[m];

    for (int i = 0; i < rounds; i++) {
        int seen = futex_gate;

        for (int j = 0; j < m; j++)
            thread_start(&t[j], futex_moved, (void *)(intptr_t)seen);
        if (i % 2)
            usleep(300);
        atomic_fetch_add(&futex_gate, 1);
        futex(&futex_gate, FUTEX_CMP_REQUEUE_PRIVATE, 1, 1000, &futex_second, seen + 1);
        while (futex(&futex_second, FUTEX_WAKE_PRIVATE, 1, 0, NULL, 0) == 1)
            ;
        for (int j = 0; j < m; j++)
            pthread_join(t[j], NULL);
    }
}

static void futexes(int n, int m)
{
    pthread_t t[2 * m];

    futex_taken = futex_tokens = 0;
    for (int i = 0; i < 2 * m; i++)
        thread_start(&t[i], i % 2 ? futex_giver : futex_taker, (void *)(intptr_t)n);
    for (int i = 0; i < 2 * m; i++)
        pthread_join(t[i], NULL);
    CHECK(futex_taken == n * m && futex_tokens == 0);
    futex_requeue(n / 20 + 1, m);
}

/* The table, memory, main */

static const struct kind {
    const char *name;
    void (*run)(int n, int m);
    int n, m; // by default
} kinds[] = {
    {"forks", forks, 400, 4},     {"live", live, 100, 1},     {"threads", threads, 20, 8},
    {"pipes", pipes, 2000, 4},    {"signals", signals, 400, 8}, {"mm", mm, 200, 4},
    {"files", files, 1500, 6},    {"exit", exits, 30, 4},     {"fds", fds, 400, 4},
    {"proc", proc, 20, 4},        {"futex", futexes, 1000, 4},
};

static void kind_run(const char *name, int n, int m)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct kind *k = &kinds[i];

        if (!strcmp(name, k->name)) {
            k->run(n > 0 ? n : k->n, m > 0 ? m : k->m);
            return;
        }
    }
    dprintf(2, "stress: no kind %s\n", name);
    _exit(2);
}

static int drop_fd, meminfo_fd; // kept open: opening takes memory

static long memory_free(void)
{
    char buffer[2048] = "";
    const char *line;

    CHECK(write(drop_fd, "3\n", 2) == 2);
    CHECK(pread(meminfo_fd, buffer, sizeof(buffer) - 1, 0) > 0);
    line = strstr(buffer, "MemFree:");
    CHECK(line);
    return strtol(line + 8, NULL, 10);
}

static cpu_set_t all_harts;

// In a child, so that this process's own memory stays as it is.
static void child_run(const char *name, int n, int m)
{
    pid_t pid = fork_checked();

    if (pid == 0) {
        CHECK(sched_setaffinity(0, sizeof(all_harts), &all_harts) == 0);
        kind_run(name, n, m);
        _exit(0);
    }
    wait_ok(pid);
}

// MemFree once it no longer changes: the last thread leaves a moment after its end is seen.
static long memory_settled(void)
{
    long last = memory_free();

    for (int same = 0, tries = 0; same < 5 && tries < 100; tries++) {
        long now;

        usleep(10000);
        now = memory_free();
        if (getenv("STRESS_TRACE") && now != last)
            dprintf(2, "%d: %ld -> %ld\n", tries, last, now);
        same = now == last ? same + 1 : 0;
        last = now;
    }
    return last;
}

static void memcheck(const char *name, int n, int m)
{
    long before, after;
    cpu_set_t first;

    drop_fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
    meminfo_fd = open("/proc/meminfo", O_RDONLY);
    CHECK(drop_fd >= 0 && meminfo_fd >= 0);
    // Each hart keeps some free objects: measure with those of one.
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    sched_getaffinity(0, sizeof(all_harts), &all_harts);
    sched_setaffinity(0, sizeof(first), &first);
    child_run(name, n, m);
    before = memory_settled();
    child_run(name, n, m);
    after = memory_settled();
    dprintf(1, "%s: MemFree %ld kB before, %ld kB after\n", name, before, after);
    CHECK(after == before);
}

int main(int argc, char **argv)
{
    bool check = argc > 2 && !strcmp(argv[1], "memcheck");

    argv += check;
    argc -= check;
    if (argc < 2)
        return 2;
    if (!strcmp(argv[1], "true"))
        return 0;
    CHECK(readlink("/proc/self/exe", self_path, sizeof(self_path) - 1) > 0);
    (check ? memcheck : kind_run)(argv[1], argc > 2 ? atoi(argv[2]) : 0,
                                  argc > 3 ? atoi(argv[3]) : 0);
    return 0;
}
