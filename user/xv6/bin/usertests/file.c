// SPDX-License-Identifier: MIT
// Files: how open() makes, cuts and refuses them, what is read back, sizes from none to large.
#include "usertests.h"

static char buf[16 * BSIZE];

static void open_missing(void)
{
    expect(open("none", O_RDONLY), -1);
    expect(open("none", O_RDWR), -1);
    expect(open("none/none", O_CREATE | O_RDWR), -1);
    expect(open("", O_RDONLY), -1);
    expect(open("", O_CREATE | O_RDWR), -1);
    expect(directory_count(), 0);
}

static void open_modes(void)
{
    char c = 'x';
    int fd = open("om", O_CREATE | O_WRONLY);

    check(fd >= 0);
    expect(read(fd, &c, 1), -1);
    expect(write(fd, &c, 1), 1);
    close(fd);
    fd = open("om", O_RDONLY);
    expect(write(fd, &c, 1), -1);
    expect(read(fd, &c, 1), 1);
    close(fd);
    fd = open("om", O_RDWR);
    expect(read(fd, &c, 1), 1);
    expect(write(fd, &c, 1), 1);
    close(fd);
    expect(file_size("om"), 2);
    expect(unlink("om"), 0);
}

static void open_create(void)
{
    file_make("oc", 100, 1);
    int fd = open("oc", O_CREATE | O_RDWR); // it is there: nothing is lost
    check(fd >= 0);
    close(fd);
    check(file_is("oc", 100, 1));
    fd = open("oc2", O_CREATE | O_RDONLY);
    check(fd >= 0);
    expect(write(fd, "x", 1), -1);
    close(fd);
    expect(file_size("oc2"), 0);
    expect(unlink("oc"), 0);
    expect(unlink("oc2"), 0);
}

static void open_truncate(void)
{
    file_make("ot", 5000, 1);
    int fd = open("ot", O_RDONLY);
    expect(read(fd, buf, 100), 100);
    int cut = open("ot", O_TRUNC | O_WRONLY);
    check(cut >= 0);
    expect(file_size("ot"), 0);
    expect(read(fd, buf, 100), 0); // behind the end now
    expect(write(cut, "abcdef", 6), 6);
    close(fd);
    fd = open("ot", O_RDONLY);
    expect(read(fd, buf, 100), 6);
    expect(memcmp(buf, "abcdef", 6), 0);
    close(fd);
    close(cut);
    expect(unlink("ot"), 0);
}

// An offset past the end, which another's O_TRUNC leaves, cannot be written at: files have no
// holes.
static void truncate_behind(void)
{
    int fd = open("tb", O_CREATE | O_TRUNC | O_WRONLY);

    expect(write(fd, "abcd", 4), 4);
    int cut = open("tb", O_TRUNC | O_WRONLY);
    expect(write(fd, "x", 1), -1);
    expect(file_size("tb"), 0);
    expect(write(cut, "efghij", 6), 6);
    expect(write(fd, "x", 1), 1); // at 4 again
    close(cut);
    close(fd);
    fd = open("tb", O_RDONLY);
    expect(read(fd, buf, 100), 6);
    expect(memcmp(buf, "efghxj", 6), 0);
    close(fd);
    expect(unlink("tb"), 0);
}

static void truncate_race(void)
{
    int pid = fork();

    if (pid == 0) {
        for (int i = 0; i < 100; i++) {
            int fd = open("tr", O_CREATE | O_TRUNC | O_RDWR);
            check(fd >= 0);
            int n = read(fd, buf, 32);
            check(n >= 0);
            close(fd);
        }
        exit(0);
    }
    for (int i = 0; i < 150; i++) {
        int fd = open("tr", O_CREATE | O_TRUNC | O_WRONLY);
        check(fd >= 0);
        expect(write(fd, "xxx", 3), 3);
        close(fd);
    }
    expect(status_of(pid), 0);
    expect(unlink("tr"), 0);
}

static void file_small(void)
{
    for (int size = 0; size < 40; size++) {
        file_make("fs", size, size);
        check(file_is("fs", size, size));
        expect(file_size("fs"), size);
    }
    expect(unlink("fs"), 0);
}

// Sizes around a block, and each way to write them.
static void file_pieces(void)
{
    static const int pieces[] = {1, 3, 499, 512, 1023, 1024, 1025, 4096, 5000, 12 * BSIZE};

    for (uint i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        int n = pieces[i], fd = open("fp", O_CREATE | O_TRUNC | O_WRONLY);
        for (int at = 0; at < 3 * n; at += n) {
            bytes_fill(buf, n, at, i);
            expect(write(fd, buf, n), n);
        }
        close(fd);
        check(file_is("fp", 3 * n, i));
        fd = open("fp", O_RDONLY);
        for (int at = 0; at < 3 * n; at += n) {
            expect(read(fd, buf, n), n);
            check(bytes_are(buf, n, at, i));
        }
        expect(read(fd, buf, n), 0);
        close(fd);
    }
    expect(unlink("fp"), 0);
}

