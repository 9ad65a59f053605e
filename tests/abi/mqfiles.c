// SPDX-License-Identifier: MIT
// POSIX message queues: mq_notify(2), readiness, the mqueue file system, limits.
#include "queues.h"
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#define SYSCTL "/proc/sys/fs/mqueue/"

static void *thread_receive(void *argument)
{
    char text[10];
    ssize_t n = mq_receive(*(mqd_t *)argument, text, 10, NULL);

    return (void *)(n > 0 ? (long)text[0] : -1L);
}

/* Being told */

static void notify_child(void *argument)
{
    mqd_t q = *(mqd_t *)argument;
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};

    EXPECT_ERR("one at a time", mq_notify(q, &e), EBUSY);
    EXPECT("not this one's to take back", mq_notify(q, NULL), 0);
    EXPECT_ERR("still busy", mq_notify(q, &e), EBUSY);
    mq_close(q);
    NEED((q = mq_open(NAME, O_RDWR)) >= 0);
    EXPECT_ERR("another's close changes nothing", mq_notify(q, &e), EBUSY);
    send_text(q, "tell", 0);
}

static void notify_ends(void *argument)
{
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};

    EXPECT("child's", mq_notify(*(mqd_t *)argument, &e), 0);
}

static const char *queue_file(mqd_t q)
{
    static char text[100];
    ssize_t n = pread(q, text, sizeof(text) - 1, 0);

    text[n < 0 ? 0 : n] = 0;
    return text;
}

static void test_notify(void)
{
    mqd_t q = queue_new(3, 10, O_NONBLOCK), twin;
    struct sigevent e = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = 4711};
    char want[100];
    pid_t child;

    handler_set(SIGUSR2, 0);
    EXPECT_STR("nobody", queue_file(q),
               "QSIZE:0          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n");
    EXPECT("register", mq_notify(q, &e), 0);
    snprintf(want, sizeof(want), "QSIZE:0          NOTIFY:0     SIGNO:12    NOTIFY_PID:%-6d\n",
             getpid());
    EXPECT_STR("shown", queue_file(q), want);
    EXPECT_ERR("even by the same", mq_notify(q, &e), EBUSY);
    child = child_start(notify_child, &q);
    EXPECT("other process", child_end(child), 0);
    handled_await(1);
    EXPECT("told once", *handled, 1);
    EXPECT("code", handled_info.si_code, SI_MESGQ);
    EXPECT("sender", handled_info.si_pid, child);
    EXPECT("sender's user", handled_info.si_uid, 0);
    EXPECT("value", handled_info.si_value.sival_int, 4711);
    EXPECT_STR("over", queue_file(q),
               "QSIZE:4          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n");
    EXPECT("register while there is one", mq_notify(q, &e), 0);
    send_text(q, "more", 0);
    EXPECT("not from one to two", *handled, 1);
    receive_text(q);
    receive_text(q);
    send_text(q, "first", 0);
    EXPECT("from none to one", *handled, 2);
    receive_text(q);
    send_text(q, "unasked", 0);
    EXPECT("once", *handled, 2);
    receive_text(q);

    EXPECT("register", mq_notify(q, &e), 0);
    EXPECT("take back", mq_notify(q, NULL), 0);
    EXPECT("take back nothing", mq_notify(q, NULL), 0);
    send_text(q, "silent", 0);
    EXPECT("not told", *handled, 2);
    receive_text(q);
    EXPECT("register", mq_notify(q, &e), 0);
    twin = dup(q);
    close(twin);
    send_text(q, "silent", 0);
    EXPECT("any close takes back", *handled, 2);
    receive_text(q);
    EXPECT("end of the owner", child_run(notify_ends, &q), 0);
    EXPECT("frees the place", mq_notify(q, &e), 0);
    mq_notify(q, NULL);

    e.sigev_notify = SIGEV_NONE;
    EXPECT("without a signal", mq_notify(q, &e), 0);
    snprintf(want, sizeof(want), "QSIZE:0          NOTIFY:1     SIGNO:0     NOTIFY_PID:%-6d\n",
             getpid());
    EXPECT_STR("shown", queue_file(q), want);
    EXPECT_ERR("takes the place", mq_notify(q, &e), EBUSY);
    send_text(q, "x", 0);
    EXPECT("until a message comes", mq_notify(q, &e), 0);
    queue_end(q);
    EXPECT("silent", *handled, 2);
}

