// SPDX-License-Identifier: MIT
// Threads, timers, wait queues, sleeping locks, work queues: their promises under every
// interleaving that the seeds give. A wake-up that is lost shows as a deadlock.
#include "arch/smp.h"
#include "base/clock.h"
#include "host.h"
#include "mm/slab.h"
#include "sched/timer.h"
#include "sync/workqueue.h"

#define RUNS    80
#define THREADS 5
#define ROUNDS  12

void host_setup(void)
{
}

/* Interruption: what a signal is to the layers above */

static u64 interrupted;                  // (a) bit per number of a thread: its sleeps are to end
static struct thread *numbered[THREADS]; // (numbered_lock)
static struct spinlock numbered_lock = SPINLOCK_INIT(RANK_SIGNAL);

static void number(void *n, struct thread *t)
{
    spin_lock(&numbered_lock);
    numbered[(u64)n] = t;
    spin_unlock(&numbered_lock);
}

static bool is_interrupted(struct thread *t, enum thread_state sleep)
{
    for (unsigned i = 0; i < THREADS; i++)
        if (numbered[i] == t)
            return load_relaxed(&interrupted) >> i & 1;
    return false;
}

static void interrupt_some(void *unused)
{
    for (int i = 0; i < 2 * ROUNDS; i++) {
        u64 n = machine_below(THREADS);
        struct thread *t;

        atomic_fetch_or(&interrupted, BIT(n));
        spin_lock(&numbered_lock);
        t = numbered[n];
        if (t)
            thread_get(t);
        spin_unlock(&numbered_lock);
        if (t) {
            sched_wake(t, SLEEP_ANY & ~BIT(THREAD_UNINTERRUPTIBLE));
            thread_put(t);
        }
        sleep_until(clock_monotonic() + machine_below(20000), WAIT_UNINTERRUPTIBLE);
    }
}

static void interrupted_clear(void *n)
{
    verify(load_relaxed(&interrupted) >> (u64)n & 1);
    atomic_fetch_and(&interrupted, ~BIT((u64)n));
}

static void spawn_all(void (*fn)(void *))
{
    thread_hooks.interrupted = is_interrupted;
    for (u64 i = 0; i < THREADS; i++)
        host_spawn("user", fn, (void *)i);
}

/* Mutex, reader-writer lock */

static struct mutex mutex;
static struct rwlock rwlock;
static unsigned readers, writers, total;

static void mutex_user(void *n)
{
    number(n, thread_self());
    for (int i = 0; i < ROUNDS; i++) {
        bool interruptible = machine_below(2);

        if (!interruptible)
            mutex_lock(&mutex);
        else if (mutex_lock_interruptible(&mutex)) {
            interrupted_clear(n);
            continue;
        }
        verify(mutex_held(&mutex) && writers++ == 0);
        host_pause();
        verify(mutex_held(&mutex) && --writers == 0);
        total++;
        mutex_unlock(&mutex);
        verify(!mutex_held(&mutex));
    }
    number(n, NULL);
}

static void mutex_scenario(void)
{
    mutex_init(&mutex, RANK_INODE);
    spawn_all(mutex_user);
    host_spawn("signals", interrupt_some, NULL);
    host_join();
    verify(total > THREADS && !mutex.owner);
    host_expect(mutex.waiters, 0);
}

static void rwlock_user(void *number)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (machine_below(3)) {
            read_lock(&rwlock);
            readers++;
            verify(!writers);
            host_pause();
            verify(!writers && readers);
            readers--;
            read_unlock(&rwlock);
        } else {
            write_lock(&rwlock);
            verify(write_held(&rwlock) && !readers && writers++ == 0);
            host_pause();
            verify(!readers && --writers == 0);
            write_unlock(&rwlock);
        }
    }
}

static void rwlock_scenario(void)
{
    rwlock_init(&rwlock, RANK_INODE);
    spawn_all(rwlock_user);
    host_join();
    host_expect(rwlock.state, 0);
    host_expect(rwlock.writers_waiting, 0);
}

/* Semaphore, completion */

#define SEM_COUNT 2

static struct semaphore sem;

