// SPDX-License-Identifier: MIT
// Threads and futexes: pthread's own objects, the futex operations under them, thread-local
// storage, robust lists, signals to threads, and a process's end and exec with threads.
#include "abi.h"

#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>

#define THREADS 6

static long futex(void *word, int op, uint32_t value, void *timeout, void *word2, uint32_t value3)
{
    return syscall(SYS_futex, word, op, value, timeout, word2, value3);
}

static pthread_t spawn(void *(*main)(void *), void *argument)
{
    pthread_t t;

    NEED(pthread_create(&t, NULL, main, argument) == 0);
    return t;
}

static void *join(pthread_t t)
{
    void *result = NULL;

    NEED(pthread_join(t, &result) == 0);
    return result;
}

static __thread long local = 42;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *add_main(void *n)
{
    for (long i = 0; i < (long)n; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
        local++;
    }
    return (void *)local;
}

static void test_threads(void)
{
    pthread_t t[THREADS];
    long sum = 0;

    for (int i = 0; i < THREADS; i++)
        t[i] = spawn(add_main, (void *)2000);
    for (int i = 0; i < THREADS; i++)
        sum += (long)join(t[i]);
    EXPECT("mutex", counter, THREADS * 2000);
    EXPECT("thread-local storage", sum, THREADS * 2042);
    EXPECT("main's own", local, 42);
}

static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int stage;

