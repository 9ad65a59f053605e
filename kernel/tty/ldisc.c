// SPDX-License-Identifier: MIT
// Line discipline: input editing, and reading.
//
// The buffer holds, in order: finished lines (head..ready) and the line being typed (ready..tail).
// The end of each finished line is marked in `ends`; VEOF is kept as a marked byte that no reader
// sees. In raw mode the marks are unused and head..tail is readable.
//
// When the buffer is full a canonical line keeps room for its end: further bytes are refused (and,
// with IMAXBEL, complained about) until the line is ended or edited. Erasing writes "\b \b" once
// for each column of what goes away; only a tab needs the column recomputed from the line's start.
#include "tty/ldisc.h"
#include "lib/atomic.h"
#include "lib/bitmap.h"
#include "lib/macro.h"
#include "lib/string.h"
#include "tty/ldisc_private.h"

#define DUMP_KEY       0x10 // ^P
#define NS_PER_DECISEC 100000000UL

void ldisc_init(struct ldisc *l, struct ring *out)
{
    static const u8 keys[NCCS] = {
        [VINTR] = 'C' & 31,    [VQUIT] = 0x1c,        [VERASE] = 0x7f,
        [VKILL] = 'U' & 31,    [VEOF] = 'D' & 31,     [VMIN] = 1,
        [VSTART] = 'Q' & 31,   [VSTOP] = 'S' & 31,    [VSUSP] = 'Z' & 31,
        [VREPRINT] = 'R' & 31, [VDISCARD] = 'O' & 31, [VWERASE] = 'W' & 31,
        [VLNEXT] = 'V' & 31,
    };

    memset(l, 0, sizeof(*l));
    l->out = out;
    l->mode = (struct termios2){
        .c_iflag = ICRNL | IXON | IUTF8,
        .c_oflag = OPOST | ONLCR,
        .c_cflag = B115200 | CS8 | CREAD | HUPCL | CLOCAL,
        .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
        .c_ispeed = 115200,
        .c_ospeed = 115200,
    };
    memcpy(l->mode.c_cc, keys, NCCS);
}

static u32 at(u32 position)
{
    return position & (LDISC_SIZE - 1);
}

static u32 space(const struct ldisc *l)
{
    return LDISC_SIZE - (l->tail - l->head);
}

static bool is_key(const struct ldisc *l, unsigned index, u8 c)
{
    return c == l->mode.c_cc[index] && c != _POSIX_VDISABLE;
}

static bool local(const struct ldisc *l, u32 flag)
{
    return l->mode.c_lflag & flag;
}

// Leaving canonical mode makes all input readable; entering it makes all input one line.
void ldisc_set_mode(struct ldisc *l, const struct termios2 *mode)
{
    bool was = ldisc_canonical(l);

    l->mode = *mode;
    if (was != ldisc_canonical(l)) {
        memset(l->ends, 0, sizeof(l->ends));
        memset(l->is_eof, 0, sizeof(l->is_eof));
        if (!was && l->tail != l->head)
            bitmap_set(l->ends, at(l->tail - 1));
        l->ready = was ? l->head : l->tail;
        l->line_column = l->column;
        l->literal = false;
    }
    if (!(mode->c_iflag & IXON))
        l->stopped = false;
}

void ldisc_flush_input(struct ldisc *l)
{
    l->head = l->ready = l->tail;
    l->literal = false;
    l->line_column = l->column;
}

static void store(struct ldisc *l, u8 c)
{
    u32 i = at(l->tail++);

    l->buf[i] = c;
    bitmap_clear(l->ends, i);
    bitmap_clear(l->is_eof, i);
}

static void complain(struct ldisc *l)
{
    if (l->mode.c_iflag & IMAXBEL)
        ldisc_emit(l, '\a');
}

// An ordinary byte.
static void take(struct ldisc *l, u8 c)
{
    if (space(l) <= (ldisc_canonical(l) ? 1 : 0)) {
        complain(l);
        return;
    }
    if (l->tail == l->ready)
        l->line_column = l->column;
    store(l, c);
    if (local(l, ECHO))
        ldisc_echo(l, c);
    else if (c == '\n' && local(l, ECHONL) && ldisc_canonical(l))
        ldisc_echo(l, c);
}

