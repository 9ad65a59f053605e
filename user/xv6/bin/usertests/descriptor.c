// SPDX-License-Identifier: MIT
// Descriptors: the lowest free one, sixteen of them, what dup and fork share and two opens do not.
#include "usertests.h"

static char buf[64];

static void fd_lowest(void)
{
    int fds[2];

    expect(open("/README", O_RDONLY), 3);
    expect(dup(3), 4);
    expect(pipe(fds), 0);
    expect(fds[0], 5);
    expect(fds[1], 6);
    expect(close(4), 0);
    expect(open("/", O_RDONLY), 4);
    expect(close(3), 0);
    expect(close(5), 0);
    expect(pipe(fds), 0);
    expect(fds[0], 3);
    expect(fds[1], 5);
    close(0);
    expect(dup(1), 0);
}

static void fd_closed(void)
{
    struct stat st;
    static const int numbers[] = {3, NOFILE, NOFILE + 1, 64, 1000, 0x7fffffff, -1, -2147483647 - 1};

    for (uint i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        int fd = numbers[i];
        expect(close(fd), -1);
        expect(dup(fd), -1);
        expect(read(fd, buf, 1), -1);
        expect(write(fd, buf, 1), -1);
        expect(fstat(fd, &st), -1);
    }
    int fd = open("/README", O_RDONLY);
    expect(close(fd), 0);
    expect(close(fd), -1);
}

static void fd_all(void)
{
    int fds[2] = {-5, -5}, n = descriptors_open();

    for (; n < NOFILE; n++)
        expect(open("/README", O_RDONLY), n);
    expect(open("/README", O_RDONLY), -1);
    expect(open("made", O_CREATE | O_RDWR), -1);
    expect(dup(3), -1);
    expect(pipe(fds), -1);
    close(NOFILE - 1);
    expect(pipe(fds), -1); // one is not enough, and stays free
    expect(descriptors_open(), NOFILE - 1);
    expect(dup(3), NOFILE - 1);
    close(NOFILE - 1);
    close(NOFILE - 2);
    expect(pipe(fds), 0);
    unlink("made");
}

static void fd_dup_offset(void)
{
    file_make("fd", 30, 1);
    int a = open("fd", O_RDWR), b = dup(a);
    expect(read(a, buf, 10), 10);
    expect(read(b, buf, 10), 10);
    check(bytes_are(buf, 10, 10, 1));
    expect(write(a, "zz", 2), 2);
    close(a);
    expect(read(b, buf, 10), 8);
    check(bytes_are(buf, 8, 22, 1));
    close(b);
    expect(unlink("fd"), 0);
}

static void fd_two_opens(void)
{
    file_make("ft", 30, 1);
    int a = open("ft", O_RDONLY), b = open("ft", O_RDWR);
    expect(read(a, buf, 20), 20);
    expect(read(b, buf, 5), 5);
    check(bytes_are(buf, 5, 0, 1));
    expect(write(b, "q", 1), 1);
    expect(read(a, buf, 20), 10);
    check(bytes_are(buf, 10, 20, 1));
    close(a);
    close(b);
    expect(unlink("ft"), 0);
}

// Parent and child write by one offset: nothing is lost.
static void fd_fork_offset(void)
{
    enum { TIMES = 200, PIECE = 10 };
    int fd = open("ff", O_CREATE | O_RDWR), counts[2] = {0, 0}, pid = fork(), n;

    check(pid >= 0);
    memset(buf, pid == 0 ? 'c' : 'p', PIECE);
    for (int i = 0; i < TIMES; i++)
        expect(write(fd, buf, PIECE), PIECE);
    if (pid == 0)
        exit(0);
    expect(status_of(pid), 0);
    close(fd);
    fd = open("ff", O_RDONLY);
    while ((n = read(fd, buf, sizeof(buf))) > 0)
        for (int i = 0; i < n; i++)
            counts[buf[i] == 'c'] += buf[i] == 'c' || buf[i] == 'p';
    expect(counts[0], TIMES * PIECE);
    expect(counts[1], TIMES * PIECE);
    close(fd);
    expect(unlink("ff"), 0);
}

static void child_reads(void)
{
    expect(read(3, buf, 10), 10);
    check(bytes_are(buf, 10, 10, 1));
    close(3);
}

static void fd_child_closes(void)
{
    file_make("fc", 30, 1);
    expect(open("fc", O_RDONLY), 3);
    expect(read(3, buf, 10), 10);
    expect(child_status(child_reads), 0);
    expect(read(3, buf, 20), 10); // still open here, and further on
    check(bytes_are(buf, 10, 20, 1));
    close(3);
    expect(unlink("fc"), 0);
}

static void directory_child(void)
{
    struct dirent entry;

    while (read(3, &entry, sizeof(entry)) == sizeof(entry))
        if (entry.inum)
            write(4, &entry, sizeof(entry));
}

// Who reads a directory by one descriptor together sees each name once.
static void fd_directory_shared(void)
{
    struct dirent entry;
    char name[] = "d00";
    int in, seen[20] = {0};

    for (int i = 0; i < 20; i++)
        file_make(numbered(name, i), 0, 0);
    expect(open(".", O_RDONLY), 3);
    expect(open("/ut.seen", O_CREATE | O_TRUNC | O_RDWR), 4);
    for (int i = 0; i < 3; i++)
        child(directory_child);
    expect(children_status(3), 0);
    in = open("/ut.seen", O_RDONLY);
    while (read(in, &entry, sizeof(entry)) == sizeof(entry))
        if (entry.name[0] == 'd')
            seen[(entry.name[1] - '0') * 10 + entry.name[2] - '0']++;
    for (int i = 0; i < 20; i++) {
        expect(seen[i], 1);
        expect(unlink(numbered(name, i)), 0);
    }
    expect(unlink("/ut.seen"), 0);
}

static void fd_reuse(void)
{
    for (int i = 0; i < 500; i++) {
        expect(open("/README", O_RDONLY), 3);
        expect(dup(3), 4);
        expect(close(3), 0);
        expect(close(4), 0);
    }
}

// There is no network.
static void fd_connect(void)
{
    int before = descriptors_open();

    expect(connect(127u << 24 | 1, 2000, 2001), -1);
    expect(descriptors_open(), before);
}

const struct test descriptor_tests[] = {
    {"fd_lowest", fd_lowest, false},
    {"fd_closed", fd_closed, false},
    {"fd_all", fd_all, false},
    {"fd_dup_offset", fd_dup_offset, false},
    {"fd_two_opens", fd_two_opens, false},
    {"fd_fork_offset", fd_fork_offset, false},
    {"fd_child_closes", fd_child_closes, false},
    {"fd_directory_shared", fd_directory_shared, false},
    {"fd_reuse", fd_reuse, false},
    {"fd_connect", fd_connect, false},
    {0},
};
