// SPDX-License-Identifier: MIT
// openat2: where a path may lead to (RESOLVE_*), and the rules of struct open_how. As root.
#include "abi.h"

#include <linux/openat2.h>
#include <sys/mount.h>

static int top; // "top", which has all that is walked here

static long open2(int dir, const char *path, unsigned long flags, unsigned long mode,
                  unsigned long resolve)
{
    struct open_how how = {flags, mode, resolve};

    return raw(SYS_openat2, dir, (long)path, (long)&how, sizeof(how), 0, 0);
}

// 0 if it opens, else the error.
static long try_flags(const char *path, unsigned long flags, unsigned long resolve)
{
    long fd = open2(top, path, flags, 0, resolve);

    return fd < 0 ? fd : close(fd);
}

static long try(const char *path, unsigned long resolve)
{
    return try_flags(path, O_RDONLY, resolve);
}

// The first byte of what opens.
static long first(int dir, const char *path, unsigned long resolve)
{
    long fd = open2(dir, path, O_RDONLY, 0, resolve);
    char c = 0;

    if (fd < 0)
        return fd;
    read(fd, &c, 1);
    close(fd);
    return c;
}

static void tree_make(void)
{
    scratch_enter();
    NEED(mkdir("top", 0755) == 0 && mkdir("top/dir", 0755) == 0 && mkdir("top/mnt", 0755) == 0);
    NEED(mkdir("top/etc", 0755) == 0 && mkdir("etc", 0755) == 0);
    file_write("top/dir/file", "inside", 0644);
    file_write("outside", "outside", 0644);
    NEED(symlink("dir/file", "top/relative") == 0 && symlink("../outside", "top/up") == 0);
    NEED(symlink("/dir/file", "top/absolute") == 0 && symlink("/", "top/root") == 0);
    NEED(symlink("dir", "top/link") == 0 && symlink("dir/made", "top/dangling") == 0);
    NEED(mount("none", "top/mnt", "tmpfs", 0, NULL) == 0);
    file_write("top/mnt/file", "mounted", 0644);
    top = open("top", O_PATH | O_DIRECTORY);
    NEED(top >= 0);
}

static void test_links(void)
{
    EXPECT("without flags", first(top, "relative", 0), 'i');
    EXPECT("out of it", first(top, "up", 0), 'o');
    EXPECT("no links", try("dir/file", RESOLVE_NO_SYMLINKS), 0);
    EXPECT("a link", try("relative", RESOLVE_NO_SYMLINKS), -ELOOP);
    EXPECT("a link on the way", try("link/file", RESOLVE_NO_SYMLINKS), -ELOOP);
    EXPECT("the link itself", try_flags("relative", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS), 0);
    EXPECT("a link is not followed", try_flags("relative", O_NOFOLLOW, 0), -ELOOP);
    int self = open("/proc/self", O_PATH);
    EXPECT("magic", first(self, "exe", 0), 0x7f);
    EXPECT("no magic", open2(self, "exe", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS), -ELOOP);
    EXPECT("no magic on the way", open2(self, "cwd/top", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS),
           -ELOOP);
    EXPECT("no links, nor magic", open2(self, "exe", O_RDONLY, 0, RESOLVE_NO_SYMLINKS), -ELOOP);
    EXPECT("magic is beneath nothing", open2(self, "root", O_RDONLY, 0, RESOLVE_BENEATH), -EXDEV);
    EXPECT("magic is in no root", open2(self, "cwd", O_RDONLY, 0, RESOLVE_IN_ROOT), -EXDEV);
    EXPECT("magic leads elsewhere", open2(self, "cwd", O_RDONLY, 0, RESOLVE_NO_XDEV), -EXDEV);
    EXPECT("text is no magic", try("relative", RESOLVE_NO_MAGICLINKS), 0);
    EXPECT("text of /proc", close(open2(AT_FDCWD, "/proc/self/stat", 0, 0, RESOLVE_NO_MAGICLINKS)),
           0);
    close(self);
}

