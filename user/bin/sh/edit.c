// SPDX-License-Identifier: MIT
// Line editing on a terminal: the keys of emacs and the arrows, and a history of lines. The line
// is shown in one row, which scrolls sideways when it is longer than the terminal is wide. Bytes
// are read one at a time, so that what is typed ahead goes to the program it is meant for.
#include "abi/ioctl.h"
#include "lib/linux.h"
#include "sh.h"

#define HISTORY_MAX  100
#define DEFAULT_COLS 80
#define CTRL(c)      ((c)&0x1f)

enum key { KEY_UP = 256, KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_HOME, KEY_END, KEY_DELETE, KEY_NONE };

struct editor {
    const char *prompt;
    struct text line;
    uint cursor;  // byte offset in the line
    uint history; // entry shown; history_count means the new line
    uint cols;
};

static char *history[HISTORY_MAX];
static uint history_count;

// ---- The terminal.

bool edit_possible(void)
{
    struct termios modes;

    return sys_ioctl(0, TCGETS, &modes) == 0;
}

static bool raw_begin(struct termios *old)
{
    if (sys_ioctl(0, TCGETS, old) < 0)
        return false;
    struct termios raw = *old;
    raw.c_lflag &= ~(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_iflag &= ~IXON;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    return sys_ioctl(0, TCSETSW, &raw) == 0;
}

static uint terminal_cols(void)
{
    struct winsize size;

    if (sys_ioctl(0, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return DEFAULT_COLS;
    return size.ws_col;
}

// ---- Keys.

static int escape_letter(char c)
{
    switch (c) {
    case 'A':
        return KEY_UP;
    case 'B':
        return KEY_DOWN;
    case 'C':
        return KEY_RIGHT;
    case 'D':
        return KEY_LEFT;
    case 'H':
        return KEY_HOME;
    case 'F':
        return KEY_END;
    default:
        return KEY_NONE;
    }
}

// The rest of an escape sequence: ESC [ letter, ESC O letter or ESC [ number ~.
static int escape_read(void)
{
    char c;
    int number = 0;

    if (read(0, &c, 1) != 1 || (c != '[' && c != 'O'))
        return KEY_NONE;
    while (read(0, &c, 1) == 1 && c >= '0' && c <= ';')
        number = c >= '0' && c <= '9' ? number * 10 + c - '0' : 0;
    if (c != '~')
        return escape_letter(c);
    if (number == 1 || number == 7)
        return KEY_HOME;
    if (number == 4 || number == 8)
        return KEY_END;
    return number == 3 ? KEY_DELETE : KEY_NONE;
}

// A byte, a KEY_*, or -1 at the end of input.
static int key_read(void)
{
    uchar c;

    if (read(0, &c, 1) != 1)
        return -1;
    return c == CTRL('[') ? escape_read() : c;
}

// ---- The picture. UTF-8: bytes that continue a character take no column.

static bool continues(char c)
{
    return ((uchar)c & 0xc0) == 0x80;
}

static uint columns(const char *s, uint len)
{
    uint n = 0;

    while (len--)
        n += !continues(*s++);
    return n;
}

static uint step_back(const struct editor *e, uint at)
{
    while (at > 0 && continues(e->line.data[--at]))
        ;
    return at;
}

static uint step_on(const struct editor *e, uint at)
{
    if (at < e->line.used)
        at++;
    while (at < e->line.used && continues(e->line.data[at]))
        at++;
    return at;
}

static void add_escape(struct text *out, uint n, char letter)
{
    char digits[8];
    uint at = sizeof(digits);

    do {
        digits[--at] = '0' + n % 10;
        n /= 10;
    } while (n);
    text_add(out, "\x1b[", 2);
    text_add(out, digits + at, sizeof(digits) - at);
    text_add(out, &letter, 1);
}

// Draws the row anew: as much of the line as fits, with the cursor in it.
static void redraw(const struct editor *e)
{
    struct text out = {};
    uint prompt_cols = strlen(e->prompt);
    uint room = e->cols > prompt_cols + 1 ? e->cols - prompt_cols - 1 : 1;
    uint from = 0, to = 0;

    while (columns(e->line.data + from, e->cursor - from) >= room)
        from = step_on(e, from);
    for (to = from; to < e->line.used && columns(e->line.data + from, to - from) < room;)
        to = step_on(e, to);
    text_add(&out, "\r", 1);
    text_add(&out, e->prompt, prompt_cols);
    text_add(&out, e->line.data + from, to - from);
    text_add(&out, "\x1b[K\r", 4);
    uint column = prompt_cols + columns(e->line.data + from, e->cursor - from);
    if (column > 0)
        add_escape(&out, column, 'C');
    write(1, out.data, out.used);
    free(out.data);
}

// ---- Changes.

static void delete_range(struct editor *e, uint from, uint to)
{
    struct text *t = &e->line;

    memmove(t->data + from, t->data + to, t->used - to + 1);
    t->used -= to - from;
    e->cursor = from;
    redraw(e);
}

static void insert(struct editor *e, char c)
{
    struct text *t = &e->line;

    text_add(t, &c, 1);
    memmove(t->data + e->cursor + 1, t->data + e->cursor, t->used - 1 - e->cursor);
    t->data[e->cursor++] = c;
    // The usual case, a character at the end of a short line, needs no redrawing.
    if (e->cursor == t->used && strlen(e->prompt) + t->used < e->cols)
        write(1, &c, 1);
    else
        redraw(e);
}

static uint word_start(const struct editor *e)
{
    uint at = e->cursor;

    while (at > 0 && e->line.data[at - 1] == ' ')
        at--;
    while (at > 0 && e->line.data[at - 1] != ' ')
        at--;
    return at;
}

static void move_to(struct editor *e, uint at)
{
    e->cursor = at;
    redraw(e);
}

static void show_history(struct editor *e, int direction)
{
    if ((direction < 0 && e->history == 0) || (direction > 0 && e->history == history_count))
        return;
    e->history += direction;
    const char *line = e->history == history_count ? "" : history[e->history];
    text_clear(&e->line);
    text_add(&e->line, line, strlen(line));
    move_to(e, e->line.used);
}

static void history_add(const char *line, uint len)
{
    if (len == 0 || (history_count && strcmp(history[history_count - 1], line) == 0))
        return;
    char *copy = malloc(len + 1);
    if (!copy)
        return;
    strcpy(copy, line);
    if (history_count == HISTORY_MAX) {
        free(history[0]);
        memmove(history, history + 1, (HISTORY_MAX - 1) * sizeof(history[0]));
        history_count--;
    }
    history[history_count++] = copy;
}

// ---- The loop.

enum outcome { GO_ON, LINE_DONE, LINE_DROPPED, INPUT_ENDED };

static enum outcome delete_or_end(struct editor *e)
{
    if (e->line.used == 0)
        return INPUT_ENDED;
    delete_range(e, e->cursor, step_on(e, e->cursor));
    return GO_ON;
}

static void handle_move(struct editor *e, int key)
{
    switch (key) {
    case CTRL('A'):
    case KEY_HOME:
        move_to(e, 0);
        break;
    case CTRL('E'):
    case KEY_END:
        move_to(e, e->line.used);
        break;
    case CTRL('B'):
    case KEY_LEFT:
        move_to(e, step_back(e, e->cursor));
        break;
    case CTRL('F'):
    case KEY_RIGHT:
        move_to(e, step_on(e, e->cursor));
        break;
    case CTRL('P'):
    case KEY_UP:
        show_history(e, -1);
        break;
    case CTRL('N'):
    case KEY_DOWN:
        show_history(e, 1);
        break;
    }
}

static void handle_change(struct editor *e, int key)
{
    switch (key) {
    case '\b':
    case 0x7f:
        delete_range(e, step_back(e, e->cursor), e->cursor);
        break;
    case KEY_DELETE:
        delete_range(e, e->cursor, step_on(e, e->cursor));
        break;
    case CTRL('U'):
        delete_range(e, 0, e->cursor);
        break;
    case CTRL('K'):
        delete_range(e, e->cursor, e->line.used);
        break;
    case CTRL('W'):
        delete_range(e, word_start(e), e->cursor);
        break;
    case CTRL('L'):
        write(1, "\x1b[H\x1b[2J", 7);
        redraw(e);
        break;
    default:
        if (key >= ' ' && key < KEY_UP)
            insert(e, key);
        else
            handle_move(e, key);
    }
}

static enum outcome handle_key(struct editor *e, int key)
{
    switch (key) {
    case -1:
        return INPUT_ENDED;
    case '\r':
    case '\n':
        return LINE_DONE;
    case CTRL('C'):
        return LINE_DROPPED;
    case CTRL('D'):
        return delete_or_end(e);
    default:
        handle_change(e, key);
        return GO_ON;
    }
}

bool edit_line(const char *prompt, struct text *line)
{
    struct editor e = {.prompt = prompt, .history = history_count, .cols = terminal_cols()};
    struct termios old;
    enum outcome outcome;

    if (!raw_begin(&old))
        return false;
    text_clear(&e.line);
    write(1, prompt, strlen(prompt));
    while ((outcome = handle_key(&e, key_read())) == GO_ON)
        ;
    if (outcome == LINE_DROPPED) {
        write(1, "^C", 2);
        text_clear(&e.line);
        text_clear(line);
    }
    write(1, "\n", 1);
    sys_ioctl(0, TCSETSW, &old);
    history_add(e.line.data, e.line.used);
    text_add(line, e.line.data, e.line.used);
    text_add(line, "\n", 1);
    free(e.line.data);
    return outcome != INPUT_ENDED;
}
