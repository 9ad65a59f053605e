// SPDX-License-Identifier: MIT
// For programs that load the kernel's locks from several processes at once: who waited how often.
#pragma once

#include "kernel/fcntl.h"
#include "kernel/types.h"
#include "user/user.h"

#define WORKERS   8
#define TABLE     "/proc/lockstat"
#define TABLE_MAX 8192
// A lock that was taken less often is no sample: one holder whom the host lets wait holds up all
// other harts at once.
#define SAMPLE 5000

static inline void locks_need(void)
{
    char c;

    if (statistics(&c, 1) == 1)
        return;
    fprintf(2, "the kernel does not count its locks: ./rv xv6 --debug\n");
    exit(2);
}

static inline void locks_clear(void)
{
    int fd = open(TABLE, O_WRONLY);

    if (fd < 0 || write(fd, "0", 1) != 1) {
        fprintf(2, "%s cannot be cleared\n", TABLE);
        exit(1);
    }
    close(fd);
}

static inline char *number(char *s, uint64 *n)
{
    while (*s == ' ')
        s++;
    for (*n = 0; *s >= '0' && *s <= '9'; s++)
        *n = *n * 10 + *s - '0';
    return s;
}

struct count {
    uint64 acquired, contended;
};

static inline int count_check(const char *name, struct count c, int percent)
{
    if (c.contended * 100 < c.acquired * percent)
        return 0;
    fprintf(2, "%s: expected under %d%% of %lu contended, saw %lu\n", name, percent, c.acquired,
            c.contended);
    return 1;
}

// Reads the line of the lock at `s`; the next line.
static inline char *line_check(char *s, struct count *total, int *failures)
{
    char *end = strchr(s, '\n'), *name = s;
    struct count c;

    s = strchr(s, ' ');
    *s++ = 0;
    s = number(s, &c.acquired);
    number(s, &c.contended);
    // Of a lock that an emulator's host holds up with its hart, the share varies.
    if (c.acquired >= SAMPLE)
        *failures += count_check(name, c, 2);
    total->acquired += c.acquired;
    total->contended += c.contended;
    return end + 1;
}

// Prints the table, which begins with a line of titles and ends in one that begins with dashes.
static inline int locks_check(void)
{
    static char table[TABLE_MAX];
    int n = statistics(table, sizeof(table) - 1), failures = 0;
    struct count total = {0, 0};

    if (n <= 0) {
        fprintf(2, "statistics: expected a table, saw %d bytes\n", n);
        return 1;
    }
    table[n] = 0;
    printf("%s", table);
    for (char *s = strchr(table, '\n') + 1; *s && *s != '-';)
        s = line_check(s, &total, &failures);
    return failures + count_check("all locks", total, 1);
}

static inline void pipe_make(int *fds)
{
    if (pipe(fds) == 0)
        return;
    fprintf(2, "no pipe\n");
    exit(1);
}

static inline void worker(int n, int (*load)(int n), int ready, int go, int ended, int leave)
{
    char c = 0;
    int failures;

    write(ready, &c, 1);
    read(go, &c, 1);
    failures = load(n);
    write(ended, &c, 1);
    read(leave, &c, 1);
    exit(failures);
}

static inline void read_all(int fd)
{
    char c;

    for (int i = 0; i < WORKERS; i++)
        if (read(fd, &c, 1) != 1)
            exit(1);
}

static inline void write_all(int fd)
{
    char c[WORKERS] = {0};

    write(fd, c, WORKERS);
}

// Runs load(0), load(1)... at once, each in its process, and counts from when all are there until
// all have done. What failed, locks that were waited for included.
static inline int locks_load(int (*load)(int n))
{
    int ready[2], go[2], ended[2], leave[2], failures, status;

    pipe_make(ready);
    pipe_make(go);
    pipe_make(ended);
    pipe_make(leave);
    for (int i = 0; i < WORKERS; i++) {
        int pid = fork();

        if (pid < 0)
            exit(1);
        if (pid == 0)
            worker(i, load, ready[1], go[0], ended[1], leave[0]);
    }
    read_all(ready[0]);
    locks_clear();
    write_all(go[1]);
    read_all(ended[0]);
    failures = locks_check();
    write_all(leave[1]);
    for (int i = 0; i < WORKERS; i++) {
        wait(&status);
        failures += status;
    }
    return failures;
}
