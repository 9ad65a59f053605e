// SPDX-License-Identifier: MIT
// Range sets against a bitmap, with an allocator that fails and counts.
#include "unit.h"

#include "abi/errno.h"
#include "lib/ranges.h"

#define SPAN 300

static bool model[SPAN];
static long live;
static bool failing;

static void *alloc(size_t size)
{
    if (failing && unit_below(2))
        return NULL;
    live++;
    return malloc(size);
}

static void release(void *p, size_t size)
{
    live--;
    free(p);
}

static const struct ranges_mem mem = {alloc, release};

static void check(struct ranges *r)
{
    u64 start = unit_below(SPAN), end = start + unit_below(SPAN - start + 1), n = 0, from, to;
    u64 probe = unit_below(SPAN), first = probe, total = 0, runs = 0;

    assert_true(ranges_check(r));
    for (u64 i = 0; i < SPAN; i++) {
        total += model[i];
        runs += model[i] && (i == 0 || !model[i - 1]);
        n += model[i] && i >= start && i < end;
    }
    assert_int_equal(r->total, total);
    assert_int_equal(live, runs);
    assert_int_equal(ranges_count(r, start, end), n);
    assert_int_equal(ranges_has(r, probe), model[probe]);
    while (first < SPAN && !model[first])
        first++;
    assert_int_equal(ranges_next(r, probe, &from, &to), first < SPAN);
    if (first < SPAN) {
        assert_int_equal(from, first);
        while (first < SPAN && model[first])
            first++;
        assert_int_equal(to, first);
    }
}

static void run(bool may_fail)
{
    struct ranges r;

    ranges_init(&r, &mem);
    memset(model, 0, sizeof(model));
    for (u32 i = 0; i < 20000; i++) {
        u64 start = unit_below(SPAN), n = unit_below(unit_below(8) ? 12 : SPAN - start + 1);
        u64 end = MIN(start + n, SPAN);
        bool add = unit_below(2);
        int err;

        failing = may_fail;
        err = add ? ranges_add(&r, start, end) : ranges_remove(&r, start, end);
        failing = false;
        assert_true(err == 0 || (may_fail && err == -ENOMEM));
        for (u64 at = start; !err && at < end; at++)
            model[at] = add;
        check(&r);
    }
    ranges_clear(&r);
    assert_int_equal(live, 0);
    assert_int_equal(r.total, 0);
}

static void test_model(void **state)
{
    run(false);
}

static void test_failing_allocation(void **state)
{
    run(true);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_model),
    cmocka_unit_test(test_failing_allocation),
};
UNIT_MAIN(tests)
