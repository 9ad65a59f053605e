// SPDX-License-Identifier: MIT
// Directories: names, paths, what cannot be removed, what read() shows of them.
#include "usertests.h"

static void dir_make(void)
{
    struct stat st;

    expect(mkdir("d"), 0);
    expect(mkdir("d"), -1);
    expect(mkdir("d/e"), 0);
    expect(stat("d/e", &st), 0);
    expect(st.type, T_DIR);
    expect(mkdir("none/e"), -1);
    expect(mkdir(""), -1);
    expect(mkdir("."), -1);
    expect(mkdir("/"), -1);
    file_make("f", 1, 1);
    expect(mkdir("f"), -1);
    expect(mkdir("f/e"), -1);
    expect(unlink("f"), 0);
    expect(unlink("d"), -1);
    expect(unlink("d/e"), 0);
    expect(unlink("d"), 0);
    expect(chdir("d"), -1);
}

static void dir_dots(void)
{
    expect(mkdir("dd"), 0);
    expect(chdir("dd"), 0);
    expect(unlink("."), -1);
    expect(unlink(".."), -1);
    expect(chdir(".."), 0);
    expect(unlink("dd/."), -1);
    expect(unlink("dd/.."), -1);
    expect(unlink("/"), -1);
    expect(open(".", O_RDWR), -1);
    expect(open(".", O_WRONLY), -1);
    expect(open("dd", O_CREATE), -1);
    int fd = open(".", O_RDONLY);
    check(fd >= 0);
    expect(write(fd, "x", 1), -1);
    close(fd);
    expect(unlink("dd"), 0);
}

static void dir_paths(void)
{
    expect(mkdir("a"), 0);
    expect(mkdir("a/b"), 0);
    file_make("a/b/f", 10, 1);
    check(file_is("a//b///f", 10, 1));
    check(file_is("./a/./b/../b/f", 10, 1));
    check(file_is("/ut/a/b/f", 10, 1));
    check(file_is("/../../ut/a/b/f", 10, 1));
    expect(chdir("a/b"), 0);
    check(file_is("f", 10, 1));
    check(file_is("../b/f", 10, 1));
    expect(chdir("f"), -1);
    expect(chdir("none"), -1);
    expect(open("f/x", O_RDONLY), -1);
    expect(open("f/x", O_CREATE | O_RDWR), -1);
    expect(unlink("f/x"), -1);
    expect(chdir("/"), 0);
    expect(chdir("ut"), 0);
    expect(unlink("a/b/f"), 0);
    expect(unlink("a/b"), 0);
    expect(unlink("a"), 0);
}

static void gone(void)
{
    expect(mkdir("g"), 0);
    expect(chdir("g"), 0);
    expect(unlink("../g"), 0);
    expect(open("x", O_CREATE | O_RDWR), -1);
    expect(mkdir("x"), -1);
}

// The working directory may be removed; it ends with its last user.
static void dir_removed_inside(void)
{
    expect(child_status(gone), 0);
    gone();
    expect(chdir("/ut"), 0);
}

static void dir_removed_open(void)
{
    struct dirent entry;

    expect(mkdir("r"), 0);
    int fd = open("r", O_RDONLY);
    expect(open("r", O_RDWR), -1);
    expect(unlink("r"), 0);
    while (read(fd, &entry, sizeof(entry)) == sizeof(entry))
        check(!entry.inum || entry.name[0] == '.');
    close(fd);
}

// Names of DIRSIZ bytes are whole; longer ones are the same as what of them fits.
static void dir_names(void)
{
    struct stat a, b;

    expect(mkdir("12345678901234"), 0);
    expect(mkdir("123456789012345"), -1);
    expect(mkdir("12345678901234/123456789012345"), 0);
    file_make("123456789012345/12345678901234/1234567890123", 5, 1);
    check(file_is("12345678901234/12345678901234/1234567890123", 5, 1));
    file_make("abcdefghijklmnopqrst", 5, 2);
    expect(stat("abcdefghijklmn", &a), 0);
    expect(stat("abcdefghijklmnX", &b), 0);
    expect(a.ino, b.ino);
    expect(stat("abcdefghijklm", &b), -1);
    expect(unlink("abcdefghijklmnop"), 0);
    expect(unlink("12345678901234/12345678901234/1234567890123"), 0);
    expect(unlink("12345678901234/12345678901234"), 0);
    expect(unlink("12345678901234"), 0);
}

