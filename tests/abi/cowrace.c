// SPDX-License-Identifier: MIT
// Threads and pages that are copied when written: what one has stored and then told of, the others
// read, also while a third has the page copied. And words of futexes in memory that was unmapped.
#include "abi.h"

#include <linux/futex.h>
#include <pthread.h>

#define ROUNDS 60

struct page {
    volatile int first, second;
};

static struct page *page; // copied when written, in each round
static volatile int start, told, done, stale;

// Has the page copied.
static void *first_main(void *unused)
{
    for (int n = 1; n <= ROUNDS; n++) {
        while (start != n)
            ;
        page->first = n;
        __atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
    }
    return unused;
}

static void *second_main(void *unused)
{
    for (int n = 1; n <= ROUNDS; n++) {
        while (start != n)
            ;
        page->second = n;
        __atomic_store_n(&told, n, __ATOMIC_RELEASE);
        __atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
    }
    return unused;
}

static void *reader_main(void *unused)
{
    for (int n = 1; n <= ROUNDS; n++) {
        while (__atomic_load_n(&told, __ATOMIC_ACQUIRE) != n)
            (void)page->second;
        if (page->second != n)
            stale++;
        __atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
    }
    return unused;
}

static void test_copied_meanwhile(void)
{
    void *(*mains[])(void *) = {first_main, second_main, reader_main};
    pthread_t threads[3];

    if (sysconf(_SC_NPROCESSORS_ONLN) < 4)
        return; // three that spin, and this
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page->first = 0;
    for (int i = 0; i < 3; i++)
        NEED(pthread_create(&threads[i], NULL, mains[i], NULL) == 0);
    for (int n = 1; n <= ROUNDS; n++) {
        pid_t pid = raw(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);

        if (!pid)
            for (;;)
                raw(SYS_ppoll, 0, 0, 0, 0, 0, 0);
        __atomic_store_n(&start, n, __ATOMIC_RELEASE);
        while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) != 3 * n)
            ;
        kill(pid, SIGKILL);
        child_end(pid);
    }
    for (int i = 0; i < 3; i++)
        NEED(pthread_join(threads[i], NULL) == 0);
    EXPECT("old bytes after the news of the new ones", stale, 0);
}

/* Futexes */

static long futex(int *word, int op, int value)
{
    return raw(SYS_futex, (long)word, op, value, 0, 0, 0);
}

static int *shared_word(void)
{
    int *word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    NEED(word != MAP_FAILED);
    return word;
}

static volatile pid_t waiter;

static void *wait_main(void *word)
{
    waiter = raw(SYS_gettid, 0, 0, 0, 0, 0, 0);
    futex(word, FUTEX_WAIT, 0);
    return NULL;
}

// One stands in line for a word that is no more: who comes after is another.
static void waits_for_nothing(void *unused)
{
    int *word = shared_word(), woken = 0;
    pthread_t t;

    (void)unused;
    NEED(pthread_create(&t, NULL, wait_main, word) == 0);
    while (!waiter)
        sched_yield();
    process_await(waiter, "S");
    munmap(word, PAGE);
    for (int i = 0; i < 64; i++)
        woken += futex(shared_word(), FUTEX_WAKE, 1) != 0;
    EXPECT("woken by another's word", woken, 0);
    _exit(0);
}

int main(void)
{
    abi_begin();
    test_copied_meanwhile();
    child_run(waits_for_nothing, NULL);
    return abi_end();
}