static void sem_user(void *n)
{
    number(n, thread_self());
    for (int i = 0; i < ROUNDS; i++) {
        ns_t deadline = machine_below(2) ? NS_NEVER : clock_monotonic() + machine_below(30000);
        enum wait_mode mode = machine_below(2) ? WAIT_INTERRUPTIBLE : WAIT_UNINTERRUPTIBLE;
        int err = sem_down(&sem, mode, deadline);

        if (err == -EINTR) {
            verify(mode == WAIT_INTERRUPTIBLE);
            interrupted_clear(n);
        } else if (err) {
            host_expect(err, -ETIMEDOUT);
            verify(clock_monotonic() >= deadline);
        } else {
            verify(++readers <= SEM_COUNT);
            host_pause();
            readers--;
            sem_up(&sem);
        }
    }
    number(n, NULL);
}

static void sem_scenario(void)
{
    sem_init(&sem, SEM_COUNT);
    spawn_all(sem_user);
    host_spawn("signals", interrupt_some, NULL);
    host_join();
    host_expect(sem.count, SEM_COUNT);
}

static void completer(void *completion)
{
    complete_all(completion);
}

// The memory of a completion is the waiter's: nobody touches it after the wait.
static void completion_scenario(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct completion *c = kmalloc(sizeof(*c), 0);

        completion_init(c);
        host_spawn("completer", completer, c);
        host_expect(completion_wait(c, WAIT_UNINTERRUPTIBLE), 0);
        kfree(c);
    }
}

/* Wait queues: tokens that are passed with wake_one */

static struct wait_queue queue;
static u32 tokens; // (a)

static bool token_take(void)
{
    u32 n = load_relaxed(&tokens);

    return n && atomic_cas(&tokens, n, n - 1);
}

static void token_giver(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        atomic_fetch_add(&tokens, 1U);
        wake_one(&queue);
        if (!machine_below(3))
            host_pause();
    }
}

static void token_taker(void *unused)
{
    for (int i = 0; i < ROUNDS; i++)
        host_expect(wait_event_exclusive(&queue, token_take(), WAIT_UNINTERRUPTIBLE, NS_NEVER), 0);
}

static void queue_scenario(void)
{
    wait_queue_init(&queue);
    spawn_all(token_taker);
    spawn_all(token_giver);
    host_join();
    host_expect(tokens, 0);
    verify(wait_queue_empty(&queue));
}

/* Timers */

struct alarm {
    struct timer timer;
    ns_t deadline;
    u32 fired; // (a)
};

static void alarm_fire(struct timer *t)
{
    struct alarm *a = container_of(t, struct alarm, timer);

    verify(clock_monotonic() >= a->deadline);
    atomic_fetch_add(&a->fired, 1U);
}

// A timer fires once, not early, and not after it was cancelled: its memory goes at once.
static void timer_user(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct alarm *a = kmalloc(sizeof(*a), ALLOC_ZERO);
        bool was_armed;

        timer_init(&a->timer, alarm_fire);
        a->deadline = clock_monotonic() + machine_below(20000);
        timer_start(&a->timer, a->deadline);
        sleep_until(clock_monotonic() + machine_below(20000), WAIT_UNINTERRUPTIBLE);
        was_armed = timer_cancel(&a->timer);
        host_expect(load_relaxed(&a->fired), !was_armed);
        kfree(a);
    }
}

static void timer_scenario(void)
{
    spawn_all(timer_user);
    host_join();
}

/* Threads */

static void moving_thread(void *unused)
{
    u64 all = BIT(hart_count) - 1;

    for (int i = 0; i < ROUNDS; i++) {
        u64 mask = (machine_random() & all) ?: all;

        host_expect(sched_set_affinity(thread_self(), mask), 0);
        sched_yield();
        preempt_disable();
        verify(mask >> hart_index() & 1);
        preempt_enable();
        if (!machine_below(3))
            sleep_until(clock_monotonic() + machine_below(5000), WAIT_UNINTERRUPTIBLE);
    }
}

static void thread_scenario(void)
{
    spawn_all(moving_thread);
    for (int i = 0; i < ROUNDS; i++) {
        sched_check();
        host_pause();
    }
    host_join();
}

/* Affinity */

static struct pin {
    struct thread *thread; // (a)
    struct mutex lock;     // held by who changes it
    u64 mask;              // (a) 0: is being changed
} pins[THREADS];