// A path has at most MAXPATH bytes with its zero.
static void dir_long_path(void)
{
    char path[MAXPATH + 1];

    file_make("p", 3, 1);
    memset(path, '/', sizeof(path));
    memmove(path, "/ut", 3);
    strcpy(path + MAXPATH - 2, "p");
    check(file_is(path, 3, 1));
    strcpy(path + MAXPATH - 1, "p");
    expect(open(path, O_RDONLY), -1);
    expect(unlink(path), -1);
    expect(unlink("p"), 0);
}

static int entries(int fd, int at_once)
{
    static struct dirent list[16];
    int n, last = at_once * sizeof(list[0]), count = 0;

    while ((n = read(fd, list, at_once * sizeof(list[0]))) > 0) {
        expect(n % sizeof(list[0]), 0);
        expect(last, at_once * sizeof(list[0]));
        last = n;
        for (uint i = 0; i < n / sizeof(list[0]); i++)
            count += list[i].inum != 0;
    }
    expect(n, 0);
    return count;
}

// However many entries each read() has room for, each name comes once, and all but the last are
// full.
static void dir_read(void)
{
    char name[] = "n00";

    for (int i = 0; i < 40; i++)
        file_make(numbered(name, i), 0, 0);
    for (int at_once = 1; at_once <= 16; at_once++) {
        int fd = open(".", O_RDONLY);
        expect(entries(fd, at_once), 42);
        close(fd);
    }
    for (int i = 0; i < 40; i += 2)
        expect(unlink(numbered(name, i)), 0);
    expect(directory_count(), 20);
    for (int i = 1; i < 40; i += 2)
        expect(unlink(numbered(name, i)), 0);
    expect(directory_count(), 0);
}

static void dir_read_numbers(void)
{
    struct dirent entry;
    struct stat st;
    int seen = 0;

    file_make("one", 0, 0);
    int fd = open(".", O_RDONLY);
    while (read(fd, &entry, sizeof(entry)) == sizeof(entry)) {
        if (!entry.inum)
            continue;
        expect(stat(entry.name, &st), 0);
        expect(entry.inum, (st.ino - 1) % 65535 + 1);
        seen++;
    }
    expect(seen, 3);
    close(fd);
    expect(unlink("one"), 0);
}

static void dir_deep(void)
{
    enum { DEPTH = 40 };

    for (int i = 0; i < DEPTH; i++) {
        expect(mkdir("d"), 0);
        expect(chdir("d"), 0);
    }
    file_make("f", 9, 1);
    check(file_is("../d/f", 9, 1));
    expect(unlink("f"), 0);
    for (int i = 0; i < DEPTH; i++) {
        expect(chdir(".."), 0);
        expect(unlink("d"), 0);
    }
    check(open("/ut", O_RDONLY) >= 0);
}

static void dir_many(void)
{
    char name[] = "m0000";
    enum { MANY = 500 };

    file_make("first", 1, 1);
    for (int i = 0; i < MANY; i++) {
        name[1] = '0' + i / 100;
        expect(link("first", numbered(name, i % 100)), 0);
    }
    expect(directory_count(), MANY + 1);
    expect(unlink("first"), 0);
    for (int i = 0; i < MANY; i++) {
        name[1] = '0' + i / 100;
        expect(unlink(numbered(name, i % 100)), 0);
    }
    expect(directory_count(), 0);
}

const struct test directory_tests[] = {
    {"dir_make", dir_make, false},
    {"dir_dots", dir_dots, false},
    {"dir_paths", dir_paths, false},
    {"dir_removed_inside", dir_removed_inside, false},
    {"dir_removed_open", dir_removed_open, false},
    {"dir_names", dir_names, false},
    {"dir_long_path", dir_long_path, false},
    {"dir_read", dir_read, false},
    {"dir_read_numbers", dir_read_numbers, false},
    {"dir_deep", dir_deep, false},
    {"dir_many", dir_many, true},
    {0},
};
