// SPDX-License-Identifier: MIT
// inotify(7): which events come for what, in which order; flags and merging.
//
// `inotify DIR [TYPE]` runs in DIR, for file systems other than that of /tmp.
#include "inotify.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

static void test_same(void)
{
    int fd = instance();

    touch("a");
    NEED(link("a", "b") == 0);
    EXPECT("first", inotify_add_watch(fd, "a", IN_OPEN), 1);
    EXPECT("other name", inotify_add_watch(fd, "b", IN_CLOSE), 1);
    close(open("a", O_RDONLY));
    EVENTS("mask replaced", fd, "1:CLOSE_NOWRITE");
    EXPECT("added to", inotify_add_watch(fd, "a", IN_OPEN | IN_MASK_ADD), 1);
    close(open("b", O_RDONLY));
    EVENTS("mask added to", fd, "1:OPEN 1:CLOSE_NOWRITE");
    EXPECT_ERR("exists", inotify_add_watch(fd, "b", IN_OPEN | IN_MASK_CREATE), EEXIST);
    EXPECT("directory", inotify_add_watch(fd, ".", IN_OPEN | IN_MASK_CREATE), 2);
    unlink("a");
    unlink("b");
    close(fd);
}

static bool plain; // a file system without owners and special files

/* Files in a watched directory, and watched themselves */

