// SPDX-License-Identifier: MIT
// Restartable sequences: registration, the hart's number, what breaks a section and what is wrong
// with one; and membarrier.
#include "abi.h"
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/time.h>

#define SIGNATURE  0xf1401073
#define UNREGISTER RSEQ_FLAG_UNREGISTER
#define HARTS_MAX  64

int spin(struct rseq *area);
int spin_unsigned(struct rseq *area);
int add(struct rseq *area, void *counters, long spins);
extern struct rseq_cs spin_section;

static long rseq_call(void *area, unsigned length, int flags, unsigned signature)
{
    return syscall(SYS_rseq, area, length, flags, signature);
}

static struct rseq *registered;

static void rseq_take(struct rseq *area)
{
    if (__rseq_size) // the C library's own
        rseq_call((char *)__builtin_thread_pointer() + __rseq_offset, 32, UNREGISTER, SIGNATURE);
    memset(area, 0, sizeof(*area));
    NEED(rseq_call(area, sizeof(*area), 0, SIGNATURE) == 0);
}

static int harts(void)
{
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

// Fails if there is no such thread any more.
static int move(pid_t tid, int hart)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(hart, &set);
    return sched_setaffinity(tid, sizeof(set), &set);
}

/* Registration */

static void test_register(struct rseq *area)
{
    struct rseq other[2];
    const unsigned size = sizeof(*area);

    if (__rseq_size)
        rseq_call((char *)__builtin_thread_pointer() + __rseq_offset, 32, UNREGISTER, SIGNATURE);
    memset(area, 0, size);
    EXPECT_ERR("unregister without", rseq_call(area, size, UNREGISTER, SIGNATURE), EINVAL);
    EXPECT_ERR("flags", rseq_call(area, size, 2, SIGNATURE), EINVAL);
    EXPECT_ERR("short", rseq_call(area, size - 1, 0, SIGNATURE), EINVAL);
    EXPECT_ERR("odd", rseq_call((char *)area + 8, size, 0, SIGNATURE), EINVAL);
    EXPECT_ERR("kernel's", rseq_call((void *)(1UL << 63), size, 0, SIGNATURE), EFAULT);
    EXPECT("register", rseq_call(area, size, 0, SIGNATURE), 0);
    EXPECT_ERR("again", rseq_call(area, size, 0, SIGNATURE), EBUSY);
    EXPECT_ERR("another place", rseq_call(&other[1], size, 0, SIGNATURE), EINVAL);
    EXPECT_ERR("another signature", rseq_call(area, size, 0, 1), EPERM);
    EXPECT_ERR("unregister another", rseq_call(&other[1], size, UNREGISTER, SIGNATURE), EINVAL);
    EXPECT_ERR("unregister as another", rseq_call(area, size, UNREGISTER, 1), EPERM);
    EXPECT("unregister", rseq_call(area, size, UNREGISTER, SIGNATURE), 0);
    EXPECT("no number", area->cpu_id, (unsigned)RSEQ_CPU_ID_UNINITIALIZED);
    EXPECT("nor to start with", area->cpu_id_start, 0);
}

static void test_numbers(struct rseq *area)
{
    bool same = true;

    for (int i = 0; i < 4 * harts(); i++) {
        NEED(move(0, i % harts()) == 0);
        same &= area->cpu_id == (unsigned)(i % harts()) && area->cpu_id_start == area->cpu_id;
    }
    CHECK("the hart's number after each move", same);
}

static void child_numbers(void *area)
{
    bool there = rseq_call(area, sizeof(struct rseq), 0, SIGNATURE) < 0 && errno == EBUSY;

    test_numbers(area);
    exit(!there);
}

static void *thread_has_none(void *area)
{
    bool none = rseq_call(area, sizeof(struct rseq), UNREGISTER, SIGNATURE) < 0 && errno == EINVAL;

    return (void *)none;
}

static void test_inherited(struct rseq *area)
{
    pthread_t thread;
    void *none;

    EXPECT("a child has it", child_run(child_numbers, area), EXITED(0));
    NEED(pthread_create(&thread, NULL, thread_has_none, area) == 0);
    pthread_join(thread, &none);
    CHECK("a thread has not", none);
}

