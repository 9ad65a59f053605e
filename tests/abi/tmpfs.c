// SPDX-License-Identifier: MIT
// What counts against the limits of a tmpfs, and is given back.
#include "abi.h"

#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

#define MANY 300

static struct statfs mounted(void)
{
    struct statfs s;

    NEED(statfs("mounted", &s) == 0);
    return s;
}

static void mount_begin(const char *options)
{
    NEED(mkdir("mounted", 0755) == 0 && mount("none", "mounted", "tmpfs", 0, options) == 0);
}

static void mount_end(void)
{
    NEED(umount("mounted") == 0 && rmdir("mounted") == 0);
}

static const char *name_of(const char *kind, int n)
{
    static char name[64];

    snprintf(name, sizeof(name), "mounted/%s%d", kind, n);
    return name;
}

static void make(const char *name)
{
    file_write(name, "", 0600);
}

static void test_links(void)
{
    uint64_t before;
    int n;

    mount_begin("nr_inodes=100");
    before = mounted().f_ffree;
    make("mounted/file");
    make("mounted/other");
    EXPECT("two files", mounted().f_ffree, before - 2);
    EXPECT("a link", link("mounted/file", "mounted/second"), 0);
    EXPECT("counts as one", mounted().f_ffree, before - 3);
    EXPECT("a name goes", unlink("mounted/file"), 0);
    EXPECT("and is given back", mounted().f_ffree, before - 2);
    EXPECT("another comes", link("mounted/second", "mounted/file"), 0);
    EXPECT("renamed", rename("mounted/second", "mounted/third"), 0);
    EXPECT("that takes nothing", mounted().f_ffree, before - 3);
    EXPECT("renamed over", rename("mounted/other", "mounted/third"), 0);
    EXPECT("that gives the name back", mounted().f_ffree, before - 2);
    for (n = 0; n < MANY && link("mounted/file", name_of("link", n)) == 0; n++)
        ;
    CHECK("no end of links", errno == ENOSPC);
    CHECK("but the limit's", n < 100);
    EXPECT("nothing is left", mounted().f_ffree, 0);
    while (n--)
        NEED(unlink(name_of("link", n)) == 0);
    NEED(unlink("mounted/file") == 0 && unlink("mounted/third") == 0);
    EXPECT("all links went", mounted().f_ffree, before);
    mount_end();
}

// Without a name there is nothing to count but the file.
static void test_tmpfile(void)
{
    char path[64];
    uint64_t before;
    int fd;

    mount_begin("nr_inodes=100");
    before = mounted().f_ffree;
    fd = open("mounted", O_TMPFILE | O_RDWR, 0600);
    NEED(fd >= 0);
    EXPECT("a file", mounted().f_ffree, before - 1);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    EXPECT("its name", linkat(AT_FDCWD, path, AT_FDCWD, "mounted/name", AT_SYMLINK_FOLLOW), 0);
    EXPECT("is the first", mounted().f_ffree, before - 1);
    close(fd);
    EXPECT("goes", unlink("mounted/name"), 0);
    EXPECT("with the file", mounted().f_ffree, before);
    mount_end();
}

static void test_attributes(void)
{
    static char value[20000];
    uint64_t before, after;
    int n;

    mount_begin("nr_inodes=100");
    make("mounted/file");
    before = mounted().f_ffree;
    EXPECT("set", setxattr("mounted/file", "user.one", value, 20000, 0), 0);
    after = mounted().f_ffree;
    CHECK("is charged", after < before && before - after < 30);
    EXPECT("larger is replaced", setxattr("mounted/file", "user.one", value, 10, 0), 0);
    CHECK("and given back", before - mounted().f_ffree <= 1);
    EXPECT("remove", removexattr("mounted/file", "user.one"), 0);
    EXPECT("all is given back", mounted().f_ffree, before);
    for (n = 0; n < MANY; n++) {
        make(name_of("file", n));
        if (setxattr(name_of("file", n), "user.one", value, 20000, 0) < 0)
            break;
    }
    CHECK("no end of attributes", errno == ENOSPC);
    CHECK("but the limit's bytes", n < 6);
    for (; n >= 0; n--)
        NEED(unlink(name_of("file", n)) == 0);
    EXPECT("files take theirs along", mounted().f_ffree, before);
    mount_end();
}

static void test_targets(void)
{
    char target[4000];
    uint64_t before;
    int n;

    mount_begin("size=64k");
    before = mounted().f_bfree;
    memset(target, 'x', sizeof(target) - 1);
    target[sizeof(target) - 1] = '\0';
    for (n = 0; n < MANY && symlink(target, name_of("link", n)) == 0; n++)
        ;
    CHECK("no end of targets", errno == ENOSPC);
    CHECK("but the limit's pages", n <= 16);
    EXPECT("no page is left", mounted().f_bfree, 0);
    EXPECT("a short one takes none", symlink("short", "mounted/short"), 0);
    while (n--)
        NEED(unlink(name_of("link", n)) == 0);
    EXPECT("all pages are back", mounted().f_bfree, before);
    mount_end();
}

// What fallocate cannot have all of, it leaves as it was.
static void test_fallocate(void)
{
    struct stat st;
    uint64_t before;
    int fd, other;
    char byte;

    mount_begin("size=64k");
    other = open("mounted/other", O_RDWR | O_CREAT, 0600);
    fd = open("mounted/file", O_RDWR | O_CREAT, 0600);
    NEED(other >= 0 && fallocate(other, 0, 0, 4 * PAGE) == 0);
    NEED(fd >= 0 && pwrite(fd, "x", 1, 2 * PAGE) == 1);
    NEED(fallocate(fd, 0, 4 * PAGE, 3 * PAGE) == 0);
    before = mounted().f_bfree;
    NEED(fstat(fd, &st) == 0);
    EXPECT("four pages", st.st_blocks, 4 * PAGE / 512);
    EXPECT_ERR("more than there are", fallocate(fd, 0, 0, 24 * PAGE), ENOSPC);
    EXPECT("as many are free as before", mounted().f_bfree, before);
    NEED(fallocate(fd, 0, 7 * PAGE, 4 * PAGE) == 0);
    before = mounted().f_bfree;
    EXPECT_ERR("some more than there are", fallocate(fd, 0, PAGE, 16 * PAGE), ENOSPC);
    EXPECT("as many as before that", mounted().f_bfree, before);
    NEED(fstat(fd, &st) == 0);
    EXPECT("what was there stays", st.st_blocks, 8 * PAGE / 512);
    EXPECT("the size, too", st.st_size, 11 * PAGE);
    CHECK("and the bytes", pread(fd, &byte, 1, 2 * PAGE) == 1 && byte == 'x');
    close(other);
    close(fd);
    mount_end();
}

int main(void)
{
    abi_begin();
    scratch_enter();
    test_links();
    test_tmpfile();
    test_attributes();
    test_targets();
    test_fallocate();
    scratch_leave();
    return abi_end();
}
