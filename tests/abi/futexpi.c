// SPDX-License-Identifier: MIT
// Futexes with priority inheritance: the word, errors, who gets the lock, loans along chains,
// requeueing, signals.
#include "futexpi.h"

/* One thread */

#define NO_TID 0x3ffffffe // greater than any id

static uint32_t word, word2;

static void test_alone(void)
{
    EXPECT("a free lock", lock_pi(&word), 0);
    EXPECT("names its owner", word, self());
    EXPECT_ERR("not twice", lock_pi(&word), EDEADLK);
    EXPECT_ERR("nor by trying", futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EDEADLK);
    EXPECT("unlock", unlock_pi(&word), 0);
    EXPECT("it is free", word, 0);
    EXPECT_ERR("what is free cannot be unlocked", unlock_pi(&word), EPERM);
    EXPECT("try", futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), 0);
    EXPECT("tried", word, self());
    store(&word, self() | FUTEX_WAITERS);
    EXPECT("unlock without waiters", unlock_pi(&word), 0);
    EXPECT("leaves no trace", word, 0);
    store(&word, FUTEX_WAITERS);
    EXPECT("free, with waiters of the past", lock_pi(&word), 0);
    EXPECT("are forgotten", word, self());
    store(&word, FUTEX_OWNER_DIED);
    EXPECT("its owner died", lock_pi(&word), 0);
    EXPECT("as the next one sees", word, self() | FUTEX_OWNER_DIED);
    EXPECT("unlock", unlock_pi(&word), 0);
    EXPECT("nor a trace of that", word, 0);
}

