// SPDX-License-Identifier: MIT
// bttest: asked by a write to /proc/sysrq-trigger, the kernel shows how it came to where it is: the
// functions by name, from the newest call back to the way into the kernel.
#include "check.h"
#include "kernel/fcntl.h"
#include "kernel/types.h"
#include "user/user.h"

#define TRIGGER "/proc/sysrq-trigger"
#define KERNEL  0xffffff8000000000UL // programs are below
#define LEAST   4                    // calls: who prints, the file's write, sys_write, the way in
#define MOST    32
#define NAME    40

struct call {
    uint64 address, offset;
    char name[NAME];
};

// What was logged since the last time. xv6 has no such call, Linux's is syslog(2).
static long log_take(char *buf, long size)
{
    register long a7 asm("a7") = 116;
    register long a0 asm("a0") = 4;
    register char *a1 asm("a1") = buf;
    register long a2 asm("a2") = size;

    asm volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
    return a0;
}

// What the kernel logs while `letter` is written.
static char *told(char *letter)
{
    static char log[65536];
    int fd = open(TRIGGER, O_WRONLY), n;

    log_take(log, sizeof(log) - 1);
    check("a write to " TRIGGER, 1, write(fd, letter, 1));
    n = log_take(log, sizeof(log) - 1);
    check_range("bytes logged", 1, sizeof(log) - 1, n);
    log[n > 0 ? n : 0] = 0;
    close(fd);
    return log;
}

// Behind the first `word` in the text, or 0.
static char *behind(char *text, char *word)
{
    for (; *text; text++)
        if (memcmp(text, word, strlen(word)) == 0)
            return text + strlen(word);
    return 0;
}

static char *number(char *s, uint64 *value)
{
    static char digits[] = "0123456789abcdef";

    for (*value = 0; *s && strchr(digits, *s); s++)
        *value = *value * 16 + (strchr(digits, *s) - digits);
    return s;
}

// A line "  ADDRESS NAME+0xOFFSET": the next one, or 0 if it is none.
static char *call_read(char *s, struct call *c)
{
    int n = 0;

    if (s[0] != ' ' || s[1] != ' ')
        return 0;
    s = number(s + 2, &c->address);
    if (*s++ != ' ')
        return 0;
    while (n < NAME - 1 && *s > ' ' && *s != '+')
        c->name[n++] = *s++;
    c->name[n] = 0;
    if (memcmp(s, "+0x", 3) != 0)
        return 0;
    s = number(s + 3, &c->offset);
    return *s == '\n' ? s + 1 : 0;
}

// The writer's calls, the first that are shown; how many.
static int chain_read(struct call *calls)
{
    char *s = behind(told("l"), "\nbacktrace:\n");
    int n = 0;

    while (s && n < MOST && (s = call_read(s, &calls[n])))
        n++;
    return n;
}

static void test_chain(void)
{
    static struct call calls[MOST];
    int n = chain_read(calls);

    check_range("calls", LEAST, MOST - 1, n);
    for (int i = 0; i < n; i++) {
        check_range("place in a function", 1, 65535, calls[i].offset);
        check("an address of the kernel", 1, calls[i].address >= KERNEL);
    }
    if (n >= LEAST) {
        check("the oldest call is the way in", 0, strcmp(calls[n - 1].name, "trap_entry"));
        check("and called sys_write", 0, strcmp(calls[n - 2].name, "sys_write"));
    }
}

// Another process comes by another stack, but the same way.
static void test_child(void)
{
    static struct call before[MOST], now[MOST];
    int n = chain_read(before), status = -1;

    if (fork() == 0) {
        int differ = chain_read(now) != n;
        for (int i = 0; i < n; i++)
            differ += before[i].address != now[i].address;
        exit(differ);
    }
    wait(&status);
    check("calls of a child that differ", 0, status);
}

int main(void)
{
    test_chain();
    test_child();
    check("a backtrace for another letter", 0, behind(told("x"), "backtrace:\n") != 0);
    exit(check_end("bttest"));
}