/* What breaks a section */

static void on_alarm(int number)
{
    (void)number;
}

// Every so many microseconds; 0: no more.
static void alarms(long period)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval timer = {.it_value = {.tv_usec = period}, .it_interval = {.tv_usec = period}};

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void test_signal(struct rseq *area)
{
    alarms(1000);
    EXPECT("broken by a signal", spin(area), 1);
    alarms(0);
    EXPECT("which it names no more", area->rseq_cs, 0);
}

struct spinner {
    pthread_t thread;
    struct rseq area;
    int hart;
    pid_t tid;
    bool inside, broken;
};

static void *spinner_main(void *argument)
{
    struct spinner *s = argument;

    rseq_take(&s->area);
    NEED(move(0, s->hart) == 0);
    s->tid = gettid();
    __atomic_store_n(&s->inside, true, __ATOMIC_RELEASE); // or about to be: the others ask again
    spin(&s->area);
    __atomic_store_n(&s->broken, true, __ATOMIC_RELEASE);
    return NULL;
}

static void spinner_start(struct spinner *s, int hart)
{
    memset(s, 0, sizeof(*s));
    s->hart = hart;
    NEED(pthread_create(&s->thread, NULL, spinner_main, s) == 0);
    while (!__atomic_load_n(&s->inside, __ATOMIC_ACQUIRE))
        sched_yield();
}

static bool spinner_broken(const struct spinner *s)
{
    return __atomic_load_n(&s->broken, __ATOMIC_ACQUIRE);
}

static void spinner_end(struct spinner *s)
{
    for (int i = 0; !spinner_broken(s); i++)
        move(s->tid, i % harts());
    pthread_join(s->thread, NULL);
}

// With an area that the parent sees.
static void stopped_main(void *shared)
{
    NEED(rseq_call(registered, sizeof(*registered), UNREGISTER, SIGNATURE) == 0);
    NEED(rseq_call(shared, sizeof(struct rseq), 0, SIGNATURE) == 0);
    NEED(move(0, 1) == 0);
    spin(shared);
}