static void *stage_main(void *n)
{
    pthread_mutex_lock(&mutex);
    while (stage != (long)n)
        pthread_cond_wait(&cond, &mutex);
    stage++;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static pthread_barrier_t barrier;
static int arrived[THREADS];

static void *barrier_main(void *n)
{
    long bad = 0;

    for (int round = 1; round <= 20; round++) {
        __atomic_store_n(&arrived[(long)n], round, __ATOMIC_SEQ_CST);
        pthread_barrier_wait(&barrier);
        for (int i = 0; i < THREADS; i++)
            bad += __atomic_load_n(&arrived[i], __ATOMIC_SEQ_CST) < round;
        pthread_barrier_wait(&barrier);
    }
    return (void *)bad;
}

static void test_cond_and_barrier(void)
{
    pthread_t t[THREADS];
    long bad = 0;

    for (long i = 0; i < THREADS; i++)
        t[i] = spawn(stage_main, (void *)(THREADS - 1 - i));
    for (int i = 0; i < THREADS; i++)
        join(t[i]);
    EXPECT("condition variable", stage, THREADS);
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (long i = 0; i < THREADS; i++)
        t[i] = spawn(barrier_main, (void *)i);
    for (int i = 0; i < THREADS; i++)
        bad += (long)join(t[i]);
    EXPECT("barrier", bad, 0);
}

static int tids[2];

static void *identity_main(void *unused)
{
    (void)unused;
    tids[0] = getpid();
    tids[1] = syscall(SYS_gettid);
    return NULL;
}

static void test_identity(void)
{
    join(spawn(identity_main, NULL));
    EXPECT("threads share the pid", tids[0], getpid());
    CHECK("and have their own tid", tids[1] != getpid() && tids[1] > 0);
    while (syscall(SYS_tgkill, getpid(), tids[1], 0) == 0)
        sched_yield(); // join may return a moment before the kernel is done with it
    EXPECT_ERR("an ended thread", syscall(SYS_tgkill, getpid(), tids[1], 0), ESRCH);
    EXPECT_ERR("tgkill of another group", syscall(SYS_tgkill, 1, getpid(), 0), ESRCH);
}

static uint32_t word, word2;

static void test_futex_errors(void)
{
    struct timespec zero = {0, 0}, bad = {0, 1000000000};

    word = 5;
    EXPECT_ERR("value differs", futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
    EXPECT_ERR("time is up", futex(&word, FUTEX_WAIT, 5, &zero, NULL, 0), ETIMEDOUT);
    EXPECT_ERR("bad time", futex(&word, FUTEX_WAIT, 5, &bad, NULL, 0), EINVAL);
    EXPECT_ERR("odd address", futex((char *)&word + 1, FUTEX_WAIT, 5, NULL, NULL, 0), EINVAL);
    EXPECT_ERR("no memory there", futex((void *)UNMAPPED, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
    EXPECT("no one to wake", futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
    EXPECT_ERR("no bits", futex(&word, FUTEX_WAIT_BITSET, 5, NULL, NULL, 0), EINVAL);
    EXPECT_ERR("no bits to wake", futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
    EXPECT_ERR("no such operation", futex(&word, 99, 0, NULL, NULL, 0), ENOSYS);
    EXPECT_ERR("absolute, past", futex(&word, FUTEX_WAIT_BITSET, 5, &zero, NULL, 1), ETIMEDOUT);
    EXPECT_ERR("requeue, value differs", futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &word2, 6),
               EAGAIN);
}

static void *futex_sleeper(void *bits)
{
    return (void *)futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 5, NULL, NULL, (uint32_t)(long)bits);
}

// Wakes until `n` were woken in all: a sleeper may not have gone to sleep yet.
static long wake_until(void *at, long n, int op, uint32_t bits)
{
    long woken = 0;

    while (woken < n) {
        long got = futex(at, op, 1, NULL, NULL, bits);
        if (got < 0)
            return got;
        woken += got;
        sched_yield();
    }
    return woken;
}

static void test_futex_wake(void)
{
    word = 5;
    pthread_t a = spawn(futex_sleeper, (void *)1), b = spawn(futex_sleeper, (void *)2);
    EXPECT("wake by bit", wake_until(&word, 1, FUTEX_WAKE_BITSET_PRIVATE, 2), 1);
    EXPECT("the right one", (long)join(b), 0);
    EXPECT("other bits sleep on", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 2), 0);
    EXPECT("wake any", wake_until(&word, 1, FUTEX_WAKE_PRIVATE, 0), 1);
    EXPECT("the other", (long)join(a), 0);
    a = spawn(futex_sleeper, (void *)-1);
    b = spawn(futex_sleeper, (void *)-1);
    long moved = 0;
    word2 = 0;
    while (moved < 2) {
        moved += futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)2, &word2, 5);
        sched_yield();
    }
    EXPECT("requeued", moved, 2);
    EXPECT("none at the old word", futex(&word, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 0);
    EXPECT("both at the new", futex(&word2, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 2);
    join(a);
    join(b);
    a = spawn(futex_sleeper, (void *)-1);
    word2 = 7;
    long woken = 0;
    while (woken < 1) { // word2 += 1, and wake at word as word2 was 7 or more
        woken = futex(&word2, FUTEX_WAKE_OP_PRIVATE, 0, (void *)1, &word,
                      FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_GE, 5));
        sched_yield();
    }
    EXPECT("FUTEX_WAKE_OP", woken, 1);
    join(a);
}

static void shared_sleeper(void *at)
{
    uint32_t *w = at;

    while (__atomic_load_n(w, __ATOMIC_ACQUIRE) == 0)
        futex(w, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void test_futex_shared(void)
{
    uint32_t *w = shared_page();
    pid_t pid = child_start(shared_sleeper, w);

    EXPECT("wakes another process", wake_until(w, 1, FUTEX_WAKE, 0), 1);
    __atomic_store_n(w, 1, __ATOMIC_RELEASE);
    while (waitpid(pid, NULL, WNOHANG) == 0)
        futex(w, FUTEX_WAKE, 1, NULL, NULL, 0);
    munmap(w, PAGE);
}

static void *robust_main(void *lock)
{
    pthread_mutex_lock(lock);
    return NULL;
}

static void robust_child(void *lock)
{
    pthread_mutex_lock(lock);
    kill(getpid(), SIGKILL);
}

static void test_robust(void)
{
    pthread_mutex_t *lock = shared_page();
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(lock, &attr);
    join(spawn(robust_main, lock));
    EXPECT("owner died", pthread_mutex_lock(lock), EOWNERDEAD);
    EXPECT("made consistent", pthread_mutex_consistent(lock), 0);
    EXPECT("unlock", pthread_mutex_unlock(lock), 0);
    EXPECT("killed owner", child_run(robust_child, lock), SIGNALED(SIGKILL));
    EXPECT("owner process died", pthread_mutex_lock(lock), EOWNERDEAD);
    pthread_mutex_unlock(lock);
    EXPECT("not recoverable", pthread_mutex_lock(lock), ENOTRECOVERABLE);
}

struct robust_head { // the kernel's, as set_robust_list(2) has it
    void *first;
    long offset;
    void *pending;
};

static void robust_waiter(void *lock)
{
    NEED(futex(lock, FUTEX_WAIT, 5, NULL, NULL, 0) == 0);
}

static void robust_asked(void *other)
{
    void *head;
    size_t size;

    NEED(setuid(1000) == 0);
    EXPECT_ERR("another's", syscall(SYS_get_robust_list, *(pid_t *)other, &head, &size), EPERM);
}

static void test_robust_list(void)
{
    static struct robust_head head;
    struct robust_head *was = NULL, *is = NULL;
    size_t size = 0;
    pid_t self = getpid();

    EXPECT("what the library set", syscall(SYS_get_robust_list, 0, &was, &size), 0);
    EXPECT("its size", size, sizeof(head));
    head = (struct robust_head){&head, 0, NULL};
    EXPECT_ERR("another size", syscall(SYS_set_robust_list, &head, 23), EINVAL);
    NEED(syscall(SYS_set_robust_list, &head, sizeof(head)) == 0);
    EXPECT("by its id", syscall(SYS_get_robust_list, gettid(), &is, &size), 0);
    CHECK("our own", is == &head);
    NEED(syscall(SYS_set_robust_list, was, sizeof(head)) == 0);
    EXPECT_ERR("nobody's", syscall(SYS_get_robust_list, 1 << 22, &is, &size), ESRCH);
    EXPECT_ERR("nowhere", syscall(SYS_get_robust_list, 0, 8, &size), EFAULT);
    EXPECT_ERR("its size nowhere", syscall(SYS_get_robust_list, 0, &is, 8), EFAULT);
    EXPECT("who may not ask", child_run(robust_asked, &self), 0);
}

// Killed between giving the lock up and waking who waits for it.
static void robust_giver(void *lock)
{
    static struct robust_head head;

    head = (struct robust_head){&head, 0, lock};
    NEED(syscall(SYS_set_robust_list, &head, sizeof(head)) == 0);
    __atomic_store_n((uint32_t *)lock, 0, __ATOMIC_SEQ_CST);
    raw(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

static void robust_exec(void *lock)
{
    static struct robust_head head;
    static void *entry[1];

    head = (struct robust_head){entry, (char *)lock - (char *)entry, NULL};
    entry[0] = &head;
    NEED(syscall(SYS_set_robust_list, &head, sizeof(head)) == 0);
    *(uint32_t *)lock = getpid();
    execl("/usr/bin/busybox", "true", NULL);
}

static void test_robust_ends(void)
{
    uint32_t *lock = shared_page();
    pid_t waiter;

    *lock = 5;
    waiter = child_start(robust_waiter, lock);
    process_await(waiter, "S");
    EXPECT("gives up", child_run(robust_giver, lock), 0);
    EXPECT("the waiter goes on", child_end(waiter), 0);
    EXPECT("another program", child_run(robust_exec, lock), 0);
    EXPECT("gives its locks up", *lock & FUTEX_OWNER_DIED, FUTEX_OWNER_DIED);
    munmap(lock, PAGE);
}

static volatile int caught_by, release;

static void catch (int number)
{
    (void)number;
    caught_by = syscall(SYS_gettid);
}

static void *spin_main(void *tid)
{
    *(volatile int *)tid = syscall(SYS_gettid);
    while (!release)
        sched_yield();
    return NULL;
}

static void test_signals(void)
{
    volatile int tid = 0;
    struct sigaction action = {.sa_handler = catch};
    sigset_t set;

    sigaction(SIGUSR1, &action, NULL);
    pthread_t t = spawn(spin_main, (void *)&tid);
    while (!tid)
        sched_yield();
    pthread_kill(t, SIGUSR1);
    while (!caught_by)
        sched_yield();
    EXPECT("signal to a thread", caught_by, tid);
    caught_by = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1);
    while (!caught_by)
        sched_yield();
    EXPECT("signal to the process goes where it is not blocked", caught_by, tid);
    caught_by = 0;
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
    sigpending(&set);
    CHECK("own signal is pending", sigismember(&set, SIGUSR1));
    release = 1;
    join(t);
    EXPECT("it was not for others", caught_by, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    EXPECT("it is ours", caught_by, getpid());
}

static void *forever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void *exit_main(void *unused)
{
    exit(33);
    return unused;
}

static void *exec_main(void *unused)
{
    char *argv[] = {"threads", "--exec", NULL}, *env[] = {NULL};

    execve("/proc/self/exe", argv, env);
    return unused;
}

static void *fault_main(void *unused)
{
    touch_write((void *)8);
    return unused;
}

static void *fork_main(void *unused)
{
    (void)unused;
    pid_t pid = fork();
    if (pid == 0)
        _exit(syscall(SYS_gettid) == getpid() ? 12 : 1);
    return (void *)(long)child_end(pid);
}

static void many_then(void *main)
{
    for (int i = 0; i < 4; i++)
        spawn(forever, NULL);
    spawn(main, NULL);
    pause();
}

static void leader_leaves(void *unused)
{
    (void)unused;
    spawn(exit_main, NULL);
    syscall(SYS_exit, 0);
}

static void test_ends(void)
{
    EXPECT("exit from a thread", child_run(many_then, exit_main), EXITED(33));
    EXPECT("exec from a thread", child_run(many_then, exec_main), EXITED(44));
    EXPECT("fault in a thread", child_run(many_then, fault_main) & 0x7f, SIGNALED(SIGSEGV));
    EXPECT("fork from a thread", (long)join(spawn(fork_main, NULL)), EXITED(12));
    EXPECT("leader leaves first", child_run(leader_leaves, NULL), EXITED(33));
    pid_t pid = child_start(many_then, forever);
    process_await(pid, "S");
    kill(pid, SIGKILL);
    EXPECT("kill of many", child_end(pid), SIGNALED(SIGKILL));
}

static void *nothing(void *n)
{
    return n;
}

static void *float_main(void *n)
{
    volatile double x = (long)n;

    for (int i = 0; i < 20000; i++) {
        x = x * 1.5 / 1.5;
        if (i % 1000 == 0)
            sched_yield();
    }
    return (void *)(long)(x + 0.5);
}

static void test_many(void)
{
    long bad = 0;
    pthread_t t[THREADS];

    for (long i = 0; i < 300; i++)
        bad += (long)join(spawn(nothing, (void *)i)) != i;
    EXPECT("300 threads, one by one", bad, 0);
    for (long i = 0; i < THREADS; i++)
        t[i] = spawn(float_main, (void *)(i + 1));
    for (long i = 0; i < THREADS; i++)
        bad += (long)join(t[i]) != i + 1;
    EXPECT("floating point in threads", bad, 0);
}

static void *cancel_main(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void test_cancel(void)
{
    pthread_t t = spawn(cancel_main, NULL);

    EXPECT("cancel", pthread_cancel(t), 0);
    CHECK("canceled", join(t) == PTHREAD_CANCELED);
}

static void test_timed(void)
{
    struct timespec past = {1, 0};
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&lock);
    EXPECT("timed lock", pthread_mutex_timedlock(&lock, &past), ETIMEDOUT);
    pthread_mutex_unlock(&lock);
    pthread_mutex_lock(&mutex);
    EXPECT("timed wait", pthread_cond_timedwait(&cond, &mutex, &past), ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
}

static volatile sig_atomic_t taken, taken_by_main;

static void on_taken(int number)
{
    (void)number;
    taken_by_main += gettid() == getpid();
    taken++;
}

static void *sender_main(void *count)
{
    for (int n = 0; n < (long)count; n++) {
        process_await(getpid(), "S");
        kill(getpid(), SIGUSR2);
        while (taken <= n)
            sched_yield();
    }
    return NULL;
}

// What a thread sends to its own process goes to the main thread, which waits.
static void test_signals_to_main(void)
{
    struct sigaction action = {.sa_handler = on_taken};
    const long count = 50;
    pthread_t sender;

    sigaction(SIGUSR2, &action, NULL);
    NEED(pthread_create(&sender, NULL, sender_main, (void *)count) == 0);
    while (taken < count)
        poll(NULL, 0, -1);
    pthread_join(sender, NULL);
    EXPECT("the main thread took all", taken_by_main, count);
    signal(SIGUSR2, SIG_DFL);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return syscall(SYS_gettid) == getpid() ? 44 : 1;
    abi_begin();
    test_signals_to_main();
    test_threads();
    test_cond_and_barrier();
    test_identity();
    test_futex_errors();
    test_futex_wake();
    test_futex_shared();
    test_robust();
    test_robust_list();
    test_robust_ends();
    test_signals();
    test_ends();
    test_many();
    test_cancel();
    test_timed();
    return abi_end();
}
