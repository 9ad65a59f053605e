// SPDX-License-Identifier: MIT
// inotify(7): instances and watches: errors, sizes, limits, waiting, and their ends.
#include "inotify.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LIMITS "/proc/sys/fs/inotify/"
#define ROOM   (sizeof(struct inotify_event) + NAME_MAX + 1)

static char long_name[NAME_MAX + 1];

/* Errors */

static void test_init(void)
{
    char link[64], path[64];
    int fd, plain;

    EXPECT_ERR("init flags", inotify_init1(1), EINVAL);
    EXPECT_ERR("init flags high", inotify_init1(0x40000000), EINVAL);
    plain = inotify_init();
    EXPECT("plain cloexec", fcntl(plain, F_GETFD), 0);
    EXPECT("plain nonblock", fcntl(plain, F_GETFL) & O_NONBLOCK, 0);
    close(plain);
    fd = instance();
    EXPECT("cloexec", fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT("nonblock", fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_NONBLOCK | O_RDONLY);
    EXPECT_ERR("empty", read(fd, path, sizeof(path)), EAGAIN);
    EXPECT_ERR("empty, no room", read(fd, path, 1), EAGAIN);
    EXPECT_ERR("write", write(fd, "x", 1), EBADF);
    EXPECT_ERR("pread", pread(fd, path, sizeof(path), 0), ESPIPE);
    sprintf(path, "/proc/self/fd/%d", fd);
    memset(link, 0, sizeof(link));
    EXPECT_OK("link", readlink(path, link, sizeof(link) - 1));
    EXPECT_STR("link text", link, "anon_inode:inotify");
    close(fd);
    EXPECT_ERR("closed", inotify_add_watch(fd, "/", IN_OPEN), EBADF);
}

static void unreadable(void *argument)
{
    int fd = instance();

    (void)argument;
    NEED(setuid(1234) == 0);
    EXPECT_ERR("unreadable", inotify_add_watch(fd, "secret", IN_OPEN), EACCES);
    EXPECT_ERR("unsearchable", inotify_add_watch(fd, "closed/x", IN_OPEN), EACCES);
}

static void test_errors(void)
{
    int fd = instance(), other = open(".", O_RDONLY | O_DIRECTORY), path = open("/", O_PATH);
    char *name = malloc(PATH_MAX + 2);

    EXPECT_ERR("mask 0", inotify_add_watch(fd, ".", 0), EINVAL);
    EXPECT_ERR("mask 0, bad descriptor", inotify_add_watch(-1, ".", 0), EINVAL);
    EXPECT_ERR("unknown bit", inotify_add_watch(fd, ".", IN_OPEN | 0x1000), EINVAL);
    EXPECT_ERR("unknown high bit", inotify_add_watch(fd, ".", IN_OPEN | 0x08000000), EINVAL);
    EXPECT_ERR("add and create", inotify_add_watch(fd, ".", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE),
               EINVAL);
    EXPECT_ERR("add and create, bad descriptor",
               inotify_add_watch(-1, ".", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE), EBADF);
    EXPECT_ERR("bad descriptor", inotify_add_watch(-1, ".", IN_OPEN), EBADF);
    EXPECT_ERR("O_PATH descriptor", inotify_add_watch(path, ".", IN_OPEN), EBADF);
    EXPECT_ERR("no inotify", inotify_add_watch(other, ".", IN_OPEN), EINVAL);
    EXPECT_ERR("NULL", inotify_add_watch(fd, NULL, IN_OPEN), EFAULT);
    EXPECT_ERR("empty name", inotify_add_watch(fd, "", IN_OPEN), ENOENT);
    EXPECT_ERR("missing", inotify_add_watch(fd, "missing", IN_OPEN), ENOENT);
    memset(name, 'a', PATH_MAX + 1);
    name[PATH_MAX + 1] = 0;
    EXPECT_ERR("long path", inotify_add_watch(fd, name, IN_OPEN), ENAMETOOLONG);
    touch("plain");
    EXPECT_ERR("only directories", inotify_add_watch(fd, "plain", IN_OPEN | IN_ONLYDIR), ENOTDIR);
    EXPECT_ERR("through a file", inotify_add_watch(fd, "plain/x", IN_OPEN), ENOTDIR);
    EXPECT_ERR("remove nothing", inotify_rm_watch(fd, 1), EINVAL);
    EXPECT_ERR("remove -1", inotify_rm_watch(fd, -1), EINVAL);
    EXPECT_ERR("remove, bad descriptor", inotify_rm_watch(-1, 1), EBADF);
    EXPECT_ERR("remove, no inotify", inotify_rm_watch(other, 1), EINVAL);
    EXPECT("flags alone", inotify_add_watch(fd, ".", IN_ONLYDIR), 1);
    EXPECT_OK("bits of output", inotify_add_watch(fd, ".", IN_IGNORED | IN_ISDIR | IN_Q_OVERFLOW));
    EXPECT("removed", inotify_rm_watch(fd, 1), 0);
    EXPECT_ERR("removed twice", inotify_rm_watch(fd, 1), EINVAL);
    EXPECT("never the same", inotify_add_watch(fd, ".", IN_OPEN), 2);
    EVENTS("ignored", fd, "1:IGNORED");
    unlink("plain");
    free(name);
    close(other);
    close(path);
    close(fd);
}

static void test_permission(void)
{
    file_write("secret", "x", 0600);
    NEED(mkdir("closed", 0700) == 0);
    touch("closed/x");
    EXPECT("unreadable child", child_run(unreadable, NULL), 0);
    unlink("secret");
    unlink("closed/x");
    rmdir("closed");
}

/* The queue */

static size_t padded(const char *name)
{
    return (strlen(name) / sizeof(struct inotify_event) + 1) * sizeof(struct inotify_event);
}

static void check_size(int fd, const char *name)
{
    char buffer[2 * ROOM] __attribute__((aligned(8)));
    struct inotify_event *e = (struct inotify_event *)buffer;
    size_t size = sizeof(*e) + padded(name);
    int there = -1;

    touch(name);
    EXPECT("FIONREAD", ioctl(fd, FIONREAD, &there), 0);
    EXPECT("its size", there, size);
    EXPECT_ERR("too small", read(fd, buffer, size - 1), EINVAL);
    memset(buffer, 0xff, sizeof(buffer));
    EXPECT("fits", read(fd, buffer, size), size);
    EXPECT("length", e->len, padded(name));
    EXPECT_STR("name", e->name, name);
    for (size_t i = strlen(name); i < e->len; i++)
        if (e->name[i])
            EXPECT("padding", e->name[i], 0);
    unlink(name);
}

static void test_sizes(void)
{
    int fd = instance(), there = -1;
    char buffer[256];

    watch(fd, ".", IN_CREATE);
    EXPECT("FIONREAD of none", ioctl(fd, FIONREAD, &there), 0);
    EXPECT("none", there, 0);
    EXPECT_ERR("other ioctl", ioctl(fd, TIOCGWINSZ, buffer), ENOTTY);
    check_size(fd, "a");
    check_size(fd, "fifteen letters");
    check_size(fd, "sixteen letters.");
    check_size(fd, long_name);
    touch("a");
    touch("b");
    touch("fifteen letters, and more");
    EXPECT("sum", (ioctl(fd, FIONREAD, &there), there), 32 + 32 + 48);
    EXPECT("two fit", read(fd, buffer, 32 + 32 + 47), 64);
    EXPECT_ERR("nowhere", read(fd, NULL, 48), EFAULT);
    unlink("a");
    unlink("b");
    unlink("fifteen letters, and more");
    close(fd);
}

static void limit_set(const char *name, const char *value)
{
    char path[128];
    int fd;

    sprintf(path, LIMITS "%s", name);
    fd = open(path, O_WRONLY);
    NEED(fd >= 0);
    NEED(write(fd, value, strlen(value)) == (ssize_t)strlen(value));
    close(fd);
}

// With `value` for the limit; it is set back.
static void with_limit(const char *name, const char *value, void (*test)(void *))
{
    char path[128], old[32];

    sprintf(path, LIMITS "%s", name);
    snprintf(old, sizeof(old), "%s", file_text(path));
    limit_set(name, value);
    EXPECT("limit shown", atoi(file_text(path)), atoi(value));
    EXPECT(name, child_run(test, NULL), 0);
    limit_set(name, old);
}

static void overflowing(void *argument)
{
    int fd = instance();

    (void)argument;
    watch(fd, ".", IN_CREATE | IN_DELETE);
    for (int i = 0; i < 3; i++) {
        touch("f");
        unlink("f");
    }
    EVENTS("overflow", fd, "1:CREATE=f 1:DELETE=f 1:CREATE=f -1:Q_OVERFLOW");
    touch("f");
    EVENTS("after it", fd, "1:CREATE=f");
    unlink("f");
}

static void many_instances(void *argument)
{
    (void)argument;
    NEED(setuid(1234) == 0);
    int first = inotify_init1(0), second = inotify_init1(0);
    CHECK("two", first >= 0 && second >= 0);
    EXPECT_ERR("third", inotify_init1(0), EMFILE);
    close(first);
    EXPECT_OK("another", inotify_init1(0));
}

static void many_watches(void *argument)
{
    (void)argument;
    NEED(setuid(1234) == 0);
    int fd = instance();
    EXPECT("one", inotify_add_watch(fd, ".", IN_OPEN), 1);
    EXPECT("two", inotify_add_watch(fd, "/", IN_OPEN), 2);
    EXPECT_ERR("three", inotify_add_watch(fd, "/proc", IN_OPEN), ENOSPC);
    EXPECT("changing is free", inotify_add_watch(fd, "/", IN_CLOSE), 2);
    EXPECT("removed", inotify_rm_watch(fd, 1), 0);
    CHECK("again", inotify_add_watch(fd, "/proc", IN_OPEN) > 2);
}

static void test_limits(void)
{
    EXPECT("queued", atoi(file_text(LIMITS "max_queued_events")), 16384);
    EXPECT("instances", atoi(file_text(LIMITS "max_user_instances")), 128);
    CHECK("watches", atoi(file_text(LIMITS "max_user_watches")) >= 8192);
    with_limit("max_queued_events", "3", overflowing);
    with_limit("max_user_instances", "2", many_instances);
    with_limit("max_user_watches", "2", many_watches);
}

/* Waiting */

static void later(void *argument)
{
    pid_t parent = getppid();

    (void)argument;
    process_await(parent, "S");
    touch("f");
}

static void alarmed(int number)
{
    (void)number;
}

static void interrupter(void *argument)
{
    pid_t parent = getppid();

    (void)argument;
    process_await(parent, "S");
    kill(parent, SIGUSR1);
}

static void test_waiting(void)
{
    struct sigaction action = {.sa_handler = alarmed};
    int fd = inotify_init(), e = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    char buffer[ROOM];
    pid_t child;

    watch(fd, ".", IN_CREATE);
    EXPECT("not ready", poll(&p, 1, 0), 0);
    NEED(epoll_ctl(e, EPOLL_CTL_ADD, fd, &event) == 0);
    child = child_start(later, NULL);
    EXPECT("read waits", read(fd, buffer, sizeof(buffer)), 32);
    child_end(child);
    unlink("f");
    EXPECT("edge", epoll_wait(e, &event, 1, 0) >= 0, 1);
    child = child_start(later, NULL);
    EXPECT("poll waits", poll(&p, 1, -1), 1);
    EXPECT("readable", p.revents, POLLIN);
    child_end(child);
    EXPECT("new edge", epoll_wait(e, &event, 1, 0), 1);
    EXPECT("no edge", epoll_wait(e, &event, 1, 0), 0);
    EXPECT("read", read(fd, buffer, sizeof(buffer)), 32);
    unlink("f");
    NEED(sigaction(SIGUSR1, &action, NULL) == 0);
    child = child_start(interrupter, NULL);
    EXPECT_ERR("interrupted", read(fd, buffer, sizeof(buffer)), EINTR);
    child_end(child);
    close(e);
    close(fd);
}

/* What else there is to see */

static void test_fdinfo(void)
{
    char path[64], want[128];
    int fd = instance();
    struct stat st;

    touch("f");
    NEED(stat("f", &st) == 0);
    watch(fd, ".", IN_ALL_EVENTS);
    watch(fd, "f", IN_OPEN | IN_ONESHOT);
    sprintf(path, "/proc/self/fdinfo/%d", fd);
    sprintf(want, "inotify wd:2 ino:%lx sdev:", (unsigned long)st.st_ino);
    CHECK("fdinfo", strstr(file_text(path), want));
    CHECK("fdinfo of the other", strstr(file_text(path), "inotify wd:1 ino:"));
    unlink("f");
    close(fd);
}

static void writer(void *argument)
{
    (void)argument;
    touch("f");
}

static void test_sharing(void)
{
    int fd = instance(), other = instance();

    watch(fd, ".", IN_CREATE);
    watch(other, ".", IN_CREATE | IN_DELETE);
    child_run(writer, NULL); // its copies of the descriptors are closed with it
    unlink("f");
    EVENTS("of a child", fd, "1:CREATE=f");
    EVENTS("to both", other, "1:CREATE=f 1:DELETE=f");
    close(other);
    child_run(writer, NULL);
    EVENTS("still", fd, "1:CREATE=f");
    unlink("f");
    close(fd);
}

static void test_exec(void)
{
    int fd, in = open("/proc/self/exe", O_RDONLY), out;
    struct stat st;
    pid_t child;

    out = open("program", O_WRONLY | O_CREAT, 0755);
    NEED(in >= 0 && out >= 0 && fstat(in, &st) == 0);
    for (off_t done = 0; done < st.st_size;) {
        ssize_t n = sendfile(out, in, NULL, st.st_size - done);

        NEED(n > 0);
        done += n;
    }
    close(in);
    close(out);
    fd = instance();
    watch(fd, "program", IN_ALL_EVENTS);
    child = fork();
    if (child == 0) {
        execl("./program", "program", "--nothing", NULL);
        _exit(1);
    }
    EXPECT("program", child_end(child), 0);
    EVENTS("exec told", fd, "1:OPEN 1:ACCESS 1:CLOSE_NOWRITE");
    unlink("program");
    close(fd);
}

static void test_cwd(void)
{
    int fd = instance();

    NEED(mkdir("cwd", 0755) == 0 && chdir("cwd") == 0);
    NEED(rmdir("../cwd") == 0);
    EXPECT("a removed directory", watch(fd, ".", IN_ALL_EVENTS), 1);
    EVENTS("not yet", fd, "");
    NEED(chdir("..") == 0);
    EVENTS("left", fd, "1:DELETE_SELF 1:IGNORED");
    close(fd);
}

static void test_socket_name(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "name"};
    int fd = instance(), s = socket(AF_UNIX, SOCK_STREAM, 0);

    watch(fd, ".", IN_CREATE | IN_DELETE | IN_OPEN);
    EXPECT("bind", bind(s, (struct sockaddr *)&name, sizeof(name)), 0);
    EVENTS("bind told", fd, "1:CREATE=name");
    close(s);
    unlink("name");
    EVENTS("socket deleted", fd, "1:DELETE=name");
    close(fd);
}

