// SPDX-License-Identifier: MIT
// The small parts: lists, macros, references, bitmaps, byte rings, hashes, CRC, symbol lookup.
#include "unit.h"

#include "lib/atomic.h"
#include "lib/bitmap.h"
#include "lib/hash.h"
#include "lib/hlist.h"
#include "lib/list.h"
#include "lib/ring.h"
#include "lib/symtab.h"

struct item {
    int value;
    struct list node;
    struct hnode hash;
};

static void list_is(struct list *l, const char *digits)
{
    struct item *i;

    LIST_FOR_EACH (i, l, node)
        assert_int_equal(i->value, *digits++ - '0');
    assert_int_equal(*digits, 0);
}

static void test_list(void **state)
{
    static struct list a = LIST_INIT(a), b = LIST_INIT(b);
    struct item it[10], *i, *tmp;

    for (int n = 0; n < 10; n++)
        it[n].value = n;
    assert_null(list_first(&a, struct item, node));
    assert_null(list_last(&a, struct item, node));
    assert_null(list_pop(&a, struct item, node));
    list_is(&a, "");
    list_insert_tail(&a, &it[1].node);
    list_insert_head(&a, &it[0].node);
    list_insert_tail(&a, &it[3].node);
    list_insert_before(&it[3].node, &it[2].node);
    list_is(&a, "0123");
    for (int n = 4; n < 10; n++)
        list_insert_tail(&a, &it[n].node);
    list_is(&a, "0123456789");
    list_remove(&it[4].node);
    list_remove(&it[4].node);
    assert_true(list_empty(&it[4].node));
    LIST_FOR_EACH_SAFE (i, tmp, &a, node) {
        if (i->value % 2)
            list_remove(&i->node);
    }
    list_is(&a, "0268");
    assert_int_equal(list_pop(&a, struct item, node)->value, 0);
    assert_int_equal(list_first(&a, struct item, node)->value, 2);
    assert_int_equal(list_last(&a, struct item, node)->value, 8);
    assert_int_equal(list_next(&a, &it[2], node)->value, 6);
    assert_null(list_next(&a, &it[8], node));
    list_is(&a, "268");
}

static void test_hlist(void **state)
{
    struct hlist h = {0};
    struct item it[5] = {0}, *i;
    int sum = 0;

    for (int n = 0; n < 5; n++) {
        it[n].value = 1 << n;
        assert_true(hlist_unlinked(&it[n].hash));
        hlist_insert(&h, &it[n].hash);
    }
    hlist_remove(&it[2].hash);
    hlist_remove(&it[2].hash);
    hlist_remove(&it[4].hash);
    assert_true(hlist_unlinked(&it[2].hash));
    HLIST_FOR_EACH (i, &h, hash)
        sum += i->value;
    assert_int_equal(sum, 1 + 2 + 8);
    while ((i = HLIST_OBJECT(h.first, struct item, hash))) {
        hlist_remove(&i->hash);
        i->value = -1;
    }
    assert_true(!h.first);
    assert_null(i);
}

static void test_macros_and_atomics(void **state)
{
    int calls = 0;
    u32 n = 5;
    u64 x = 7;
    struct ref r;

    assert_int_equal(MIN(calls++, 3), 0);
    assert_int_equal(calls, 1);
    assert_int_equal(MAX(MIN(4, 9), MIN(2, 1)), 4);
    assert_int_equal(CLAMP(99, 1, 10), 10);
    assert_int_equal(ALIGN_UP(0x1001UL, PAGE_SIZE), 0x2000);
    assert_int_equal(ALIGN_DOWN(0x1fff, 0x1000), 0x1000);
    assert_true(IS_ALIGNED(64, 64) && !IS_ALIGNED(65, 64));
    assert_int_equal(DIV_ROUND_UP(9, 4), 3);
    assert_int_equal(atomic_fetch_add(&x, 3), 7);
    assert_true(atomic_cas(&x, 10, 20));
    assert_false(atomic_cas(&x, 10, 30));
    assert_int_equal(atomic_xchg(&n, 6), 5);
    assert_int_equal(load_acquire(&x), 20);
    ref_init(&r, 1);
    ref_get(&r);
    assert_true(ref_get_unless_zero(&r));
    assert_int_equal(ref_read(&r), 3);
    assert_false(ref_put(&r));
    assert_false(ref_put(&r));
    assert_true(ref_put(&r));
    assert_false(ref_get_unless_zero(&r));
}

static void test_bits(void **state)
{
    for (u32 i = 0; i < 5000; i++) {
        u64 x = unit_random() >> unit_below(64) << unit_below(64);

        if (!x)
            continue;
        assert_int_equal(bit_lowest(x), __builtin_ctzl(x));
        assert_int_equal(bit_highest(x), 63 - __builtin_clzl(x));
    }
}

