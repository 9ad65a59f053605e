// SPDX-License-Identifier: MIT
// The twelve calls on extended attributes: which file each means, and which wrong argument is told
// of first.
#include "abi.h"

#include <sys/xattr.h>

#define ONE "trusted.one" // links may have it, too
#define BAD ((char *)8)   // a bad pointer

static int fd;

// Sets, gets, lists and removes `value` of what "link" or the descriptor names.
static void test_which(void)
{
    char got[8], names[32];

    EXPECT("follows the link", setxattr("link", ONE, "file", 4, 0), 0);
    EXPECT("sets the link's", lsetxattr("link", ONE, "a link", 6, 0), 0);
    EXPECT("gets the file's", getxattr("link", ONE, got, sizeof(got)), 4);
    EXPECT("it is that", memcmp(got, "file", 4), 0);
    EXPECT("gets the link's", lgetxattr("link", ONE, got, sizeof(got)), 6);
    EXPECT("gets by descriptor", fgetxattr(fd, ONE, got, sizeof(got)), 4);
    EXPECT("lists the file's", listxattr("link", names, sizeof(names)), sizeof(ONE));
    EXPECT_STR("the name", names, ONE);
    EXPECT("lists by descriptor", flistxattr(fd, NULL, 0), sizeof(ONE));
    EXPECT("removes the file's", removexattr("link", ONE), 0);
    EXPECT_ERR("it is gone", fgetxattr(fd, ONE, got, sizeof(got)), ENODATA);
    EXPECT("lists the link's", llistxattr("link", names, sizeof(names)), sizeof(ONE));
    EXPECT("removes the link's", lremovexattr("link", ONE), 0);
    EXPECT("no names are left", llistxattr("link", names, sizeof(names)), 0);
    EXPECT("sets by descriptor", fsetxattr(fd, ONE, "x", 1, XATTR_CREATE), 0);
    EXPECT_ERR("it exists", setxattr("file", ONE, "x", 1, XATTR_CREATE), EEXIST);
    EXPECT("removes by descriptor", fremovexattr(fd, ONE), 0);
    EXPECT_ERR("nothing to replace", lsetxattr("file", ONE, "x", 1, XATTR_REPLACE), ENODATA);
    EXPECT_ERR("nothing to remove", fremovexattr(fd, ONE), ENODATA);
}

static void test_order(void)
{
    char long_name[300] = "user.";

    memset(long_name + 5, 'x', 251);
    EXPECT_ERR("flags before the name", setxattr(BAD, BAD, BAD, 1, 4), EINVAL);
    EXPECT_ERR("the name before the size", setxattr(BAD, BAD, BAD, 1 << 20, 0), EFAULT);
    EXPECT_ERR("a long name", lsetxattr(BAD, long_name, BAD, 1, 0), ERANGE);
    EXPECT_ERR("the size before the value", setxattr(BAD, ONE, BAD, 1 << 20, 0), E2BIG);
    EXPECT_ERR("the value before the path", lsetxattr("nowhere", ONE, BAD, 1, 0), EFAULT);
    EXPECT_ERR("the path", setxattr("nowhere", ONE, "x", 1, 0), ENOENT);
    EXPECT_ERR("the descriptor first", fsetxattr(99, BAD, BAD, 1, 4), EBADF);
    EXPECT_ERR("then the flags", fsetxattr(fd, BAD, BAD, 1, 4), EINVAL);
    EXPECT_ERR("the path before a name", getxattr("nowhere", BAD, NULL, 0), ENOENT);
    EXPECT_ERR("the descriptor before a name", fremovexattr(99, BAD), EBADF);
    EXPECT_ERR("the name", fgetxattr(fd, BAD, NULL, 0), EFAULT);
    EXPECT_ERR("no name", lgetxattr("link", "", NULL, 0), ERANGE);
    EXPECT_ERR("a long name to remove", removexattr("file", long_name), ERANGE);
}

static void test_results(void)
{
    char got[4];

    EXPECT("set", setxattr("file", ONE, "12345", 5, 0), 0);
    EXPECT("its size", getxattr("file", ONE, NULL, 0), 5);
    EXPECT_ERR("too little room", fgetxattr(fd, ONE, got, sizeof(got)), ERANGE);
    EXPECT_ERR("too little for names", listxattr("file", got, sizeof(got)), ERANGE);
    EXPECT_ERR("a bad place", getxattr("file", ONE, BAD, 100), EFAULT);
    EXPECT_ERR("a bad place for names", flistxattr(fd, BAD, 100), EFAULT);
    EXPECT("any room", getxattr("file", ONE, (char[1 << 17]){0}, 1 << 17), 5);
}

static void test_only_a_path(void)
{
    int path = open("file", O_PATH);

    NEED(path >= 0);
    EXPECT_ERR("get by O_PATH", fgetxattr(path, ONE, NULL, 0), EBADF);
    EXPECT_ERR("set by O_PATH", fsetxattr(path, ONE, "x", 1, 0), EBADF);
    EXPECT_ERR("list by O_PATH", flistxattr(path, NULL, 0), EBADF);
    close(path);
}

int main(void)
{
    abi_begin();
    fd = open("file", O_RDWR | O_CREAT, 0600);
    NEED(fd >= 0 && symlink("file", "link") == 0);
    test_which();
    test_order();
    test_results();
    test_only_a_path();
    return abi_end();
}
