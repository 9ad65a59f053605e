// SPDX-License-Identifier: MIT
// printf, strings, gets and malloc.
#include "usertests.h"

static int fds[2];
static char seen[1200];

static void printed(const char *text)
{
    int n = read(fds[0], seen, sizeof(seen) - 1);

    seen[n > 0 ? n : 0] = 0;
    if (strcmp(seen, text) != 0)
        printf("expected \"%s\", seen \"%s\"\n", text, seen);
    expect(strcmp(seen, text), 0);
}

static void lib_printf(void)
{
    expect(pipe(fds), 0);
    fprintf(fds[1], "%d %d %x %u|", 0, -2147483647 - 1, 0xbeef, 4294967295u);
    printed("0 -2147483648 beef 4294967295|");
    fprintf(fds[1], "%ld %lx %lu", -5L, 0x123456789abcdef0L, ~0UL);
    printed("-5 123456789abcdef0 18446744073709551615");
    fprintf(fds[1], "%p %s %c%c %% %s", (void *)0x1234, "text", 'a', 'b', (char *)0);
    printed("0x0000000000001234 text ab % (null)");
    fprintf(fds[1], "no newline");
    printed("no newline");
    memset(seen + 600, 'l', 500);
    seen[1100] = 0;
    fprintf(fds[1], "%s!", seen + 600);
    expect(read(fds[0], seen, 600), 501);
    expect(seen[500], '!');
}

static void lib_strings(void)
{
    char to[16];

    expect(strlen(""), 0);
    expect(strlen("abc"), 3);
    expect(strcpy(to, "hello"), to);
    expect(strcmp(to, "hello"), 0);
    check(strcmp("a", "b") < 0 && strcmp("b", "a") > 0 && strcmp("ab", "a") > 0);
    expect(strchr(to, 'l'), to + 2);
    expect(strchr(to, 'x'), 0);
    expect(memset(to, 'x', 4), to);
    expect(to[3], 'x');
    expect(to[4], 'o');
    expect(memcpy(to, "0123456789", 10), to);
    memmove(to + 2, to, 8);
    expect(memcmp(to, "0101234567", 10), 0);
    memmove(to, to + 2, 8);
    expect(memcmp(to, "0123456767", 10), 0);
    check(memcmp("a", "b", 1) < 0);
    expect(memcmp("a", "b", 0), 0);
    expect(atoi("0"), 0);
    expect(atoi("123x"), 123);
    expect(atoi("x"), 0);
}

static void lib_gets(void)
{
    expect(pipe(fds), 0);
    expect(write(fds[1], "one\ntwo\n\nlast", 13), 13);
    close(fds[1]);
    close(0);
    expect(dup(fds[0]), 0);
    expect(strcmp(gets(seen, sizeof(seen)), "one\n"), 0);
    expect(strcmp(gets(seen, 3), "tw"), 0);
    expect(strcmp(gets(seen, sizeof(seen)), "o\n"), 0);
    expect(strcmp(gets(seen, sizeof(seen)), "\n"), 0);
    expect(strcmp(gets(seen, sizeof(seen)), "last"), 0);
    expect(strcmp(gets(seen, sizeof(seen)), ""), 0);
}

static void lib_malloc(void)
{
    enum { BLOCKS = 64 };
    char *blocks[BLOCKS];

    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            int size = 1 + (i * 37 + round * 11) % 2000;
            blocks[i] = malloc(size);
            check(blocks[i] && (uint64)blocks[i] % 16 == 0);
            memset(blocks[i], i, size);
        }
        for (int i = 0; i < BLOCKS; i++)
            expect(blocks[i][(i * 37 + round * 11) % 2000], i);
        for (int i = 0; i < BLOCKS; i++)
            free(blocks[i * 7 % BLOCKS]);
    }
    free(0);
    check((uint64)sbrk(0) < 1 << 20); // what was freed was used again
}

static void malloc_all(void)
{
    void **list = 0, **block;
    int n = 0;

    while ((block = malloc(10001)) != 0) {
        *block = list;
        list = block;
        n++;
    }
    check(n > 1000);
    while (list) {
        void **next = *list;
        free(list);
        list = next;
    }
    check(malloc(20 * 1024) != 0);
}

static void lib_malloc_all(void)
{
    expect(child_status(malloc_all), 0);
}

const struct test library_tests[] = {
    {"lib_printf", lib_printf, false},
    {"lib_strings", lib_strings, false},
    {"lib_gets", lib_gets, false},
    {"lib_malloc", lib_malloc, false},
    {"lib_malloc_all", lib_malloc_all, true},
    {0},
};