static void test_errors(void)
{
    struct timespec bad = {0, 1000000000}, past = {0, 0};
    uint32_t *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    store(&word, NO_TID);
    EXPECT_ERR("nobody owns it", lock_pi(&word), ESRCH);
    EXPECT_ERR("nobody, trying", futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), ESRCH);
    EXPECT("marked first", word, NO_TID | FUTEX_WAITERS);
    EXPECT_ERR("not ours", unlock_pi(&word), EPERM);
    store(&word, 0);
    EXPECT_ERR("odd address", lock_pi((void *)((char *)&word + 1)), EINVAL);
    EXPECT_ERR("no memory", lock_pi((void *)UNMAPPED), EFAULT);
    EXPECT_ERR("no memory to unlock", unlock_pi((void *)UNMAPPED), EFAULT);
    EXPECT_ERR("not a user's", lock_pi((void *)KERNEL_ADDR), EFAULT);
    EXPECT_ERR("read-only", lock_pi(page), EFAULT);
    munmap(page, PAGE);
    EXPECT_ERR("bad time", futex(&word, FUTEX_LOCK_PI, 0, &bad, NULL, 0), EINVAL);
    EXPECT_ERR("bad time, either clock", futex(&word, FUTEX_LOCK_PI2, 0, &bad, NULL, 0), EINVAL);
    EXPECT_ERR("its clock is fixed",
               futex(&word, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
    EXPECT_ERR("no clock here",
               futex(&word, FUTEX_UNLOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
    EXPECT_ERR("nor here", futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0),
               ENOSYS);
    EXPECT("a free lock is had at any time", futex(&word, FUTEX_LOCK_PI, 0, &past, NULL, 0), 0);
    EXPECT("free again", unlock_pi(&word), 0);
}

static void test_requeue_errors(void)
{
    struct timespec past = {0, 0};

    store(&word, 5);
    store(&word2, 0);
#define WAIT_REQUEUE(value, to) futex(&word, FUTEX_WAIT_REQUEUE_PI_PRIVATE, value, &past, to, 0)
#define REQUEUE(wake, move, to, value) \
    futex(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, wake, (void *)(long)(move), to, value)
    EXPECT_ERR("wait for itself", WAIT_REQUEUE(5, &word), EINVAL);
    EXPECT_ERR("another value", WAIT_REQUEUE(4, &word2), EAGAIN);
    EXPECT_ERR("time is up", WAIT_REQUEUE(5, &word2), ETIMEDOUT);
    EXPECT_ERR("no lock", WAIT_REQUEUE(5, (void *)UNMAPPED), ETIMEDOUT);
    EXPECT_ERR("odd lock", WAIT_REQUEUE(5, (char *)&word2 + 1), EINVAL);
    EXPECT_ERR("requeue to itself", REQUEUE(1, 1, &word, 5), EINVAL);
    EXPECT_ERR("wakes one", REQUEUE(0, 1, &word2, 5), EINVAL);
    EXPECT_ERR("and not two", REQUEUE(2, 1, &word2, 5), EINVAL);
    EXPECT_ERR("moves none the less", REQUEUE(1, -1, &word2, 5), EINVAL);
    EXPECT_ERR("of another value", REQUEUE(1, 1, &word2, 6), EAGAIN);
    EXPECT("nobody is there", REQUEUE(1, 1, &word2, 5), 0);
    EXPECT("the lock stays free", word2, 0);
    store(&word, 0);
}

/* Several threads */

static void test_contended(void)
{
    struct worker a;
    struct timespec t = after(CLOCK_REALTIME, -1000);

    worker_start(&a, 0);
    EXPECT("another takes it", do_lock(&a, &word), 0);
    EXPECT_ERR("not free", futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EAGAIN);
    EXPECT("the owner will look", word, a.tid | FUTEX_WAITERS);
    EXPECT_ERR("not ours to unlock", unlock_pi(&word), EPERM);
    EXPECT_ERR("real time is past", futex(&word, FUTEX_LOCK_PI, 0, &t, NULL, 0), ETIMEDOUT);
    EXPECT_ERR("by choice", futex(&word, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, &t, NULL, 0),
               ETIMEDOUT);
    t = after(CLOCK_REALTIME, 20);
    EXPECT_ERR("real time passes", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, &t, NULL, 0), ETIMEDOUT);
    t = after(CLOCK_MONOTONIC, 20);
    EXPECT_ERR("the other clock", futex(&word, FUTEX_LOCK_PI2_PRIVATE, 0, &t, NULL, 0), ETIMEDOUT);
    CHECK("only then", after(CLOCK_MONOTONIC, 0).tv_sec > t.tv_sec ||
                           after(CLOCK_MONOTONIC, 0).tv_nsec >= t.tv_nsec);
    EXPECT("it keeps the lock", load(&word) & FUTEX_TID_MASK, a.tid);
    EXPECT("and unlocks", do_unlock(&a, &word), 0);
    EXPECT("free", word, 0);
    EXPECT("ours", lock_pi(&word), 0);
    tell_wait(&a, &word);
    EXPECT("somebody waits", word, self() | FUTEX_WAITERS);
    EXPECT_ERR("who is not woken by hand", futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0),
               EINVAL);
    EXPECT_ERR("nor moved", futex(&word, FUTEX_REQUEUE_PRIVATE, 1, (void *)1, &word2, 0), EINVAL);
    store(&word, NO_TID | FUTEX_WAITERS);
    EXPECT_ERR("waiters know better", lock_pi(&word), EINVAL);
    store(&word, self() | FUTEX_WAITERS);
    EXPECT("handed over", unlock_pi(&word), 0);
    EXPECT("named by us", load(&word) & FUTEX_TID_MASK, a.tid);
    EXPECT("it has it", worker_result(&a), 0);
    EXPECT("and unlocks", do_unlock(&a, &word), 0);
    worker_end(&a);
}

static void test_mixed(void)
{
    struct worker a;

    worker_start(&a, 0);
    store(&word, self());
    tell_futex(&a, &word, FUTEX_WAIT_PRIVATE, self(), NULL, NULL);
    await_sleep(a.tid);
    EXPECT_ERR("a plain waiter: no unlock", unlock_pi(&word), EINVAL);
    store(&word, a.tid);
    EXPECT_ERR("nor lock", lock_pi(&word), EINVAL);
    EXPECT_ERR("nor move",
               futex(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &word2, load(&word)),
               EINVAL);
    EXPECT("wake it", futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 1);
    EXPECT("it was woken", worker_result(&a), 0);
    store(&word, 0);
    worker_end(&a);
}