// A thread that is about to choose again is not yet where a program sees it.
static void pinned_thread(void *number)
{
    struct pin *p = &pins[(u64)number];

    store_release(&p->thread, thread_self());
    for (int i = 0; i < 2 * ROUNDS; i++) {
        u64 mask;

        preempt_disable();
        mask = load_acquire(&p->mask);
        verify(!mask || mask >> hart_index() & 1 || arch_self()->work & WORK_RESCHED);
        preempt_enable();
        if (!machine_below(3))
            sleep_until(clock_monotonic() + machine_below(5000), WAIT_UNINTERRUPTIBLE);
        else
            sched_yield();
    }
    mutex_lock(&p->lock);
    store_release(&p->thread, NULL);
    mutex_unlock(&p->lock);
}

static void pinning_thread(void *unused)
{
    for (int i = 0; i < 4 * ROUNDS; i++) {
        struct pin *p = &pins[machine_below(THREADS)];
        u64 mask = (machine_random() & (BIT(hart_count) - 1)) ?: BIT(0);

        mutex_lock(&p->lock);
        if (p->thread) {
            store_release(&p->mask, 0);
            host_expect(sched_set_affinity(p->thread, mask), 0);
            store_release(&p->mask, mask);
        }
        mutex_unlock(&p->lock);
        host_pause();
    }
}

// When sched_set_affinity returns the thread runs nowhere that it may not.
static void affinity_scenario(void)
{
    for (int i = 0; i < THREADS; i++) {
        pins[i] = (struct pin){0};
        mutex_init(&pins[i].lock, RANK_PIPE);
    }
    spawn_all(pinned_thread);
    host_spawn("pins", pinning_thread, NULL);
    host_spawn("pins", pinning_thread, NULL);
    host_join();
}

/* Work queues */

static struct job {
    struct work work;
    u32 asked, seen; // (a)
} jobs[3];

static void job_run(struct work *w)
{
    struct job *j = container_of(w, struct job, work);

    store_relaxed(&j->seen, load_relaxed(&j->asked));
    if (!machine_below(4))
        sleep_until(clock_monotonic() + machine_below(3000), WAIT_UNINTERRUPTIBLE);
}

static void job_asker(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct job *j = &jobs[machine_below(ARRAY_SIZE(jobs))];

        atomic_fetch_add(&j->asked, 1U);
        work_queue(&j->work);
        host_pause();
    }
}

// Each request is followed by a run that begins after it.
static void workqueue_scenario(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++)
        work_init(&jobs[i].work, job_run);
    spawn_all(job_asker);
    host_join();
    sleep_until(clock_monotonic() + 1000000, WAIT_UNINTERRUPTIBLE);
    for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++)
        host_expect(jobs[i].seen, jobs[i].asked);
}

/* The clock */

// A deadline's count is the first at which the clock shows that time, whatever the counter's rate.
static void clock_scenario(void)
{
    static const u64 rates[] = {32768, 10000000, 24000000, 38400000, 1000000000, 1500000007};

    for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
        struct clock_params c;

        clock_init(rates[i]);
        c = clock_get_params();
        for (unsigned n = 0; n < 100; n++) {
            ns_t deadline = 1 + machine_below(1UL << machine_below(60));
            u64 ticks = clock_to_ticks(deadline) - c.base;

            verify((unsigned __int128)ticks * c.mult >> c.shift >= deadline);
            verify((unsigned __int128)(ticks - 1) * c.mult >> c.shift < deadline);
        }
    }
    clock_init(NS_PER_SEC);
}

HOST_TEST(mutex, RUNS)
HOST_TEST(rwlock, RUNS)
HOST_TEST(sem, RUNS)
HOST_TEST(completion, RUNS)
HOST_TEST(queue, RUNS)
HOST_TEST(timer, RUNS)
HOST_TEST(thread, RUNS)
HOST_TEST(affinity, RUNS)
HOST_TEST(workqueue, RUNS)
HOST_TEST(clock, 5)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutex),     cmocka_unit_test(test_rwlock),
        cmocka_unit_test(test_sem),       cmocka_unit_test(test_completion),
        cmocka_unit_test(test_queue),     cmocka_unit_test(test_timer),
        cmocka_unit_test(test_thread),    cmocka_unit_test(test_affinity),
        cmocka_unit_test(test_workqueue), cmocka_unit_test(test_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
