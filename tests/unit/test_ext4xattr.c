// SPDX-License-Identifier: MIT
// Sets of extended attributes against a model, and hostile ones.
#include "unit.h"

#include "abi/errno.h"
#include "fs/ext4/xattr_set.h"

#define ITEMS 20

static struct {
    char name[300];
    u8 value[1200];
    int size; // -1: none
} model[ITEMS];

static struct xattr_key key_for(unsigned n)
{
    return (struct xattr_key){1 + n % 3, strlen(model[n].name), model[n].name};
}

static void model_clear(void)
{
    for (unsigned n = 0; n < ITEMS; n++) {
        memset(model[n].name, 'a' + n, 1 + n * n % 90);
        model[n].name[1 + n * n % 90] = '\0';
        model[n].size = -1;
    }
}

static void check_against_model(const struct xattr_set *s)
{
    unsigned found = 0, wanted = 0;
    const struct ext4_xattr_entry *before = NULL;

    assert_int_equal(xattr_set_check(s), 0);
    for (struct ext4_xattr_entry *e = xattr_set_first(s); e; e = xattr_set_next(s, e)) {
        if (before) {
            assert_true(before->e_name_index <= e->e_name_index);
            if (before->e_name_index == e->e_name_index)
                assert_true(before->e_name_len <= e->e_name_len);
        }
        before = e;
        found++;
    }
    for (unsigned n = 0; n < ITEMS; n++) {
        struct xattr_key key = key_for(n);
        const struct ext4_xattr_entry *e = xattr_set_find(s, &key);

        assert_int_equal(e != NULL, model[n].size >= 0);
        if (!e)
            continue;
        wanted++;
        assert_int_equal(e->e_value_size, model[n].size);
        if (model[n].size)
            assert_memory_equal(xattr_value(s, e), model[n].value, model[n].size);
    }
    assert_int_equal(found, wanted);
}

static struct xattr_set new_set(u32 first, u32 end)
{
    struct xattr_set s = {malloc(end), first, end};

    assert_non_null(s.base);
    memset(s.base, 0xa5, end);
    xattr_set_init(&s);
    return s;
}

// As xattr.c does it: if there is room, the attribute leaves, and comes anew.
static bool change(struct xattr_set *s, unsigned n, const u8 *value, int size)
{
    struct xattr_item item = {.key = key_for(n), .value = value, .size = size};
    struct ext4_xattr_entry *e = xattr_set_find(s, &item.key);

    if (size >= 0 && xattr_item_size(&item) > xattr_set_room(s, e))
        return false;
    if (e)
        xattr_set_remove(s, e);
    if (size >= 0)
        xattr_set_add(s, &item, true);
    return true;
}

static void test_changes(void **state)
{
    static const u32 ends[] = {96, 208, 1024, 4096};
    unsigned full = 0;
    u8 value[1200];

    for (unsigned round = 0; round < 40; round++) {
        struct xattr_set s = new_set(round % 2 ? 32 : 0, ends[round % 4]);

        model_clear();
        for (unsigned step = 0; step < 200; step++) {
            unsigned n = unit_below(ITEMS);
            int size = unit_below(3) ? (int)unit_below(unit_below(8) ? 40 : 1200) : -1;

            for (int i = 0; i < size; i++)
                value[i] = unit_random() >> 32;
            if (change(&s, n, value, size)) {
                model[n].size = size;
                if (size > 0)
                    memcpy(model[n].value, value, size);
            } else {
                full++;
            }
            check_against_model(&s);
        }
        free(s.base);
    }
    assert_in_range(full, 100, 4000);
}

// A set that is full to the last byte: the terminating word stays.
static void test_exact(void **state)
{
    struct xattr_set s = new_set(0, 64);
    struct xattr_item item = {.key = {1, 4, "name"}, .value = s.base, .size = 40};
    u8 value[44] = {1};

    item.value = value;
    assert_int_equal(xattr_item_size(&item), 60);
    assert_int_equal(xattr_set_room(&s, NULL), 60);
    xattr_set_add(&s, &item, false);
    assert_int_equal(xattr_set_check(&s), 0);
    assert_int_equal(xattr_set_room(&s, NULL), 0);
    assert_int_equal(xattr_set_room(&s, xattr_set_first(&s)), 60);
    free(s.base);
}

