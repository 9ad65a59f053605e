// SPDX-License-Identifier: MIT
// Formatted output: text collects in a buffer on the stack, so that a call is usually one write.
#include <stdarg.h>
#include <stdbool.h>

#include "user/user.h"

#define BUFFER_SIZE 256
#define DIGITS_MAX  24 // 64 bits in decimal with a sign fit

struct out {
    int fd;
    uint used;
    char buf[BUFFER_SIZE];
};

// One conversion: % [-0] [width] [l|ll] letter
struct spec {
    bool left, zero;
    int width;
    int longs;
};

static void out_flush(struct out *o)
{
    uint done = 0;

    while (done < o->used) {
        int n = write(o->fd, o->buf + done, o->used - done);
        if (n <= 0)
            break;
        done += n;
    }
    o->used = 0;
}

static void out_char(struct out *o, char c)
{
    if (o->used == BUFFER_SIZE)
        out_flush(o);
    o->buf[o->used++] = c;
}

static void out_fill(struct out *o, char c, int n)
{
    while (n-- > 0)
        out_char(o, c);
}

static void out_field(struct out *o, const struct spec *sp, const char *s, int len)
{
    int pad = sp->width - len;
    bool zero = sp->zero && !sp->left;

    if (zero && len > 0 && *s == '-') {
        out_char(o, *s++);
        len--;
    }
    if (!sp->left)
        out_fill(o, zero ? '0' : ' ', pad);
    while (len-- > 0)
        out_char(o, *s++);
    if (sp->left)
        out_fill(o, ' ', pad);
}

static void out_number(struct out *o, const struct spec *sp, uint64 value, uint base, bool negative)
{
    char digits[DIGITS_MAX];
    int at = DIGITS_MAX;

    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative)
        digits[--at] = '-';
    out_field(o, sp, digits + at, DIGITS_MAX - at);
}

static void out_signed(struct out *o, const struct spec *sp, long value)
{
    out_number(o, sp, value < 0 ? -(uint64)value : (uint64)value, 10, value < 0);
}

static void out_pointer(struct out *o, uint64 value)
{
    struct spec sp = {.zero = true, .width = 16};

    out_char(o, '0');
    out_char(o, 'x');
    out_number(o, &sp, value, 16, false);
}

static void out_string(struct out *o, struct spec *sp, const char *s)
{
    sp->zero = false;
    s = s ? s : "(null)";
    out_field(o, sp, s, strlen(s));
}

static const char *spec_parse(struct spec *sp, const char *fmt)
{
    *sp = (struct spec){};
    for (; *fmt == '-' || *fmt == '0'; fmt++) {
        sp->left |= *fmt == '-';
        sp->zero |= *fmt == '0';
    }
    for (; *fmt >= '0' && *fmt <= '9'; fmt++)
        sp->width = sp->width * 10 + *fmt - '0';
    for (; *fmt == 'l'; fmt++)
        sp->longs++;
    return fmt;
}

static void vfprintf(int fd, const char *fmt, va_list ap)
{
    struct out o;
    struct spec sp;

    o.fd = fd; // not an initializer: that would clear the buffer too
    o.used = 0;
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            out_char(&o, *fmt);
            continue;
        }
        fmt = spec_parse(&sp, fmt + 1);
        if (*fmt == 'd' || *fmt == 'i') {
            out_signed(&o, &sp, sp.longs ? va_arg(ap, long) : va_arg(ap, int));
        } else if (*fmt == 'u' || *fmt == 'x') {
            uint64 value = sp.longs ? va_arg(ap, uint64) : va_arg(ap, uint);
            out_number(&o, &sp, value, *fmt == 'x' ? 16 : 10, false);
        } else if (*fmt == 'p') {
            out_pointer(&o, va_arg(ap, uint64));
        } else if (*fmt == 's') {
            out_string(&o, &sp, va_arg(ap, const char *));
        } else if (*fmt == 'c') {
            out_char(&o, va_arg(ap, int));
        } else if (*fmt == '%') {
            out_char(&o, '%');
        } else if (*fmt == 0) {
            break;
        } else { // unknown: shown, so that the mistake is seen
            out_char(&o, '%');
            out_char(&o, *fmt);
        }
    }
    out_flush(&o);
}

void printf(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(1, fmt, ap);
    va_end(ap);
}

void fprintf(int fd, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(fd, fmt, ap);
    va_end(ap);
}