static void test_stopped(struct rseq *area)
{
    struct rseq *shared =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    pid_t pid;

    if (harts() < 2)
        return;
    registered = area;
    NEED(move(0, 0) == 0);
    pid = child_start(stopped_main, shared);
    while (!__atomic_load_n(&shared->rseq_cs, __ATOMIC_ACQUIRE))
        sched_yield();
    kill(pid, SIGSTOP);
    NEED(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    kill(pid, SIGCONT);
    EXPECT("broken by a stop", child_end(pid), EXITED(0));
    munmap(shared, PAGE);
}

static void test_preempted(void)
{
    static struct spinner one, other;

    spinner_start(&one, 0);
    spinner_start(&other, 0);
    while (!spinner_broken(&one) && !spinner_broken(&other))
        sched_yield();
    CHECK("broken by one another", true);
    spinner_end(&one);
    spinner_end(&other);
}

static void test_moved(void)
{
    static struct spinner s;

    spinner_start(&s, 0);
    spinner_end(&s);
    EXPECT("broken by a move", s.area.rseq_cs, 0);
}

/* What is wrong with a section */

static struct rseq area_of_main;

static void spin_for_signal(void *section)
{
    volatile struct rseq *area = &area_of_main;

    alarms(1000);
    if (!section)
        spin_unsigned(&area_of_main);
    area->rseq_cs = (unsigned long)section;
    while (area->rseq_cs)
        ;
    exit(1); // it was taken for a good one
}

static void test_wrong(void)
{
    static struct rseq_cs wrong;
    const int killed = SIGNALED(SIGSEGV);

    EXPECT("no signature", child_run(spin_for_signal, NULL), killed);
    EXPECT("no section", child_run(spin_for_signal, (void *)(1UL << 38)), killed);
    wrong = spin_section;
    EXPECT("another place", child_run(spin_for_signal, &wrong), EXITED(1));
    wrong.version = 1;
    EXPECT("version", child_run(spin_for_signal, &wrong), killed);
    wrong = spin_section;
    wrong.abort_ip = wrong.start_ip;
    EXPECT("no way out", child_run(spin_for_signal, &wrong), killed);
    wrong = spin_section;
    wrong.start_ip = 1UL << 63;
    EXPECT("start", child_run(spin_for_signal, &wrong), killed);
    wrong = spin_section;
    wrong.abort_ip = 1UL << 63;
    EXPECT("abort address", child_run(spin_for_signal, &wrong), killed);
    wrong = spin_section;
    wrong.post_commit_offset = -1UL;
    EXPECT("length", child_run(spin_for_signal, &wrong), killed);
}

/* What it is for */

#define ADDERS 8
#define ADDS   200
#define SPINS  20000

static long counters[HARTS_MAX][8];

static void *adder_main(void *unused)
{
    static __thread struct rseq area;

    (void)unused;
    rseq_take(&area);
    for (int i = 0; i < ADDS; i++)
        while (add(&area, counters, SPINS))
            ;
    rseq_call(&area, sizeof(area), UNREGISTER, SIGNATURE);
    return NULL;
}

// More threads than harts count without atomic instructions.
static void test_counters(void)
{
    pthread_t adders[ADDERS];
    long sum = 0;

    for (int i = 0; i < ADDERS; i++)
        NEED(pthread_create(&adders[i], NULL, adder_main, NULL) == 0);
    for (int i = 0; i < ADDERS; i++)
        pthread_join(adders[i], NULL);
    for (int i = 0; i < HARTS_MAX; i++)
        sum += counters[i][0];
    EXPECT("nothing is lost", sum, ADDERS * ADDS);
}

/* membarrier */

static long membarrier(int command, unsigned flags, int hart)
{
    return syscall(SYS_membarrier, command, flags, hart);
}

static void test_barrier_errors(void)
{
    static const int private[] = {MEMBARRIER_CMD_PRIVATE_EXPEDITED,
                                  MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
                                  MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ};
    long known = membarrier(MEMBARRIER_CMD_QUERY, 0, 0);

    EXPECT_ERR("flags", membarrier(MEMBARRIER_CMD_GLOBAL, 1, 0), EINVAL);
    EXPECT_ERR("two at once", membarrier(3, 0, 0), EINVAL);
    EXPECT_ERR("unknown", membarrier(1 << 20, 0, 0), EINVAL);
    EXPECT("global", membarrier(MEMBARRIER_CMD_GLOBAL, 0, 0), 0);
    EXPECT("global, expedited", membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0), 0);
    for (int i = 0; i < 3; i++) {
        if (!(known & private[i]))
            continue;
        EXPECT_ERR("not registered", membarrier(private[i], 0, 0), EPERM);
        EXPECT("register", membarrier(private[i] << 1, 0, 0), 0);
        EXPECT("private", membarrier(private[i], 0, 0), 0);
    }
    EXPECT_ERR("unknown flag", membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 2, 0), EINVAL);
    CHECK("restarts", known & MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ);
}

static void test_barrier_breaks(unsigned flags)
{
    static struct spinner s;

    spinner_start(&s, harts() - 1);
    while (!spinner_broken(&s))
        NEED(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, flags, harts() - 1) == 0);
    pthread_join(s.thread, NULL);
    EXPECT("broken by a barrier", s.area.rseq_cs, 0);
}

int main(void)
{
    struct rseq *area = &area_of_main;
    cpu_set_t all;

    abi_begin();
    sched_getaffinity(0, sizeof(all), &all);
    test_register(area);
    rseq_take(area);
    test_numbers(area);
    sched_setaffinity(0, sizeof(all), &all);
    test_inherited(area);
    test_signal(area);
    test_stopped(area);
    test_preempted();
    test_moved();
    test_wrong();
    test_counters();
    test_barrier_errors();
    test_barrier_breaks(0);
    test_barrier_breaks(MEMBARRIER_CMD_FLAG_CPU);
    return abi_end();
}
