// SPDX-License-Identifier: MIT
// Which mounts keep reading from being noted: MS_NOATIME, MS_RDONLY, of directories MS_NODIRATIME;
// of a bind mount, its own flags. As root.
#include "bound.h"

#include <dirent.h>

#define OLD 1000 // before the last change, so that a read is noted

static void make_old(const char *path)
{
    struct timespec t[2] = {{.tv_sec = OLD}, {.tv_sec = OLD + 1}};

    NEED(utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW) == 0);
}

static bool is_old(const char *path)
{
    struct stat st;

    NEED(lstat(path, &st) == 0);
    return st.st_atim.tv_sec == OLD;
}

static void read_all(const char *directory)
{
    char path[64], text[64];

    snprintf(path, sizeof(path), "%s/read", directory);
    EXPECT_STR("contents", file_text(path), "text");
    snprintf(path, sizeof(path), "%s/link", directory);
    EXPECT("link", readlink(path, text, sizeof(text)), 4);
    snprintf(path, sizeof(path), "%s/followed", directory);
    EXPECT("followed", access(path, F_OK), 0);
}

static void test_times_of(unsigned long flags, const char *directory, bool noted)
{
    static const char *const files[] = {"plain/read", "plain/link", "plain/followed"};

    bound_flags(flags);
    for (int i = 0; i < 3; i++)
        make_old(files[i]);
    read_all(directory);
    for (int i = 0; i < 3; i++)
        EXPECT(noted ? "noted" : "not noted", is_old(files[i]), !noted);
}

static void list(const char *directory)
{
    DIR *d = opendir(directory);

    NEED(d);
    while (readdir(d))
        ;
    closedir(d);
}

static void test_directory(unsigned long flags, bool noted)
{
    bound_flags(flags);
    make_old("plain/dir");
    list("bound/dir");
    EXPECT(noted ? "noted of a directory" : "not noted of a directory", is_old("plain/dir"),
           !noted);
}

static void test_directories(void)
{
    NEED(mkdir("plain/dir", 0755) == 0);
    test_directory(MS_RELATIME, true);
    test_directory(MS_NODIRATIME, false);
    test_directory(MS_NOATIME, false);
    test_directory(0, false); // as it was
    test_directory(MS_RELATIME, true);
}

static void test_times(void)
{
    file_write("plain/read", "text", 0644);
    NEED(symlink("read", "plain/link") == 0 && symlink("read", "plain/followed") == 0);
    test_times_of(MS_RELATIME, "bound", true);
    test_times_of(MS_NOATIME, "bound", false);
    test_times_of(MS_NOATIME, "plain", true);
    test_times_of(MS_RDONLY | MS_RELATIME, "bound", false);
    test_times_of(MS_RDONLY | MS_RELATIME, "plain", true);
    test_times_of(MS_NODIRATIME, "bound", true);
}

int main(void)
{
    abi_begin();
    bound_enter();
    test_times();
    test_directories();
    bound_leave();
    return abi_end();
}