static void test_file(void)
{
    int fd = instance(), f;
    char c;

    NEED(mkdir("dir", 0755) == 0);
    watch(fd, "dir", IN_ALL_EVENTS);
    f = open("dir/myfile", O_RDWR | O_CREAT | O_EXCL, 0644);
    EVENTS("create", fd, "1:CREATE=myfile 1:OPEN=myfile");
    watch(fd, "dir/myfile", IN_ALL_EVENTS);
    EXPECT("write", write(f, "hello", 5), 5);
    EVENTS("write told", fd, "1:MODIFY=myfile 2:MODIFY");
    EXPECT("write nothing", write(f, "", 0), 0);
    EXPECT("at the end", read(f, &c, 1), 0);
    EXPECT_ERR("failed", write(f, NULL, 1), EFAULT);
    EVENTS("nothing told", fd, "");
    EXPECT("pread", pread(f, &c, 1, 0), 1);
    EVENTS("pread told", fd, "1:ACCESS=myfile 2:ACCESS");
    EXPECT("pwrite", pwrite(f, "x", 1, 9), 1);
    EVENTS("pwrite told", fd, "1:MODIFY=myfile 2:MODIFY");
    EXPECT("ftruncate", ftruncate(f, 3), 0);
    EVENTS("ftruncate told", fd, "1:MODIFY=myfile 2:MODIFY");
    EXPECT("truncate", truncate("dir/myfile", 2), 0);
    EVENTS("truncate told", fd, "1:MODIFY=myfile 2:MODIFY");
    close(f);
    EVENTS("close", fd, "1:CLOSE_WRITE=myfile 2:CLOSE_WRITE");
    f = open("dir/myfile", O_RDONLY);
    close(dup(f));
    EVENTS("open", fd, "1:OPEN=myfile 2:OPEN");
    close(f);
    EVENTS("close of a reader", fd, "1:CLOSE_NOWRITE=myfile 2:CLOSE_NOWRITE");
    close(open("dir/myfile", O_WRONLY | O_TRUNC));
    EVENTS("O_TRUNC", fd,
           "1:OPEN=myfile 2:OPEN 1:MODIFY=myfile 2:MODIFY 1:CLOSE_WRITE=myfile 2:CLOSE_WRITE");
    close(open("dir/myfile", O_PATH));
    EXPECT("access", access("dir/myfile", R_OK), 0);
    EVENTS("O_PATH", fd, "");
    EXPECT_ERR("exclusive", open("dir/myfile", O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
    EVENTS("failed open", fd, "");
    EXPECT("unlink", unlink("dir/myfile"), 0);
    EVENTS("unlink told", fd, "2:ATTRIB 2:DELETE_SELF 2:IGNORED 1:DELETE=myfile");
    EXPECT("rmdir", rmdir("dir"), 0);
    EVENTS("rmdir told", fd, "1:DELETE_SELF 1:IGNORED");
    close(fd);
}

static void test_move_data(void)
{
    int fd = instance(), from, to, pipes[2];

    file_write("from", "0123456789", 0644);
    touch("to");
    from = open("from", O_RDONLY);
    to = open("to", O_WRONLY);
    NEED(from >= 0 && to >= 0 && pipe(pipes) == 0);
    watch(fd, "from", IN_ALL_EVENTS);
    watch(fd, "to", IN_ALL_EVENTS);
    EXPECT("sendfile", sendfile(to, from, NULL, 5), 5);
    EVENTS("sendfile told", fd, "1:ACCESS 2:MODIFY");
    EXPECT("splice in", splice(from, NULL, pipes[1], NULL, 5, 0), 5);
    EVENTS("splice in told", fd, "1:ACCESS");
    EXPECT("splice out", splice(pipes[0], NULL, to, NULL, 5, 0), 5);
    EVENTS("splice out told", fd, "2:MODIFY");
    if (fallocate(to, 0, 0, 100) == 0)
        EVENTS("fallocate told", fd, "2:MODIFY");
    close(pipes[0]);
    close(pipes[1]);
    close(from);
    close(to);
    EVENTS("closed", fd, "1:CLOSE_NOWRITE 2:CLOSE_WRITE");
    unlink("from");
    unlink("to");
    close(fd);
}

static void test_attributes(void)
{
    static const struct timespec both[2] = {{1, 0}, {2, 0}}, first[2] = {{3, 0}, {0, UTIME_OMIT}},
                                 second[2] = {{0, UTIME_OMIT}, {4, 0}};
    int fd = instance();

    NEED(mkdir("dir", 0755) == 0);
    touch("dir/f");
    watch(fd, "dir", IN_ALL_EVENTS);
    watch(fd, "dir/f", IN_ALL_EVENTS);
    EXPECT("chmod", chmod("dir/f", 0600), 0);
    EVENTS("chmod told", fd, "1:ATTRIB=f 2:ATTRIB");
    if (!plain) {
        EXPECT("chown", chown("dir/f", 1, 1), 0);
        EVENTS("chown told", fd, "1:ATTRIB=f 2:ATTRIB");
    }
    EXPECT("chown of nothing", chown("dir/f", -1, -1), 0);
    EVENTS("nothing told", fd, "");
    EXPECT("times", utimensat(AT_FDCWD, "dir/f", both, 0), 0);
    EVENTS("times told", fd, "1:ATTRIB=f 2:ATTRIB");
    EXPECT("access time", utimensat(AT_FDCWD, "dir/f", first, 0), 0);
    EVENTS("access time told", fd, "1:ACCESS=f 2:ACCESS");
    EXPECT("modification time", utimensat(AT_FDCWD, "dir/f", second, 0), 0);
    EVENTS("modification time told", fd, "1:MODIFY=f 2:MODIFY");
    EXPECT("now", utimensat(AT_FDCWD, "dir/f", NULL, 0), 0);
    EVENTS("now told", fd, "1:ATTRIB=f 2:ATTRIB");
    if (setxattr("dir/f", "user.x", "1", 1, 0) == 0) {
        EVENTS("attribute told", fd, "1:ATTRIB=f 2:ATTRIB");
        EXPECT("attribute removed", removexattr("dir/f", "user.x"), 0);
        EVENTS("its removal told", fd, "1:ATTRIB=f 2:ATTRIB");
    }
    EXPECT("chmod of the directory", chmod("dir", 0700), 0);
    EVENTS("its chmod told", fd, "1:ATTRIB/");
    unlink("dir/f");
    rmdir("dir");
    close(fd);
}

/* Directories */

static void read_directory(const char *path)
{
    char buffer[4096];
    int d = open(path, O_RDONLY | O_DIRECTORY);

    NEED(d >= 0);
    while (syscall(SYS_getdents64, d, buffer, sizeof(buffer)) > 0)
        ;
    close(d);
}

static void test_directories(void)
{
    int fd = instance();

    NEED(mkdir("dir", 0755) == 0);
    watch(fd, "dir", IN_ALL_EVENTS);
    EXPECT("mkdir", mkdir("dir/sub", 0755), 0);
    EVENTS("mkdir told", fd, "1:CREATE/=sub");
    watch(fd, "dir/sub", IN_ALL_EVENTS);
    read_directory("dir/sub");
    EVENTS("listing told", fd,
           "1:OPEN/=sub 2:OPEN/ 1:ACCESS/=sub 2:ACCESS/ 1:ACCESS/=sub 2:ACCESS/ "
           "1:CLOSE_NOWRITE/=sub 2:CLOSE_NOWRITE/");
    EXPECT("rmdir", rmdir("dir/sub"), 0);
    EVENTS("rmdir told", fd, "2:DELETE_SELF 2:IGNORED 1:DELETE/=sub");
    EXPECT("symlink", symlink("nowhere", "dir/link"), 0);
    EVENTS("symlink told", fd, "1:CREATE=link");
    unlink("dir/link");
    EVENTS("symlink deleted", fd, "1:DELETE=link");
    if (!plain) {
        EXPECT("mknod", mknod("dir/fifo", S_IFIFO | 0600, 0), 0);
        close(open("dir/fifo", O_RDWR | O_NONBLOCK));
        EVENTS("fifo told", fd, "1:CREATE=fifo 1:OPEN=fifo 1:CLOSE_WRITE=fifo");
        unlink("dir/fifo");
        EVENTS("fifo deleted", fd, "1:DELETE=fifo");
    }
    rmdir("dir");
    close(fd);
}

// Opened by another name, a file is no child of the watched directory.
static void test_links(void)
{
    int fd = instance();

    NEED(mkdir("d1", 0755) == 0 && mkdir("d2", 0755) == 0);
    touch("d1/xx");
    watch(fd, "d1", IN_ALL_EVENTS);
    watch(fd, "d2", IN_ALL_EVENTS);
    watch(fd, "d1/xx", IN_ALL_EVENTS);
    EXPECT("link", link("d1/xx", "d2/yy"), 0);
    EVENTS("link told", fd, "3:ATTRIB 2:CREATE=yy");
    EXPECT("the same", watch(fd, "d2/yy", IN_ALL_EVENTS), 3);
    close(open("d2/yy", O_RDONLY));
    EVENTS("one name opened", fd, "2:OPEN=yy 3:OPEN 2:CLOSE_NOWRITE=yy 3:CLOSE_NOWRITE");
    EXPECT("unlink one", unlink("d2/yy"), 0);
    EVENTS("unlink one told", fd, "3:ATTRIB 2:DELETE=yy");
    EXPECT("unlink both", unlink("d1/xx"), 0);
    EVENTS("unlink both told", fd, "3:ATTRIB 3:DELETE_SELF 3:IGNORED 1:DELETE=xx");
    rmdir("d1");
    rmdir("d2");
    close(fd);
}

/* Renames */

static void test_rename(void)
{
    int fd = instance();

    NEED(mkdir("d1", 0755) == 0 && mkdir("d2", 0755) == 0);
    touch("d1/f");
    touch("d2/old");
    watch(fd, "d1", IN_ALL_EVENTS);
    watch(fd, "d2", IN_ALL_EVENTS);
    watch(fd, "d1/f", IN_ALL_EVENTS);
    watch(fd, "d2/old", IN_ALL_EVENTS);
    EXPECT("rename", rename("d1/f", "d2/g"), 0);
    EVENTS("rename told", fd, "1:MOVED_FROM~1=f 2:MOVED_TO~1=g 3:MOVE_SELF");
    close(open("d2/g", O_RDONLY));
    EVENTS("new place", fd, "2:OPEN=g 3:OPEN 2:CLOSE_NOWRITE=g 3:CLOSE_NOWRITE");
    EXPECT("within", rename("d2/g", "d2/h"), 0);
    EVENTS("within told", fd, "2:MOVED_FROM~1=g 2:MOVED_TO~1=h 3:MOVE_SELF");
    EXPECT("over", rename("d2/h", "d2/old"), 0);
    EVENTS("over told", fd,
           "2:MOVED_FROM~1=h 2:MOVED_TO~1=old 4:ATTRIB 3:MOVE_SELF 4:DELETE_SELF 4:IGNORED");
    EXPECT("to itself", rename("d2/old", "d2/old"), 0);
    EVENTS("nothing told", fd, "");
    NEED(mkdir("d1/sub", 0755) == 0);
    events(fd);
    EXPECT("directory", watch(fd, "d1/sub", IN_ALL_EVENTS), 5);
    EXPECT("rename of a directory", rename("d1/sub", "d2/sub"), 0);
    EVENTS("directory told", fd, "1:MOVED_FROM/~1=sub 2:MOVED_TO/~1=sub 5:MOVE_SELF");
    EXPECT_ERR("failed", rename("d1/none", "d2/none"), ENOENT);
    EXPECT_ERR("into itself", rename("d2/sub", "d2/sub/x"), EINVAL);
    EVENTS("failures told", fd, "");
    rmdir("d2/sub");
    unlink("d2/old");
    rmdir("d1");
    rmdir("d2");
    close(fd);
}

static void test_rename_more(void)
{
    int fd = instance(), err;

    NEED(mkdir("d1", 0755) == 0 && mkdir("d2", 0755) == 0 && mkdir("d2/dir", 0755) == 0);
    touch("d1/f");
    watch(fd, "d1", IN_ALL_EVENTS);
    watch(fd, "d2", IN_ALL_EVENTS);
    watch(fd, "d1/f", IN_MOVE_SELF);
    watch(fd, "d2/dir", IN_MOVE_SELF);
    err = syscall(SYS_renameat2, AT_FDCWD, "d1/f", AT_FDCWD, "d2/dir", 2); // RENAME_EXCHANGE
    if (err == 0) {
        EVENTS("exchange told", fd,
               "1:MOVED_FROM~1=f 2:MOVED_TO~1=dir 3:MOVE_SELF "
               "2:MOVED_FROM/~1=dir 1:MOVED_TO/~1=f 4:MOVE_SELF");
        err = syscall(SYS_renameat2, AT_FDCWD, "d1/f", AT_FDCWD, "d2/dir", 2);
        EXPECT("exchanged back", err, 0);
        events(fd);
    }
    // A directory over an empty one, in which something was looked for.
    NEED(mkdir("d1/over", 0755) == 0 && access("d2/dir/none", F_OK) < 0);
    events(fd);
    watch(fd, "d2/dir", IN_ALL_EVENTS);
    EXPECT("directory over", rename("d1/over", "d2/dir"), 0);
    EVENTS("directory over told", fd,
           "1:MOVED_FROM/~1=over 2:MOVED_TO/~1=dir 4:ATTRIB/ 4:DELETE_SELF 4:IGNORED");
    rmdir("d2/dir");
    unlink("d1/f");
    rmdir("d1");
    rmdir("d2");
    close(fd);
}

/* Flags */

static void test_symlink(void)
{
    int fd = instance();

    touch("file");
    NEED(symlink("file", "link") == 0);
    EXPECT("followed", watch(fd, "link", IN_ALL_EVENTS), 1);
    EXPECT("the file", watch(fd, "file", IN_ALL_EVENTS), 1);
    EXPECT("not followed", watch(fd, "link", IN_ALL_EVENTS | IN_DONT_FOLLOW), 2);
    EXPECT_ERR("no directory", inotify_add_watch(fd, "link", IN_OPEN | IN_DONT_FOLLOW | IN_ONLYDIR),
               ENOTDIR);
    close(open("link", O_RDONLY));
    EVENTS("opened through it", fd, "1:OPEN 1:CLOSE_NOWRITE");
    unlink("link");
    EVENTS("link deleted", fd, "2:ATTRIB 2:DELETE_SELF 2:IGNORED");
    unlink("file");
    close(fd);
}

static void test_unlinked(void)
{
    int fd = instance(), strict = instance(), f;

    NEED(mkdir("dir", 0755) == 0);
    touch("dir/f");
    f = open("dir/f", O_RDWR);
    watch(fd, "dir", IN_ALL_EVENTS);
    watch(strict, "dir", IN_ALL_EVENTS | IN_EXCL_UNLINK);
    watch(fd, "dir/f", IN_ALL_EVENTS);
    NEED(unlink("dir/f") == 0);
    EVENTS("unlink of an open file", fd, "2:ATTRIB 1:DELETE=f");
    EVENTS("the strict one", strict, "1:DELETE=f");
    NEED(write(f, "x", 1) == 1);
    EVENTS("written", fd, "1:MODIFY=f 2:MODIFY");
    EVENTS("not to the strict one", strict, "");
    close(f);
    EVENTS("closed", fd, "1:CLOSE_WRITE=f 2:CLOSE_WRITE 2:DELETE_SELF 2:IGNORED");
    EVENTS("nothing to the strict one", strict, "");
    touch("dir/f");
    EVENTS("a new one", strict, "1:CREATE=f 1:OPEN=f 1:CLOSE_WRITE=f");
    unlink("dir/f");
    rmdir("dir");
    close(fd);
    close(strict);
}

static void test_oneshot(void)
{
    int fd = instance(), f;

    touch("f");
    EXPECT("one shot", watch(fd, "f", IN_OPEN | IN_CLOSE | IN_ONESHOT), 1);
    f = open("f", O_RDONLY);
    close(f);
    EVENTS("once", fd, "1:OPEN 1:IGNORED");
    EXPECT_ERR("gone", inotify_rm_watch(fd, 1), EINVAL);
    EXPECT("a new one", watch(fd, "f", IN_MODIFY | IN_ONESHOT), 2);
    EXPECT("changed", watch(fd, "f", IN_OPEN | IN_CLOSE), 2);
    close(open("f", O_RDONLY));
    EVENTS("no more one shot", fd, "2:OPEN 2:CLOSE_NOWRITE");
    EXPECT("directory", watch(fd, ".", IN_OPEN | IN_ONESHOT), 3);
    close(open("f", O_RDONLY));
    EVENTS("parent once", fd, "3:OPEN=f 3:IGNORED 2:OPEN 2:CLOSE_NOWRITE");
    unlink("f");
    close(fd);
}

/* Merging */

static void test_merging(void)
{
    int fd = instance(), f;

    touch("f");
    f = open("f", O_RDWR);
    watch(fd, "f", IN_MODIFY | IN_ACCESS);
    watch(fd, ".", IN_MODIFY);
    for (int i = 0; i < 3; i++)
        NEED(pwrite(f, "x", 1, 0) == 1);
    EVENTS("alternating", fd, "2:MODIFY=f 1:MODIFY 2:MODIFY=f 1:MODIFY 2:MODIFY=f 1:MODIFY");
    NEED(inotify_rm_watch(fd, 2) == 0);
    events(fd);
    for (int i = 0; i < 3; i++)
        NEED(pwrite(f, "x", 1, 0) == 1);
    EVENTS("merged", fd, "1:MODIFY");
    NEED(pwrite(f, "x", 1, 0) == 1);
    EVENTS("not with one that was read", fd, "1:MODIFY");
    close(f);
    unlink("f");
    close(fd);
}

int main(int argc, char **argv)
{
    abi_begin();
    plain = argc > 2 && !strcmp(argv[2], "xv6fs");
    if (argc > 1)
        NEED(chdir(argv[1]) == 0);
    else
        scratch_enter();
    test_file();
    test_directories();
    test_merging();
    test_rename();
    test_oneshot();
    test_unlinked();
    test_same();
    test_links();
    test_rename_more();
    test_symlink();
    test_attributes();
    test_move_data();
    if (argc == 1)
        scratch_leave();
    return abi_end();
}
