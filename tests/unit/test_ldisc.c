// SPDX-License-Identifier: MIT
// The line discipline: scripts of keystrokes, what is read, and what the screen gets.
#include "unit.h"

#include "lib/bitmap.h"
#include "tty/ldisc.h"

#define OUT_SIZE 65536

static struct ldisc ldisc;
static struct ring out;
static u8 out_buffer[OUT_SIZE];

static void start(void)
{
    ring_init(&out, out_buffer, OUT_SIZE);
    ldisc_init(&ldisc, &out);
}

static void change(u32 iflag_off, u32 iflag_on, u32 lflag_off, u32 lflag_on)
{
    struct termios2 mode = ldisc.mode;

    mode.c_iflag = (mode.c_iflag & ~iflag_off) | iflag_on;
    mode.c_lflag = (mode.c_lflag & ~lflag_off) | lflag_on;
    ldisc_set_mode(&ldisc, &mode);
}

static u32 type_bytes(const void *keys, size_t n)
{
    const u8 *k = keys;
    u32 what = 0;

    while (n--)
        what |= ldisc_input(&ldisc, *k++);
    return what;
}

static u32 type(const char *keys)
{
    return type_bytes(keys, strlen(keys));
}

static void screen_is(const char *want)
{
    char got[OUT_SIZE + 1];
    u32 n = 0;

    while (ring_get(&out, (u8 *)&got[n]))
        n++;
    got[n] = '\0';
    assert_string_equal(got, want);
}

static void read_is(const char *want)
{
    u8 got[LDISC_SIZE + 1];
    bool more;
    size_t n = ldisc_read(&ldisc, got, LDISC_SIZE, &more);

    assert_int_equal(n, strlen(want));
    assert_memory_equal(got, want, n);
}

struct script {
    const char *keys;
    const char *screen;
    const char *lines[4]; // one a read; NULL: nothing more to read
    u32 what;
    u32 iflag_off, iflag_on, lflag_off, lflag_on;
};

// DEL erases, ^U kills, ^W word, ^V literal, ^R reprint, ^D end of file.
static const struct script scripts[] = {
    {.keys = "ab\n", .screen = "ab\r\n", .lines = {"ab\n"}},
    {.keys = "ab\r", .screen = "ab\r\n", .lines = {"ab\n"}},
    {.keys = "ab", .screen = "ab", .lines = {NULL}},
    {.keys = "a\nb\n", .screen = "a\r\nb\r\n", .lines = {"a\n", "b\n"}},
    {.keys = "abc\x7f\x7fx\n", .screen = "abc\b \b\b \bx\r\n", .lines = {"ax\n"}},
    {.keys = "\x7f\x7f"
             "a\n",
     .screen = "a\r\n",
     .lines = {"a\n"}},
    {.keys = "a\x01\x7f"
             "b\n",
     .screen = "a^A\b \b\b \bb\r\n",
     .lines = {"ab\n"}},
    {.keys = "abc\x15x\n", .screen = "abc\b \b\b \b\b \bx\r\n", .lines = {"x\n"}},
    {.keys = "ab cd  \x17x\n", .screen = "ab cd  \b \b\b \b\b \b\b \bx\r\n", .lines = {"ab x\n"}},
    {.keys = "a_1\x17x\n", .screen = "a_1\b \b\b \b\b \bx\r\n", .lines = {"x\n"}},
    {.keys = "a\t\x7f"
             "b\n",
     .screen = "a\t\b\b\b\b\b\b\bb\r\n",
     .lines = {"ab\n"}},
    {.keys = "\xc3\xa9\x7fx\n", .screen = "\xc3\xa9\b \bx\r\n", .lines = {"x\n"}},
    {.keys = "\xc3\xa9\x7fx\n",
     .screen = "\xc3\xa9\b \bx\r\n",
     .lines = {"\xc3x\n"},
     .iflag_off = IUTF8},
    {.keys = "ab\x12"
             "c\n",
     .screen = "ab^R\r\nabc\r\n",
     .lines = {"abc\n"}},
    {.keys = "\x16\x03z\n", .screen = "^\b^Cz\r\n", .lines = {"\x03z\n"}},
    {.keys = "\x16\x7fz\n", .screen = "^\b^?z\r\n", .lines = {"\x7fz\n"}},
    {.keys = "ab\x04", .screen = "ab", .lines = {"ab"}},
    {.keys = "ab\x04\x04", .screen = "ab", .lines = {"ab", ""}},
    {.keys = "\x04", .screen = "", .lines = {""}},
    {.keys = "a\x04"
             "b\n",
     .screen = "ab\r\n",
     .lines = {"a", "b\n"}},
    {.keys = "abc\x03", .screen = "abc^C", .lines = {NULL}, .what = LDISC_INTR | LDISC_FLUSH},
    {.keys = "a\nb\x1c", .screen = "^\\", .lines = {NULL}, .what = LDISC_QUIT | LDISC_FLUSH},
    {.keys = "a\nb\x1a",
     .screen = "a\r\nb^Z",
     .lines = {"a\n"},
     .what = LDISC_SUSP,
     .lflag_on = NOFLSH},
    {.keys = "a\x03\n", .screen = "a^C\r\n", .lines = {"a\x03\n"}, .lflag_off = ISIG},
    {.keys = "ab\n", .screen = "", .lines = {"ab\n"}, .lflag_off = ECHO},
    {.keys = "ab\n", .screen = "\r\n", .lines = {"ab\n"}, .lflag_off = ECHO, .lflag_on = ECHONL},
    {.keys = "ab\x7f\n", .screen = "ab^?\r\n", .lines = {"a\n"}, .lflag_off = ECHOE},
    {.keys = "ab\x15x\n", .screen = "ab^U\r\nx\r\n", .lines = {"x\n"}, .lflag_off = ECHOKE},
    {.keys = "ab\x15x\n", .screen = "ab^Ux\r\n", .lines = {"x\n"}, .lflag_off = ECHOKE | ECHOK},
    {.keys = "a\x01\x7f\n", .screen = "a\x01\r\n", .lines = {"a\n"}, .lflag_off = ECHOCTL},
    {.keys = "a\rb\n", .screen = "a^Mb\r\n", .lines = {"a\rb\n"}, .iflag_off = ICRNL},
    {.keys = "a\rb\n", .screen = "ab\r\n", .lines = {"ab\n"}, .iflag_on = IGNCR},
    {.keys = "\xe1\xe2\n", .screen = "ab\r\n", .lines = {"ab\n"}, .iflag_on = ISTRIP},
    {.keys = "a\x13"
             "b\x11\n",
     .screen = "ab\r\n",
     .lines = {"ab\n"}},
    {.keys = "a\x13\n", .screen = "a^S\r\n", .lines = {"a\x13\n"}, .iflag_off = IXON},
};