static void test_notify_errors(void)
{
    mqd_t q = queue_new(3, 10, O_NONBLOCK);
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65};
    char cookie[32] = "";
    int sockets[2];

    EXPECT_ERR("no signal", mq_notify(q, &e), EINVAL);
    e.sigev_signo = -1;
    EXPECT_ERR("negative signal", mq_notify(q, &e), EINVAL);
    EXPECT_ERR("signal before", mq_notify(-1, &e), EINVAL);
    e.sigev_signo = 0;
    EXPECT("signal 0", mq_notify(q, &e), 0);
    NEED(mq_notify(q, NULL) == 0);
    EXPECT_ERR("notify: no descriptor", mq_notify(-1, &e), EBADF);
    EXPECT_ERR("take back: no descriptor", mq_notify(-1, NULL), EBADF);
    EXPECT_ERR("notify: from nowhere", syscall(SYS_mq_notify, q, 8), EFAULT);
    e.sigev_notify = SIGEV_THREAD_ID;
    EXPECT_ERR("to a thread", mq_notify(q, &e), EINVAL);
    e.sigev_notify = SIGEV_THREAD;
    e.sigev_value.sival_ptr = (void *)8;
    EXPECT_ERR("cookie", syscall(SYS_mq_notify, q, &e), EFAULT);
    e.sigev_value.sival_ptr = cookie;
    e.sigev_signo = -1;
    EXPECT_ERR("cookie's descriptor", syscall(SYS_mq_notify, q, &e), EBADF);
    e.sigev_signo = q;
    EXPECT_ERR("cookie's socket", syscall(SYS_mq_notify, q, &e), ENOTSOCK);
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
    e.sigev_signo = sockets[0];
    EXPECT_ERR("cookie's family", syscall(SYS_mq_notify, q, &e), EINVAL);
    close(sockets[0]);
    close(sockets[1]);
    queue_end(q);
}

// A message that is handed to a receiver does not come to the queue.
static void receiver_child(void *argument)
{
    struct waiting *w = argument;
    char text[10];

    gate_post(&w->ready);
    EXPECT("handed over", mq_receive(w->q, text, 10, NULL), 5);
}

static void test_notify_waiting(void)
{
    struct waiting w = {.q = queue_new(3, 10, 0)};
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    int before = *handled;
    pid_t child;

    handler_set(SIGUSR2, 0);
    gate_init(&w.ready);
    EXPECT("register", mq_notify(w.q, &e), 0);
    child = child_start(receiver_child, &w);
    gate_wait(&w.ready);
    process_await(child, "S");
    send_text(w.q, "hello", 0);
    EXPECT("receiver", child_end(child), 0);
    EXPECT("the receiver had it", *handled, before);
    send_text(w.q, "later", 0);
    EXPECT("then the queue", *handled, before + 1);
    gate_fini(&w.ready);
    queue_end(w.q);
}

/* Readiness */

static int ready(int fd, int events)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static void *sends_later(void *argument)
{
    struct waiting *w = argument;

    gate_wait(&w->ready);
    process_await(getpid(), "S");
    mq_send(w->q, "x", 1, 0);
    return NULL;
}

static void test_poll(void)
{
    struct waiting w = {.q = queue_new(2, 10, 0)};
    int all = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM, set = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
    struct pollfd p = {.fd = w.q, .events = POLLIN};
    pthread_t thread;

    EXPECT("empty", ready(w.q, all), POLLOUT | POLLWRNORM);
    NEED(epoll_ctl(set, EPOLL_CTL_ADD, w.q, &event) == 0);
    EXPECT("epoll: room", epoll_wait(set, &event, 1, 0), 1);
    EXPECT("epoll: once", epoll_wait(set, &event, 1, 0), 0);
    send_text(w.q, "x", 0);
    EXPECT("epoll: message", epoll_wait(set, &event, 1, 0), 1);
    EXPECT("both", ready(w.q, all), all);
    send_text(w.q, "x", 0);
    EXPECT("full", ready(w.q, all), POLLIN | POLLRDNORM);
    EXPECT("epoll: another", epoll_wait(set, &event, 1, 0), 1);
    receive_text(w.q);
    EXPECT("epoll: room again", epoll_wait(set, &event, 1, 0), 1);
    EXPECT("both again", event.events, EPOLLIN | EPOLLOUT);
    receive_text(w.q);
    gate_init(&w.ready);
    NEED(pthread_create(&thread, NULL, sends_later, &w) == 0);
    gate_post(&w.ready);
    EXPECT("waits", poll(&p, 1, -1), 1);
    EXPECT("for it", p.revents, POLLIN);
    pthread_join(thread, NULL);
    NEED(pthread_create(&thread, NULL, thread_receive, &w.q) == 0);
    void *got;
    pthread_join(thread, &got);
    EXPECT("a thread's", (long)got, 'x');
    gate_fini(&w.ready);
    close(set);
    queue_end(w.q);
}

/* The file system */

