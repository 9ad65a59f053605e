// SPDX-License-Identifier: MIT
// What programs of Debian's packages cost, from fork to wait. `world LOOPS [ROW...]`, below /bench
// with its other files; /ram is a file system on a RAM disk, /tmp one in memory.
//
// One line a row, as bench.c prints them: name, cost of one operation, operations of a loop, the
// loops' costs. What a row needs is made before each loop, which has its program run once besides:
// files that are read are in memory then.
#include "bench.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOPS_MAX 9
#define SETTLE    3 // seconds
#define WORDS     8

struct row {
    const char *name;
    int runs;            // of one loop
    int operations;      // of one run
    const char *prepare; // before each loop, and each run if it is not repeatable
    int once;            // a run cannot be repeated
    char *argv[WORDS];
};

#define INSERTS(n, synchronous)                                                                  \
    "rm -f /ram/db*; sqlite3 /ram/db 'PRAGMA synchronous=" synchronous                           \
    "; CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)'; { echo 'PRAGMA synchronous=" synchronous \
    ";'; seq " #n                                                                                \
    " | sed 's/.*/INSERT INTO t VALUES (&, \"the row with the number &\");/'; } >/tmp/in"

static const struct row rows[] = {
    {"dynamic", 20, 1, NULL, 0, {"true"}},
    {"sh", 20, 1, NULL, 0, {"sh", "-c", "true"}},
    {"find", 1, 1, NULL, 0, {"find", "/usr", "-xdev", "-name", "no such name"}},
    {"sqlite", 1, 200, INSERTS(200, "OFF"), 1, {"sqlite3", "/ram/db", ".read /tmp/in"}},
    {"sqlite-sync", 1, 200, INSERTS(200, "FULL"), 1, {"sqlite3", "/ram/db", ".read /tmp/in"}},
    {"python", 2, 1, NULL, 0, {"python3", "-c", "pass"}},
    {"git",
     3,
     1,
     "test -d /tmp/repository || { mkdir /tmp/repository; cd /tmp/repository; tar xf /bench/tar;"
     " git init -q; git add .; git -c user.name=n -c user.email=e commit -q -m all; }",
     0,
     {"git", "-C", "/tmp/repository", "status", "--short"}},
    {"gcc",
     1,
     1,
     "printf '#include <stdio.h>\\nint main(void) { return puts(\"hello\") < 0; }\\n'"
     " >/tmp/hello.c",
     0,
     {"gcc", "-O2", "-o", "/tmp/hello", "/tmp/hello.c"}},
};

static void run(char *const *argv)
{
    int status;
    pid_t pid = fork();

    check(pid >= 0, "fork");
    if (pid == 0) {
        dup2(open("/dev/null", O_WRONLY), 1);
        execvp(argv[0], argv);
        _exit(127);
    }
    check(waitpid(pid, &status, 0) == pid && status == 0, argv[0]);
}

static void shell(const char *command)
{
    char *argv[] = {"sh", "-ec", (char *)command, NULL};

    run(argv);
}

static uint64_t loop(const struct row *r)
{
    if (r->prepare)
        shell(r->prepare);
    if (!r->once)
        run(r->argv);
    uint64_t start = ticks();
    for (int i = 0; i < r->runs; i++)
        run(r->argv);
    return (ticks() - start) * 100 / (r->runs * r->operations);
}

static void row_run(const struct row *r, int loops)
{
    uint64_t cost[LOOPS_MAX];

    if (r->once)
        loop(r);
    for (int i = 0; i < loops; i++)
        cost[i] = loop(r);
    printf("%s %lu %d", r->name, costs_sort(cost, loops), r->runs * r->operations);
    costs_print(cost, loops);
}

int main(int argc, char **argv)
{
    int loops = argc > 1 ? atoi(argv[1]) : 0;

    if (loops < 1 || loops > LOOPS_MAX) {
        fprintf(stderr, "usage: world LOOPS [ROW...]\n");
        return 2;
    }
    sleep(SETTLE);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (wanted(rows[i].name, argv + 2))
            row_run(&rows[i], loops);
    return 0;
}
