// SPDX-License-Identifier: MIT
// Formatting against the C library's snprintf, over random specifications; number parsing.
#include "unit.h"

#include "abi/errno.h"
#include "lib/format.h"
#include "lib/macro.h"
#include "lib/parse.h"

#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat-zero-length"

static char *append(char *p, const char *choices)
{
    *p = choices[unit_below(strlen(choices))];
    return p + 1;
}

// "<%flags width.precision size conversion>"
static void random_spec(char *p, const char *size, const char *conversions)
{
    p += sprintf(p, "<%%");
    while (unit_below(2))
        p = append(p, "-0#");
    if (unit_below(2))
        p += sprintf(p, "%d", 1 + (int)unit_below(30));
    if (unit_below(3) == 0)
        p += sprintf(p, ".%d", (int)unit_below(28));
    p += sprintf(p, "%s", size);
    p = append(p, conversions);
    strcpy(p, ">");
}

static void same(const char *fmt, u64 value)
{
    char ours[128], theirs[128];
    size_t n = unit_below(4) ? sizeof(ours) : unit_below(12);

    memset(ours, 0x5a, sizeof(ours));
    memset(theirs, 0x5a, sizeof(theirs));
    assert_int_equal(snformat(ours, n, fmt, value), snprintf(theirs, n, fmt, value));
    assert_memory_equal(ours, theirs, sizeof(ours));
}

static void test_integers(void **state)
{
    static const char *sizes[] = {"", "l", "ll", "z"};
    char fmt[64];

    for (u32 i = 0; i < 60000; i++) {
        u64 value = unit_below(4) ? unit_random() >> unit_below(64) : 0;

        random_spec(fmt, sizes[unit_below(ARRAY_SIZE(sizes))], "duxo");
        same(fmt, unit_below(2) ? value : -value);
    }
}

static void test_text(void **state)
{
    char fmt[64];

    for (u32 i = 0; i < 5000; i++) {
        random_spec(fmt, "", "s");
        same(fmt, (u64) "some words");
        snprintf(fmt, sizeof(fmt), "%%%s%luc.", unit_below(2) ? "-" : "", 1 + unit_below(9));
        same(fmt, 'x');
    }
}

static void formatted(const char *expected, const char *fmt, ...)
{
    char buf[64];
    va_list args;

    va_start(args, fmt);
    assert_int_equal(vsnformat(buf, sizeof(buf), fmt, args), strlen(expected));
    va_end(args);
    assert_string_equal(buf, expected);
}

static void test_details(void **state)
{
    formatted("", "");
    formatted("100%", "%d%%", 100);
    formatted("   42|42   |042", "%*d|%-*d|%.*d", 5, 42, 5, 42, 3, 42);
    formatted("7  |7", "%*d|%.*d", -3, 7, -1, 7);
    formatted("-9223372036854775808", "%ld", (s64)(1UL << 63));
    formatted("0x1234 0x0", "%p %p", (void *)0x1234, NULL);
    formatted("(null) ab", "%s %.2s", NULL, "abc");
    formatted("%q %", "%q %");
    formatted("%-5", "%-5");
    assert_int_equal(snformat(NULL, 0, "%d", 12345), 5);
}

// A precision lets an unterminated string be printed: nothing behind it is read.
static void test_bounded_string(void **state)
{
    char *raw = malloc(3), buf[8];

    memcpy(raw, "abc", 3);
    assert_int_equal(snformat(buf, sizeof(buf), "%.3s", raw), 3);
    assert_string_equal(buf, "abc");
    free(raw);
}

static void parsed(const char *s, unsigned base, int rc, u64 value, size_t used)
{
    const char *end;
    u64 out = 0xdead;

    assert_int_equal(parse_u64(s, &end, base, &out), rc);
    assert_ptr_equal(end, s + used);
    assert_int_equal(out, rc ? 0xdead : value);
    if (rc == 0 && s[used]) {
        assert_int_equal(parse_u64(s, NULL, base, &out), -EINVAL);
    } else {
        assert_int_equal(parse_u64(s, NULL, base, &out), rc);
    }
}

static void test_parse(void **state)
{
    parsed("123", 10, 0, 123, 3);
    parsed("123 ", 10, 0, 123, 3);
    parsed("0x1fG", 0, 0, 0x1f, 4);
    parsed("0X1f", 16, 0, 0x1f, 4);
    parsed("1f", 16, 0, 0x1f, 2);
    parsed("0x", 0, 0, 0, 1);
    parsed("0x", 16, 0, 0, 1);
    parsed("0755", 0, 0, 0755, 4);
    parsed("0", 0, 0, 0, 1);
    parsed("08", 0, 0, 0, 1);
    parsed("zz", 36, 0, 35 * 36 + 35, 2);
    parsed("", 10, -EINVAL, 0, 0);
    parsed("-1", 10, -EINVAL, 0, 0);
    parsed(" 1", 10, -EINVAL, 0, 0);
    parsed("18446744073709551615", 10, 0, ~0UL, 20);
    parsed("18446744073709551616", 10, -ERANGE, 0, 0);
    parsed("10000000000000000", 16, -ERANGE, 0, 0);
    parsed("99999999999999999999999999999", 10, -ERANGE, 0, 0);
}

static void test_parse_random(void **state)
{
    static const unsigned bases[] = {0, 2, 8, 10, 16, 36};
    char text[32];

    for (u32 i = 0; i < 20000; i++) {
        unsigned base = bases[unit_below(ARRAY_SIZE(bases))];
        char *p = text, *theirs;
        const char *ours;
        u64 value;

        p = append(p, "0123456789abfz");
        while (unit_below(8))
            p = append(p, "0123456789abfxX z"), p -= p == text + 14;
        *p = 0;
        if (parse_u64(text, &ours, base, &value) != 0)
            continue;
        assert_int_equal(value, strtoul(text, &theirs, base));
        assert_ptr_equal(ours, theirs);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_integers), cmocka_unit_test(test_text),
    cmocka_unit_test(test_details),  cmocka_unit_test(test_bounded_string),
    cmocka_unit_test(test_parse),    cmocka_unit_test(test_parse_random),
};
UNIT_MAIN(tests)