static void use(const struct xattr_set *s)
{
    struct xattr_item item = {{1, 3, "abc"}, "abc", 3, 0, 0};
    struct ext4_xattr_entry *first;
    u32 sum = 0;

    if (!xattr_set_check(s)) {
        for (struct ext4_xattr_entry *e = xattr_set_first(s); e; e = xattr_set_next(s, e))
            for (u32 i = 0; !e->e_value_inum && i < e->e_value_size; i++)
                sum += xattr_value(s, e)[i];
        xattr_set_find(s, &item.key);
        xattr_set_hash(s);
        first = xattr_set_first(s);
        if (first)
            xattr_set_remove(s, first);
        if (xattr_item_size(&item) <= xattr_set_room(s, NULL))
            xattr_set_add(s, &item, true);
    }
    *(volatile u32 *)&sum = sum;
}

static void test_hostile(void **state)
{
    u8 good[256];
    struct xattr_set g = {good, 32, sizeof(good)};
    u8 value[60] = {7};

    xattr_set_init(&g);
    memset(good, 0, 32);
    for (unsigned n = 0; n < 3; n++) {
        struct xattr_item item = {{n + 1, 3 + n, "abcdef"}, value, 20 * n, 0, 0};

        xattr_set_add(&g, &item, true);
    }
    for (unsigned round = 0; round < 30000; round++) {
        struct xattr_set s = new_set(32, sizeof(good));

        unit_mutate(s.base, good, sizeof(good));
        use(&s);
        free(s.base);
    }
    for (unsigned round = 0; round < 30000; round++) {
        struct xattr_set s = new_set(0, 128);

        for (u32 i = 0; i < 128; i++)
            s.base[i] = unit_below(3) ? 4 * unit_below(20) : 0;
        use(&s);
        free(s.base);
    }
}

// As change(), of the first attribute, by which nothing outside of the set is touched.
static void change_first(const struct xattr_set *s, const u8 *value, u32 size)
{
    struct ext4_xattr_entry *e = xattr_set_first(s);
    struct xattr_item item = {{e->e_name_index, 1, "a"}, value, size, 0, 0};

    if (xattr_item_size(&item) > xattr_set_room(s, e))
        return;
    xattr_set_remove(s, e);
    xattr_set_add(s, &item, true);
}

// Two values in the same bytes: what would be free once one is gone is not.
static void test_overlap(void **state)
{
    struct xattr_set s = new_set(32, 4096);
    struct xattr_item a = {{1, 1, "a"}, s.base, 8, 0, 0}, b = {{1, 1, "b"}, s.base, 8, 0, 0};
    struct ext4_xattr_entry *e;
    static u8 value[3900];

    a.value = b.value = value;
    xattr_set_add(&s, &a, true);
    xattr_set_add(&s, &b, true);
    assert_int_equal(xattr_set_check(&s), 0);
    e = xattr_set_first(&s);
    e->e_value_offs = 76;
    e->e_value_size = s.end - 76;
    xattr_set_next(&s, e)->e_value_offs = 80;
    if (!xattr_set_check(&s))
        change_first(&s, value, sizeof(value));
    assert_int_equal(xattr_set_check(&s), -EUCLEAN);
    free(s.base);
}

static void test_inode_sets(void **state)
{
    static u8 bytes[1024];
    struct ext4_dinode *d = (struct ext4_dinode *)bytes;
    struct xattr_set s;

    assert_false(xattr_set_of_inode(d, 128, 0, &s));
    assert_int_equal(s.end, 0);
    assert_false(xattr_set_of_inode(d, 256, 32, &s));
    assert_int_equal(s.end, 256 - 128 - 32 - 4);
    *(u32 *)(bytes + 160) = EXT4_XATTR_MAGIC;
    assert_true(xattr_set_of_inode(d, 256, 32, &s));
    assert_ptr_equal(s.base, bytes + 164);
    for (u32 extra = 0; extra < 65536; extra++) {
        if (xattr_set_of_inode(d, 1024, extra, &s))
            assert_int_equal(extra, 32);
        assert_true(!s.end || s.base + s.end == bytes + 1024);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_changes),    cmocka_unit_test(test_exact),
    cmocka_unit_test(test_hostile),    cmocka_unit_test(test_overlap),
    cmocka_unit_test(test_inode_sets),
};

UNIT_MAIN(tests)
