// SPDX-License-Identifier: MIT
// The tree of areas against a map of pages: lookup, neighbours, gaps, resizing.
#include "unit.h"

#include "vm/area_tree.h"

#define PAGES 400
#define BASE  16 // first page that areas may use
#define STEPS 20000

static struct rb_root tree;
static struct vm_area *owner[PAGES]; // model: the area of each page
static u64 area_count;

static uaddr_t address(u64 page)
{
    return page << PAGE_SHIFT;
}

static void paint(struct vm_area *a, u64 from, u64 to)
{
    for (u64 i = from; i < to; i++)
        owner[i] = a;
}

static void insert_step(void)
{
    u64 at = BASE + unit_below(PAGES - BASE), n = 0, want = 1 + unit_below(12);
    struct vm_area *a;

    while (at + n < PAGES && n < want && !owner[at + n])
        n++;
    if (!n)
        return;
    a = calloc(1, sizeof(*a));
    a->start = address(at);
    a->end = address(at + n);
    area_insert(&tree, a);
    paint(a, at, at + n);
    area_count++;
}

static void remove_step(void)
{
    struct vm_area *a = owner[BASE + unit_below(PAGES - BASE)];

    if (!a)
        return;
    paint(NULL, a->start >> PAGE_SHIFT, a->end >> PAGE_SHIFT);
    area_remove(&tree, a);
    free(a);
    area_count--;
}

static void resize_step(void)
{
    struct vm_area *a = owner[BASE + unit_below(PAGES - BASE)];
    u64 start, end;

    if (!a)
        return;
    start = a->start >> PAGE_SHIFT;
    end = a->end >> PAGE_SHIFT;
    paint(NULL, start, end);
    if (unit_below(2) && end - start > 1)
        unit_below(2) ? start++ : end--;
    else if (unit_below(2) && start > BASE && !owner[start - 1])
        start--;
    else if (end < PAGES && !owner[end])
        end++;
    area_set_range(&tree, a, address(start), address(end));
    paint(a, start, end);
}

static void check_lookup(void)
{
    u64 page = unit_below(PAGES), next = page, n = 1 + unit_below(8);
    struct vm_area *a = area_from(&tree, address(page) + unit_below(PAGE_SIZE));
    bool overlaps = false;

    assert_ptr_equal(area_find(&tree, address(page)), owner[page]);
    while (next < PAGES && !owner[next])
        next++;
    assert_ptr_equal(a, next < PAGES ? owner[next] : NULL);
    for (u64 i = page; i < page + n && i < PAGES; i++)
        overlaps |= owner[i] != NULL;
    assert_int_equal(area_overlaps(&tree, address(page), address(page + n)), overlaps);
    if (a && area_next(a))
        assert_ptr_equal(area_prev(area_next(a)), a);
}

static void check_gap(void)
{
    u64 low = unit_below(PAGES), high = low + unit_below(PAGES - low + 1), n = 1 + unit_below(30);
    u64 run = 0, page = high;
    uaddr_t found = 0;
    bool exists;

    while (page > low && run < n) {
        page--;
        run = owner[page] ? 0 : run + 1;
    }
    exists = area_gap_highest(&tree, address(n), address(low), address(high), &found);
    assert_int_equal(exists, run == n);
    if (exists)
        assert_int_equal(found, address(page));
}

static void check_order(void)
{
    u64 n = 0;

    assert_true(area_tree_check(&tree));
    for (struct vm_area *a = area_first(&tree); a; a = area_next(a))
        n++;
    assert_int_equal(n, area_count);
}

static void test_random_steps(void **state)
{
    area_tree_init(&tree);
    for (u64 i = 0; i < STEPS; i++) {
        switch (unit_below(4)) {
        case 0:
            remove_step();
            break;
        case 1:
            resize_step();
            break;
        default:
            insert_step();
        }
        check_lookup();
        check_gap();
        if (i % 16 == 0)
            check_order();
    }
    for (u64 i = 0; i < 50 * PAGES; i++)
        remove_step();
}

static void test_empty_tree(void **state)
{
    uaddr_t found;

    area_tree_init(&tree);
    assert_null(area_first(&tree));
    assert_null(area_from(&tree, 0));
    assert_true(area_gap_highest(&tree, address(3), address(1), address(9), &found));
    assert_int_equal(found, address(6));
    assert_false(area_gap_highest(&tree, address(9), address(1), address(9), &found));
    assert_false(area_gap_highest(&tree, address(1), address(9), address(1), &found));
}

static void test_mergeable(void **state)
{
    struct vm_area a = {.start = address(1), .end = address(3), .prot = 3}, b = a;
    char object;

    b.start = address(3);
    b.end = address(4);
    assert_true(area_mergeable(&a, &b));
    b.prot = 1;
    assert_false(area_mergeable(&a, &b));
    b.prot = 3;
    b.flags = a.flags = AREA_GROWSDOWN;
    assert_false(area_mergeable(&a, &b));
    b.flags = a.flags = 0;
    b.object = a.object = (struct vm_object *)&object;
    assert_false(area_mergeable(&a, &b));
    b.offset = 2;
    assert_true(area_mergeable(&a, &b));
    b.start += PAGE_SIZE;
    assert_false(area_mergeable(&a, &b));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_empty_tree),
    cmocka_unit_test(test_mergeable),
    cmocka_unit_test(test_random_steps),
};

UNIT_MAIN(tests)