static void run(const struct script *s)
{
    start();
    change(s->iflag_off, s->iflag_on, s->lflag_off, s->lflag_on);
    // A flush takes what the screen has not got yet: show it first, as a fast device would.
    assert_int_equal(type(s->keys), s->what);
    if (s->what & LDISC_FLUSH)
        screen_is(strrchr(s->screen, '^'));
    else
        screen_is(s->screen);
    for (unsigned i = 0; i < 4 && s->lines[i]; i++) {
        assert_true(ldisc_readable(&ldisc));
        read_is(s->lines[i]);
    }
    assert_false(ldisc_readable(&ldisc));
}

static void test_scripts(void **state)
{
    for (unsigned i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        print_message("script %u\n", i);
        run(&scripts[i]);
    }
}

static void test_partial_reads(void **state)
{
    u8 got[8];
    bool more;

    start();
    type("abcdef\nxy\x04z");
    assert_int_equal(ldisc_available(&ldisc), 9);
    assert_int_equal(ldisc_read(&ldisc, got, 4, &more), 4);
    assert_true(more);
    ldisc.head += 100; // as one who does not lock may see it
    assert_int_equal(ldisc_available(&ldisc), 0);
    ldisc.head -= 100;
    assert_int_equal(ldisc_read(&ldisc, got, 8, &more), 3);
    assert_false(more);
    // The end of file right behind the last byte that fits is not a read of its own.
    assert_int_equal(ldisc_read(&ldisc, got, 2, &more), 2);
    assert_false(more);
    assert_false(ldisc_readable(&ldisc));
    type("\n");
    read_is("z\n");
}

static void test_raw(void **state)
{
    u8 got[8];
    bool more;

    start();
    change(ICRNL | IXON, 0, ICANON | ISIG | ECHO, 0);
    assert_int_equal(type("a\r\x03\x7f\x13\x04"), 0);
    screen_is("");
    assert_int_equal(ldisc_available(&ldisc), 6);
    assert_int_equal(ldisc_read(&ldisc, got, 4, &more), 4);
    assert_memory_equal(got, "a\r\x03\x7f", 4);
    assert_true(more);
    read_is("\x13\x04");
    type_bytes("\0\xff", 2);
    assert_int_equal(ldisc_read(&ldisc, got, 8, &more), 2);
    assert_memory_equal(got, "\0\xff", 2);
}

static void test_mode_changes(void **state)
{
    start();
    type("done\nhalf");
    change(0, 0, ICANON, 0);
    read_is("done\nhalf");
    type("raw");
    change(0, 0, 0, ICANON);
    type("x\n");
    read_is("raw");
    read_is("x\n");
    assert_false(ldisc_readable(&ldisc));
}

// A read of n bytes in raw mode: how many end it, and the time before the first and after it.
static void wait_is(u8 min, u8 time, size_t n, u32 need, u64 first, u64 later)
{
    start();
    change(0, 0, ICANON | ECHO, 0);
    ldisc.mode.c_cc[VMIN] = min;
    ldisc.mode.c_cc[VTIME] = time;
    assert_int_equal(ldisc_timeout(&ldisc, 0), first);
    assert_int_equal(ldisc_timeout(&ldisc, 1), later);
    for (u32 i = 0; i < need; i++) {
        assert_false(ldisc_enough(&ldisc, n));
        type("x");
    }
    assert_true(ldisc_enough(&ldisc, n));
}

