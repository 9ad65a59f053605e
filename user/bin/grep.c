// SPDX-License-Identifier: MIT
// grep PATTERN [FILE...]: prints the lines that match a regular expression of literal characters
// and `^ $ . *`. Lines may have any length that memory allows.
#include <stdbool.h>

#include "kernel/fcntl.h"
#include "user/user.h"

#define FIRST_SIZE 4096

static char *buf;
static uint size; // bytes of buf; the last is kept for a terminating zero
static bool matched;

static bool match_here(const char *re, const char *text);

// `c*` and the rest: tries the shortest run of c first.
static bool match_star(char c, const char *re, const char *text)
{
    do {
        if (match_here(re, text))
            return true;
    } while (*text && (*text++ == c || c == '.'));
    return false;
}

static bool match_here(const char *re, const char *text)
{
    for (; *re; re++, text++) {
        if (re[1] == '*')
            return match_star(*re, re + 2, text);
        if (re[0] == '$' && !re[1])
            return !*text;
        if (!*text || (*re != '.' && *re != *text))
            return false;
    }
    return true;
}

static bool match(const char *re, const char *text)
{
    if (*re == '^')
        return match_here(re + 1, text);
    do {
        if (match_here(re, text))
            return true;
    } while (*text++);
    return false;
}

// Handles the lines that end within `used` bytes of the buffer; returns the bytes they take.
static uint scan_lines(const char *re, uint used)
{
    char *line = buf, *end;

    buf[used] = 0;
    while ((end = strchr(line, '\n'))) {
        *end = 0;
        if (match(re, line)) {
            *end = '\n';
            write(1, line, end + 1 - line);
            matched = true;
        }
        line = end + 1;
    }
    return line - buf;
}

static bool buffer_grow(void)
{
    uint wanted = size ? size * 2 : FIRST_SIZE;
    char *larger = malloc(wanted);

    if (!larger)
        return false;
    memcpy(larger, buf, size);
    free(buf);
    buf = larger;
    size = wanted;
    return true;
}

static int grep(const char *re, int fd, const char *name)
{
    uint used = 0;
    int n;

    for (;;) {
        if (used + 1 >= size && !buffer_grow()) {
            fprintf(2, "grep: %s: line too long\n", name);
            return 2;
        }
        n = read(fd, buf + used, size - 1 - used);
        if (n <= 0)
            break;
        used += n;
        uint done = scan_lines(re, used);
        used -= done;
        memmove(buf, buf + done, used);
    }
    if (used > 0) { // the last line lacks its newline
        buf[used++] = '\n';
        scan_lines(re, used);
    }
    if (n < 0)
        fprintf(2, "grep: cannot read %s\n", name);
    return n < 0 ? 2 : 0;
}

int main(int argc, char **argv)
{
    int failed = 0;

    if (argc < 2) {
        fprintf(2, "usage: grep PATTERN [FILE...]\n");
        return 2;
    }
    if (argc == 2)
        failed = grep(argv[1], 0, "input");
    for (int i = 2; i < argc; i++) {
        int fd = open(argv[i], O_RDONLY);
        if (fd < 0) {
            fprintf(2, "grep: cannot open %s\n", argv[i]);
            failed = 2;
            continue;
        }
        failed |= grep(argv[1], fd, argv[i]);
        close(fd);
    }
    return failed ? failed : !matched;
}