static void test_mounts(void)
{
    int mounted = open("top/mnt", O_PATH);

    EXPECT("one mount", try("dir/../dir/file", RESOLVE_NO_XDEV), 0);
    EXPECT("into a mount", try("mnt/file", RESOLVE_NO_XDEV), -EXDEV);
    EXPECT("onto a mount", try("mnt", RESOLVE_NO_XDEV), -EXDEV);
    EXPECT("into and out", try("mnt/../dir", RESOLVE_NO_XDEV), -EXDEV);
    EXPECT("out of a mount", open2(mounted, "..", O_RDONLY, 0, RESOLVE_NO_XDEV), -EXDEV);
    EXPECT("in the mount", first(mounted, "file", RESOLVE_NO_XDEV), 'm');
    EXPECT("an absolute path may be", close(open2(mounted, "/", O_RDONLY, 0, RESOLVE_NO_XDEV)), 0);
    NEED(symlink("/", "top/mnt/root") == 0);
    EXPECT("an absolute link out", open2(mounted, "root", O_RDONLY, 0, RESOLVE_NO_XDEV), -EXDEV);
    close(mounted);
}

static void test_beneath(void)
{
    EXPECT("beneath", first(top, "dir/file", RESOLVE_BENEATH), 'i');
    EXPECT("beneath by a link", first(top, "relative", RESOLVE_BENEATH), 'i');
    EXPECT("beneath by dots", first(top, "dir/../link/../dir/file", RESOLVE_BENEATH), 'i');
    EXPECT("the start", try(".", RESOLVE_BENEATH), 0);
    EXPECT("into a mount beneath", first(top, "mnt/file", RESOLVE_BENEATH), 'm');
    EXPECT("and out of it", first(top, "mnt/../dir/file", RESOLVE_BENEATH), 'i');
    EXPECT("above", try("..", RESOLVE_BENEATH), -EXDEV);
    EXPECT("above and back", try("../top/dir", RESOLVE_BENEATH), -EXDEV);
    EXPECT("dots too many", try("dir/../..", RESOLVE_BENEATH), -EXDEV);
    EXPECT("by a link above", try("up", RESOLVE_BENEATH), -EXDEV);
    EXPECT("by an absolute link", try("absolute", RESOLVE_BENEATH), -EXDEV);
    EXPECT("absolute", try("/etc", RESOLVE_BENEATH), -EXDEV);
    EXPECT("absolute, whatever the start", open2(-9, "/etc", 0, 0, RESOLVE_BENEATH), -EXDEV);
    EXPECT("nothing there", try("none", RESOLVE_BENEATH), -ENOENT);
    EXPECT("working directory", first(AT_FDCWD, "outside", RESOLVE_BENEATH), 'o');
    EXPECT("above the working directory", open2(AT_FDCWD, "..", 0, 0, RESOLVE_BENEATH), -EXDEV);
}

static void test_in_root(void)
{
    EXPECT("in the root", first(top, "/dir/file", RESOLVE_IN_ROOT), 'i');
    EXPECT("in it, relative", first(top, "dir/file", RESOLVE_IN_ROOT), 'i');
    EXPECT("above is the root", first(top, "../../dir/file", RESOLVE_IN_ROOT), 'i');
    EXPECT("an absolute link in it", first(top, "absolute", RESOLVE_IN_ROOT), 'i');
    EXPECT("its root", first(top, "root/dir/file", RESOLVE_IN_ROOT), 'i');
    EXPECT("nothing above", try("up", RESOLVE_IN_ROOT), -ENOENT);
    EXPECT("the root", try("/", RESOLVE_IN_ROOT), 0);
    EXPECT("no start", open2(-9, "/dir", 0, 0, RESOLVE_IN_ROOT), -EBADF);
    int file = open("outside", O_RDONLY);
    EXPECT("the start is a file", open2(file, "/dir", 0, 0, RESOLVE_IN_ROOT), -ENOTDIR);
    close(file);
}