/* Mounts */

static void test_unmount(void)
{
    int fd = instance(), f;

    NEED(mkdir("m", 0755) == 0);
    watch(fd, "m", IN_ALL_EVENTS); // covered
    NEED(mount("none", "m", "tmpfs", 0, NULL) == 0);
    watch(fd, "m", IN_ALL_EVENTS);
    touch("m/f");
    EVENTS("mounted", fd, "2:CREATE=f 2:OPEN=f 2:CLOSE_WRITE=f");
    watch(fd, "m/f", IN_OPEN);
    EXPECT("unmounted", umount("m"), 0);
    f = open("m", O_RDONLY);
    close(f);
    const char *text = events(fd);
    CHECK("of the file", strstr(text, "3:UNMOUNT 3:IGNORED"));
    CHECK("of the root", strstr(text, "2:UNMOUNT/ 2:IGNORED"));
    CHECK("uncovered", strstr(text, "1:OPEN/ 1:CLOSE_NOWRITE/"));
    EXPECT_ERR("gone", inotify_rm_watch(fd, 2), EINVAL);
    NEED(mount("none", "m", "tmpfs", 0, NULL) == 0);
    touch("m/f");
    f = open("m/f", O_RDWR);
    EXPECT("again", watch(fd, "m/f", IN_ALL_EVENTS), 4);
    EXPECT("detached", umount2("m", MNT_DETACH), 0);
    NEED(write(f, "x", 1) == 1);
    EVENTS("in use", fd, "4:MODIFY");
    close(f);
    EVENTS("given up", fd, "4:CLOSE_WRITE 4:UNMOUNT 4:IGNORED");
    rmdir("m");
    close(fd);
}

