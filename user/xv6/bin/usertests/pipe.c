// SPDX-License-Identifier: MIT
// Pipes: order, ends, full ones, many writers.
#include "usertests.h"

enum { TOTAL = 200000, RECORD = 32 };

static int fds[2];
static char buf[5000];

static void pipe_ends(void)
{
    char c;

    expect(pipe(fds), 0);
    expect(write(fds[0], "x", 1), -1);
    expect(read(fds[1], &c, 1), -1);
    expect(write(fds[1], "abc", 3), 3);
    expect(read(fds[0], buf, 2), 2);
    expect(read(fds[0], buf, 100), 1); // what is there, no more
    expect(buf[0], 'c');
    close(fds[1]);
    expect(read(fds[0], &c, 1), 0);
    expect(read(fds[0], &c, 1), 0);
    struct stat st;
    expect(fstat(fds[0], &st), 0);
    close(fds[0]);
}

static void pipe_no_reader(void)
{
    expect(pipe(fds), 0);
    close(fds[0]);
    expect(write(fds[1], "x", 1), -1); // and the process goes on
    close(fds[1]);
}

static void send_all(void)
{
    static const int pieces[] = {1, 511, 512, 513, 1000, 4096, 4999};

    close(fds[0]);
    for (int at = 0, i = 0, n; at < TOTAL; at += n, i++) {
        n = pieces[i % 7] < TOTAL - at ? pieces[i % 7] : TOTAL - at;
        bytes_fill(buf, n, at, 5);
        expect(write(fds[1], buf, n), n);
    }
}

static void pipe_order(void)
{
    int at = 0, n;

    expect(pipe(fds), 0);
    int pid = child(send_all);
    close(fds[1]);
    while ((n = read(fds[0], buf, 1 + at % sizeof(buf))) > 0) {
        check(bytes_are(buf, n, at, 5));
        at += n;
    }
    expect(n, 0);
    expect(at, TOTAL);
    close(fds[0]);
    expect(status_of(pid), 0);
}

static void send_records(void)
{
    for (int i = 0; i < 500; i++) {
        memset(buf, 'a' + getpid() % 26, RECORD);
        expect(write(fds[1], buf, RECORD), RECORD);
    }
}

// Small writes of several processes come whole.
static void pipe_writers(void)
{
    int records = 0, used = 0, n;

    expect(pipe(fds), 0);
    for (int i = 0; i < 4; i++)
        child(send_records);
    close(fds[1]);
    while ((n = read(fds[0], buf + used, RECORD - used)) > 0) {
        used += n;
        if (used < RECORD)
            continue;
        for (int i = 1; i < RECORD; i++)
            expect(buf[i], buf[0]);
        records++;
        used = 0;
    }
    expect(records, 2000);
    expect(children_status(4), 0);
}

static void reader_leaves(void)
{
    close(fds[1]);
    expect(read(fds[0], buf, 10), 10);
}

// Who waits for room is told that nobody will make it.
static void pipe_reader_leaves(void)
{
    int n;

    expect(pipe(fds), 0);
    child(reader_leaves);
    close(fds[0]);
    do
        n = write(fds[1], buf, sizeof(buf));
    while (n > 0);
    expect(n, -1);
    check(wait(0) > 0);
}

static void echo_bytes(void)
{
    char c;

    for (int i = 0; i < 300; i++) {
        expect(read(fds[0], &c, 1), 1);
        expect(c, (char)i);
        sleep(0);
    }
}

static void pipe_bytes(void)
{
    expect(pipe(fds), 0);
    int pid = child(echo_bytes);
    for (int i = 0; i < 300; i++) {
        char c = i;
        expect(write(fds[1], &c, 1), 1);
    }
    expect(status_of(pid), 0);
}

static void pipe_dup_writer(void)
{
    char c;

    expect(pipe(fds), 0);
    int second = dup(fds[1]);
    close(fds[1]);
    expect(write(second, "x", 1), 1);
    expect(read(fds[0], &c, 1), 1);
    close(second);
    expect(read(fds[0], &c, 1), 0);
}

static void pipe_close_race(void)
{
    for (int i = 0; i < 100; i++) {
        expect(pipe(fds), 0);
        int pid = fork();
        if (pid == 0) {
            close(fds[0]);
            write(fds[1], "xx", 2);
            exit(0);
        }
        close(fds[1]);
        expect(read(fds[0], buf, 1), 1);
        close(fds[0]);
        expect(wait(0), pid);
    }
}

// Each passes on what its neighbour passes to it.
static void pipe_chain(void)
{
    int in, n;

    expect(pipe(fds), 0);
    expect(write(fds[1], "0", 1), 1);
    close(fds[1]);
    in = fds[0];
    for (int i = 0; i < 25; i++) {
        expect(pipe(fds), 0);
        if (fork() == 0) {
            close(fds[0]);
            while ((n = read(in, buf, 1)) == 1) {
                buf[0]++;
                write(fds[1], buf, 1);
            }
            exit(0);
        }
        close(fds[1]);
        close(in);
        in = fds[0];
    }
    expect(read(in, buf, 10), 1);
    expect(buf[0], '0' + 25);
    expect(read(in, buf, 10), 0);
    expect(children_status(25), 0);
}

const struct test pipe_tests[] = {
    {"pipe_ends", pipe_ends, false},
    {"pipe_no_reader", pipe_no_reader, false},
    {"pipe_order", pipe_order, false},
    {"pipe_writers", pipe_writers, false},
    {"pipe_reader_leaves", pipe_reader_leaves, false},
    {"pipe_bytes", pipe_bytes, false},
    {"pipe_dup_writer", pipe_dup_writer, false},
    {"pipe_close_race", pipe_close_race, false},
    {"pipe_chain", pipe_chain, false},
    {0},
};