static void file_overwrite(void)
{
    file_make("fo", 5000, 1);
    int fd = open("fo", O_RDWR);
    for (int i = 0; i < 4; i++) {
        expect(read(fd, buf, 700), 700);
        check(bytes_are(buf, 700, i * 1000, 1));
        memset(buf, i, 300);
        expect(write(fd, buf, 300), 300);
    }
    close(fd);
    expect(file_size("fo"), 5000);
    fd = open("fo", O_RDONLY);
    expect(read(fd, buf, 5000), 5000);
    for (int i = 0; i < 4; i++) {
        check(bytes_are(buf + i * 1000, 700, i * 1000, 1));
        for (int j = 700; j < 1000; j++)
            expect(buf[i * 1000 + j], i);
    }
    close(fd);
    expect(unlink("fo"), 0);
}

// Through the direct and the single indirect blocks into the double indirect one.
static void file_indirect(void)
{
    int size = (NDIRECT + NINDIRECT + 20) * BSIZE;

    file_make("fi", size, 3);
    check(file_is("fi", size, 3));
    expect(file_size("fi"), size);
    expect(unlink("fi"), 0);
}

static void file_unlinked(void)
{
    file_make("fu", 3000, 1);
    int fd = open("fu", O_RDWR);
    expect(unlink("fu"), 0);
    expect(open("fu", O_RDONLY), -1);
    expect(read(fd, buf, 3000), 3000);
    check(bytes_are(buf, 3000, 0, 1));
    file_make("fu", 50, 2); // another of this name
    expect(write(fd, "xyz", 3), 3);
    struct stat st;
    expect(fstat(fd, &st), 0);
    expect(st.nlink, 0);
    expect(st.size, 3003);
    close(fd);
    check(file_is("fu", 50, 2));
    expect(unlink("fu"), 0);
}

static void file_stat(void)
{
    struct stat a, b;

    file_make("f1", 1234, 1);
    file_make("f2", 0, 1);
    expect(stat("f1", &a), 0);
    expect(stat("f2", &b), 0);
    expect(a.type, T_FILE);
    expect(a.nlink, 1);
    expect(a.size, 1234);
    expect(b.size, 0);
    expect(a.dev, b.dev);
    check(a.ino != b.ino && a.ino > 0);
    expect(stat(".", &b), 0);
    expect(b.type, T_DIR);
    expect(stat("none", &b), -1);
    int fd = open("f1", O_RDONLY);
    expect(fstat(fd, &b), 0);
    expect(b.ino, a.ino);
    close(fd);
    expect(fstat(fd, &b), -1);
    expect(unlink("f1"), 0);
    expect(unlink("f2"), 0);
}

// A failed write must not keep blocks.
static void write_bad_often(void)
{
    for (int i = 0; i < 300; i++) {
        int fd = open("wb", O_CREATE | O_WRONLY);
        check(fd >= 0);
        expect(write(fd, (char *)0xffffffffffL, 1), -1);
        close(fd);
        expect(unlink("wb"), 0);
    }
    file_make("wb", 1, 1);
    expect(unlink("wb"), 0);
}

static void readme(void)
{
    struct stat st;
    int fd = open("/README", O_RDONLY), n = read(fd, buf, sizeof(buf));

    expect(stat("/README", &st), 0);
    expect(n, st.size);
    close(fd);
}

static void console(void)
{
    struct stat st;

    expect(mknod("console", 1, 0), 0);
    expect(mknod("console", 1, 0), -1);
    int fd = open("console", O_RDWR);
    check(fd >= 0);
    expect(fstat(fd, &st), 0);
    expect(st.type, T_DEVICE);
    expect(write(fd, "", 0), 0);
    close(fd);
    expect(unlink("console"), 0);
    expect(open("console", O_RDWR), -1);
    expect(mknod("nothing", 9, 9), 0); // a device that is not there can be named, not opened
    expect(open("nothing", O_RDWR), -1);
    expect(unlink("nothing"), 0);
    expect(mknod("none/console", 1, 0), -1);
}

// The largest file, if the disk is large enough.
static void file_largest(void)
{
    int fd = open("fl", O_CREATE | O_WRONLY), n = 0;

    while (n < MAXFILE && write(fd, buf, BSIZE) == BSIZE)
        n++;
    if (n == MAXFILE && on_xv6fs())
        expect(write(fd, buf, BSIZE), -1);
    expect(file_size("fl"), (long)n * BSIZE);
    close(fd);
    expect(unlink("fl"), 0);
}

const struct test file_tests[] = {
    {"open_missing", open_missing, false},
    {"open_modes", open_modes, false},
    {"open_create", open_create, false},
    {"open_truncate", open_truncate, false},
    {"truncate_behind", truncate_behind, false},
    {"truncate_race", truncate_race, false},
    {"file_small", file_small, false},
    {"file_pieces", file_pieces, false},
    {"file_overwrite", file_overwrite, false},
    {"file_indirect", file_indirect, false},
    {"file_unlinked", file_unlinked, false},
    {"file_stat", file_stat, false},
    {"write_bad_often", write_bad_often, false},
    {"readme", readme, false},
    {"console", console, false},
    {"file_largest", file_largest, true},
    {0},
};