static void check_bitmap(const u64 *map, const bool *model, size_t nbits)
{
    size_t from = unit_below(nbits + 2), set = from, zero = from, i, last = 0;

    while (set < nbits && !model[set])
        set++;
    while (zero < nbits && model[zero])
        zero++;
    assert_int_equal(bitmap_find_set(map, nbits, from), set < nbits ? set : nbits);
    assert_int_equal(bitmap_find_zero(map, nbits, from), zero < nbits ? zero : nbits);
    BITMAP_FOR_EACH (i, map, nbits) {
        for (; last < i; last++)
            assert_false(model[last]);
        assert_true(model[last++]);
    }
    for (; last < nbits; last++)
        assert_false(model[last]);
}

static void test_bitmap(void **state)
{
    for (u32 round = 0; round < 200; round++) {
        size_t nbits = 1 + unit_below(300), n;
        u64 *map = malloc(BITMAP_WORDS(nbits) * sizeof(u64));
        bool model[300] = {0};
        u32 density = unit_below(100);

        // Bits past the end are garbage, and must not be seen.
        memset(map, 0, BITMAP_WORDS(nbits) * sizeof(u64));
        if (nbits % 64)
            map[nbits / 64] = ~0UL << (nbits % 64);
        for (u32 step = 0; step < 300; step++) {
            n = unit_below(nbits);
            model[n] = unit_below(100) < density;
            if (model[n])
                bitmap_set(map, n);
            else
                bitmap_clear(map, n);
            assert_int_equal(bitmap_test(map, n), model[n]);
            check_bitmap(map, model, nbits);
        }
        free(map);
    }
}

static void test_ring(void **state)
{
    u8 *buf = malloc(64), in[80], c;
    u64 written = 0, consumed = 0; // byte k of the stream is (u8)(k * 7)
    struct ring r;

    ring_init(&r, buf, 64);
    r.head = r.tail = ~0U - 100; // the positions wrap on the way
    for (u32 step = 0; step < 20000; step++) {
        size_t n = unit_below(80), used = written - consumed, moved, i;

        assert_int_equal(ring_used(&r), used);
        assert_int_equal(ring_space(&r), 64 - used);
        switch (unit_below(3)) {
        case 0:
            if (ring_put(&r, written * 7))
                written++;
            else
                assert_int_equal(used, 64);
            break;
        case 1:
            for (i = 0; i < n && ring_get(&r, &c); i++)
                assert_int_equal(c, (u8)(consumed++ * 7));
            assert_int_equal(i, MIN(n, used));
            break;
        default:
            for (i = 0; i < n; i++)
                in[i] = (written + i) * 7;
            moved = ring_write(&r, in, n);
            assert_int_equal(moved, MIN(n, 64 - used));
            written += moved;
        }
    }
    free(buf);
}

// 4096 related keys into 256 buckets: no bucket far from the mean of 16, high bits and low.
static void test_hash(void **state)
{
    u32 low[256] = {0}, high[256] = {0};

    for (u64 i = 0; i < 4096; i++) {
        low[hash_u64(i * PAGE_SIZE) % 256]++;
        high[hash_u64(i * PAGE_SIZE) >> 24]++;
    }
    for (u32 i = 0; i < 256; i++)
        assert_true(low[i] < 48 && high[i] < 48);
}

static void test_symtab(void **state)
{
    static const char names[] = "start\0middle\0end";
    static const struct symtab_entry entries[] = {{0x10, 0}, {0x40, 6}, {0x100, 13}};
    struct symtab t = {.base = 0xffffffc000000000,
                       .size = 0x200,
                       .entries = entries,
                       .count = 3,
                       .names_size = sizeof(names),
                       .names = names};

    for (u64 at = 0; at < 0x210; at++) {
        u64 offset = 0;
        const char *s = symtab_find(&t, t.base + at, &offset);

        if (at < 0x10 || at >= 0x200) {
            assert_null(s);
            continue;
        }
        assert_string_equal(s, at < 0x40 ? "start" : at < 0x100 ? "middle" : "end");
        assert_int_equal(offset, at - (at < 0x40 ? 0x10 : at < 0x100 ? 0x40 : 0x100));
    }
    assert_null(symtab_find(&t, 5, &(u64){0}));
    t.count = 0;
    assert_null(symtab_find(&t, t.base + 0x20, &(u64){0}));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_list),   cmocka_unit_test(test_hlist),
    cmocka_unit_test(test_bits),   cmocka_unit_test(test_macros_and_atomics),
    cmocka_unit_test(test_bitmap), cmocka_unit_test(test_ring),
    cmocka_unit_test(test_hash),   cmocka_unit_test(test_symtab),
};
UNIT_MAIN(tests)
