// SPDX-License-Identifier: MIT
// Buddy allocator against a byte per frame, with holes and a base that is not aligned.
#include "unit.h"

#include "mm/buddy.h"

#define FRAMES 5000
#define BASE   0x80123UL
#define STEPS  20000
#define HELD   400

enum { HOLE, FREE, USED };

static struct frame table[FRAMES];
static u8 model[FRAMES];
static struct buddy buddy;

static struct {
    struct frame *frame;
    unsigned order;
} held[HELD];
static unsigned held_count;

static void seed(pfn_t first, u64 pages)
{
    buddy_seed(&buddy, first, pages);
    memset(&model[first - BASE], FREE, pages);
    assert_true(buddy_check(&buddy));
}

static void start(void)
{
    memset(table, 0, sizeof(table));
    memset(model, HOLE, sizeof(model));
    held_count = 0;
    buddy_init(&buddy, table, BASE, FRAMES);
    seed(BASE, 700);
    seed(BASE + 703, 1);
    seed(BASE + 710, 4200);
}

static u64 model_free(void)
{
    u64 n = 0;

    for (u64 i = 0; i < FRAMES; i++)
        n += model[i] == FREE;
    return n;
}

static bool model_has_block(unsigned order)
{
    u64 size = BIT(order);

    for (pfn_t first = ALIGN_UP(BASE, size); first + size <= BASE + FRAMES; first += size) {
        u64 n = 0;

        while (n < size && model[first - BASE + n] == FREE)
            n++;
        if (n == size)
            return true;
    }
    return false;
}

static void model_change(struct frame *f, unsigned order, u8 from, u8 to)
{
    u64 index = f - table;

    assert_true(IS_ALIGNED(BASE + index, BIT(order)) && index + BIT(order) <= FRAMES);
    for (u64 i = index; i < index + BIT(order); i++) {
        assert_int_equal(model[i], from);
        model[i] = to;
    }
}

static void hold(struct frame *f, unsigned order)
{
    model_change(f, order, FREE, USED);
    assert_int_equal(f->kind, FRAME_KERNEL);
    assert_int_equal(f->order, order);
    held[held_count].frame = f;
    held[held_count++].order = order;
}

static void release(unsigned i)
{
    model_change(held[i].frame, held[i].order, USED, FREE);
    buddy_free(&buddy, held[i].frame, held[i].order);
    held[i] = held[--held_count];
}

static void step_alloc(void)
{
    unsigned order = unit_below(unit_below(4) ? 4 : FRAME_MAX_ORDER + 1);
    struct frame *f = buddy_alloc(&buddy, order);

    if (f)
        hold(f, order);
    else
        assert_false(model_has_block(order));
}

static void step_singles(void)
{
    struct frame *out[32];
    unsigned want = unit_below(33);
    unsigned got;

    want = MIN(want, HELD - held_count);
    got = buddy_alloc_singles(&buddy, out, want);
    if (got < want)
        assert_int_equal(buddy.free, 0);
    for (unsigned i = 0; i < got; i++)
        hold(out[i], 0);
}

static void test_against_model(void **state)
{
    start();
    for (unsigned step = 0; step < STEPS; step++) {
        bool growing = step / 1000 % 2 == 0;

        if (held_count && (held_count == HELD || unit_below(10) < (growing ? 3 : 7)))
            release(unit_below(held_count));
        else if (unit_below(8))
            step_alloc();
        else
            step_singles();
        assert_true(buddy_check(&buddy));
        if (step % 16 == 0)
            assert_int_equal(buddy.free, model_free());
    }
    while (held_count)
        release(held_count - 1);
    assert_true(buddy_check(&buddy));
    assert_int_equal(buddy.free, 4901);
}

// All of it one frame at a time and back: every block is whole again.
static void test_merges_to_largest(void **state)
{
    static struct frame *all[1024];
    unsigned n = 0;

    memset(table, 0, sizeof(table));
    buddy_init(&buddy, table, 0x80000, 2048);
    buddy_seed(&buddy, 0x80000, 1024);
    assert_int_equal(buddy.orders, BIT(FRAME_MAX_ORDER));
    while (n < 1024 && (all[n] = buddy_alloc(&buddy, 0)))
        n++;
    assert_int_equal(n, 1024);
    assert_null(buddy_alloc(&buddy, 0));
    while (n) {
        unsigned pick = unit_below(n);

        buddy_free(&buddy, all[pick], 0);
        all[pick] = all[--n];
    }
    assert_int_equal(buddy.orders, BIT(FRAME_MAX_ORDER));
    assert_int_equal(buddy.free, 1024);
    assert_true(buddy_check(&buddy));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_against_model),
    cmocka_unit_test(test_merges_to_largest),
};

UNIT_MAIN(tests)