// A file of a mount that is in use by nobody but a watch.
static void test_unmount_last(void)
{
    int fd = instance();

    NEED(mkdir("m", 0755) == 0 && mount("none", "m", "tmpfs", 0, NULL) == 0);
    touch("m/f");
    watch(fd, "m/f", IN_ALL_EVENTS);
    close(fd); // takes the watch away
    EXPECT("nothing is busy", umount("m"), 0);
    rmdir("m");
}

static void test_proc(void)
{
    int fd = instance(), f = open("/proc/uptime", O_RDONLY);
    char c;

    EXPECT("in /proc", inotify_add_watch(fd, "/proc/uptime", IN_ACCESS), 1);
    NEED(read(f, &c, 1) == 1);
    EVENTS("read in /proc", fd, "1:ACCESS");
    EXPECT("in /dev", inotify_add_watch(fd, "/dev/null", IN_MODIFY | IN_OPEN), 2);
    int null = open("/dev/null", O_WRONLY);
    NEED(write(null, "x", 1) == 1);
    CHECK("written in /dev", strstr(events(fd), "2:OPEN 2:MODIFY"));
    close(null);
    close(f);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--nothing"))
        return 0;
    memset(long_name, 'n', NAME_MAX);
    abi_begin();
    scratch_enter();
    test_init();
    test_errors();
    test_permission();
    test_sizes();
    test_limits();
    test_waiting();
    test_fdinfo();
    test_sharing();
    test_exec();
    test_cwd();
    test_socket_name();
    test_unmount();
    test_unmount_last();
    test_proc();
    scratch_leave();
    return abi_end();
}