static void test_order(void)
{
    static const int priorities[] = {10, 30, 20, 30}, order[] = {1, 3, 2, 0};
    struct worker w[4];

    EXPECT("ours", lock_pi(&word), 0);
    for (int i = 0; i < 4; i++) {
        worker_start(&w[i], priorities[i]);
        tell_wait(&w[i], &word);
        EXPECT("we are lent the highest", priority_of(self()), -1 - (i ? 30 : 10));
    }
    EXPECT("unlock", unlock_pi(&word), 0);
    EXPECT("our own again", priority_of(self()), 20);
    for (int i = 0; i < 4; i++) {
        struct worker *next = &w[order[i]];

        EXPECT("the best of them", worker_result(next), 0);
        EXPECT("owns it", load(&word) & FUTEX_TID_MASK, next->tid);
        for (int k = i + 1; k < 4; k++)
            CHECK("before the others", !worker_is_back(&w[order[k]]));
        EXPECT("and passes it on", do_unlock(next, &word), 0);
    }
    EXPECT("free", word, 0);
    for (int i = 0; i < 4; i++)
        worker_end(&w[i]);
}

static int lent_at_birth;

static void *birth_main(void *unused)
{
    (void)unused;
    lent_at_birth = priority_of(self());
    return NULL;
}

static void test_chain(void)
{
    struct sched_param param;
    struct worker a, b, c, d;
    uint32_t m[3] = {0};
    pthread_t child;

    worker_start(&a, 0);
    worker_start(&b, 5);
    worker_start(&c, 50);
    worker_start(&d, 0);
    EXPECT("a owns the first", do_lock(&a, &m[0]), 0);
    EXPECT("b owns the second", do_lock(&b, &m[1]), 0);
    tell_wait(&b, &m[0]);
    EXPECT("b lends to a", priority_of(a.tid), -6);
    tell_wait(&c, &m[1]);
    EXPECT("c lends to b", priority_of(b.tid), -51);
    EXPECT("and through it to a", priority_of(a.tid), -51);
    EXPECT("whose own policy stays", sched_getscheduler(a.tid), SCHED_OTHER);
    EXPECT("and b's priority", sched_getparam(b.tid, &param) ?: param.sched_priority, 5);
    set_fifo(c.tid, 60);
    EXPECT("c rises", priority_of(a.tid), -61);
    set_fifo(b.tid, 70);
    EXPECT("b rises above it", priority_of(a.tid), -71);
    set_fifo(b.tid, 7);
    EXPECT("and falls", priority_of(b.tid), -61);
    EXPECT("a too", priority_of(a.tid), -61);
    set_fifo(a.tid, 3);
    EXPECT("a's own is below", priority_of(a.tid), -61);
    set_fifo(a.tid, 0);
    EXPECT("d owns the third", do_lock(&d, &m[2]), 0);
    tell_wait(&a, &m[2]);
    EXPECT("the chain grows", priority_of(d.tid), -61);
    EXPECT("d would close it", do_lock(&d, &m[1]), -EDEADLK);
    EXPECT("or at the nearest", do_lock(&d, &m[0]), -EDEADLK);
    EXPECT("d unlocks", do_unlock(&d, &m[2]), 0);
    EXPECT("it falls back", priority_of(d.tid), 20);
    EXPECT("a has it", worker_result(&a), 0);
    EXPECT("a unlocks", do_unlock(&a, &m[0]), 0);
    EXPECT("and falls back", priority_of(a.tid), 20);
    EXPECT("b has it", worker_result(&b), 0);
    EXPECT("b unlocks", do_unlock(&b, &m[1]), 0);
    EXPECT("and falls back to its own", priority_of(b.tid), -8);
    EXPECT("c has it", worker_result(&c), 0);
    EXPECT("for us", do_unlock(&c, &m[1]), 0);
    EXPECT("our turn", lock_pi(&m[1]), 0);
    tell_wait(&c, &m[1]);
    EXPECT("we are lent", priority_of(self()), -61);
    NEED(pthread_create(&child, NULL, birth_main, NULL) == 0 && pthread_join(child, NULL) == 0);
    EXPECT("a loan is not inherited", lent_at_birth, 20);
    unlock_pi(&m[1]);
    worker_result(&c);
    worker_end(&a);
    worker_end(&b);
    worker_end(&c);
    worker_end(&d);
}

