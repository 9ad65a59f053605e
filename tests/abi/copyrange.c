// SPDX-License-Identifier: MIT
// copy_file_range(2): within one file ranges may touch, not overlap; what it is asked for in vain.
#include "abi.h"

static ssize_t copy_within(int in, loff_t from, int out, loff_t to, size_t n)
{
    return copy_file_range(in, &from, out, &to, n, 0);
}

static void test_overlap(int fd, int other)
{
    EXPECT_ERR("forward", copy_within(fd, 0, fd, 4, 8), EINVAL);
    EXPECT_ERR("backward", copy_within(fd, 4, fd, 0, 8), EINVAL);
    EXPECT_ERR("onto itself", copy_within(fd, 4, fd, 4, 8), EINVAL);
    EXPECT_ERR("by one byte", copy_within(fd, 0, fd, 7, 8), EINVAL);
    EXPECT_ERR("through another open", copy_within(fd, 0, other, 4, 8), EINVAL);
    EXPECT("nothing", copy_within(fd, 4, fd, 4, 0), 0);
    EXPECT("at the end", copy_within(fd, 16, fd, 16, 8), 0);
    EXPECT_STR("unchanged", file_text("file"), "0123456789abcdef");
}

// The files' own positions say where, too.
static void test_positions(int fd, int other)
{
    NEED(lseek(fd, 2, SEEK_SET) == 2 && lseek(other, 4, SEEK_SET) == 4);
    EXPECT_ERR("own positions", copy_file_range(fd, NULL, other, NULL, 4, 0), EINVAL);
    EXPECT("which stay", lseek(fd, 0, SEEK_CUR), 2);
    EXPECT_ERR("one position for both", copy_file_range(fd, NULL, fd, NULL, 4, 0), EINVAL);
    EXPECT("side by side", copy_file_range(fd, NULL, other, NULL, 2, 0), 2);
    EXPECT("moved", lseek(other, 0, SEEK_CUR), 6);
    EXPECT_STR("copied", file_text("file"), "0123236789abcdef");
}

static void test_beside(int fd)
{
    EXPECT("touching", copy_within(fd, 0, fd, 8, 8), 8);
    EXPECT_STR("copied too", file_text("file"), "0123236701232367");
    EXPECT("no more than there is", copy_within(fd, 12, fd, 8, 100), 4);
    EXPECT_STR("the end", file_text("file"), "0123236723672367");
}

// The first of these that is true is told: a directory, no regular file, not open for it, past the
// largest offset, in the way.
static void test_refused(int fd)
{
    int directory = open(".", O_RDONLY), reader = open("file", O_RDONLY), pair[2];
    int writer = open("file", O_WRONLY), appender = open("file", O_RDWR | O_APPEND);

    NEED(directory >= 0 && reader >= 0 && writer >= 0 && appender >= 0 && pipe(pair) == 0);
    EXPECT_ERR("from a directory", copy_within(directory, 0, reader, 0, 1), EISDIR);
    EXPECT_ERR("into a directory", copy_within(writer, 0, directory, 0, 1), EISDIR);
    EXPECT_ERR("from a pipe", copy_file_range(pair[0], NULL, fd, NULL, 1, 0), EINVAL);
    EXPECT_ERR("into its wrong end", copy_file_range(fd, NULL, pair[0], NULL, 1, 0), EINVAL);
    EXPECT_ERR("from a writer", copy_within(writer, 0, fd, 8, 1), EBADF);
    EXPECT_ERR("into a reader", copy_within(fd, 0, reader, 8, 1), EBADF);
    EXPECT_ERR("into one that appends", copy_within(fd, 0, appender, 0, 1), EBADF);
    EXPECT_ERR("the source wraps", copy_within(fd, 8, fd, 0, -4), EOVERFLOW);
    EXPECT_ERR("the target wraps", copy_within(fd, 0, fd, 8, -4), EOVERFLOW);
    close(directory);
    close(reader);
    close(writer);
    close(appender);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    abi_begin();
    scratch_enter();
    file_write("file", "0123456789abcdef", 0644);
    int fd = open("file", O_RDWR), other = open("file", O_RDWR);
    NEED(fd >= 0 && other >= 0);
    test_overlap(fd, other);
    test_positions(fd, other);
    test_beside(fd);
    test_refused(fd);
    scratch_leave();
    return abi_end();
}
