// SPDX-License-Identifier: MIT
// Text to numbers.
#include "lib/parse.h"

#include "abi/errno.h"

#define NOT_A_DIGIT 255

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 10;
    return NOT_A_DIGIT;
}

// Settles base 0, and skips "0x" where a hexadecimal digit follows.
static const char *skip_prefix(const char *s, unsigned *base)
{
    bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && digit_value(s[2]) < 16;

    if (*base == 0)
        *base = hex ? 16 : s[0] == '0' ? 8 : 10;
    return hex && *base == 16 ? s + 2 : s;
}

int parse_u64(const char *s, const char **end, unsigned base, u64 *out)
{
    const char *p = skip_prefix(s, &base);
    u64 value = 0;

    if (end)
        *end = s;
    if (digit_value(*p) >= base)
        return -EINVAL;
    for (; digit_value(*p) < base; p++) {
        if (__builtin_mul_overflow(value, (u64)base, &value) ||
            __builtin_add_overflow(value, (u64)digit_value(*p), &value))
            return -ERANGE;
    }
    if (!end && *p)
        return -EINVAL;
    if (end)
        *end = p;
    *out = value;
    return 0;
}
