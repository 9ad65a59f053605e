// SPDX-License-Identifier: MIT
// barrier: threads that wait for each other in every round. Checked: none goes on before all others
// have come to the same round, and none waits forever.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define THREADS 4
#define ROUNDS  3000

struct barrier {
    pthread_mutex_t lock;
    pthread_cond_t all_came;
    unsigned came;  // (lock) threads that wait in this round
    unsigned round; // (lock) rounds that are over
};

static struct barrier barrier = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
static atomic_uint reached[THREADS]; // rounds that each thread has begun
static atomic_uint wrong;

// Returns when all threads have called it as often as this one. The round number tells those who
// still have to wake up from those who are here again.
static void barrier_wait(struct barrier *b)
{
    pthread_mutex_lock(&b->lock);
    unsigned round = b->round;
    if (++b->came == THREADS) {
        b->came = 0;
        b->round++;
        pthread_cond_broadcast(&b->all_came);
    }
    while (b->round == round)
        pthread_cond_wait(&b->all_came, &b->lock);
    pthread_mutex_unlock(&b->lock);
}

// The others are in this round, or at most one further.
static void check_others(unsigned round)
{
    for (int i = 0; i < THREADS; i++)
        if (atomic_load(&reached[i]) - round > 1)
            atomic_fetch_add(&wrong, 1);
}

static void *run(void *arg)
{
    atomic_uint *mine = arg;

    for (unsigned round = 1; round <= ROUNDS; round++) {
        atomic_store(mine, round);
        barrier_wait(&barrier);
        check_others(round);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, run, &reached[i]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    if (wrong) {
        printf("barrier: a thread was in another round %u times of %u\n", wrong,
               THREADS * THREADS * ROUNDS);
        return 1;
    }
    printf("barrier: OK\n");
    return 0;
}
