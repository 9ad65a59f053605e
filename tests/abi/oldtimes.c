// SPDX-License-Identifier: MIT
// Times of files before 1970, and far in the future; of a tmpfs, as root.
#include "abi.h"

#include <sys/mount.h>

#define FIRST     (-(1L << 31))            // 1901
#define LAST      (FIRST + (1L << 34) - 1) // 2446
#define YEAR_1950 (-631152000L)

static struct timespec times[] = {
    {YEAR_1950, 0}, {YEAR_1950, 123456789}, {-1, 0},    {-1, 999999999}, {0, 0},
    {0, 1},         {FIRST + 1, 5},         {FIRST, 0}, {INT32_MAX, 17}, {1L << 31, 17},
    {1L << 33, 4},  {LAST - 1, 6},          {LAST, 0},
};

#define TIMES (sizeof(times) / sizeof(times[0]))

static bool same(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_x(const struct statx_timestamp *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static void test_set(void)
{
    for (unsigned i = 0; i < TIMES; i++) {
        struct timespec t[2] = {times[i], times[(i + 1) % TIMES]};
        struct statx x;
        struct stat st;

        EXPECT("set", utimensat(AT_FDCWD, "file", t, 0), 0);
        NEED(stat("file", &st) == 0 && statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &x) == 0);
        CHECK("stat", same(&st.st_atim, &t[0]) && same(&st.st_mtim, &t[1]));
        CHECK("statx", same_x(&x.stx_atime, &t[0]) && same_x(&x.stx_mtime, &t[1]));
    }
}

static struct timespec atime_after_read(const struct timespec atime, const struct timespec mtime)
{
    struct timespec t[2] = {atime, mtime};
    struct stat st;

    NEED(utimensat(AT_FDCWD, "file", t, 0) == 0);
    EXPECT_STR("read", file_text("file"), "text");
    NEED(stat("file", &st) == 0);
    return st.st_atim;
}

// The change of the time itself is the last change, so all that is not in the future is noted.
static void test_read(void)
{
    struct timespec old = {YEAR_1950, 0}, far = {LAST - 1, 1}, got;

    got = atime_after_read(old, old);
    CHECK("noted after 1950", got.tv_sec > 0 && got.tv_sec < LAST - 1);
    got = atime_after_read(far, old);
    CHECK("not noted before 2446", same(&got, &far));
    got = atime_after_read(old, far);
    CHECK("noted before a change in 2446", got.tv_sec > 0 && got.tv_sec < LAST - 1);
}

int main(void)
{
    abi_begin();
    scratch_enter();
    NEED(mkdir("mounted", 0755) == 0 && mount("none", "mounted", "tmpfs", 0, NULL) == 0);
    NEED(chdir("mounted") == 0);
    file_write("file", "text", 0644);
    test_set();
    test_read();
    NEED(chdir("..") == 0 && umount("mounted") == 0);
    scratch_leave();
    return abi_end();
}
