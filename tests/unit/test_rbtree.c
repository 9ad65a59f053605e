// SPDX-License-Identifier: MIT
// Red-black tree against an array of flags, with a subtree-size-and-sum summary.
#include "unit.h"

#include "lib/rbtree.h"

#define KEYS  300
#define STEPS 6000

struct item {
    struct rb_node rb;
    u64 key, weight;
    u64 count, sum; // of the subtree
};

static struct item items[KEYS];
static bool present[KEYS];

static struct item *item_of(struct rb_node *n)
{
    return n ? container_of(n, struct item, rb) : NULL;
}

static void summarize(struct rb_node *n)
{
    struct item *i = item_of(n), *l = item_of(n->left), *r = item_of(n->right);

    i->count = 1 + (l ? l->count : 0) + (r ? r->count : 0);
    i->sum = i->weight + (l ? l->sum : 0) + (r ? r->sum : 0);
}

static void insert(struct rb_root *root, struct item *new)
{
    struct rb_node **link = &root->node, *parent = NULL;

    while (*link) {
        parent = *link;
        link = new->key < item_of(parent)->key ? &parent->left : &parent->right;
    }
    rb_link(root, &new->rb, parent, link);
}

static void check_summaries(struct rb_node *n)
{
    struct item before;

    if (!n)
        return;
    check_summaries(n->left);
    check_summaries(n->right);
    before = *item_of(n);
    summarize(n);
    assert_int_equal(before.count, item_of(n)->count);
    assert_int_equal(before.sum, item_of(n)->sum);
}

static void check_against_model(struct rb_root *root)
{
    struct rb_node *n = rb_first(root);
    struct rb_node *last = NULL;

    assert_true(rb_check(root));
    for (u64 k = 0; k < KEYS; k++) {
        if (!present[k])
            continue;
        assert_ptr_equal(n, &items[k].rb);
        assert_ptr_equal(rb_prev(n), last);
        last = n;
        n = rb_next(n);
    }
    assert_null(n);
    assert_ptr_equal(rb_last(root), last);
    if (root->augment)
        check_summaries(root->node);
}

static void run(struct rb_root *root)
{
    for (u64 k = 0; k < KEYS; k++) {
        items[k] = (struct item){.key = k, .weight = unit_below(1000)};
        present[k] = false;
    }
    for (u32 step = 0; step < STEPS; step++) {
        // Phases that mostly grow and mostly shrink, in runs of ascending keys and at random.
        u64 k = step % 1000 < 200 ? step % KEYS : unit_below(KEYS);

        if (present[k])
            rb_remove(root, &items[k].rb);
        else
            insert(root, &items[k]);
        present[k] = !present[k];
        if (root->augment && present[k]) {
            items[k].weight = unit_below(1000);
            rb_augment_path(root, &items[k].rb);
        }
        if (step % 8 == 0)
            check_against_model(root);
        else
            assert_true(rb_check(root));
    }
}

static void test_plain(void **state)
{
    struct rb_root root = {0};

    run(&root);
}

static void test_augmented(void **state)
{
    struct rb_root root = {.augment = summarize};

    run(&root);
}

// Every shape of insertion and removal order for few keys.
static void test_small_exhaustive(void **state)
{
    for (u32 order = 0; order < 5 * 5 * 5 * 5 * 5; order++) {
        struct rb_root root = {.augment = summarize};
        bool in[5] = {0};
        u32 o = order;

        for (u32 i = 0; i < 5; i++, o /= 5)
            items[i] = (struct item){.key = i};
        for (u32 round = 0; round < 2; round++) {
            o = order;
            for (u32 i = 0; i < 5; i++, o /= 5) {
                if (in[o % 5])
                    rb_remove(&root, &items[o % 5].rb);
                else
                    insert(&root, &items[o % 5]);
                in[o % 5] = !in[o % 5];
                assert_true(rb_check(&root));
                check_summaries(root.node);
            }
        }
        assert_null(root.node);
    }
}

static void test_check_finds_faults(void **state)
{
    struct rb_root root = {0};

    assert_true(rb_check(&root));
    for (u64 k = 0; k < 10; k++) {
        items[k].key = k;
        insert(&root, &items[k]);
    }
    assert_true(rb_check(&root));
    items[9].rb.parent_black ^= RB_BLACK;
    assert_false(rb_check(&root));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_plain),
    cmocka_unit_test(test_augmented),
    cmocka_unit_test(test_small_exhaustive),
    cmocka_unit_test(test_check_finds_faults),
};
UNIT_MAIN(tests)
