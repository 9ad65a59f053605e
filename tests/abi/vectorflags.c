// SPDX-License-Identifier: MIT
// RWF_APPEND and RWF_NOWAIT of preadv2 and pwritev2.
#include "abi.h"

#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/uio.h>

static char page[1 << 20];

static ssize_t get(int fd, size_t n, off_t at, int flags)
{
    struct iovec v = {page, n};

    return preadv2(fd, &v, 1, at, flags);
}

static ssize_t put(int fd, const char *text, off_t at, int flags)
{
    struct iovec v[2] = {{(void *)text, 1}, {(void *)(text + 1), strlen(text) - 1}};

    return pwritev2(fd, v, 2, at, flags);
}

static ssize_t put_much(int fd, size_t n)
{
    struct iovec v = {page, n};

    return pwritev2(fd, &v, 1, -1, RWF_NOWAIT);
}

static void test_append(void)
{
    int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644);

    NEED(fd >= 0);
    EXPECT("to an empty file", put(fd, "one", 100, RWF_APPEND), 3);
    EXPECT_STR("from the start", file_text("file"), "one");
    EXPECT("to its end", put(fd, "two", 0, RWF_APPEND), 3);
    EXPECT_STR("all", file_text("file"), "onetwo");
    EXPECT("the position stays", lseek(fd, 0, SEEK_CUR), 0);
    EXPECT("with the position", put(fd, "three", -1, RWF_APPEND), 5);
    EXPECT("which is the end then", lseek(fd, 0, SEEK_CUR), 11);
    EXPECT_STR("all of it", file_text("file"), "onetwothree");
    EXPECT("one call alone", put(fd, "ONE", 0, 0), 3);
    EXPECT("and through", put(fd, "four", 0, RWF_APPEND | RWF_DSYNC), 4);
    EXPECT_STR("the whole", file_text("file"), "ONEtwothreefour");
    EXPECT("not a flag of the file", fcntl(fd, F_GETFL) & O_APPEND, 0);
    EXPECT("reads do not care", get(fd, 3, 3, RWF_APPEND), 3);
    CHECK("where they are", memcmp(page, "two", 3) == 0);
    close(fd);
}

static void test_append_stream(void)
{
    int p[2];

    NEED(pipe(p) == 0);
    EXPECT("a pipe has but an end", put(p[1], "text", -1, RWF_APPEND), 4);
    EXPECT("and that", get(p[0], 9, -1, 0), 4);
    close(p[0]), close(p[1]);
}

// Both ends of something, to be waited for else.
static void test_ends(int in, int out)
{
    size_t filled = 0;
    ssize_t n;

    EXPECT_ERR("nothing there", get(in, 5, -1, RWF_NOWAIT), EAGAIN);
    EXPECT("room", put(out, "abc", -1, RWF_NOWAIT), 3);
    EXPECT("what is there", get(in, 5, -1, RWF_NOWAIT), 3);
    EXPECT_ERR("nothing again", get(in, 5, -1, RWF_NOWAIT), EAGAIN);
    EXPECT("files still wait", (fcntl(in, F_GETFL) | fcntl(out, F_GETFL)) & O_NONBLOCK, 0);
    while ((n = put_much(out, sizeof(page))) > 0)
        filled += n;
    CHECK("as much as there is room", filled > 0 && n == -1 && errno == EAGAIN);
    EXPECT_ERR("none left", put(out, "abc", -1, RWF_NOWAIT), EAGAIN);
    for (; filled && (n = get(in, sizeof(page), -1, RWF_NOWAIT)) > 0; filled -= n)
        ;
    EXPECT("all of it came", filled, 0);
    EXPECT_ERR("and no more", get(in, 5, -1, RWF_NOWAIT), EAGAIN);
    close(out);
    EXPECT("its end", get(in, 5, -1, RWF_NOWAIT), 0);
    close(in);
}

static void test_nowait(void)
{
    int p[2];

    NEED(pipe(p) == 0);
    test_ends(p[0], p[1]);
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
    test_ends(p[0], p[1]);
}

static void test_nowait_eventfd(void)
{
    int fd = eventfd(0, 0);

    EXPECT_ERR("no event", get(fd, 8, -1, RWF_NOWAIT), EAGAIN);
    NEED(eventfd_write(fd, 3) == 0);
    EXPECT("an event", get(fd, 8, -1, RWF_NOWAIT), 8);
    close(fd);
}

static void test_nowait_others(void)
{
    int fd = inotify_init1(0);

    EXPECT_ERR("what cannot", get(fd, 64, -1, RWF_NOWAIT), EOPNOTSUPP);
    close(fd);
}

int main(void)
{
    abi_begin();
    scratch_enter();
    test_append();
    test_append_stream();
    test_nowait();
    test_nowait_eventfd();
    test_nowait_others();
    scratch_leave();
    return abi_end();
}