// The byte that ends a line; VEOF is not echoed.
static void take_end(struct ldisc *l, u8 c, bool eof)
{
    if (space(l) == 0) {
        complain(l);
        return;
    }
    store(l, c);
    bitmap_set(l->ends, at(l->tail - 1));
    if (eof)
        bitmap_set(l->is_eof, at(l->tail - 1));
    else if (local(l, ECHO) || (c == '\n' && local(l, ECHONL)))
        ldisc_echo(l, c);
    l->ready = l->tail;
}

// Column behind the line being typed.
static u32 line_end_column(const struct ldisc *l)
{
    u32 column = l->line_column;

    for (u32 i = l->ready; i != l->tail; i++)
        column = ldisc_column_after(l, column, l->buf[at(i)]);
    return column;
}

// Removes the last character, all its bytes, from the line, and from the screen if `show`.
static void erase_one(struct ldisc *l, bool show)
{
    u32 width = 0;
    u8 c;

    do {
        c = l->buf[at(--l->tail)];
    } while (ldisc_is_continuation(l, c) && l->tail != l->ready);
    if (!show)
        return;
    if (c == '\t') {
        u32 end = line_end_column(l);

        while (l->column > end)
            ldisc_emit(l, '\b');
        return;
    }
    width = ldisc_column_after(l, 0, c);
    while (width--)
        ldisc_emit_text(l, "\b \b");
}

static bool is_word(u8 c)
{
    return c == '_' || c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
}

// Where VWERASE leaves the end of the line: before the last word and what follows it.
static u32 word_start(const struct ldisc *l)
{
    u32 i = l->tail;

    while (i != l->ready && !is_word(l->buf[at(i - 1)]))
        i--;
    while (i != l->ready && is_word(l->buf[at(i - 1)]))
        i--;
    return i;
}

// Erases back to `end`; a screen that cannot show that shows the key.
static void erase_key(struct ldisc *l, u8 key, u32 end, bool show)
{
    show = show && local(l, ECHO) && local(l, ECHOE);
    while ((s32)(l->tail - end) > 0)
        erase_one(l, show);
    if (local(l, ECHO) && !show)
        ldisc_echo(l, key);
}

static void erase_one_key(struct ldisc *l, u8 key)
{
    if (l->tail != l->ready)
        erase_key(l, key, l->tail - 1, true);
}

static void kill_key(struct ldisc *l, u8 key)
{
    bool show = local(l, ECHOK) && local(l, ECHOKE);

    erase_key(l, key, l->ready, show);
    if (local(l, ECHO) && local(l, ECHOK) && !(show && local(l, ECHOE)))
        ldisc_emit(l, '\n');
}

static void reprint_key(struct ldisc *l, u8 key)
{
    ldisc_echo(l, key);
    ldisc_emit(l, '\n');
    l->line_column = l->column;
    for (u32 i = l->ready; i != l->tail; i++)
        ldisc_echo(l, l->buf[at(i)]);
}

// Editing keys of canonical mode; false if c is none.
static bool edit(struct ldisc *l, u8 c)
{
    bool extended = local(l, IEXTEN);

    if (is_key(l, VERASE, c))
        erase_one_key(l, c);
    else if (is_key(l, VKILL, c))
        kill_key(l, c);
    else if (extended && is_key(l, VWERASE, c))
        erase_key(l, c, word_start(l), true);
    else if (extended && is_key(l, VREPRINT, c) && local(l, ECHO))
        reprint_key(l, c);
    else if (is_key(l, VEOF, c))
        take_end(l, c, true);
    else if (c == '\n' || is_key(l, VEOL, c) || (extended && is_key(l, VEOL2, c)))
        take_end(l, c, false);
    else
        return false;
    return true;
}

static u32 signal_of(const struct ldisc *l, u8 c)
{
    if (!local(l, ISIG))
        return 0;
    if (is_key(l, VINTR, c))
        return LDISC_INTR;
    if (is_key(l, VQUIT, c))
        return LDISC_QUIT;
    return is_key(l, VSUSP, c) ? LDISC_SUSP : 0;
}

static u32 signal_key(struct ldisc *l, u8 c, u32 signal)
{
    l->stopped = false;
    if (!local(l, NOFLSH)) {
        ldisc_flush_input(l);
        l->out->head = l->out->tail;
        signal |= LDISC_FLUSH;
    }
    if (local(l, ECHO))
        ldisc_echo(l, c);
    l->line_column = l->column;
    return signal;
}

