// SPDX-License-Identifier: MIT
// Run-queue policy against a naive search, and simulations of sharing and of waking.
#include "unit.h"

#include "sched/runq.h"

#define THREADS 60
#define STEPS   20000
#define MS      1000000UL

static struct runq q;
static struct thread threads[THREADS];
static u64 arrival[THREADS]; // order among equals; smaller is earlier
static u64 arrivals_first, arrivals_last;

static void thread_set(struct thread *t, enum sched_policy policy, int nice, unsigned priority)
{
    *t = (struct thread){.policy = policy, .nice = nice, .rt_priority = priority};
    t->weight = runq_weight(policy, nice);
    t->affinity = ~0UL;
}

static void queue(struct thread *t, bool head)
{
    runq_insert(&q, t, head);
    arrival[t - threads] = head ? --arrivals_first : ++arrivals_last;
}

static bool model_before(const struct thread *a, const struct thread *b)
{
    if (runq_is_rt(a) != runq_is_rt(b))
        return runq_is_rt(a);
    if (!runq_is_rt(a))
        return a->deadline < b->deadline;
    if (a->rt_priority != b->rt_priority)
        return a->rt_priority > b->rt_priority;
    return arrival[a - threads] < arrival[b - threads];
}

static void step_pop(void)
{
    struct thread *best = NULL, *t;
    u32 count = q.count;

    for (unsigned i = 0; i < THREADS; i++)
        if (threads[i].queued && (!best || model_before(&threads[i], best)))
            best = &threads[i];
    t = runq_pop(&q);
    if (!best) {
        assert_null(t);
        return;
    }
    assert_non_null(t);
    assert_false(t->queued);
    assert_int_equal(q.count, count - 1);
    if (runq_is_rt(best))
        assert_ptr_equal(t, best);
    else
        assert_int_equal(t->deadline, best->deadline);
}

static void step_random(void)
{
    struct thread *t = &threads[unit_below(THREADS)];

    if (unit_below(3) == 0) {
        step_pop();
    } else if (t->queued) {
        runq_remove(&q, t);
    } else {
        runq_charge(t, unit_below(10 * MS));
        runq_place(&q, t, unit_below(2));
        queue(t, unit_below(4) == 0);
    }
}

static void test_against_model(void **state)
{
    q = (struct runq){0};
    arrivals_first = arrivals_last = 1UL << 32;
    for (unsigned i = 0; i < THREADS; i++) {
        if (i % 3 == 0)
            thread_set(&threads[i], SCHED_CLASS_RT_FIFO, 0, 1 + unit_below(99));
        else if (i % 7 == 0)
            thread_set(&threads[i], SCHED_CLASS_RT_RR, 0, 1 + unit_below(5));
        else
            thread_set(&threads[i], SCHED_CLASS_FAIR, (int)unit_below(40) - 20, 0);
    }
    for (unsigned step = 0; step < STEPS; step++) {
        step_random();
        assert_true(runq_check(&q));
    }
}

// Threads that never sleep get time in proportion to their weights, and nobody waits for long.
static void test_shares(void **state)
{
    static const int nice[] = {0, 0, 5, -5, 10, 19};
    ns_t got[ARRAY_SIZE(nice)] = {0}, total = 0;
    u64 weights = 0;

    q = (struct runq){0};
    for (unsigned i = 0; i < ARRAY_SIZE(nice); i++) {
        thread_set(&threads[i], SCHED_CLASS_FAIR, nice[i], 0);
        weights += threads[i].weight;
        runq_place(&q, &threads[i], false);
        runq_insert(&q, &threads[i], false);
    }
    while (total < 60000 * MS) {
        struct thread *t = runq_pop(&q);
        ns_t ran = unit_below(RUNQ_SLICE) + 1;

        runq_charge(t, ran);
        got[t - threads] += ran;
        total += ran;
        runq_insert(&q, t, false);
        assert_true(runq_check(&q));
    }
    for (unsigned i = 0; i < ARRAY_SIZE(nice); i++) {
        double fair = (double)total * threads[i].weight / weights;

        assert_true(got[i] > fair * 0.97 - 2 * RUNQ_SLICE);
        assert_true(got[i] < fair * 1.03 + 2 * RUNQ_SLICE);
    }
}

// A sleeper preempts one that has been running, but cannot keep it out for the time it slept.
static void test_sleeper(void **state)
{
    struct thread *hog = &threads[0], *sleeper = &threads[1];
    ns_t behind;

    q = (struct runq){0};
    thread_set(hog, SCHED_CLASS_FAIR, 0, 0);
    thread_set(sleeper, SCHED_CLASS_FAIR, 0, 0);
    runq_place(&q, hog, false);
    for (unsigned i = 0; i < 1000; i++) {
        runq_insert(&q, hog, false);
        assert_ptr_equal(runq_pop(&q), hog);
        runq_charge(hog, RUNQ_SLICE);
    }
    runq_place(&q, sleeper, true);
    assert_true(runq_preempts(sleeper, hog));
    behind = hog->vruntime - sleeper->vruntime;
    assert_true(behind <= 2 * RUNQ_SLICE);
    runq_insert(&q, hog, false);
    for (ns_t ran = 0; ran < 3 * RUNQ_SLICE; ran += MS) {
        runq_insert(&q, sleeper, false);
        if (runq_pop(&q) == hog)
            return;
        runq_charge(sleeper, MS);
    }
    fail_msg("the sleeper kept the queue, %lu ns behind", behind);
}

