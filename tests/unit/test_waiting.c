// SPDX-License-Identifier: MIT
// Waiting requests against a model: none is lost or doubled, transfers are contiguous and within
// limits, nothing is passed for ever.
#include "unit.h"

#include "block/waiting.h"

#define REQUESTS 200

static struct block_request requests[REQUESTS];
static bool in[REQUESTS];         // is waiting
static unsigned passed[REQUESTS]; // takes since it came
static struct block_waiting waiting;
static const struct block_limits limits = {.segments = 16, .sectors = 64};

static void prepare(unsigned i, enum block_op op, u64 sector, u64 sectors, u32 segments)
{
    struct block_request *r = &requests[i];

    *r = (struct block_request){.op = op,
                                .sector = sector,
                                .sectors = sectors,
                                .segment_count = segments,
                                .total_sectors = sectors,
                                .total_segments = segments,
                                .last = r};
}

static unsigned add(unsigned i)
{
    in[i] = true;
    passed[i] = 0;
    return waiting_add(&waiting, &limits, &requests[i]);
}

// Takes one, checks it, and returns the number of requests in it.
static unsigned take(void)
{
    struct block_request *head = waiting_take(&waiting), *r, *last = NULL;
    u64 at = head ? head->sector : 0, sectors = 0;
    u32 segments = 0;
    unsigned n = 0;

    for (r = head; r; last = r, r = r->merged, n++) {
        unsigned i = r - requests;

        assert_true(in[i]);
        in[i] = false;
        assert_int_equal(r->sector, at);
        assert_int_equal(r->op, head->op);
        assert_true(n == 0 || !(r->flags | head->flags | r->alone | head->alone));
        at += r->sectors;
        sectors += r->sectors;
        segments += r->segment_count;
    }
    if (!head)
        return 0;
    assert_ptr_equal(head->last, last);
    assert_int_equal(head->total_sectors, sectors);
    assert_int_equal(head->total_segments, segments);
    assert_true(n == 1 || (sectors <= limits.sectors && segments <= limits.segments));
    for (unsigned i = 0; i < REQUESTS; i++)
        assert_true(!in[i] || ++passed[i] < 17 * REQUESTS * limits.segments);
    return n;
}

static void test_merges(void **state)
{
    waiting_init(&waiting);
    prepare(0, BLOCK_WRITE, 100, 8, 1);
    prepare(1, BLOCK_WRITE, 116, 8, 1);
    prepare(2, BLOCK_WRITE, 108, 8, 1);
    prepare(3, BLOCK_READ, 124, 8, 1);
    prepare(4, BLOCK_WRITE, 92, 8, 1);
    assert_int_equal(add(0), 0);
    assert_int_equal(add(1), 0);
    assert_int_equal(add(2), 2); // fills the gap
    assert_int_equal(add(3), 0); // another operation
    assert_int_equal(add(4), 1); // in front
    assert_int_equal(take(), 4);
    assert_int_equal(take(), 1);
    assert_int_equal(take(), 0);
}

static void test_limits(void **state)
{
    waiting_init(&waiting);
    prepare(0, BLOCK_READ, 0, 40, 1);
    prepare(1, BLOCK_READ, 40, 40, 1); // sectors
    prepare(2, BLOCK_READ, 80, 8, 16); // segments
    prepare(3, BLOCK_READ, 88, 8, 1);
    prepare(4, BLOCK_WRITE, 96, 8, 1);
    requests[4].flags = BLOCK_FUA;
    prepare(5, BLOCK_WRITE, 104, 8, 1);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(add(i), 0);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(take(), 1);
}

static void test_upwards(void **state)
{
    static const u64 at[] = {50, 10, 90, 30, 70}, order[] = {50, 70, 90, 10, 30};

    waiting_init(&waiting);
    waiting.position = 40;
    for (unsigned i = 0; i < 5; i++) {
        prepare(i, BLOCK_READ, at[i], 1, 1);
        add(i);
    }
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(waiting_take(&waiting)->sector, order[i]);
}

// A stream that always lies ahead does not starve what lies behind.
static void test_patience(void **state)
{
    waiting_init(&waiting);
    waiting.position = 1000;
    prepare(0, BLOCK_READ, 10, 1, 1);
    add(0);
    for (unsigned i = 1; in[0]; i++) {
        assert_true(i < 20);
        prepare(i, BLOCK_READ, 1000 + i * 2, 1, 1);
        add(i);
        take();
    }
}

static void test_random(void **state)
{
    unsigned waiting_now = 0, total = 0;

    waiting_init(&waiting);
    for (unsigned step = 0; step < 100000; step++) {
        unsigned i = unit_below(REQUESTS);

        if (!in[i] && unit_below(4)) {
            prepare(i, unit_below(2), unit_below(300), 1 + unit_below(8), 1 + unit_below(3));
            requests[i].flags = unit_below(16) == 0;
            requests[i].alone = unit_below(16) == 0;
            add(i);
            waiting_now++;
            total++;
        } else {
            waiting_now -= take();
        }
        assert_true(step % 64 || rb_check(&waiting.tree));
    }
    while (waiting_now)
        waiting_now -= take();
    assert_int_equal(take(), 0);
    assert_true(total > 10000);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_merges),   cmocka_unit_test(test_limits), cmocka_unit_test(test_upwards),
    cmocka_unit_test(test_patience), cmocka_unit_test(test_random),
};

UNIT_MAIN(tests)