// VSTART and VSTOP; true if c was one.
static bool flow_key(struct ldisc *l, u8 c)
{
    if (!(l->mode.c_iflag & IXON))
        return false;
    if (is_key(l, VSTART, c))
        l->stopped = false;
    else if (is_key(l, VSTOP, c))
        l->stopped = true;
    else
        return false;
    return true;
}

// The mappings of 11.2.2; false: the byte is dropped.
static bool map_input(const struct ldisc *l, u8 *c)
{
    u32 flags = l->mode.c_iflag;

    if (*c == '\r' && flags & IGNCR)
        return false;
    if (*c == '\r' && flags & ICRNL)
        *c = '\n';
    else if (*c == '\n' && flags & INLCR)
        *c = '\r';
    return true;
}

u32 ldisc_input(struct ldisc *l, u8 c)
{
    u32 signal;

    if (l->mode.c_iflag & ISTRIP)
        c &= 0x7f;
    if (l->literal) {
        l->literal = false;
        take(l, c);
        return 0;
    }
    if (flow_key(l, c))
        return 0;
    signal = signal_of(l, c);
    if (signal)
        return signal_key(l, c, signal);
    if (l->stopped && l->mode.c_iflag & IXON && l->mode.c_iflag & IXANY)
        l->stopped = false;
    if (!map_input(l, &c))
        return 0;
    if (ldisc_canonical(l)) {
        if (l->dump_key && c == DUMP_KEY)
            return LDISC_DUMP;
        if (local(l, IEXTEN) && is_key(l, VLNEXT, c)) {
            l->literal = true;
            if (local(l, ECHO) && local(l, ECHOCTL))
                ldisc_emit_text(l, "^\b");
            return 0;
        }
        if (edit(l, c))
            return 0;
    }
    take(l, c);
    return 0;
}

// A line that is too long must still be able to end: only finished input is a reason to wait.
bool ldisc_wants_input(const struct ldisc *l)
{
    return space(l) > 1 || (ldisc_canonical(l) && l->ready == l->head);
}

static size_t read_raw(struct ldisc *l, u8 *dst, size_t n, bool *more)
{
    size_t done = 0;

    while (done < n && l->head != l->tail)
        dst[done++] = l->buf[at(l->head++)];
    l->ready = l->head;
    *more = l->head != l->tail;
    return done;
}

size_t ldisc_read(struct ldisc *l, u8 *dst, size_t n, bool *more)
{
    size_t done = 0;

    if (!ldisc_canonical(l))
        return read_raw(l, dst, n, more);
    *more = false;
    while (l->head != l->ready) {
        u32 i = at(l->head);
        bool end = bitmap_test(l->ends, i), eof = bitmap_test(l->is_eof, i);

        // An end of file right behind the last byte that fits belongs to this read.
        if (!eof && done == n) {
            *more = true;
            break;
        }
        l->head++;
        if (!eof)
            dst[done++] = l->buf[i];
        if (end)
            break;
    }
    return done;
}

// Who looks unlocked may find that the head has passed this end.
size_t ldisc_available(const struct ldisc *l)
{
    size_t n = 0;

    if (!ldisc_canonical(l))
        return l->tail - l->head;
    for (u32 i = load_relaxed(&l->head), end = load_relaxed(&l->ready); (s32)(end - i) > 0; i++)
        n += !bitmap_test(l->is_eof, at(i));
    return n;
}

bool ldisc_readable(const struct ldisc *l)
{
    const u8 *cc = l->mode.c_cc;

    if (ldisc_canonical(l))
        return l->head != l->ready;
    return l->tail - l->head >= (cc[VTIME] == 0 && cc[VMIN] ? cc[VMIN] : 1U);
}

bool ldisc_enough(const struct ldisc *l, size_t n)
{
    u32 min = l->mode.c_cc[VMIN];

    if (ldisc_canonical(l))
        return ldisc_readable(l);
    if (!min && l->mode.c_cc[VTIME])
        min = 1;
    return ldisc_available(l) >= MIN(min, n);
}

ns_t ldisc_timeout(const struct ldisc *l, size_t seen)
{
    const u8 *cc = l->mode.c_cc;

    if (ldisc_canonical(l) || !cc[VTIME] || (cc[VMIN] && !seen))
        return LDISC_FOREVER;
    return cc[VTIME] * NS_PER_DECISEC;
}