static void test_loan_ends(void)
{
    struct timespec t;
    struct worker a;

    worker_start(&a, 40);
    EXPECT("ours", lock_pi(&word), 0);
    t = after(CLOCK_MONOTONIC, 2000);
    tell_futex(&a, &word, FUTEX_LOCK_PI2_PRIVATE, 0, &t, NULL);
    await_sleep(a.tid);
    EXPECT("lent", priority_of(self()), -41);
    EXPECT("until it has no more time", worker_result(&a), -ETIMEDOUT);
    EXPECT("taken back", priority_of(self()), 20);
    EXPECT("unlock", unlock_pi(&word), 0);
    EXPECT("nobody is left", word, 0);
    worker_end(&a);
}

/* Inversion: all on one hart */

static uint32_t inverted[2]; // lock, and whether the high one had it
static uint32_t low_ready;

static void *low_main(void *unused)
{
    (void)unused;
    NEED(lock_pi(&inverted[0]) == 0);
    word_post(&low_ready, 1);
    for (volatile int i = 0; i < 2000000; i++)
        ;
    NEED(unlock_pi(&inverted[0]) == 0);
    return NULL;
}

static void *middle_main(void *unused)
{
    struct timespec end = after(CLOCK_MONOTONIC, 8000), now;

    (void)unused;
    do
        now = after(CLOCK_MONOTONIC, 0);
    while (!load(&inverted[1]) && now.tv_sec < end.tv_sec);
    return (void *)(long)load(&inverted[1]);
}

static void *high_main(void *unused)
{
    (void)unused;
    NEED(lock_pi(&inverted[0]) == 0);
    store(&inverted[1], 1);
    NEED(unlock_pi(&inverted[0]) == 0);
    return NULL;
}

static pthread_t start_fifo(void *(*main)(void *), int priority)
{
    struct sched_param param = {.sched_priority = priority};
    pthread_attr_t attr;
    pthread_t t;

    pthread_attr_init(&attr);
    pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attr, priority ? SCHED_FIFO : SCHED_OTHER);
    pthread_attr_setschedparam(&attr, &param);
    NEED(pthread_create(&t, &attr, main, NULL) == 0);
    pthread_attr_destroy(&attr);
    return t;
}

static void test_inversion(void)
{
    pthread_t low, middle, high;
    cpu_set_t one, all;
    void *seen;

    NEED(sched_getaffinity(0, sizeof(all), &all) == 0);
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    NEED(sched_setaffinity(0, sizeof(one), &one) == 0);
    set_fifo(0, 50);
    low = start_fifo(low_main, 0);
    word_await(&low_ready, 0);
    high = start_fifo(high_main, 30);
    middle = start_fifo(middle_main, 20);
    pthread_join(middle, &seen);
    EXPECT("the middle one does not hold up the high one", (long)seen, 1);
    pthread_join(high, NULL);
    pthread_join(low, NULL);
    set_fifo(0, 0);
    NEED(sched_setaffinity(0, sizeof(all), &all) == 0);
}

/* Requeueing */

static void tell_requeue_wait(struct worker *w, const struct timespec *deadline)
{
    tell_futex(w, &word, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 5, deadline, &word2);
    await_sleep(w->tid);
}