static void test_files(void)
{
    struct stat st, dir;
    struct statfs fs;
    struct mq_attr attr;
    char text[100], place[64];
    mqd_t q, opened;

    mq_unlink(NAME);
    NEED(mkdir("m", 0755) == 0 && mkdir("n", 0755) == 0);
    NEED(mount("none", "m", "mqueue", 0, NULL) == 0);
    EXPECT("its kind", statfs("m", &fs), 0);
    EXPECT("magic", fs.f_type, 0x19800202);
    EXPECT("names", fs.f_namelen, 255);
    EXPECT("root", stat("m", &dir), 0);
    EXPECT("root's mode", dir.st_mode, S_IFDIR | 01777);
    EXPECT("root's links", dir.st_nlink, 2);
    q = queue_new(5, 100, O_NONBLOCK);
    EXPECT("a file", stat("m" NAME, &st), 0);
    CHECK("its attributes",
          st.st_mode == (S_IFREG | 0600) && st.st_size == 80 && st.st_nlink == 1 && st.st_uid == 0);
    stat("m", &st);
    EXPECT("root grew", st.st_size, dir.st_size + 20);
    snprintf(place, sizeof(place), "/proc/self/fd/%d", q);
    text[readlink(place, text, sizeof(text) - 1)] = 0;
    EXPECT_STR("link", text, NAME);
    send_text(q, "one", 1);
    send_text(q, "three", 2);
    EXPECT_STR("text", file_text("m" NAME),
               "QSIZE:8          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n");
    EXPECT("by parts", pread(q, text, 5, 3), 5);
    EXPECT("as it is", memcmp(text, "ZE:8 ", 5), 0);
    EXPECT("its end", pread(q, text, 5, 1000), 0);
    EXPECT_ERR("no writing", write(q, "x", 1), EINVAL);
    EXPECT_ERR("no mapping", (long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, q, 0), ENODEV);

    opened = open("m" NAME, O_RDWR | O_NONBLOCK);
    EXPECT_STR("a queue all the same", receive_text(opened), "three/2");
    close(opened);
    opened = open("m/made", O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK("made by open", opened >= 0 && mq_getattr(opened, &attr) == 0 && attr.mq_maxmsg == 10 &&
                              attr.mq_msgsize == 8192);
    send_text(opened, "x", 0);
    close(opened);
    opened = mq_open("/made", O_RDONLY);
    EXPECT_STR("found by name", receive_text(opened), "x/0");
    EXPECT("unlink the file", unlink("m/made"), 0);
    EXPECT_ERR("name is gone", mq_open("/made", O_RDONLY), ENOENT);
    EXPECT("link count", (fstat(opened, &st), st.st_nlink), 0);
    close(opened);
    EXPECT("node", mknod("m/made", S_IFREG | 0600, 0), 0);
    EXPECT("node unlinked", mq_unlink("/made"), 0);
    EXPECT_ERR("node gone", stat("m/made", &st), ENOENT);
    EXPECT_ERR("no directories", mkdir("m/d", 0755), EPERM);
    EXPECT_ERR("no links", symlink("x", "m/l"), EPERM);
    EXPECT_ERR("no hard links", link("m" NAME, "m/l"), EPERM);
    EXPECT_ERR("no renaming", rename("m" NAME, "m/r"), EPERM);
    EXPECT_ERR("no pipes", mkfifo("m/p", 0600), EPERM);
    EXPECT_ERR("no attributes", setxattr("m" NAME, "user.x", "x", 1, 0), EOPNOTSUPP);

    EXPECT("mounted twice", mount("other", "n", "mqueue", 0, NULL), 0);
    EXPECT("the same", stat("n" NAME, &st), 0);
    EXPECT("rights", chmod("n" NAME, 0644), 0);
    EXPECT("everywhere", (fstat(q, &st), st.st_mode), S_IFREG | 0644);
    EXPECT("in the list",
           strstr(file_text("/proc/self/mounts"), "other " ABI_DIR "/n mqueue ") != 0, 1);
    CHECK("known", strstr(file_text("/proc/filesystems"), "nodev\tmqueue\n") != NULL);
    EXPECT("unmount", umount("n"), 0);
    EXPECT("unmount", umount("m"), 0);
    EXPECT_STR("it stays", receive_text(q), "one/1");
    EXPECT_ERR("options", mount("none", "m", "mqueue", 0, "nonsense=1"), EINVAL);
    queue_end(q);
}

static void test_listing(void)
{
    DIR *d;
    struct dirent *e;
    int names = 0;
    mqd_t q;

    NEED(mount("none", "m", "mqueue", 0, NULL) == 0);
    q = queue_new(1, 1, 0);
    d = opendir("m");
    NEED(d);
    while ((e = readdir(d)))
        names += !strcmp(e->d_name, NAME + 1) && e->d_type == DT_REG;
    closedir(d);
    EXPECT("listed once", names, 1);
    NEED(umount("m") == 0);
    queue_end(q);
}

/* Limits */

static void bytes_child(void *argument)
{
    struct mq_attr attr = {.mq_maxmsg = 10, .mq_msgsize = 1000};
    struct rlimit limit = {2 * 10960 + 1, 2 * 10960 + 1}; // 10 * (1000 + 48 + 48) is one
    mqd_t q;

    (void)argument;
    NEED(setrlimit(RLIMIT_MSGQUEUE, &limit) == 0);
    become(4321);
    EXPECT_OK("first", q = mq_open("/abi.first", O_RDWR | O_CREAT, 0600, &attr));
    EXPECT_OK("second", mq_open("/abi.second", O_RDWR | O_CREAT, 0600, &attr));
    EXPECT_ERR("no bytes left", mq_open("/abi.third", O_RDWR | O_CREAT, 0600, &attr), EMFILE);
    attr = (struct mq_attr){.mq_maxmsg = 1, .mq_msgsize = 1};
    EXPECT_ERR("not for a small one", mq_open("/abi.third", O_RDWR | O_CREAT, 0600, &attr), EMFILE);
    EXPECT("unlink", mq_unlink("/abi.first"), 0);
    EXPECT_ERR("open yet", mq_open("/abi.third", O_RDWR | O_CREAT, 0600, &attr), EMFILE);
    mq_close(q);
    EXPECT_OK("gone", mq_open("/abi.third", O_RDWR | O_CREAT, 0600, &attr));
    mq_unlink("/abi.second");
    mq_unlink("/abi.third");
}

static long number_of(const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), SYSCTL "%s", name);
    return *file_text(path) ? atol(file_text(path)) : -1;
}