static void test_min_and_time(void **state)
{
    wait_is(0, 0, 10, 0, LDISC_FOREVER, LDISC_FOREVER);
    wait_is(0, 5, 10, 1, 500000000, 500000000);
    wait_is(3, 0, 2, 2, LDISC_FOREVER, LDISC_FOREVER);
    wait_is(3, 1, 10, 3, LDISC_FOREVER, 100000000);
    wait_is(3, 0, 10, 3, LDISC_FOREVER, LDISC_FOREVER);
    ldisc_flush_input(&ldisc);
    type("ab");
    assert_false(ldisc_readable(&ldisc));
    type("c");
    assert_true(ldisc_readable(&ldisc));
}

static void test_limit(void **state)
{
    static char line[LDISC_SIZE * 2];
    static u8 got[LDISC_SIZE];
    bool more;

    start();
    memset(line, 'x', sizeof(line) - 1);
    type(line);
    assert_true(ldisc_wants_input(&ldisc));
    type("\x7f"
         "yz\n");
    assert_int_equal(ldisc_read(&ldisc, got, LDISC_SIZE, &more), LDISC_SIZE);
    assert_memory_equal(got + LDISC_SIZE - 3, "xy\n", 3);
    type("a\n");
    type(line);
    assert_false(ldisc_wants_input(&ldisc));
    read_is("a\n");
    assert_true(ldisc_wants_input(&ldisc));
}

static void test_signals_and_flow(void **state)
{
    start();
    assert_int_equal(type("\x10"), 0);
    ldisc.dump_key = true;
    assert_int_equal(type("\x10"), LDISC_DUMP);
    change(0, 0, ICANON, 0);
    assert_int_equal(type("\x10"), 0);
    type("\x13");
    assert_true(ldisc.stopped);
    type("q");
    assert_true(ldisc.stopped);
    change(0, IXANY, 0, 0);
    type("q");
    assert_false(ldisc.stopped);
}

static void output_is(const char *text, const char *want)
{
    assert_int_equal(ldisc_output(&ldisc, (const u8 *)text, strlen(text)), strlen(text));
    screen_is(want);
}

static void test_output(void **state)
{
    u8 small[16];

    start();
    output_is("a\nb\tc\r\n", "a\r\nb\tc\r\r\n");
    assert_int_equal(ldisc.column, 0);
    ldisc.mode.c_oflag |= XTABS;
    output_is("ab\tc", "ab      c");
    assert_int_equal(ldisc.column, 9);
    ldisc.mode.c_oflag |= OCRNL;
    output_is("x\r", "x\n");
    assert_int_equal(ldisc.column, 10);
    ldisc.mode.c_oflag |= ONLRET;
    output_is("x\r", "x\n");
    assert_int_equal(ldisc.column, 0);
    ldisc.mode.c_oflag = OPOST | ONOCR;
    output_is("\rx\r\n", "x\r\n");
    ldisc.mode.c_oflag = 0;
    output_is("a\n\t\r", "a\n\t\r");
    ldisc.mode.c_oflag = OPOST | ONLCR;
    ring_init(&out, small, sizeof(small));
    assert_true(ldisc_output(&ldisc, (const u8 *)"\n\n\n\n\n\n\n\n\n\n", 10) < 10);
}

// Random keys never break the order of the positions, whatever the mode.
static void test_random(void **state)
{
    static const u8 keys[] = "ab \t\n\r\x03\x04\x11\x12\x13\x15\x16\x17\x1a\x7f\xc3\xa9";
    u8 got[64];
    bool more;

    start();
    for (int i = 0; i < 300000; i++) {
        ldisc_input(&ldisc, keys[unit_below(sizeof(keys))]);
        out.head = out.tail;
        if (unit_below(20) == 0)
            ldisc_read(&ldisc, got, unit_below(sizeof(got)), &more);
        if (unit_below(500) == 0)
            change(0, 0, (u32)unit_random() & (ICANON | ECHO | ISIG),
                   (u32)unit_random() & (ICANON | ECHO | ISIG | IEXTEN));
        assert_true(ldisc.ready - ldisc.head <= LDISC_SIZE);
        assert_true(ldisc.tail - ldisc.ready <= LDISC_SIZE - (ldisc.ready - ldisc.head));
        if (ldisc_canonical(&ldisc) && ldisc.ready != ldisc.head)
            assert_true(bitmap_test(ldisc.ends, (ldisc.ready - 1) % LDISC_SIZE));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_scripts),
    cmocka_unit_test(test_partial_reads),
    cmocka_unit_test(test_raw),
    cmocka_unit_test(test_mode_changes),
    cmocka_unit_test(test_min_and_time),
    cmocka_unit_test(test_limit),
    cmocka_unit_test(test_signals_and_flow),
    cmocka_unit_test(test_output),
    cmocka_unit_test(test_random),
};
UNIT_MAIN(tests)