// A thread that nobody disturbs is charged by ticks alone, and picked but once. Who comes then
// shares with it, and is not given all the time that it had alone.
static void test_alone(void **state)
{
    struct thread *old = &threads[0], *new = &threads[1];

    q = (struct runq){0};
    thread_set(old, SCHED_CLASS_FAIR, 0, 0);
    thread_set(new, SCHED_CLASS_FAIR, 0, 0);
    runq_place(&q, old, false);
    runq_insert(&q, old, false);
    assert_ptr_equal(runq_pop(&q), old);
    for (unsigned i = 0; i < 1000; i++) {
        runq_charge(old, RUNQ_SLICE);
        runq_follow(&q, old);
    }
    runq_place(&q, new, false);
    runq_insert(&q, new, false);
    runq_insert(&q, old, false);
    for (unsigned turn = 0; turn < 3; turn++) {
        struct thread *t = runq_pop(&q);

        if (t == old)
            return;
        runq_charge(t, RUNQ_SLICE);
        runq_insert(&q, t, false);
    }
    fail_msg("the newcomer keeps the queue");
}

static void test_real_time(void **state)
{
    struct thread *low = &threads[0], *high = &threads[1], *fair = &threads[2];

    thread_set(low, SCHED_CLASS_RT_RR, 0, 10);
    thread_set(high, SCHED_CLASS_RT_FIFO, 0, 11);
    thread_set(fair, SCHED_CLASS_FAIR, -20, 0);
    q = (struct runq){0};
    runq_place(&q, low, false);
    assert_true(runq_preempts(low, fair));
    assert_true(runq_preempts(high, low));
    assert_false(runq_preempts(low, high));
    assert_false(runq_preempts(fair, low));
    assert_false(runq_charge(high, 10000 * MS));
    assert_false(runq_charge(low, RUNQ_RR_SLICE - 1));
    assert_true(runq_charge(low, 1));
    runq_insert(&q, low, false);
    assert_false(runq_outranks(&q, high));
    assert_true(runq_outranks(&q, fair));
    low->affinity = 2;
    assert_null(runq_find_movable(&q, 0));
    assert_ptr_equal(runq_find_movable(&q, 1), low);
    low->on_hart = true;
    assert_null(runq_find_movable(&q, 1));
}

// What a thread got as a real-time one is not held against it when it is a fair one again; and with
// a priority that it is lent it has no slices.
static void test_loan(void **state)
{
    struct thread *lent = &threads[0], *other = &threads[1];

    q = (struct runq){0};
    thread_set(lent, SCHED_CLASS_FAIR, 0, 0);
    thread_set(other, SCHED_CLASS_FAIR, 0, 0);
    runq_place(&q, lent, false);
    runq_place(&q, other, false);
    lent->rt_priority = 7;
    assert_false(runq_charge(lent, 10000 * MS));
    lent->rt_priority = 0;
    runq_place(&q, lent, false);
    runq_insert(&q, other, false);
    runq_insert(&q, lent, false);
    assert_int_equal(lent->deadline, other->deadline);
}

// Real-time threads that never sleep leave fair ones a twentieth of the time, and nothing to
// nobody.
static void test_brake(void **state)
{
    struct thread *high = &threads[0], *low = &threads[1], *fair = &threads[2], *t;
    ns_t got = 0, now = 1;

    q = (struct runq){0};
    thread_set(high, SCHED_CLASS_RT_FIFO, 0, 9);
    thread_set(low, SCHED_CLASS_RT_FIFO, 0, 3);
    thread_set(fair, SCHED_CLASS_FAIR, 0, 0);
    runq_insert(&q, low, false);
    runq_insert(&q, fair, false);
    runq_insert(&q, high, false);
    t = runq_pop(&q);
    for (; now < 10000 * MS; now += RUNQ_SLICE) {
        got += t == fair ? RUNQ_SLICE : 0;
        q.rt_used += t == fair ? 0 : RUNQ_SLICE;
        if (runq_brake(&q, t, now + RUNQ_SLICE)) {
            runq_insert(&q, t, true);
            t = runq_pop(&q);
            assert_true(runq_check(&q));
        }
        assert_ptr_not_equal(t, low);
    }
    assert_in_range(got, 400 * MS, 500 * MS);
    if (t != fair)
        runq_remove(&q, fair);
    for (; now < 20000 * MS; now += RUNQ_SLICE) {
        q.rt_used += RUNQ_SLICE;
        if (runq_brake(&q, high, now))
            fail_msg("it gives way to nobody");
    }
}

// A thread that yields goes behind the next one, and no further.
static void test_defer(void **state)
{
    struct thread *a = &threads[0], *b = &threads[1];

    q = (struct runq){0};
    for (unsigned i = 0; i < 2; i++) {
        thread_set(&threads[i], SCHED_CLASS_FAIR, 0, 0);
        runq_place(&q, &threads[i], false);
    }
    b->deadline += MS;
    runq_insert(&q, b, false);
    runq_defer(&q, a);
    runq_insert(&q, a, false);
    assert_ptr_equal(runq_pop(&q), b);
    assert_ptr_equal(runq_pop(&q), a);
    assert_null(runq_pop(&q));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_against_model), cmocka_unit_test(test_shares),
    cmocka_unit_test(test_sleeper),       cmocka_unit_test(test_alone),
    cmocka_unit_test(test_real_time),     cmocka_unit_test(test_loan),
    cmocka_unit_test(test_brake),         cmocka_unit_test(test_defer),
};

UNIT_MAIN(tests)
