// SPDX-License-Identifier: MIT
// Files: opening, offsets, holes, links, renames, directories, permissions, times, locks.
#include "abi.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>

static int make(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

    NEED(fd >= 0);
    return fd;
}

static struct stat stat_of(const char *path)
{
    struct stat st = {0};

    lstat(path, &st);
    return st;
}

static void test_open(void)
{
    int fd = open("new", O_RDWR | O_CREAT | O_EXCL, 0640), low;

    CHECK("create", fd >= 0);
    EXPECT("mode", stat_of("new").st_mode, S_IFREG | 0640);
    EXPECT("lowest descriptor", low = dup(fd), fd + 1);
    close(low);
    EXPECT("write", write(fd, "0123456789", 10), 10);
    EXPECT_ERR("O_EXCL", open("new", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
    EXPECT_ERR("no file", open("none", O_RDONLY), ENOENT);
    EXPECT_ERR("no directory", open("none/x", O_CREAT | O_RDWR, 0644), ENOENT);
    EXPECT_ERR("not a directory", open("new/x", O_RDONLY), ENOTDIR);
    EXPECT_ERR("O_DIRECTORY", open("new", O_RDONLY | O_DIRECTORY), ENOTDIR);
    EXPECT_ERR("write a directory", open(".", O_WRONLY), EISDIR);
    EXPECT_ERR("create a directory", open(".", O_RDONLY | O_CREAT, 0644), EISDIR);
    EXPECT_ERR("empty name", open("", O_RDONLY), ENOENT);
    EXPECT_ERR("trailing slash", open("new/", O_RDONLY), ENOTDIR);
    int ro = open("new", O_RDONLY), wo = open("new", O_WRONLY | O_APPEND);
    char c;
    EXPECT_ERR("write to read-only", write(ro, "x", 1), EBADF);
    EXPECT_ERR("read from write-only", read(wo, &c, 1), EBADF);
    EXPECT("O_APPEND", write(wo, "A", 1), 1);
    EXPECT("at the end", lseek(wo, 0, SEEK_CUR), 11);
    lseek(wo, 0, SEEK_SET);
    write(wo, "B", 1);
    EXPECT_STR("appended", file_text("new"), "0123456789AB");
    close(open("new", O_WRONLY | O_TRUNC));
    EXPECT("O_TRUNC", stat_of("new").st_size, 0);
    int path = open("new", O_PATH);
    EXPECT_ERR("O_PATH reads nothing", read(path, &c, 1), EBADF);
    struct stat st;
    EXPECT("O_PATH has a status", fstat(path, &st), 0);
    close(path);
    close(ro);
    close(wo);
    close(fd);
    EXPECT_ERR("closed", close(fd), EBADF);
    char name[300];
    memset(name, 'n', 256);
    name[256] = 0;
    EXPECT_ERR("name of 256", open(name, O_CREAT | O_RDWR, 0644), ENAMETOOLONG);
    name[255] = 0;
    fd = open(name, O_CREAT | O_RDWR, 0644);
    CHECK("name of 255", fd >= 0);
    close(fd);
    unlink(name);
}

static void test_long_path(void)
{
    static char path[5000];

    for (int i = 0; i < 2048; i++)
        memcpy(path + 2 * i, "./", 2);
    strcpy(path + 4092, "new");
    EXPECT_OK("path of 4095", access(path, F_OK));
    strcpy(path + 4094, "new");
    EXPECT_ERR("path of 4097", access(path, F_OK), ENAMETOOLONG);
}

static void test_offsets(void)
{
    int fd = make("offset"), other = open("offset", O_RDWR), copy = dup(fd);
    char text[16] = "";

    write(fd, "abcdef", 6);
    EXPECT("dup shares the offset", lseek(copy, 0, SEEK_CUR), 6);
    EXPECT("another open does not", lseek(other, 0, SEEK_CUR), 0);
    pid_t pid = fork();
    if (pid == 0) {
        lseek(fd, 2, SEEK_SET);
        _exit(0);
    }
    child_end(pid);
    EXPECT("fork shares the offset", read(copy, text, 2), 2);
    EXPECT_STR("from there", text, "cd");
    EXPECT("pread", pread(fd, text, 3, 1), 3);
    EXPECT_STR("pread's bytes", text, "bcd");
    EXPECT("pread leaves the offset", lseek(fd, 0, SEEK_CUR), 4);
    EXPECT("pwrite", pwrite(fd, "XY", 2, 8), 2);
    EXPECT("gap is zero", pread(fd, text, 4, 6), 4);
    CHECK("gap", text[0] == 0 && text[1] == 0 && text[2] == 'X');
    EXPECT("SEEK_END", lseek(fd, -1, SEEK_END), 9);
    EXPECT_ERR("before the start", lseek(fd, -1, SEEK_SET), EINVAL);
    EXPECT_ERR("bad whence", lseek(fd, 0, 99), EINVAL);
    EXPECT_ERR("negative pread", pread(fd, text, 1, -1), EINVAL);
    EXPECT("beyond the end", lseek(fd, 100, SEEK_SET), 100);
    EXPECT("reads nothing", read(fd, text, 1), 0);
    EXPECT("dup3", dup3(fd, 50, O_CLOEXEC), 50);
    EXPECT("dup3's flag", fcntl(50, F_GETFD), FD_CLOEXEC);
    EXPECT_ERR("dup3 onto itself", dup3(fd, fd, 0), EINVAL);
    EXPECT("dup2 onto itself", dup2(fd, fd), fd);
    EXPECT_ERR("dup of nothing", dup(999), EBADF);
    EXPECT("F_DUPFD", fcntl(fd, F_DUPFD, 60), 60);
    EXPECT("F_DUPFD_CLOEXEC", fcntl(fd, F_DUPFD_CLOEXEC, 60), 61);
    EXPECT("access mode", fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    EXPECT("set O_APPEND", fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK), 0);
    EXPECT("shared by dup", fcntl(copy, F_GETFL) & (O_APPEND | O_NONBLOCK), O_APPEND | O_NONBLOCK);
    int all[] = {50, 60, 61, fd, other, copy};
    for (size_t i = 0; i < 6; i++)
        close(all[i]);
}

static void test_vectors(void)
{
    int fd = make("vector");
    char a[3], b[5];
    struct iovec out[] = {{"one", 3}, {"", 0}, {"three", 5}}, in[] = {{a, 3}, {b, 5}};
    struct iovec bad[] = {{a, -1UL}};

    EXPECT("writev", writev(fd, out, 3), 8);
    EXPECT("preadv", preadv(fd, in, 2, 0), 8);
    CHECK("parts", memcmp(a, "one", 3) == 0 && memcmp(b, "three", 5) == 0);
    EXPECT("pwritev", pwritev(fd, out, 1, 20), 3);
    lseek(fd, 20, SEEK_SET);
    EXPECT("readv, short", readv(fd, in, 2), 3);
    EXPECT("no vector", writev(fd, out, 0), 0);
    EXPECT_ERR("too many", writev(fd, out, 1025), EINVAL);
    EXPECT_ERR("negative count", writev(fd, out, -1), EINVAL);
    EXPECT_ERR("length beyond", readv(fd, bad, 1), EINVAL);
    close(fd);
}

static void test_vector_flags(void)
{
    int fd = make("vector2"), p[2];
    char a[3], b[5];
    struct iovec out[] = {{"one", 3}, {"three", 5}}, in[] = {{a, 3}, {b, 5}};

    EXPECT("own position", pwritev2(fd, out, 2, -1, 0), 8);
    EXPECT("which moves", lseek(fd, 0, SEEK_CUR), 8);
    EXPECT("written through", pwritev2(fd, out, 2, 8, RWF_SYNC), 8);
    EXPECT("its data", pwritev2(fd, out, 1, 16, RWF_DSYNC | RWF_HIPRI), 3);
    EXPECT("read at", preadv2(fd, in, 2, 8, RWF_DSYNC), 8);
    CHECK("parts", memcmp(a, "one", 3) == 0 && memcmp(b, "three", 5) == 0);
    EXPECT("position stays", lseek(fd, 16, SEEK_SET), 16);
    EXPECT("read on", preadv2(fd, in, 2, -1, 0), 3);
    EXPECT_ERR("no position", preadv2(fd, in, 2, -2, 0), EINVAL);
    EXPECT_ERR("no such flag", pwritev2(fd, out, 2, 0, 1 << 30), EOPNOTSUPP);
    EXPECT("of nothing it is not asked", preadv2(fd, in, 0, 0, 1 << 30), 0);
    int proc = open("/proc/self/oom_score_adj", O_RDWR);
    EXPECT_ERR("what cannot be synced", pwritev2(proc, out, 1, 0, RWF_SYNC), EOPNOTSUPP);
    close(proc);
    NEED(pipe(p) == 0);
    EXPECT("a pipe, through", pwritev2(p[1], out, 2, -1, RWF_SYNC), 8);
    EXPECT_ERR("has no places", pwritev2(p[1], out, 2, 0, 0), ESPIPE);
    EXPECT("a pipe", preadv2(p[0], in, 2, -1, 0), 8);
    close(p[0]), close(p[1]), close(fd);
}

static void test_sizes(void)
{
    int fd = make("size");
    char c = 1;

    EXPECT("far write", pwrite(fd, "e", 1, 1 << 20), 1);
    struct stat st = stat_of("size");
    EXPECT("size", st.st_size, (1 << 20) + 1);
    CHECK("holes take no room", st.st_blocks * 512 < 1 << 20);
    EXPECT("hole", pread(fd, &c, 1, 12345), 1);
    EXPECT("is zero", c, 0);
    EXPECT("cut", ftruncate(fd, 5), 0);
    EXPECT("grow", ftruncate(fd, 10), 0);
    EXPECT("by name", truncate("size", 3), 0);
    EXPECT("size again", stat_of("size").st_size, 3);
    pwrite(fd, "abcdef", 6, 0);
    ftruncate(fd, 3);
    ftruncate(fd, 6);
    EXPECT("cut bytes do not return", pread(fd, &c, 1, 4), 1);
    EXPECT("they are zero", c, 0);
    EXPECT_ERR("negative", ftruncate(fd, -1), EINVAL);
    EXPECT_ERR("of a directory", truncate(".", 0), EISDIR);
    EXPECT_ERR("of nothing", truncate("none", 0), ENOENT);
    close(fd);
    fd = open("size", O_RDONLY);
    EXPECT_ERR("of a read-only descriptor", ftruncate(fd, 0), EINVAL);
    close(fd);
}

static void test_links(void)
{
    int fd = make("a");
    char text[8] = "";

    EXPECT("link", link("a", "b"), 0);
    EXPECT("count", stat_of("b").st_nlink, 2);
    EXPECT("same inode", stat_of("a").st_ino, stat_of("b").st_ino);
    EXPECT_ERR("link onto a file", link("a", "b"), EEXIST);
    EXPECT_ERR("link of nothing", link("none", "c"), ENOENT);
    EXPECT_ERR("link of a directory", link(".", "c"), EPERM);
    write(fd, "x", 1);
    EXPECT("unlink", unlink("a"), 0);
    EXPECT("unlink the last", unlink("b"), 0);
    struct stat st;
    fstat(fd, &st);
    EXPECT("no name left", st.st_nlink, 0);
    EXPECT("but a file", pread(fd, text, 1, 0), 1);
    EXPECT_ERR("unlink of nothing", unlink("a"), ENOENT);
    EXPECT_ERR("unlink of a directory", unlink("."), EISDIR);
    EXPECT_ERR("rmdir of .", rmdir("."), EINVAL);
    EXPECT_ERR("unlink, trailing slash", unlink("new/"), ENOTDIR);
    close(fd);
}

static void test_symlinks(void)
{
    char text[32] = "";

    file_write("target", "T", 0644);
    EXPECT("symlink", symlink("target", "sym"), 0);
    EXPECT("its kind", stat_of("sym").st_mode & S_IFMT, S_IFLNK);
    EXPECT("its size", stat_of("sym").st_size, 6);
    EXPECT("readlink", readlink("sym", text, sizeof(text)), 6);
    EXPECT_STR("its text", text, "target");
    EXPECT("readlink, cut", readlink("sym", text, 2), 2);
    EXPECT_STR("followed", file_text("sym"), "T");
    EXPECT_ERR("O_NOFOLLOW", open("sym", O_RDONLY | O_NOFOLLOW), ELOOP);
    EXPECT_ERR("readlink of a file", readlink("target", text, 5), EINVAL);
    EXPECT_ERR("readlink, no room", readlink("sym", text, 0), EINVAL);
    symlink("loop2", "loop1");
    symlink("loop1", "loop2");
    EXPECT_ERR("loop", open("loop1", O_RDONLY), ELOOP);
    EXPECT_ERR("loop in the middle", access("loop1/x", F_OK), ELOOP);
    symlink("made", "dangling");
    EXPECT_ERR("dangling", open("dangling", O_RDONLY), ENOENT);
    EXPECT_ERR("O_EXCL does not follow", open("dangling", O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
    EXPECT_ERR("dangling, as a directory", open("dangling/", O_CREAT | O_NOFOLLOW, 0644), EISDIR);
    close(open("dangling", O_CREAT | O_RDWR, 0644));
    EXPECT_OK("creation through a link", access("made", F_OK));
    EXPECT_ERR("empty target", symlink("", "x"), ENOENT);
    EXPECT_ERR("symlink onto a file", symlink("y", "target"), EEXIST);
    char name[16] = "target", next[16];
    for (int i = 0; i < 42; i++, strcpy(name, next)) {
        snprintf(next, sizeof(next), "chain%d", i);
        symlink(name, next);
    }
    EXPECT_OK("chain of 40", access("chain39", F_OK));
    EXPECT_ERR("chain of 41", access("chain40", F_OK), ELOOP);
    symlink(".", "here");
    EXPECT_OK("link to a directory", access("here/here/target", F_OK));
    EXPECT_ERR("trailing slash follows", unlink("here/"), ENOTDIR);
    EXPECT("unlink takes the link", unlink("sym"), 0);
    EXPECT_OK("not the target", access("target", F_OK));
}

static void test_rename(void)
{
    file_write("r1", "1", 0644);
    file_write("r2", "2", 0644);
    mkdir("d1", 0755);
    mkdir("d2", 0755);
    mkdir("d1/sub", 0755);
    EXPECT("onto a file", rename("r1", "r2"), 0);
    EXPECT_STR("replaced", file_text("r2"), "1");
    EXPECT_ERR("source is gone", access("r1", F_OK), ENOENT);
    EXPECT_ERR("file onto directory", rename("r2", "d1"), EISDIR);
    EXPECT_ERR("directory onto file", rename("d1", "r2"), ENOTDIR);
    EXPECT_ERR("directory onto a full one", rename("d2", "d1"), ENOTEMPTY);
    EXPECT_ERR("into itself", rename("d1", "d1/sub/x"), EINVAL);
    EXPECT_ERR("onto its parent", rename("d1/sub", "d1"), ENOTEMPTY);
    EXPECT("directory onto an empty one", rename("d1", "d2"), 0);
    EXPECT_OK("with its content", access("d2/sub", F_OK));
    EXPECT("to itself", rename("r2", "r2"), 0);
    link("r2", "r3");
    EXPECT("onto the same inode", rename("r2", "r3"), 0);
    EXPECT_OK("both names stay", access("r2", F_OK));
    EXPECT("into a directory", rename("r3", "d2/sub/r3"), 0);
    EXPECT("move a directory up", rename("d2/sub", "sub"), 0);
    struct stat up = stat_of("sub/.."), here = stat_of(".");
    EXPECT("its .. follows", up.st_ino, here.st_ino);
    EXPECT("links of the old parent", stat_of("d2").st_nlink, 2);
    EXPECT_ERR("of nothing", rename("none", "x"), ENOENT);
    EXPECT_ERR("of .", rename(".", "x"), EBUSY);
    file_write("e1", "1", 0644);
    file_write("e2", "2", 0644);
    EXPECT_ERR("RENAME_NOREPLACE", renameat2(AT_FDCWD, "e1", AT_FDCWD, "e2", 1), EEXIST);
    EXPECT("RENAME_EXCHANGE", renameat2(AT_FDCWD, "e1", AT_FDCWD, "e2", 2), 0);
    EXPECT_STR("exchanged", file_text("e1"), "2");
    EXPECT_ERR("bad flags", renameat2(AT_FDCWD, "e1", AT_FDCWD, "e2", 3), EINVAL);
    int fd = open("e1", O_RDONLY);
    rename("e2", "e1");
    char c;
    EXPECT("a replaced file stays open", read(fd, &c, 1), 1);
    EXPECT("with its content", c, '2');
    close(fd);
}

static void test_directories(void)
{
    EXPECT("mkdir", mkdir("dir", 0750), 0);
    EXPECT("its mode", stat_of("dir").st_mode, S_IFDIR | 0750);
    EXPECT("its links", stat_of("dir").st_nlink, 2);
    EXPECT_ERR("again", mkdir("dir", 0755), EEXIST);
    EXPECT_ERR("without a parent", mkdir("none/dir", 0755), ENOENT);
    EXPECT("trailing slash", mkdir("dir/in/", 0755), 0);
    EXPECT("parent's links", stat_of("dir").st_nlink, 3);
    EXPECT_ERR("rmdir, full", rmdir("dir"), ENOTEMPTY);
    int old = open(".", O_RDONLY), in = open("dir/in", O_RDONLY | O_DIRECTORY);
    EXPECT("fchdir", fchdir(in), 0);
    char cwd[256], want[256];
    getcwd(cwd, sizeof(cwd));
    EXPECT_STR("getcwd", cwd, ABI_DIR "/dir/in");
    EXPECT_ERR("getcwd, no room", syscall(SYS_getcwd, want, 3), ERANGE);
    EXPECT("rmdir of the current one", rmdir("../in"), 0);
    EXPECT_ERR("nothing to be made there", open("x", O_CREAT | O_RDWR, 0644), ENOENT);
    EXPECT_ERR("getcwd of nowhere", syscall(SYS_getcwd, cwd, sizeof(cwd)), ENOENT);
    EXPECT("back", fchdir(old), 0);
    EXPECT_ERR("chdir to a file", chdir("target"), ENOTDIR);
    close(in);
    int dir = open("dir", O_RDONLY);
    EXPECT_OK("openat", close(openat(dir, "f", O_CREAT | O_RDWR, 0644)));
    EXPECT_OK("by name", access("dir/f", F_OK));
    EXPECT_OK("absolute path ignores the directory", faccessat(999, "/tmp", F_OK, 0));
    EXPECT_ERR("bad directory", openat(999, "f", O_RDONLY), EBADF);
    EXPECT_ERR("not a directory", openat(old, "target/f", O_RDONLY), ENOTDIR);
    EXPECT("unlinkat", unlinkat(dir, "f", 0), 0);
    EXPECT("mkdirat", mkdirat(dir, "s", 0755), 0);
    EXPECT_ERR("unlinkat of a directory", unlinkat(dir, "s", 0), EISDIR);
    EXPECT("AT_REMOVEDIR", unlinkat(dir, "s", AT_REMOVEDIR), 0);
    char c;
    EXPECT_ERR("read of a directory", read(dir, &c, 1), EISDIR);
    close(dir);
    close(old);
    EXPECT("rmdir", rmdir("dir"), 0);
    EXPECT_ERR("rmdir of a file", rmdir("target"), ENOTDIR);
    EXPECT_ERR("rmdir of nothing", rmdir("dir"), ENOENT);
    EXPECT_ERR("rmdir of the root", rmdir("/"), EBUSY);
}

// A directory read while its names go: every name once, and the ones that stay certainly.
static void test_getdents(void)
{
    enum { N = 200 };
    char name[32], seen[N] = {0};
    struct dirent *e;
    int other = 0, twice = 0;

    mkdir("many", 0755);
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "many/%d", i);
        close(make(name));
    }
    DIR *d = opendir("many");
    NEED(d);
    while ((e = readdir(d))) {
        if (e->d_name[0] == '.') {
            other++;
            continue;
        }
        int i = atoi(e->d_name);
        twice += seen[i]++;
        if (i % 2)
            continue;
        snprintf(name, sizeof(name), "many/%d", i);
        unlink(name);
    }
    EXPECT(". and ..", other, 2);
    EXPECT("no name twice", twice, 0);
    int missing = 0;
    for (int i = 0; i < N; i++)
        missing += !seen[i];
    EXPECT("no name lost", missing, 0);
    rewinddir(d);
    int left = 0;
    while ((e = readdir(d)))
        left++;
    EXPECT("what is left", left, N / 2 + 2);
    closedir(d);
    int fd = open("many", O_RDONLY);
    char tiny[8];
    EXPECT_ERR("no room for a name", syscall(SYS_getdents64, fd, tiny, 8), EINVAL);
    close(fd);
    fd = open("target", O_RDONLY);
    char room[512];
    EXPECT_ERR("not a directory", syscall(SYS_getdents64, fd, room, 512), ENOTDIR);
    close(fd);
}

static void as_user(void *unused)
{
    (void)unused;
    NEED(setgid(1000) == 0 && setuid(1000) == 0);
    EXPECT_ERR("read 0600 of another", open("p600", O_RDONLY), EACCES);
    EXPECT_OK("read 0644", close(open("p644", O_RDONLY)));
    EXPECT_ERR("write 0644", open("p644", O_WRONLY), EACCES);
    EXPECT_ERR("access agrees", access("p644", W_OK), EACCES);
    EXPECT_ERR("search 0700", access("d700/x", F_OK), EACCES);
    EXPECT_ERR("create in 0755", open("d755/x", O_CREAT | O_RDWR, 0644), EACCES);
    EXPECT_OK("create in 1777", close(open("d1777/mine", O_CREAT | O_RDWR, 0644)));
    EXPECT_ERR("sticky: unlink another's", unlink("d1777/root"), EPERM);
    EXPECT("sticky: unlink one's own", unlink("d1777/mine"), 0);
    EXPECT_ERR("chmod another's", chmod("p644", 0666), EPERM);
    EXPECT_ERR("chown another's", chown("p644", 1000, 1000), EPERM);
    EXPECT_ERR("times of another's", utimensat(AT_FDCWD, "p600", (struct timespec[2]){{0}}, 0),
               EPERM);
    EXPECT_ERR("mknod", mknod("d1777/dev", S_IFCHR | 0600, makedev(1, 3)), EPERM);
    EXPECT_ERR("exec without x", execl("p644", "p644", NULL), EACCES);
    EXPECT_OK("group gives", close(open("g640", O_RDONLY)));
    EXPECT_ERR("owner's bits count first", open("o077", O_RDONLY), EACCES);
    EXPECT_ERR("give away", chown("o077", 0, 0), EPERM);
    EXPECT_ERR("chroot", chroot("."), EPERM);
}

static void test_permissions(void)
{
    if (getuid() != 0)
        return;
    file_write("p600", "x", 0600);
    file_write("p644", "x", 0644);
    file_write("g640", "x", 0640);
    file_write("o077", "x", 0077);
    EXPECT("chown", chown("g640", 0, 1000), 0);
    chown("o077", 1000, 1000);
    mkdir("d700", 0700);
    mkdir("d755", 0755);
    mkdir("d1777", 0755);
    EXPECT("chmod", chmod("d1777", 01777), 0);
    file_write("d1777/root", "x", 0644);
    chmod(".", 0755);
    EXPECT("user", child_run(as_user, NULL), 0);
    chmod("p644", 06755);
    EXPECT("set-id bits", stat_of("p644").st_mode & 07777, 06755);
    chown("p644", 5, 6);
    CHECK("chown clears them", (stat_of("p644").st_mode & 06000) == 0);
    EXPECT("fchmodat", fchmodat(AT_FDCWD, "p600", 0604, 0), 0);
    EXPECT("mode", stat_of("p600").st_mode & 0777, 0604);
    chown("p600", -1, 9);
    CHECK("chown with -1", stat_of("p600").st_uid == 0 && stat_of("p600").st_gid == 9);
    symlink("p600", "owned");
    EXPECT("lchown", lchown("owned", 3, 4), 0);
    CHECK("link only", stat_of("owned").st_uid == 3 && stat_of("p600").st_uid == 0);
    mode_t old = umask(027);
    close(open("masked", O_CREAT | O_RDWR, 0666));
    EXPECT("umask", stat_of("masked").st_mode & 0777, 0640);
    EXPECT("umask gives the old one", umask(old), 027);
    EXPECT("root without x", access("masked", X_OK), -1);
    EXPECT("root reads all", access("o077", R_OK | W_OK), 0);
}

static void test_times(void)
{
    struct timespec t[2] = {{1000, 5}, {2000, 7}};
    struct stat st;

    file_write("times", "x", 0644);
    EXPECT("utimensat", utimensat(AT_FDCWD, "times", t, 0), 0);
    st = stat_of("times");
    CHECK("times", st.st_atim.tv_sec == 1000 && st.st_atim.tv_nsec == 5 &&
                       st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 7);
    t[0].tv_nsec = UTIME_OMIT;
    t[1].tv_nsec = UTIME_NOW;
    EXPECT("now and omit", utimensat(AT_FDCWD, "times", t, 0), 0);
    st = stat_of("times");
    CHECK("omit keeps, now sets", st.st_atim.tv_sec == 1000 && st.st_mtim.tv_sec != 2000);
    t[1].tv_nsec = 1000000000;
    EXPECT_ERR("bad nanoseconds", utimensat(AT_FDCWD, "times", t, 0), EINVAL);
    symlink("times", "times.link");
    t[0] = t[1] = (struct timespec){77, 0};
    EXPECT("of a link", utimensat(AT_FDCWD, "times.link", t, AT_SYMLINK_NOFOLLOW), 0);
    CHECK("link only",
          stat_of("times.link").st_mtim.tv_sec == 77 && stat_of("times").st_mtim.tv_sec != 77);
    t[0] = t[1] = (struct timespec){5000, 0};
    int fd = open("times", O_RDWR);
    EXPECT("futimens", futimens(fd, t), 0);
    write(fd, "y", 1);
    CHECK("writing sets mtime", stat_of("times").st_mtim.tv_sec != 5000);
    futimens(fd, t);
    chmod("times", 0600);
    st = stat_of("times");
    CHECK("chmod sets ctime only", st.st_mtim.tv_sec == 5000 && st.st_ctim.tv_sec != 5000);
    utimensat(AT_FDCWD, ".", t, 0);
    close(make("times.new"));
    CHECK("creation sets the directory's mtime", stat_of(".").st_mtim.tv_sec != 5000);
    close(fd);
}

static void test_statx(void)
{
    struct statx x;
    struct stat st = stat_of("times");

    EXPECT("statx", statx(AT_FDCWD, "times", 0, STATX_BASIC_STATS, &x), 0);
    CHECK("mask", (x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    CHECK("same as stat", x.stx_ino == st.st_ino && x.stx_size == (uint64_t)st.st_size &&
                              x.stx_mode == st.st_mode && x.stx_nlink == st.st_nlink &&
                              x.stx_mtime.tv_sec == st.st_mtim.tv_sec);
    CHECK("device", makedev(x.stx_dev_major, x.stx_dev_minor) == st.st_dev);
    EXPECT("AT_EMPTY_PATH", statx(0, "", AT_EMPTY_PATH, STATX_MODE, &x), 0);
    EXPECT_ERR("no file", statx(AT_FDCWD, "none", 0, STATX_MODE, &x), ENOENT);
    EXPECT_ERR("bad flags", statx(AT_FDCWD, "times", 0x40000000, STATX_MODE, &x), EINVAL);
    EXPECT("null's number", (stat("/dev/null", &st), st.st_rdev), makedev(1, 3));
    CHECK("null's kind", S_ISCHR(st.st_mode));
    struct statfs fs;
    EXPECT("statfs", statfs("/tmp", &fs), 0);
    CHECK("tmpfs or ext4", fs.f_type == 0x1021994 || fs.f_type == 0xef53);
    CHECK("block size", fs.f_bsize == PAGE && fs.f_namelen == 255 && fs.f_bfree <= fs.f_blocks);
    EXPECT("of proc", (statfs("/proc", &fs), fs.f_type), 0x9fa0);
}

static void lock_child(void *argument)
{
    int fd = *(int *)argument;
    struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 2};

    EXPECT("F_GETLK", fcntl(fd, F_GETLK, &f), 0);
    CHECK("whose", f.l_type == F_WRLCK && f.l_pid == getppid() && f.l_start == 0 && f.l_len == 10);
    f = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 9, .l_len = 1};
    EXPECT_ERR("locked", fcntl(fd, F_SETLK, &f), EAGAIN);
    f.l_start = 10;
    EXPECT("free", fcntl(fd, F_SETLK, &f), 0);
    int other = open("locks", O_RDWR);
    EXPECT_ERR("flock of another open", flock(other, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    close(other);
}

static void lock_waiter(void *argument)
{
    struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    EXPECT("waits for a lock", fcntl(*(int *)argument, F_SETLKW, &f), 0);
}

static void test_locks(void)
{
    int fd = make("locks");
    struct flock f = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10};

    EXPECT("lock", fcntl(fd, F_SETLK, &f), 0);
    EXPECT("flock", flock(fd, LOCK_SH), 0);
    EXPECT("child", child_run(lock_child, &fd), 0);
    pid_t pid = child_start(lock_waiter, &fd);
    process_await(pid, "S");
    f.l_type = F_UNLCK;
    EXPECT("unlock", fcntl(fd, F_SETLK, &f), 0);
    EXPECT("waiter", child_end(pid), 0);
    f.l_type = F_WRLCK;
    fcntl(fd, F_SETLK, &f);
    close(open("locks", O_RDONLY));
    pid = fork();
    if (pid == 0)
        _exit(fcntl(fd, F_SETLK, &f) == 0 ? 0 : 1);
    EXPECT("any close of the file drops its locks", child_end(pid), 0);
    close(fd);
}

static void test_copies(void)
{
    int in = make("in"), out = make("out");
    off_t at = 2;
    loff_t from = 0;

    write(in, "0123456789", 10);
    EXPECT("sendfile from an offset", sendfile(out, in, &at, 4), 4);
    EXPECT("offset is moved", at, 6);
    EXPECT("file offset is not", lseek(in, 0, SEEK_CUR), 10);
    EXPECT_STR("bytes", file_text("out"), "2345");
    lseek(in, 8, SEEK_SET);
    EXPECT("sendfile to the end", sendfile(out, in, NULL, 100), 2);
    EXPECT("copy_file_range", copy_file_range(in, &from, out, NULL, 3, 0), 3);
    EXPECT_STR("all", file_text("out"), "234589012");
    EXPECT_ERR("flags", copy_file_range(in, &from, out, NULL, 3, 1), EINVAL);
    EXPECT_ERR("bad descriptor", sendfile(out, 999, NULL, 1), EBADF);
    close(in);
    close(out);
}

static void test_special(void)
{
    char c[8] = "xxxxxxx";
    int fd = open("/dev/zero", O_RDWR);

    EXPECT("zero reads", read(fd, c, 8), 8);
    CHECK("zeros", c[0] == 0 && c[7] == 0);
    EXPECT("zero takes", write(fd, c, 8), 8);
    close(fd);
    fd = open("/dev/null", O_RDWR);
    EXPECT("null reads", read(fd, c, 8), 0);
    EXPECT("null takes", write(fd, c, 8), 8);
    close(fd);
    fd = open("/dev/full", O_RDWR);
    EXPECT("full reads", read(fd, c, 8), 8);
    EXPECT_ERR("full takes nothing", write(fd, c, 8), ENOSPC);
    close(fd);
    fd = open("/dev/urandom", O_RDONLY);
    char d[8];
    EXPECT("urandom", read(fd, c, 8) + read(fd, d, 8), 16);
    CHECK("differs", memcmp(c, d, 8) != 0);
    EXPECT("getrandom", syscall(SYS_getrandom, c, 8, 0), 8);
    EXPECT_ERR("getrandom, bad flags", syscall(SYS_getrandom, c, 8, 0x80), EINVAL);
    close(fd);
    int p[2];
    NEED(pipe(p) == 0);
    EXPECT_ERR("lseek of a pipe", lseek(p[0], 0, SEEK_SET), ESPIPE);
    close(p[0]);
    close(p[1]);
}

// Sizes that wrap must not become small ones. Linux takes these for no limit.
static void test_mount_sizes(void)
{
    static const char *const sizes[] = {"size=16777216t", "size=18446744073709551615",
                                        "size=18446744073709551615%"};
    struct statfs s;

    NEED(mkdir("mounted", 0755) == 0);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        bool mounted = mount("none", "mounted", "tmpfs", 0, sizes[i]) == 0;
        int error = errno, fd = open("mounted/file", O_RDWR | O_CREAT, 0600);
        CHECK(sizes[i], mounted ? pwrite(fd, "x", 1, 64 * PAGE) == 1 : error == EINVAL);
        close(fd);
        unlink("mounted/file");
        if (mounted)
            umount("mounted");
    }
    EXPECT("size", mount("none", "mounted", "tmpfs", 0, "size=64k"), 0);
    EXPECT("is kept", (statfs("mounted", &s), s.f_blocks), 16);
    umount("mounted");
    rmdir("mounted");
}

static uint64_t free_inodes(void)
{
    struct statfs s;

    NEED(statfs("mounted", &s) == 0);
    return s.f_ffree;
}

// A removed directory goes at once, also if names were looked for in it.
static void test_removed(void)
{
    uint64_t before;

    NEED(mkdir("mounted", 0755) == 0);
    NEED(mount("none", "mounted", "tmpfs", 0, "nr_inodes=100") == 0);
    before = free_inodes();
    NEED(mkdir("mounted/one", 0755) == 0 && mkdir("mounted/two", 0755) == 0);
    EXPECT("two more", free_inodes(), before - 2);
    EXPECT_ERR("missing", access("mounted/one/missing", F_OK), ENOENT);
    EXPECT_ERR("missing too", access("mounted/two/missing", F_OK), ENOENT);
    EXPECT("rename over it", rename("mounted/one", "mounted/two"), 0);
    EXPECT("one went", free_inodes(), before - 1);
    EXPECT_ERR("missing still", access("mounted/two/missing", F_OK), ENOENT);
    EXPECT("rmdir", rmdir("mounted/two"), 0);
    EXPECT("both went", free_inodes(), before);
    NEED(mkdir("mounted/two", 0755) == 0);
    close(make("mounted/two/missing"));
    EXPECT("made again, with it", access("mounted/two/missing", F_OK), 0);
    EXPECT("umount", umount("mounted"), 0);
    rmdir("mounted");
}

static void test_limits(void)
{
    EXPECT_ERR("chmod of nothing", chmod("none", 0644), ENOENT);
    EXPECT_ERR("access mode", access("target", 99), EINVAL);
    EXPECT("fsync", fsync(open(".", O_RDONLY)), 0);
    EXPECT_ERR("fsync of nothing", fsync(999), EBADF);
    EXPECT("sync", (sync(), 0), 0);
    EXPECT_ERR("ioctl of a file", syscall(SYS_ioctl, open("target", O_RDONLY), 0x5401, 0), ENOTTY);
    int fd = open("space", O_RDWR | O_CREAT, 0644);
    EXPECT_ERR("fallocate past the largest offset", fallocate(fd, 0, INT64_MAX - 10, 100), EFBIG);
    EXPECT_ERR("fallocate to it", fallocate(fd, 0, PAGE, INT64_MAX), EFBIG);
    EXPECT_ERR("fallocate of a negative length", fallocate(fd, 0, 0, -1), EINVAL);
    EXPECT_ERR("fallocate at a negative offset", fallocate(fd, 0, -1, 1), EINVAL);
    EXPECT("changed nothing", lseek(fd, 0, SEEK_END), 0);
    EXPECT("close_range", syscall(SYS_close_range, 3, ~0U, 0), 0);
    EXPECT_ERR("closed all", fcntl(3, F_GETFD), EBADF);
}

#define RECORD   (2 * PAGE)
#define APPENDS  100
#define PROGRAMS 3

static void append_cold(void *unused)
{
    int fd = open("log", O_WRONLY | O_APPEND);
    char *record = mmap(NULL, RECORD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)unused;
    NEED(fd >= 0 && record != MAP_FAILED);
    for (int i = 0; i < APPENDS; i++) {
        memset(record, 'a', PAGE);
        madvise(record + PAGE, PAGE, MADV_DONTNEED); // the write stops there for a page
        NEED(write(fd, record, RECORD) == RECORD);
    }
}

static void test_append(void)
{
    pid_t pid[PROGRAMS];

    close(make("log"));
    for (int i = 0; i < PROGRAMS; i++)
        pid[i] = child_start(append_cold, NULL);
    for (int i = 0; i < PROGRAMS; i++)
        child_end(pid[i]);
    EXPECT("appends write over nothing", stat_of("log").st_size, PROGRAMS * APPENDS * RECORD);
    unlink("log");
}

static void exchange_often(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3000; i++)
        NEED(renameat2(AT_FDCWD, "x.file", AT_FDCWD, "x.dir", RENAME_EXCHANGE) == 0);
}

// While a file and a directory change places, the file gets and loses a name in the directory.
static void test_exchange_and_link(void)
{
    int file = make("x.file"), dir;
    char name[40];
    pid_t pid;

    NEED(mkdir("x.dir", 0777) == 0);
    dir = open("x.dir", O_RDONLY | O_DIRECTORY);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
    pid = child_start(exchange_often, NULL);
    for (int i = 0; i < 3000; i++) {
        NEED(linkat(AT_FDCWD, name, dir, "l", AT_SYMLINK_FOLLOW) == 0);
        NEED(unlinkat(dir, "l", 0) == 0);
    }
    EXPECT("neither waits for ever", child_end(pid), 0);
    close(file);
    close(dir);
    unlink("x.file");
    rmdir("x.dir");
}

int main(void)
{
    abi_begin();
    scratch_enter();
    umask(0);
    test_open();
    test_long_path();
    test_offsets();
    test_vectors();
    test_vector_flags();
    test_sizes();
    test_links();
    test_symlinks();
    test_rename();
    test_append();
    test_exchange_and_link();
    test_directories();
    test_getdents();
    test_permissions();
    test_times();
    test_statx();
    test_locks();
    test_copies();
    test_special();
    test_mount_sizes();
    test_removed();
    test_limits();
    scratch_leave();
    return abi_end();
}