static void test_create(void)
{
    long fd = open2(top, "dir/new", O_CREAT | O_RDWR, 0640, RESOLVE_BENEATH);
    struct stat st;

    CHECK("made", fd >= 0);
    EXPECT("its mode", fstat(fd, &st) == 0 ? (long)st.st_mode : -1, S_IFREG | 0640);
    close(fd);
    EXPECT("made by a link", close(open2(top, "dangling", O_CREAT | O_RDWR, 0600, RESOLVE_BENEATH)),
           0);
    EXPECT("it is there", access("top/dir/made", F_OK), 0);
    EXPECT("not made above", open2(top, "../new", O_CREAT | O_RDWR, 0600, RESOLVE_BENEATH), -EXDEV);
    EXPECT("not made by a link", open2(top, "up", O_CREAT | O_RDWR, 0600, RESOLVE_NO_SYMLINKS),
           -ELOOP);
    EXPECT("made in the root", close(open2(top, "/../a", O_CREAT | O_RDWR, 0600, RESOLVE_IN_ROOT)),
           0);
    EXPECT("in the root of all", access("top/a", F_OK), 0);
    EXPECT("not made in a mount", open2(top, "mnt/a", O_CREAT | O_RDWR, 0600, RESOLVE_NO_XDEV),
           -EXDEV);
}

static void test_cached(void)
{
    EXPECT("known", first(top, "dir/file", 0), 'i');
    EXPECT("from the cache", first(top, "dir/file", RESOLVE_CACHED), 'i');
    EXPECT("create is not", open2(top, "dir/file", O_CREAT | O_RDWR, 0, RESOLVE_CACHED), -EAGAIN);
    EXPECT("nor truncate", try_flags("dir/file", O_TRUNC | O_RDWR, RESOLVE_CACHED), -EAGAIN);
}

static void test_how(void)
{
    struct {
        struct open_how how;
        char more[8];
    } how = {.how = {.flags = O_RDONLY}};
    long nr = SYS_openat2;

    EXPECT("larger", close(raw(nr, top, (long)"dir", (long)&how, sizeof(how), 0, 0)), 0);
    how.more[7] = 1;
    EXPECT("larger with content", raw(nr, top, (long)"dir", (long)&how, sizeof(how), 0, 0), -E2BIG);
    EXPECT("smaller", raw(nr, top, (long)"dir", (long)&how, 23, 0, 0), -EINVAL);
    EXPECT("nowhere", raw(nr, top, (long)"dir", UNMAPPED, 24, 0, 0), -EFAULT);
    EXPECT("unknown resolve", try("dir", 0x40), -EINVAL);
    EXPECT("both scopes", try("dir", RESOLVE_BENEATH | RESOLVE_IN_ROOT), -EINVAL);
    EXPECT("unknown flag", try_flags("dir", 1UL << 31, 0), -EINVAL);
    EXPECT("unknown high flag", try_flags("dir", 1UL << 40, 0), -EINVAL);
    EXPECT("mode without create", open2(top, "dir", O_RDONLY, 0600, 0), -EINVAL);
    EXPECT("mode out of range", open2(top, "b", O_CREAT | O_RDWR, 010000, 0), -EINVAL);
    EXPECT("O_PATH and more", try_flags("dir", O_PATH | O_RDWR, 0), -EINVAL);
    EXPECT("O_PATH", try_flags("dir", O_PATH | O_CLOEXEC | O_DIRECTORY, 0), 0);
    EXPECT("no path", raw(nr, top, 0, (long)&how, 24, 0, 0), -EFAULT);
    EXPECT("empty path", try("", 0), -ENOENT);
    EXPECT("no start", open2(-9, "dir", 0, 0, 0), -EBADF);
    long fd = open2(top, "dir", O_CLOEXEC, 0, 0);
    EXPECT("close on exec", fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
}

int main(void)
{
    abi_begin();
    tree_make();
    test_links();
    test_mounts();
    test_beneath();
    test_in_root();
    test_create();
    test_cached();
    test_how();
    close(top);
    NEED(umount("top/mnt") == 0);
    scratch_leave();
    return abi_end();
}
