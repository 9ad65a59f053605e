// SPDX-License-Identifier: MIT
// Line discipline: output processing (POSIX.1-2017, 11.2.3), echo, and the cursor's column.
#include "lib/macro.h"
#include "lib/string.h"
#include "tty/ldisc_private.h"

#define TAB_STOP   8
#define OUTPUT_MAX TAB_STOP // bytes that one may become

static bool is_plain(u8 c)
{
    return c >= ' ' && c != 0x7f;
}

static u32 next_tab(u32 column)
{
    return ALIGN_DOWN(column, (u32)TAB_STOP) + TAB_STOP;
}

static void put_newline(struct ldisc *l)
{
    if (l->mode.c_oflag & ONLCR)
        ring_put(l->out, '\r');
    ring_put(l->out, '\n');
    if (l->mode.c_oflag & (ONLCR | ONLRET))
        l->column = 0;
}

static void put_return(struct ldisc *l)
{
    if (l->mode.c_oflag & ONOCR && l->column == 0)
        return;
    if (l->mode.c_oflag & OCRNL) { // a newline that ONLCR leaves as it is
        ring_put(l->out, '\n');
        if (l->mode.c_oflag & ONLRET)
            l->column = 0;
        return;
    }
    ring_put(l->out, '\r');
    l->column = 0;
}

static void put_tab(struct ldisc *l)
{
    u32 end = next_tab(l->column);

    if ((l->mode.c_oflag & TABDLY) != XTABS)
        ring_put(l->out, '\t');
    else
        for (; l->column < end; l->column++)
            ring_put(l->out, ' ');
    l->column = end;
}

static void put_other(struct ldisc *l, u8 c)
{
    if (c == '\b' && l->column)
        l->column--;
    else if (is_plain(c) && !ldisc_is_continuation(l, c))
        l->column++;
    ring_put(l->out, c);
}

// There is room for OUTPUT_MAX bytes.
static void put_processed(struct ldisc *l, u8 c)
{
    if (!(l->mode.c_oflag & OPOST)) {
        put_other(l, c);
        return;
    }
    switch (c) {
    case '\n':
        put_newline(l);
        break;
    case '\r':
        put_return(l);
        break;
    case '\t':
        put_tab(l);
        break;
    default:
        put_other(l, c);
    }
}

void ldisc_emit(struct ldisc *l, u8 c)
{
    if (ring_space(l->out) >= OUTPUT_MAX)
        put_processed(l, c);
}

void ldisc_emit_text(struct ldisc *l, const char *s)
{
    while (*s)
        ldisc_emit(l, (u8)*s++);
}

static bool shown_as_caret(const struct ldisc *l, u8 c)
{
    return !is_plain(c) && c != '\n' && c != '\t' && l->mode.c_lflag & ECHOCTL;
}

void ldisc_echo(struct ldisc *l, u8 c)
{
    if (shown_as_caret(l, c)) {
        ldisc_emit(l, '^');
        c ^= 0x40;
    }
    ldisc_emit(l, c);
}

u32 ldisc_column_after(const struct ldisc *l, u32 column, u8 c)
{
    if (c == '\t')
        return next_tab(column);
    if (shown_as_caret(l, c))
        return column + 2;
    return column + (is_plain(c) && !ldisc_is_continuation(l, c));
}

// A stretch without anything to process goes in one piece.
static size_t output_plain(struct ldisc *l, const u8 *src, size_t n)
{
    size_t i, width = 0;

    n = MIN(n, (size_t)ring_space(l->out));
    for (i = 0; i < n && is_plain(src[i]); i++)
        width += !ldisc_is_continuation(l, src[i]);
    l->column += width;
    return ring_write(l->out, src, i);
}

size_t ldisc_output(struct ldisc *l, const u8 *src, size_t n)
{
    size_t done = 0;

    if (!(l->mode.c_oflag & OPOST))
        return ring_write(l->out, src, n);
    while (done < n && ring_space(l->out) >= OUTPUT_MAX) {
        done += output_plain(l, src + done, n - done);
        if (done < n && ring_space(l->out) >= OUTPUT_MAX)
            put_processed(l, src[done++]);
    }
    return done;
}
