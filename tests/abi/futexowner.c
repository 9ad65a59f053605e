// SPDX-License-Identifier: MIT
// Futexes with priority inheritance whose owners end, or exec; and pthread's mutexes on top of
// them.
#include "futexpi.h"

static uint32_t word;

static void test_owner_ends(void)
{
    static const int priorities[] = {10, 30, 20}, order[] = {1, 2, 0};
    struct worker owner, w[3];

    worker_start(&owner, 0);
    EXPECT("it owns the lock", do_lock(&owner, &word), 0);
    for (int i = 0; i < 3; i++) {
        worker_start(&w[i], priorities[i]);
        tell_wait(&w[i], &word);
    }
    worker_end(&owner);
    for (int i = 0; i < 3; i++) {
        EXPECT("the next", worker_result(&w[order[i]]), 0);
        EXPECT("is named", load(&word) & FUTEX_TID_MASK, w[order[i]].tid);
        EXPECT("and told", (load(&word) & FUTEX_OWNER_DIED) != 0, i == 0);
        EXPECT("unlocks", do_unlock(&w[order[i]], &word), 0);
        worker_end(&w[order[i]]);
    }
    EXPECT("free", word, 0);
    worker_start(&owner, 0);
    EXPECT("it owns the lock", do_lock(&owner, &word), 0);
    worker_end(&owner);
    while (syscall(SYS_tgkill, getpid(), owner.tid, 0) == 0)
        nap();
    EXPECT_ERR("nobody waited: it is lost", lock_pi(&word), ESRCH);
    store(&word, 0);
}

struct shared {
    pthread_mutex_t mutex;
    uint32_t word;
    pid_t waiter;
};

static struct shared *shared;

static void mutex_make(pthread_mutex_t *m, bool robust, bool for_all)
{
    pthread_mutexattr_t a;

    pthread_mutexattr_init(&a);
    NEED(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT) == 0);
    if (robust)
        NEED(pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST) == 0);
    if (for_all)
        NEED(pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED) == 0);
    NEED(pthread_mutex_init(m, &a) == 0);
}

static void robust_waiter(void *unused)
{
    (void)unused;
    EXPECT("its owner died", pthread_mutex_lock(&shared->mutex), EOWNERDEAD);
    EXPECT("made good", pthread_mutex_consistent(&shared->mutex), 0);
    EXPECT("and given up", pthread_mutex_unlock(&shared->mutex), 0);
}

static void robust_owner(void *waits)
{
    NEED(pthread_mutex_lock(&shared->mutex) == 0);
    shared->waiter = waits ? child_start(robust_waiter, NULL) : 0;
    if (waits)
        process_await(shared->waiter, "S");
    kill(getpid(), SIGKILL);
}

static void test_robust(void)
{
    shared = shared_page();
    mutex_make(&shared->mutex, true, true);
    EXPECT("killed while it owns", child_run(robust_owner, NULL), SIGNALED(SIGKILL));
    robust_waiter(NULL);
    EXPECT("and once more", pthread_mutex_lock(&shared->mutex), 0);
    pthread_mutex_unlock(&shared->mutex);
    EXPECT("killed while another waits", child_run(robust_owner, ""), SIGNALED(SIGKILL));
    while (kill(shared->waiter, 0) == 0 && process_state(shared->waiter) != 'Z' &&
           process_state(shared->waiter))
        nap();
    EXPECT("that one made it good", pthread_mutex_lock(&shared->mutex), 0);
    pthread_mutex_unlock(&shared->mutex);
}

static void exec_owner(void *unused)
{
    char *argv[] = {"busybox", "sleep", "1000", NULL};

    (void)unused;
    NEED(futex(&shared->word, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0);
    while (load(&shared->word) == self())
        nap();
    execv("/usr/bin/busybox", argv);
    _exit(1);
}

static void test_owner_execs(void)
{
    pid_t child = child_start(exec_owner, NULL);

    while (!load(&shared->word))
        nap();
    EXPECT("another program owns it no more", futex(&shared->word, FUTEX_LOCK_PI, 0, 0, 0, 0), 0);
    EXPECT("as is said", load(&shared->word) & ~FUTEX_WAITERS, self() | FUTEX_OWNER_DIED);
    kill(child, SIGKILL);
    child_end(child);
}

/* pthread */

#define THREADS 6
#define TURNS   30
#define ROUNDS  300

static pthread_mutex_t mutex;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter, turn;

static void *count_main(void *n)
{
    struct timespec t;

    for (int i = 0; i < ROUNDS; i++) {
        if ((i + (long)n) % 5 == 0) {
            t = after(CLOCK_REALTIME, i % 3);
            if (pthread_mutex_timedlock(&mutex, &t) != 0)
                NEED(pthread_mutex_lock(&mutex) == 0);
        } else {
            NEED(pthread_mutex_lock(&mutex) == 0);
        }
        counter++;
        if (i % 16 == 0)
            sched_yield();
        NEED(pthread_mutex_unlock(&mutex) == 0);
    }
    return NULL;
}

static void *turn_main(void *n)
{
    for (int i = 0; i < TURNS; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % THREADS != (long)n)
            pthread_cond_wait(&cond, &mutex);
        turn++;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void run_all(void *(*main)(void *))
{
    pthread_t t[THREADS];

    for (long i = 0; i < THREADS; i++)
        NEED(pthread_create(&t[i], NULL, main, (void *)i) == 0);
    for (int i = 0; i < THREADS; i++)
        NEED(pthread_join(t[i], NULL) == 0);
}

static void test_pthread(void)
{
    mutex_make(&mutex, false, false);
    run_all(count_main);
    EXPECT("everyone counted", counter, THREADS * ROUNDS);
    run_all(turn_main);
    EXPECT("everyone had their turns", turn, THREADS * TURNS);
    EXPECT("our priority is our own", priority_of(self()), 20);
}

int main(void)
{
    abi_begin();
    test_owner_ends();
    test_robust();
    test_owner_execs();
    test_pthread();
    return abi_end();
}
