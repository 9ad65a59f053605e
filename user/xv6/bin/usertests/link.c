// SPDX-License-Identifier: MIT
// Links and symbolic links.
#include "usertests.h"

static int links(const char *name)
{
    struct stat st;

    return stat(name, &st) < 0 ? -1 : st.nlink;
}

static void link_two(void)
{
    file_make("l1", 100, 1);
    expect(link("l1", "l2"), 0);
    expect(links("l1"), 2);
    expect(links("l2"), 2);
    check(file_is("l2", 100, 1));
    expect(link("l1", "l2"), -1);
    expect(link("l1", "l1"), -1);
    expect(unlink("l1"), 0);
    expect(open("l1", O_RDONLY), -1);
    check(file_is("l2", 100, 1));
    expect(links("l2"), 1);
    expect(unlink("l2"), 0);
    expect(unlink("l2"), -1);
}

static void link_fails(void)
{
    expect(link("none", "l"), -1);
    expect(link(".", "l"), -1);
    expect(link("/", "l"), -1);
    expect(link("/README", "."), -1);
    expect(link("/README", "none/l"), -1);
    expect(link("/README", "/README/l"), -1);
    expect(link("", "l"), -1);
    expect(link("/README", ""), -1);
    int before = links("/README");
    expect(link("/README", "l"), 0);
    expect(links("/README"), before + 1);
    expect(unlink("l"), 0);
    expect(links("/README"), before);
}

static void link_many(void)
{
    char name[] = "l00";

    file_make("first", 10, 1);
    for (int i = 0; i < 50; i++)
        expect(link("first", numbered(name, i)), 0);
    expect(links("first"), 51);
    expect(unlink("first"), 0);
    for (int i = 0; i < 50; i++) {
        check(file_is(numbered(name, i), 10, 1));
        expect(unlink(name), 0);
    }
}

static void unlink_fails(void)
{
    expect(unlink("none"), -1);
    expect(unlink("none/none"), -1);
    expect(unlink(""), -1);
    expect(unlink("/README/x"), -1);
}

static void symlink_opens(void)
{
    file_make("target", 100, 1);
    expect(symlink("target", "s"), 0);
    check(file_is("s", 100, 1));
    expect(symlink("other", "s"), -1);
    int fd = open("s", O_RDWR);
    expect(write(fd, "X", 1), 1);
    close(fd);
    check(!file_is("target", 100, 1));
    file_make("target", 100, 2);
    check(file_is("s", 100, 2));
    expect(unlink("s"), 0);
    check(file_is("target", 100, 2)); // the link went, not what it names
    expect(unlink("target"), 0);
}

static void symlink_itself(void)
{
    struct stat st;

    expect(symlink("target", "s"), 0);
    int fd = open("s", O_NOFOLLOW);
    check(fd >= 0);
    expect(fstat(fd, &st), 0);
    expect(st.type, T_SYMLINK);
    close(fd);
    file_make("plain", 3, 1);
    fd = open("plain", O_NOFOLLOW | O_RDWR);
    expect(fstat(fd, &st), 0);
    expect(st.type, T_FILE);
    close(fd);
    expect(unlink("s"), 0);
    expect(unlink("plain"), 0);
}

static void symlink_dangling(void)
{
    expect(symlink("later", "s"), 0);
    expect(open("s", O_RDONLY), -1);
    file_make("later", 10, 1);
    check(file_is("s", 10, 1));
    expect(unlink("later"), 0);
    expect(open("s", O_RDWR), -1);
    expect(unlink("s"), 0);
    expect(symlink("", "s"), -1);
    expect(symlink("x", ""), -1);
    expect(symlink("x", "none/s"), -1);
}

static void symlink_loop(void)
{
    expect(symlink("b", "a"), 0);
    expect(symlink("a", "b"), 0);
    expect(open("a", O_RDONLY), -1);
    expect(open("b", O_RDWR), -1);
    expect(unlink("a"), 0);
    expect(unlink("b"), 0);
    expect(symlink("self", "self"), 0);
    expect(open("self", O_RDONLY), -1);
    expect(unlink("self"), 0);
}

// A chain of ten is followed, of eleven not.
static void symlink_chain(void)
{
    char name[] = "s00", before[] = "s00";

    file_make(name, 10, 1);
    for (int i = 1; i <= 11; i++)
        expect(symlink(numbered(before, i - 1), numbered(name, i)), 0);
    check(file_is("s10", 10, 1));
    expect(open("s11", O_RDONLY), -1);
    for (int i = 0; i <= 11; i++)
        expect(unlink(numbered(name, i)), 0);
}

static void symlink_directory(void)
{
    expect(mkdir("d"), 0);
    expect(mkdir("d/e"), 0);
    expect(symlink("d/e", "s"), 0);
    expect(symlink("e/f", "d/t"), 0); // from where the link is
    file_make("d/e/f", 20, 1);
    check(file_is("s/f", 20, 1));
    check(file_is("d/t", 20, 1));
    expect(symlink("/ut/d/e/f", "abs"), 0);
    check(file_is("abs", 20, 1));
    expect(unlink("abs"), 0);
    expect(unlink("s"), 0);
    expect(unlink("d/t"), 0);
    expect(unlink("d/e/f"), 0);
    expect(unlink("d/e"), 0);
    expect(unlink("d"), 0);
}

static void symlink_worker(void)
{
    for (int i = 0; i < 50; i++) {
        struct stat st;
        int fd;
        if (i % 3 == 0)
            symlink("/README", "sc");
        else if (i % 3 == 1)
            unlink("sc");
        else if ((fd = open("sc", O_NOFOLLOW)) >= 0) {
            expect(fstat(fd, &st), 0);
            expect(st.type, T_SYMLINK);
            close(fd);
        }
    }
}

static void symlink_concurrent(void)
{
    for (int i = 0; i < 4; i++)
        child(symlink_worker);
    expect(children_status(4), 0);
    unlink("sc");
}

const struct test link_tests[] = {
    {"link_two", link_two, false},
    {"link_fails", link_fails, false},
    {"link_many", link_many, false},
    {"unlink_fails", unlink_fails, false},
    {"symlink_opens", symlink_opens, false},
    {"symlink_itself", symlink_itself, false},
    {"symlink_dangling", symlink_dangling, false},
    {"symlink_loop", symlink_loop, false},
    {"symlink_chain", symlink_chain, false},
    {"symlink_directory", symlink_directory, false},
    {"symlink_concurrent", symlink_concurrent, false},
    {0},
};