static int number_set(const char *name, const char *value)
{
    char path[64];
    int fd, err;

    snprintf(path, sizeof(path), SYSCTL "%s", name);
    fd = open(path, O_WRONLY);
    err = write(fd, value, strlen(value)) < 0 ? errno : 0;
    close(fd);
    return fd < 0 ? -1 : err;
}

static void queues_child(void *argument)
{
    struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 1};

    (void)argument;
    become(4321);
    EXPECT_ERR("no more queues", mq_open(OTHER, O_RDWR | O_CREAT, 0600, &attr), ENOSPC);
    EXPECT_OK("there is one", mq_open(NAME, O_RDONLY | O_CREAT, 0600, &attr));
}

static void test_limits(void)
{
    struct mq_attr attr;
    mqd_t q;

    CHECK("as they are", number_of("msg_max") == 10 && number_of("msgsize_max") == 8192 &&
                             number_of("queues_max") == 256 && number_of("msg_default") == 10 &&
                             number_of("msgsize_default") == 8192);
    EXPECT("bytes of a user", child_run(bytes_child, NULL), 0);
    EXPECT("msg_max: too small", number_set("msg_max", "0"), EINVAL);
    EXPECT("msg_max: too large", number_set("msg_max", "65537"), EINVAL);
    EXPECT("msgsize_max: too small", number_set("msgsize_max", "127"), EINVAL);
    EXPECT("msgsize_max: too large", number_set("msgsize_max", "16777217"), EINVAL);
    EXPECT("msg_default", number_set("msg_default", "7"), 0);
    EXPECT("msgsize_default", number_set("msgsize_default", "200"), 0);
    mq_unlink(NAME);
    umask(0);
    q = mq_open(NAME, O_RDWR | O_CREAT, 0644, NULL);
    umask(022);
    NEED(mq_getattr(q, &attr) == 0);
    CHECK("defaults hold", attr.mq_maxmsg == 7 && attr.mq_msgsize == 200);
    EXPECT("queues_max", number_set("queues_max", "1"), 0);
    EXPECT("user at the limit", child_run(queues_child, NULL), 0);
    EXPECT_OK("not for this one", mq_open(OTHER, O_RDWR | O_CREAT, 0600, NULL));
    mq_unlink(OTHER);
    queue_end(q);
    EXPECT("msg_max", number_set("msg_max", "5"), 0);
    q = mq_open(NAME, O_RDWR | O_CREAT, 0600, NULL);
    NEED(mq_getattr(q, &attr) == 0);
    EXPECT("the default is bounded by it", attr.mq_maxmsg, 5);
    queue_end(q);
    NEED(!number_set("queues_max", "256") && !number_set("msg_max", "10") &&
         !number_set("msg_default", "10") && !number_set("msgsize_default", "8192"));
}

int main(void)
{
    abi_begin();
    scratch_enter();
    handled = shared_page();
    test_notify();
    test_notify_errors();
    test_notify_waiting();
    test_poll();
    test_files();
    test_listing();
    test_limits();
    scratch_leave();
    return abi_end();
}
