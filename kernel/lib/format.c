// SPDX-License-Identifier: MIT
// printf-style formatting: parse one conversion, then print its argument padded.
#include "lib/format.h"

#include "lib/string.h"

struct format_out {
    char *buf;
    size_t size;
    size_t len; // of the whole text, whether or not it fits
};

struct format_spec {
    bool left, alternate, zero;
    int width;
    int precision; // -1: none given
    int bytes;     // size of the integer argument
};

static void put(struct format_out *out, char c)
{
    if (out->len + 1 < out->size)
        out->buf[out->len] = c;
    out->len++;
}

static void put_repeated(struct format_out *out, char c, long count)
{
    while (count-- > 0)
        put(out, c);
}

static void put_string(struct format_out *out, const struct format_spec *spec, const char *s)
{
    size_t len, i;
    char c;

    if (!s)
        s = "(null)";
    len = spec->precision >= 0 ? strnlen(s, spec->precision) : strlen(s);
    if (!spec->left)
        put_repeated(out, ' ', spec->width - (long)len);
    for (i = 0; i < len && (c = READ_ONCE(s[i])); i++) // it may have become shorter
        put(out, c);
    if (spec->left)
        put_repeated(out, ' ', spec->width - (long)len);
}

// `prefix` is a sign, "0x" or "". Order: blanks, prefix, zeros, digits, blanks.
static void put_number(struct format_out *out, const struct format_spec *spec, u64 value, u32 base,
                       const char *prefix)
{
    char text[24]; // 22 octal digits
    long len = 0, zeros, pad;

    for (; value; value /= base)
        text[len++] = "0123456789abcdef"[value % base];
    zeros = (spec->precision < 0 ? 1 : spec->precision) - len;
    if (spec->alternate && base == 8 && zeros <= 0)
        zeros = 1;
    zeros = MAX(zeros, 0L);
    pad = spec->width - len - zeros - (long)strlen(prefix);
    if (spec->zero && !spec->left && spec->precision < 0 && pad > 0) {
        zeros += pad;
        pad = 0;
    }
    if (!spec->left)
        put_repeated(out, ' ', pad);
    while (*prefix)
        put(out, *prefix++);
    put_repeated(out, '0', zeros);
    while (len)
        put(out, text[--len]);
    if (spec->left)
        put_repeated(out, ' ', pad);
}

static void put_signed(struct format_out *out, const struct format_spec *spec, s64 value)
{
    put_number(out, spec, value < 0 ? -(u64)value : (u64)value, 10, value < 0 ? "-" : "");
}

static const char *parse_flags(const char *f, struct format_spec *spec)
{
    for (; *f && strchr("-#0", *f); f++) {
        spec->left |= *f == '-';
        spec->alternate |= *f == '#';
        spec->zero |= *f == '0';
    }
    return f;
}

#define FORMAT_NUMBER_MAX 65535 // widths beyond are cut to this

static const char *parse_number(const char *f, int *number)
{
    int n = 0;

    for (; *f >= '0' && *f <= '9'; f++)
        n = MIN(n * 10 + (*f - '0'), FORMAT_NUMBER_MAX);
    *number = n;
    return f;
}

static const char *parse_size(const char *f, struct format_spec *spec)
{
    spec->bytes = sizeof(int);
    if (*f == 'l' || *f == 'z') {
        spec->bytes = sizeof(long);
        f += f[0] == 'l' && f[1] == 'l' ? 2 : 1;
    }
    return f;
}

// `*` takes an int argument; a negative width means left-aligned, a negative precision none.
static const char *parse_spec(const char *f, struct format_spec *spec, va_list *args)
{
    *spec = (struct format_spec){.precision = -1};
    f = parse_flags(f, spec);
    if (*f == '*') {
        int width = CLAMP(va_arg(*args, int), -FORMAT_NUMBER_MAX, FORMAT_NUMBER_MAX);

        spec->left |= width < 0;
        spec->width = width < 0 ? -width : width;
        f++;
    } else {
        f = parse_number(f, &spec->width);
    }
    if (*f == '.') {
        f++;
        if (*f == '*') {
            spec->precision = CLAMP(va_arg(*args, int), -1, FORMAT_NUMBER_MAX);
            f++;
        } else {
            f = parse_number(f, &spec->precision);
        }
    }
    return parse_size(f, spec);
}

static u64 take_unsigned(const struct format_spec *spec, va_list *args)
{
    return spec->bytes == 8 ? va_arg(*args, u64) : va_arg(*args, u32);
}

static s64 take_signed(const struct format_spec *spec, va_list *args)
{
    return spec->bytes == 8 ? va_arg(*args, s64) : va_arg(*args, s32);
}

static void put_conversion(struct format_out *out, struct format_spec *spec, char c, va_list *args)
{
    u64 value;

    switch (c) {
    case 'd':
        put_signed(out, spec, take_signed(spec, args));
        break;
    case 'u':
        put_number(out, spec, take_unsigned(spec, args), 10, "");
        break;
    case 'o':
        put_number(out, spec, take_unsigned(spec, args), 8, "");
        break;
    case 'x':
        value = take_unsigned(spec, args);
        put_number(out, spec, value, 16, spec->alternate && value ? "0x" : "");
        break;
    case 'p':
        put_number(out, spec, (u64)va_arg(*args, void *), 16, "0x");
        break;
    case 'c':
        put_repeated(out, ' ', spec->left ? 0 : spec->width - 1);
        put(out, va_arg(*args, int));
        put_repeated(out, ' ', spec->left ? spec->width - 1 : 0);
        break;
    case 's':
        put_string(out, spec, va_arg(*args, const char *));
        break;
    }
}

int vsnformat(char *buf, size_t n, const char *fmt, va_list args)
{
    struct format_out out = {.buf = buf, .size = n};
    struct format_spec spec;
    const char *f = fmt;
    va_list ap;

    va_copy(ap, args);
    while (*f) {
        const char *start = f;

        if (*f++ != '%') {
            put(&out, *start);
            continue;
        }
        f = parse_spec(f, &spec, &ap);
        if (*f && strchr("duoxpcs", *f)) {
            put_conversion(&out, &spec, *f++, &ap);
            continue;
        }
        if (*f == '%')
            start = f++;
        while (start < f)
            put(&out, *start++);
    }
    va_end(ap);
    if (n)
        buf[MIN(out.len, n - 1)] = '\0';
    return out.len;
}

int snformat(char *buf, size_t n, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnformat(buf, n, fmt, args);
    va_end(args);
    return len;
}