static void test_requeue(void)
{
    static const int priorities[] = {0, 10, 20}, order[] = {2, 1, 0};
    struct worker w[3];

    store(&word, 5);
    for (int i = 0; i < 3; i++) {
        worker_start(&w[i], priorities[i]);
        tell_requeue_wait(&w[i], NULL);
    }
    EXPECT_ERR("they are not woken by hand", futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0),
               EINVAL);
    EXPECT_ERR("nor moved to where nobody inherits",
               futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)9, &word2, 5), EINVAL);
    EXPECT_ERR("nor to another lock", REQUEUE(1, 9, &inverted[0], 5), EINVAL);
    EXPECT_ERR("the word is not a lock", lock_pi((store(&word, NO_TID), &word)), EINVAL);
    store(&word, 5);
    EXPECT("the best takes it, one waits", REQUEUE(1, 1, &word2, 5), 2);
    EXPECT("it has it", worker_result(&w[2]), 0);
    EXPECT("as the word says", load(&word2), w[2].tid | FUTEX_WAITERS);
    EXPECT("the last", REQUEUE(1, 0, &word2, 5), 1);
    for (int i = 1; i < 3; i++)
        CHECK("waits", !worker_is_back(&w[order[i]]));
    for (int i = 0; i < 3; i++) {
        EXPECT("one after the other", worker_result(&w[order[i]]), 0);
        EXPECT("has it", load(&word2) & FUTEX_TID_MASK, w[order[i]].tid);
        EXPECT("passes it on", do_unlock(&w[order[i]], &word2), 0);
    }
    EXPECT("free", word2, 0);

    EXPECT("ours", lock_pi(&word2), 0);
    for (int i = 0; i < 3; i++)
        tell_requeue_wait(&w[i], NULL);
    EXPECT("it is taken: all wait", REQUEUE(1, INT_MAX, &word2, 5), 3);
    EXPECT("and lend", priority_of(self()), -21);
    EXPECT("nobody is left", REQUEUE(1, INT_MAX, &word2, 5), 0);
    EXPECT("unlock", unlock_pi(&word2), 0);
    for (int i = 0; i < 3; i++) {
        EXPECT("in order", worker_result(&w[order[i]]), 0);
        EXPECT("to the end", do_unlock(&w[order[i]], &word2), 0);
    }
    EXPECT("free at last", word2, 0);
    for (int i = 0; i < 3; i++)
        worker_end(&w[i]);
}

static int handled;

static void handler(int number)
{
    (void)number;
    __atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
}

static void interrupt(struct worker *w)
{
    int before = __atomic_load_n(&handled, __ATOMIC_SEQ_CST);

    NEED(syscall(SYS_tgkill, getpid(), w->tid, SIGUSR1) == 0);
    while (__atomic_load_n(&handled, __ATOMIC_SEQ_CST) == before)
        nap();
}

static void test_interrupted(void)
{
    struct sigaction action = {.sa_handler = handler};
    struct timespec t;
    struct worker a;

    NEED(sigaction(SIGUSR1, &action, NULL) == 0);
    worker_start(&a, 30);
    EXPECT("ours", lock_pi(&word2), 0);
    tell_wait(&a, &word2);
    interrupt(&a);
    await_sleep(a.tid);
    CHECK("a signal does not end a wait for a lock", !worker_is_back(&a));
    EXPECT("it lends again", priority_of(self()), -31);
    unlock_pi(&word2);
    EXPECT("and has it", worker_result(&a), 0);
    EXPECT("it is its own", do_unlock(&a, &word2), 0);

    store(&word, 5);
    tell_requeue_wait(&a, NULL);
    interrupt(&a);
    await_sleep(a.tid);
    CHECK("nor a wait to be moved", !worker_is_back(&a));
    EXPECT("ours", lock_pi(&word2), 0);
    EXPECT("moved", REQUEUE(1, 1, &word2, 5), 1);
    interrupt(&a);
    EXPECT("but that of one moved", worker_result(&a), -EAGAIN);
    EXPECT("what it lent is gone", priority_of(self()), 20);
    t = after(CLOCK_MONOTONIC, 2000);
    tell_requeue_wait(&a, &t);
    EXPECT("moved again", REQUEUE(1, 1, &word2, 5), 1);
    EXPECT("its time goes on", worker_result(&a), -ETIMEDOUT);
    unlock_pi(&word2);
    EXPECT("nobody is left", word2, 0);
    store(&word, 0);
    worker_end(&a);
}

int main(void)
{
    abi_begin();
    test_alone();
    test_errors();
    test_requeue_errors();
    test_contended();
    test_mixed();
    test_order();
    test_chain();
    test_loan_ends();
    test_inversion();
    test_requeue();
    test_interrupted();
    return abi_end();
}
