// SPDX-License-Identifier: MIT
// Memory and string primitives against byte-wise models, at every mutual alignment. Blocks end at
// the end of heap allocations, so the address sanitizer sees any access beyond them.
#include "unit.h"

#define memcpy  rv_memcpy
#define memmove rv_memmove
#define memset  rv_memset
#define memcmp  rv_memcmp
#define memchr  rv_memchr
#define strlen  rv_strlen
#define strnlen rv_strnlen
#define strcmp  rv_strcmp
#define strncmp rv_strncmp
#define strchr  rv_strchr
#define strrchr rv_strrchr
#include "lib/string.h"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr

#define SPAN 1024

static u8 before[SPAN], expected[SPAN];

static void fill(u8 *p, size_t n)
{
    while (n--)
        *p++ = unit_random() >> 32;
}

// Lengths around every loop boundary, and random ones.
static size_t length(u32 round)
{
    return round < 300 ? round : unit_below(SPAN - 16);
}

static void test_memcpy(void **state)
{
    for (u32 round = 0; round < 400; round++) {
        for (u32 align = 0; align < 64; align++) {
            size_t n = length(round), da = align % 8, sa = align / 8;
            u8 *d = malloc(da + n + 1), *s = malloc(sa + n + (n == 0));

            fill(s, sa + n);
            fill(d, da + n + 1);
            memcpy(before, d, da + n + 1);
            assert_ptr_equal(rv_memcpy(d + da, s + sa, n), d + da);
            for (size_t i = 0; i < n; i++)
                expected[i] = s[sa + i];
            assert_memory_equal(d, before, da);
            assert_memory_equal(d + da, expected, n);
            assert_int_equal(d[da + n], before[da + n]);
            free(d);
            free(s);
        }
    }
}

static void test_memmove(void **state)
{
    u8 *p = malloc(SPAN);

    for (u32 round = 0; round < 30000; round++) {
        size_t n = unit_below(round % 4 ? 80 : SPAN / 2), from, to;

        from = unit_below(SPAN - n);
        to = unit_below(2) ? unit_below(SPAN - n) : (from + unit_below(40)) % (SPAN - n);
        fill(p, SPAN);
        for (size_t i = 0; i < SPAN; i++)
            before[i] = expected[i] = p[i];
        for (size_t i = 0; i < n; i++)
            expected[to + i] = before[from + i];
        assert_ptr_equal(rv_memmove(p + to, p + from, n), p + to);
        assert_memory_equal(p, expected, SPAN);
    }
    free(p);
}

static void test_memset(void **state)
{
    for (u32 round = 0; round < 400; round++) {
        for (u32 align = 0; align < 8; align++) {
            size_t n = length(round);
            u8 *d = malloc(align + n + 1);
            int c = unit_random() >> 40;

            d[align + n] = 0x5a;
            assert_ptr_equal(rv_memset(d + align, c, n), d + align);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(d[align + i], (u8)c);
            assert_int_equal(d[align + n], 0x5a);
            free(d);
        }
    }
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

static void test_memcmp_memchr(void **state)
{
    for (u32 round = 0; round < 20000; round++) {
        size_t n = unit_below(round % 2 ? 20 : 200), aa = unit_below(8), ba = unit_below(8);
        u8 *a = malloc(aa + n + (n == 0)), *b = malloc(ba + n + (n == 0)), c = unit_random() >> 32;

        if (unit_below(2))
            ba = aa > ba ? ba : aa, aa = ba;
        fill(a + aa, n);
        memcpy(b + ba, a + aa, n);
        if (n && unit_below(3))
            b[ba + unit_below(n)] ^= 1 << unit_below(8);
        assert_int_equal(sign(rv_memcmp(a + aa, b + ba, n)), sign(memcmp(a + aa, b + ba, n)));
        assert_ptr_equal(rv_memchr(a + aa, c, n), memchr(a + aa, c, n));
        free(a);
        free(b);
    }
}

static void test_pages(void **state)
{
    u8 *a = aligned_alloc(PAGE_SIZE, PAGE_SIZE), *b = aligned_alloc(PAGE_SIZE, PAGE_SIZE);

    fill(a, PAGE_SIZE);
    page_copy(b, a);
    assert_memory_equal(a, b, PAGE_SIZE);
    page_zero(a);
    for (size_t i = 0; i < PAGE_SIZE; i++)
        assert_int_equal(a[i], 0);
    free(a);
    free(b);
}

// Short strings over a small alphabet with high bytes, so that prefixes are common.
static char *random_string(void)
{
    size_t n = unit_below(12);
    char *s = malloc(n + 1);

    for (size_t i = 0; i < n; i++)
        s[i] = "ab\xff\x01"[unit_below(4)];
    s[n] = 0;
    return s;
}

static void test_strings(void **state)
{
    for (u32 round = 0; round < 20000; round++) {
        char *a = random_string(), *b = random_string();
        size_t n = unit_below(14);
        int c = "ab\xff\x01"[unit_below(5)];

        assert_int_equal(rv_strlen(a), strlen(a));
        assert_int_equal(rv_strnlen(a, n), strnlen(a, n));
        assert_int_equal(sign(rv_strcmp(a, b)), sign(strcmp(a, b)));
        assert_int_equal(sign(rv_strncmp(a, b, n)), sign(strncmp(a, b, n)));
        assert_ptr_equal(rv_strchr(a, c), strchr(a, c));
        assert_ptr_equal(rv_strrchr(a, c), strrchr(a, c));
        free(a);
        free(b);
    }
}

static void test_strlcpy(void **state)
{
    char buf[4] = "xyz";

    assert_int_equal(strlcpy(buf, "ab", 4), 2);
    assert_string_equal(buf, "ab");
    assert_int_equal(strlcpy(buf, "abcdef", 4), 6);
    assert_string_equal(buf, "abc");
    assert_int_equal(strlcpy(buf, "zz", 1), 2);
    assert_string_equal(buf, "");
    assert_int_equal(strlcpy(NULL, "zz", 0), 2);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_memcpy),  cmocka_unit_test(test_memmove),
    cmocka_unit_test(test_memset),  cmocka_unit_test(test_memcmp_memchr),
    cmocka_unit_test(test_pages),   cmocka_unit_test(test_strings),
    cmocka_unit_test(test_strlcpy),
};
UNIT_MAIN(tests)
