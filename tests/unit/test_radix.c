// SPDX-License-Identifier: MIT
// Radix tree against a sorted array, with a failing allocator that also counts live nodes.
#include "unit.h"

#include "abi/errno.h"
#include "lib/macro.h"
#include "lib/radix.h"

#define MODEL_MAX 400

static long live, fail_after = -1; // fail_after: successful allocations left; -1 is unlimited

static void *alloc(size_t size)
{
    void *p;

    assert_int_equal(size, RADIX_NODE_SIZE);
    if (fail_after == 0)
        return NULL;
    if (fail_after > 0)
        fail_after--;
    p = malloc(size);
    memset(p, 0xa5, size);
    live++;
    return p;
}

static void release(void *p, size_t size)
{
    assert_int_equal(size, RADIX_NODE_SIZE);
    live--;
    free(p);
}

static const struct radix_mem mem = {alloc, release};

static u64 keys[MODEL_MAX];
static void *values[MODEL_MAX];
static bool marks[MODEL_MAX];
static u32 count;

static u32 model_position(u64 key)
{
    u32 i = 0;

    while (i < count && keys[i] < key)
        i++;
    return i;
}

static bool model_has(u64 key)
{
    u32 i = model_position(key);

    return i < count && keys[i] == key;
}

static void model_insert(u64 key, void *value)
{
    u32 i = model_position(key);

    memmove(keys + i + 1, keys + i, (count - i) * sizeof(*keys));
    memmove(values + i + 1, values + i, (count - i) * sizeof(*values));
    memmove(marks + i + 1, marks + i, (count - i) * sizeof(*marks));
    keys[i] = key;
    values[i] = value;
    marks[i] = false;
    count++;
}

static void *model_remove(u64 key)
{
    u32 i = model_position(key);
    void *value = values[i];

    count--;
    memmove(keys + i, keys + i + 1, (count - i) * sizeof(*keys));
    memmove(values + i, values + i + 1, (count - i) * sizeof(*values));
    memmove(marks + i, marks + i + 1, (count - i) * sizeof(*marks));
    return value;
}

static void check(struct radix *r)
{
    u64 index = 0;
    u32 i = 0;
    void *p;

    assert_int_equal(radix_empty(r), count == 0);
    for (; (p = radix_next(r, &index)); index++) {
        assert_true(i < count);
        assert_int_equal(index, keys[i]);
        assert_ptr_equal(p, values[i]);
        i++;
        if (index == ~0UL)
            break;
    }
    assert_int_equal(i, count);
    if (count == 0)
        assert_int_equal(live, 0);
}

static void check_marks(struct radix *r)
{
    u64 index = 0;
    void *p;

    for (u32 i = 0; i < count; i++) {
        if (!marks[i])
            continue;
        p = radix_next_marked(r, &index);
        assert_ptr_equal(p, values[i]);
        assert_int_equal(index, keys[i]);
        if (index++ == ~0UL)
            return;
    }
    assert_null(radix_next_marked(r, &index));
}

static void mark_one(struct radix *r)
{
    u32 i = unit_below(count);

    marks[i] = unit_below(3) == 0;
    if (marks[i])
        radix_mark(r, keys[i]);
    else
        radix_unmark(r, keys[i]);
}

static u64 random_key(u32 flavour)
{
    static const u64 edges[] = {0, 1, 63, 64, 4095, 4096, 1UL << 60, ~0UL, ~0UL - 64, 1UL << 63};

    switch (flavour) {
    case 0:
        return unit_below(200);
    case 1:
        return unit_random() >> unit_below(64);
    default:
        return unit_below(3) ? unit_below(100000) : edges[unit_below(ARRAY_SIZE(edges))];
    }
}

static void step(struct radix *r, u32 flavour, bool failing)
{
    u64 key = random_key(flavour);
    u64 probe = random_key(flavour), before = probe;
    void *value = (void *)(unit_random() | 8);
    u32 i = model_position(probe);
    long was_live = live;
    int rc;

    if (model_has(key)) {
        assert_int_equal(radix_insert(r, key, value), -EEXIST);
        assert_ptr_equal(radix_remove(r, key), model_remove(key));
    } else if (count < MODEL_MAX && unit_below(MODEL_MAX) > count / 2) {
        assert_null(radix_remove(r, key));
        fail_after = failing ? (long)unit_below(6) : -1;
        rc = radix_insert(r, key, value);
        if (rc == 0)
            model_insert(key, value);
        else
            assert_int_equal(rc, -ENOMEM);
        assert_true(failing || rc == 0);
        assert_true(live >= was_live || rc == 0);
        fail_after = -1;
    }
    i = model_position(probe);
    assert_ptr_equal(radix_find(r, probe), model_has(probe) ? values[i] : NULL);
    assert_ptr_equal(radix_next(r, &probe), i < count ? values[i] : NULL);
    assert_int_equal(probe, i < count ? keys[i] : before);
}

static void run(u32 flavour, bool failing)
{
    struct radix r;

    radix_init(&r, &mem);
    count = 0;
    for (u32 i = 0; i < 6000; i++) {
        step(&r, flavour, failing);
        if (count)
            mark_one(&r);
        if (i % 32 == 0) {
            check(&r);
            check_marks(&r);
        }
    }
    check(&r);
    while (count > MODEL_MAX / 8) {
        u64 key = keys[unit_below(count)];

        assert_ptr_equal(radix_remove(&r, key), model_remove(key));
    }
    check(&r);
    radix_fini(&r);
    assert_int_equal(live, 0);
    assert_true(radix_empty(&r));
}

static void test_model(void **state)
{
    for (u32 flavour = 0; flavour < 3; flavour++)
        run(flavour, false);
}

static void test_failing_allocation(void **state)
{
    for (u32 flavour = 0; flavour < 3; flavour++)
        run(flavour, true);
}

static void test_node_counts(void **state)
{
    struct radix r;

    radix_init(&r, &mem);
    assert_int_equal(radix_insert(&r, 0, &r), 0);
    assert_int_equal(live, 0);
    assert_int_equal(radix_insert(&r, 63, &r), 0);
    assert_int_equal(live, 1);
    assert_int_equal(radix_insert(&r, 64, &r), 0);
    assert_int_equal(live, 3);
    assert_ptr_equal(radix_remove(&r, 64), &r);
    assert_int_equal(live, 2);
    assert_ptr_equal(radix_remove(&r, 0), &r);
    assert_ptr_equal(radix_remove(&r, 63), &r);
    assert_int_equal(live, 0);
    assert_true(radix_empty(&r));
    radix_fini(&r);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_model),
    cmocka_unit_test(test_failing_allocation),
    cmocka_unit_test(test_node_counts),
};
UNIT_MAIN(tests)
