// SPDX-License-Identifier: MIT
// Stress for the kernel's concurrency, one kind a subcommand; counts are arguments. Static, glibc.
//
//     stress KIND [N [M]]            runs one kind; exit status 0 if every check held
//     stress memcheck KIND [N [M]]   runs it twice, and compares MemFree around the second run
//
// Every check that fails says where, and ends the program with status 1.
#include "tests/stress/stress.h"

char self_path[256];

uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

pid_t fork_checked(void)
{
    pid_t pid = fork();

    CHECK(pid >= 0);
    return pid;
}

void wait_ok(pid_t pid)
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

void thread_start(pthread_t *t, void *(*fn)(void *), void *arg)
{
    int err = pthread_create(t, NULL, fn, arg);

    errno = err;
    CHECK(err == 0);
}

// Runs fn(index, n) in `count` child processes; each must end with 0.
void in_children(int count, void (*fn)(int, int), int n)
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
                futex(&futex_tokens, FUTEX_WAIT_PRIVATE, have, i % 3 ? 0 : (long)(intptr_t)&limit,
                      NULL, 0);
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
    {"forks", forks, 400, 4},  {"live", live, 100, 1},       {"threads", threads, 20, 8},
    {"pipes", pipes, 2000, 4}, {"signals", signals, 400, 8}, {"mm", mm, 200, 4},
    {"files", files, 1500, 6}, {"exit", exits, 30, 4},       {"fds", fds, 400, 4},
    {"proc", proc, 20, 4},     {"futex", futexes, 1000, 4},
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
