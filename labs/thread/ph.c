// SPDX-License-Identifier: MIT
// ph [keys]: a hash table that threads fill at once, with a lock for each bucket. Checked: no key
// is lost or there twice; without `keys` also that two threads are at least 1.25 times as fast as
// one.
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BUCKETS     4096
#define FEW_BUCKETS 16 // threads meet in them
#define KEYS        8192
#define WORDS       128 // of a value
#define THREADS_MAX 4
#define ROUNDS      200  // short ones, and the fastest counts: others use the machine, too
#define MORE_ROUNDS 5000 // at most, on a machine so busy that two threads never had two harts
#define SPEEDUP     1.25
#define SPREAD      2654435761u // odd: different numbers have different keys

struct entry {
    struct entry *next;
    unsigned key, value[WORDS];
};

struct bucket {
    pthread_mutex_t lock;
    struct entry *first;        // (lock)
} __attribute__((aligned(64))); // one cache line each: what harts share is slow

static struct bucket table[BUCKETS];
static unsigned buckets;                     // of them in use, a power of two
static struct entry pool[THREADS_MAX][KEYS]; // of each thread
static bool failed;

static unsigned key_of(unsigned number)
{
    return number * SPREAD;
}

static struct bucket *bucket_of(unsigned key)
{
    return &table[key >> 16 & (buckets - 1)];
}

static void value_set(struct entry *e, unsigned value)
{
    for (unsigned i = 0; i < WORDS; i++)
        e->value[i] = value ^ i;
}

static bool value_is(const struct entry *e, unsigned value)
{
    for (unsigned i = 0; i < WORDS; i++)
        if (e->value[i] != (value ^ i))
            return false;
    return true;
}

// Gives `key` this value; `fresh` is used if the key is new.
static void put(unsigned key, unsigned value, struct entry *fresh)
{
    struct bucket *b = bucket_of(key);
    struct entry *e;

    pthread_mutex_lock(&b->lock);
    struct entry *first = b->first;
    for (e = first; e && e->key != key; e = e->next)
        ;
    if (e) {
        value_set(e, value);
    } else {
        value_set(fresh, value);
        fresh->key = key;
        fresh->next = first;
        b->first = fresh;
    }
    pthread_mutex_unlock(&b->lock);
}

struct work {
    pthread_t thread;
    unsigned begin, end; // numbers whose keys it puts
    struct entry *fresh;
    double began, ended;
};

static unsigned threads;       // of them at work
static atomic_uint threads_up; // those that have started

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void *work_run(void *arg)
{
    struct work *w = arg;

    atomic_fetch_add(&threads_up, 1);
    while (atomic_load(&threads_up) < threads)
        sched_yield();
    w->began = now();
    for (unsigned i = w->begin; i < w->end; i++)
        put(key_of(i), i, &w->fresh[i]);
    w->ended = now();
    return NULL;
}

// Empties the table and has `n` threads put all keys: each its share, or with `same` each all.
// Seconds from the first one's begin to the last one's end.
static double fill(unsigned n, bool same)
{
    struct work works[THREADS_MAX];
    double began = 1e18, ended = 0;

    for (unsigned i = 0; i < BUCKETS; i++)
        table[i].first = NULL;
    threads = n;
    atomic_store(&threads_up, 0);
    for (unsigned i = 0; i < n; i++) {
        works[i] = (struct work){.begin = same ? 0 : KEYS / n * i,
                                 .end = same ? KEYS : KEYS / n * (i + 1),
                                 .fresh = pool[i]};
        pthread_create(&works[i].thread, NULL, work_run, &works[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        pthread_join(works[i].thread, NULL);
        began = works[i].began < began ? works[i].began : began;
        ended = works[i].ended > ended ? works[i].ended : ended;
    }
    return ended - began;
}

// Each key is in its bucket, once.
static void check_keys(void)
{
    unsigned lost = 0, again = 0;

    for (unsigned i = 0; i < KEYS; i++) {
        unsigned found = 0;
        for (struct entry *e = bucket_of(key_of(i))->first; e; e = e->next)
            found += e->key == key_of(i) && value_is(e, i);
        lost += found == 0;
        again += found > 1;
    }
    if (lost || again)
        printf("%u threads: %u keys are lost, %u are there twice\n", threads, lost, again);
    failed |= lost || again;
}

static void test_keys(void)
{
    buckets = FEW_BUCKETS;
    for (unsigned n = 1; n <= THREADS_MAX; n *= 2) {
        fill(n, false);
        check_keys();
        fill(n, true);
        check_keys();
    }
}

static void test_speed(void)
{
    double best[] = {0, 1e9, 1e9}; // by number of threads

    buckets = BUCKETS;
    for (int i = 0; i < ROUNDS || (i < MORE_ROUNDS && best[1] < best[2] * SPEEDUP); i++)
        for (unsigned n = 1; n <= 2; n++) {
            double time = fill(n, false);
            best[n] = time < best[n] ? time : best[n];
        }
    check_keys();
    printf("1 thread: %.0f keys a second; 2 threads: %.0f, %.2f times as many\n", KEYS / best[1],
           KEYS / best[2], best[1] / best[2]);
    failed |= best[1] < best[2] * SPEEDUP;
}

int main(int argc, char **argv)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        pthread_mutex_init(&table[i].lock, NULL);
    test_keys();
    if (argc < 2 || strcmp(argv[1], "keys") != 0)
        test_speed();
    if (!failed)
        printf("ph: OK\n");
    return failed;
}
