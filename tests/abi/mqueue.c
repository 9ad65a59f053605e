// SPDX-License-Identifier: MIT
// POSIX message queues: mq_overview(7) and the page of each call, but for mq_notify.
#include "queues.h"

static struct timespec time_in(long ms)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec += ms / 1000;
    ts.tv_nsec += ms % 1000 * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    return ts;
}

/* Names */

static void test_open(void)
{
    char name[300];
    struct mq_attr attr = {.mq_flags = 99, .mq_curmsgs = 99};
    mqd_t q, again;

    mq_unlink(NAME);
    EXPECT_ERR("no queue", mq_open(NAME, O_RDONLY), ENOENT);
    EXPECT_ERR("none to unlink", mq_unlink(NAME), ENOENT);
    EXPECT_ERR("name is empty", syscall(SYS_mq_open, "", O_RDONLY, 0, NULL), ENOENT);
    EXPECT_ERR("no name", syscall(SYS_mq_open, NULL, O_RDONLY, 0, NULL), EFAULT);
    EXPECT_ERR("a path", syscall(SYS_mq_open, "a/b", O_RDWR | O_CREAT, 0600, NULL), EACCES);
    EXPECT_ERR("absolute", syscall(SYS_mq_open, "/a", O_RDWR | O_CREAT, 0600, NULL), EACCES);
    EXPECT_ERR("dot", syscall(SYS_mq_open, ".", O_RDWR | O_CREAT, 0600, NULL), EACCES);
    EXPECT_ERR("dots", syscall(SYS_mq_open, "..", O_RDONLY, 0, NULL), EACCES);
    EXPECT_ERR("unlink a path", syscall(SYS_mq_unlink, "a/b"), EACCES);
    EXPECT_ERR("unlink dots", syscall(SYS_mq_unlink, ".."), EACCES);
    EXPECT_ERR("unlink nothing", syscall(SYS_mq_unlink, ""), ENOENT);
    memset(name, 'n', sizeof(name));
    name[0] = '/';
    name[257] = 0;
    EXPECT_ERR("name too long", mq_open(name, O_RDWR | O_CREAT, 0600, NULL), ENAMETOOLONG);
    EXPECT_ERR("too long to unlink", mq_unlink(name), ENAMETOOLONG);
    name[256] = 0;
    q = mq_open(name, O_RDWR | O_CREAT, 0600, NULL);
    CHECK("longest name", q >= 0);
    mq_close(q);
    EXPECT("longest unlinked", mq_unlink(name), 0);
    EXPECT_ERR("attributes nowhere", syscall(SYS_mq_open, "x", O_RDONLY, 0, 8), EFAULT);

    q = mq_open(NAME, O_RDWR | O_CREAT | O_EXCL, 0600, NULL);
    NEED(q >= 0);
    EXPECT("close on exec", fcntl(q, F_GETFD), FD_CLOEXEC);
    EXPECT("flags", fcntl(q, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR);
    EXPECT("attributes", mq_getattr(q, &attr), 0);
    CHECK("defaults",
          attr.mq_maxmsg == 10 && attr.mq_msgsize == 8192 && !attr.mq_curmsgs && !attr.mq_flags);
    EXPECT_ERR("exclusive", mq_open(NAME, O_RDWR | O_CREAT | O_EXCL, 0600, NULL), EEXIST);
    attr.mq_maxmsg = 3;
    again = mq_open(NAME, O_WRONLY | O_CREAT | O_NONBLOCK, 0, &attr);
    CHECK("the old one", again >= 0 && mq_getattr(again, &attr) == 0 && attr.mq_maxmsg == 10);
    EXPECT("its own flags", attr.mq_flags, O_NONBLOCK);
    mq_close(again);
    EXPECT_ERR("both ways", mq_open(NAME, O_RDWR | O_WRONLY), EINVAL);
    EXPECT("unlink", mq_unlink(NAME), 0);
    EXPECT_ERR("gone", mq_open(NAME, O_RDWR), ENOENT);
    send_text(q, "still", 1);
    EXPECT_STR("there for who has it", receive_text(q), "still/1");
    again = mq_open(NAME, O_RDWR | O_CREAT, 0600, NULL);
    send_text(again, "new", 0);
    EXPECT("another queue", messages(q), 0);
    queue_end(again);
    mq_close(q);
    EXPECT_ERR("closed", mq_getattr(q, &attr), EBADF);
}

static void test_sizes(void)
{
    static const long bad[][2] = {{0, 1}, {1, 0}, {-1, 1}, {1, -1}, {65537, 1}, {1, 16777217}};
    struct mq_attr attr;
    mqd_t q;

    mq_unlink(NAME);
    for (int i = 0; i < 6; i++) {
        char name[32];

        snprintf(name, sizeof(name), "size %ld %ld", bad[i][0], bad[i][1]);
        attr = (struct mq_attr){.mq_maxmsg = bad[i][0], .mq_msgsize = bad[i][1]};
        EXPECT_ERR(name, mq_open(NAME, O_RDWR | O_CREAT, 0600, &attr), EINVAL);
    }
    EXPECT_ERR("nothing made", mq_open(NAME, O_RDWR), ENOENT);
    q = queue_new(40, 10000, 0);
    EXPECT("beyond the limits of others", mq_getattr(q, &attr), 0);
    CHECK("as asked", attr.mq_maxmsg == 40 && attr.mq_msgsize == 10000);
    queue_end(q);
}

static void others_sizes(void *argument)
{
    struct mq_attr attr = {.mq_maxmsg = 11, .mq_msgsize = 10};

    (void)argument;
    become(1234);
    EXPECT_ERR("too many for others", mq_open(OTHER, O_RDWR | O_CREAT, 0600, &attr), EINVAL);
    attr = (struct mq_attr){.mq_maxmsg = 10, .mq_msgsize = 8193};
    EXPECT_ERR("too large for others", mq_open(OTHER, O_RDWR | O_CREAT, 0600, &attr), EINVAL);
    attr.mq_msgsize = 8192;
    EXPECT_OK("just as allowed", mq_open(OTHER, O_RDWR | O_CREAT, 0600, &attr));
    EXPECT("own is unlinked", mq_unlink(OTHER), 0);
}

static void others_rights(void *argument)
{
    struct mq_attr attr;
    mqd_t q;

    (void)argument;
    become(1234);
    EXPECT_ERR("not to read", mq_open(NAME, O_RDONLY), EACCES);
    EXPECT_ERR("not to read and write", mq_open(NAME, O_RDWR), EACCES);
    EXPECT_ERR("exists all the same", mq_open(NAME, O_RDWR | O_CREAT | O_EXCL, 0600, NULL), EEXIST);
    q = mq_open(NAME, O_WRONLY | O_CREAT, 0600, NULL);
    CHECK("to write", q >= 0);
    EXPECT_ERR("no receiving", mq_receive(q, (char *)&attr, 9000, NULL), EBADF);
    EXPECT("sending", mq_send(q, "x", 1, 0), 0);
    EXPECT_ERR("another's is not unlinked", mq_unlink(NAME), EACCES);
    EXPECT_ERR("as the kernel says", syscall(SYS_mq_unlink, NAME + 1), EPERM);
}

static void test_rights(void)
{
    mqd_t q, reader;

    umask(0);
    mq_unlink(NAME);
    q = mq_open(NAME, O_RDWR | O_CREAT, 0622, NULL);
    NEED(q >= 0);
    EXPECT("user", child_run(others_rights, NULL), 0);
    reader = mq_open(NAME, O_RDONLY);
    EXPECT_ERR("no sending", mq_send(reader, "x", 1, 0), EBADF);
    EXPECT_STR("receiving", receive_text(reader), "x/0");
    mq_close(reader);
    queue_end(q);
    EXPECT("limits of users", child_run(others_sizes, NULL), 0);
    umask(027);
    q = queue_new(1, 1, 0);
    mq_close(q);
    mq_unlink(NAME);
    q = mq_open(NAME, O_RDWR | O_CREAT, 0666, NULL);
    struct stat st;
    EXPECT("stat", fstat(q, &st), 0);
    EXPECT("umask", st.st_mode, S_IFREG | 0640);
    umask(022);
    queue_end(q);
}

/* Messages */

static void test_order(void)
{
    mqd_t q = queue_new(10, 100, O_NONBLOCK);
    static const char *const want[] = {"top/32767", "c/5", "d/5", "e/5", "a/1", "f/1", "b/0"};

    send_text(q, "a", 1);
    send_text(q, "b", 0);
    send_text(q, "c", 5);
    send_text(q, "d", 5);
    send_text(q, "top", 32767);
    send_text(q, "e", 5);
    send_text(q, "f", 1);
    EXPECT("seven", messages(q), 7);
    for (int i = 0; i < 7; i++)
        EXPECT_STR(want[i], receive_text(q), want[i]);
    EXPECT_ERR("empty", mq_receive(q, (char[100]){0}, 100, NULL), EAGAIN);
    EXPECT("empty message", mq_send(q, NULL, 0, 3), 0);
    EXPECT_STR("is one", receive_text(q), "/3");
    queue_end(q);
}

static void test_large(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY}, old;
    static char out[300000], in[300000];
    mqd_t q;
    static const size_t sizes[] = {1, 2048, 4040, 4096, 8191, sizeof(out)};
    bool same = true;

    getrlimit(RLIMIT_MSGQUEUE, &old);
    NEED(setrlimit(RLIMIT_MSGQUEUE, &limit) == 0);
    q = queue_new(3, sizeof(out), O_NONBLOCK);
    for (size_t i = 0; i < sizeof(out); i++)
        out[i] = i * 7 + (i >> 10);
    for (int i = 0; i < 6; i++) {
        memset(in, 0, sizeof(in));
        NEED(mq_send(q, out, sizes[i], 0) == 0);
        same &= mq_receive(q, in, sizeof(in), NULL) == (ssize_t)sizes[i];
        same &= !memcmp(in, out, sizes[i]) && (sizes[i] == sizeof(in) || !in[sizes[i]]);
    }
    CHECK("any size", same);
    NEED(mq_send(q, out, 20000, 0) == 0); // goes with the queue
    queue_end(q);
    NEED(setrlimit(RLIMIT_MSGQUEUE, &old) == 0);
}

static void test_send_errors(void)
{
    mqd_t q = queue_new(2, 100, O_NONBLOCK);
    int file = open("/proc/self/status", O_RDONLY), path = open("/", O_PATH);
    struct timespec bad = {.tv_nsec = 1000000000}, past = {.tv_sec = -1}, now = time_in(0);
    char text[200] = "";

    EXPECT_ERR("send: no descriptor", mq_send(-1, text, 1, 0), EBADF);
    EXPECT_ERR("send: not a queue", mq_send(file, text, 1, 0), EBADF);
    EXPECT_ERR("send: a path", mq_send(path, text, 1, 0), EBADF);
    EXPECT_ERR("send: too large", mq_send(q, text, 101, 0), EMSGSIZE);
    EXPECT_ERR("send: priority", mq_send(q, text, 1, 32768), EINVAL);
    EXPECT_ERR("send: priority before", mq_send(-1, text, 1, 32768), EINVAL);
    EXPECT_ERR("send: bad text", mq_send(q, (char *)8, 1, 0), EFAULT);
    EXPECT_ERR("send: bad time", mq_timedsend(q, text, 1, 0, &bad), EINVAL);
    EXPECT_ERR("send: negative time", mq_timedsend(q, text, 1, 0, &past), EINVAL);
    EXPECT_ERR("send: time before", mq_timedsend(-1, text, 1, 0, &bad), EINVAL);
    EXPECT_ERR("send: time nowhere", mq_timedsend(q, text, 1, 0, (void *)8), EFAULT);
    EXPECT("nothing sent", messages(q), 0);
    EXPECT("with time", mq_timedsend(q, text, 100, 0, &now), 0);
    EXPECT("with no time", mq_timedsend(q, text, 100, 0, NULL), 0);
    EXPECT_ERR("full", mq_send(q, text, 1, 0), EAGAIN);
    EXPECT_ERR("receive: no descriptor", mq_receive(-1, text, 200, NULL), EBADF);
    EXPECT_ERR("receive: not a queue", mq_receive(file, text, 200, NULL), EBADF);
    EXPECT_ERR("receive: too small", mq_receive(q, text, 99, NULL), EMSGSIZE);
    EXPECT_ERR("receive: bad time", mq_timedreceive(q, text, 200, NULL, &bad), EINVAL);
    EXPECT_ERR("receive: time nowhere", mq_timedreceive(q, text, 200, NULL, (void *)8), EFAULT);
    EXPECT("two yet", messages(q), 2);
    EXPECT_ERR("receive: to nowhere", mq_receive(q, (char *)8, 200, NULL), EFAULT);
    EXPECT("which loses it", messages(q), 1);
    EXPECT_ERR("receive: priority nowhere", mq_receive(q, text, 200, (void *)8), EFAULT);
    EXPECT("lost, too", messages(q), 0);
    close(file);
    close(path);
    queue_end(q);
}

static void test_attributes(void)
{
    mqd_t q = queue_new(2, 100, 0), twin = dup(q);
    struct mq_attr attr = {.mq_flags = O_NONBLOCK, .mq_maxmsg = 77}, old, bad = {.mq_flags = 1};
    int file = open("/proc/self/status", O_RDONLY);

    send_text(q, "x", 0);
    EXPECT("set", mq_setattr(q, &attr, &old), 0);
    CHECK("as it was",
          !old.mq_flags && old.mq_maxmsg == 2 && old.mq_msgsize == 100 && old.mq_curmsgs == 1);
    EXPECT("get", mq_getattr(twin, &old), 0);
    CHECK("the flag alone", old.mq_flags == O_NONBLOCK && old.mq_maxmsg == 2);
    EXPECT("as fcntl has it", fcntl(q, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    EXPECT_ERR("other flags", mq_setattr(q, &bad, &old), EINVAL);
    EXPECT_ERR("flags before", mq_setattr(-1, &bad, NULL), EINVAL);
    EXPECT_ERR("no queue to set", mq_setattr(-1, &attr, NULL), EBADF);
    EXPECT_ERR("a file", syscall(SYS_mq_getsetattr, file, NULL, &old), EBADF);
    EXPECT("neither", syscall(SYS_mq_getsetattr, q, NULL, NULL), 0);
    EXPECT_ERR("from nowhere", syscall(SYS_mq_getsetattr, q, 8, NULL), EFAULT);
    attr.mq_flags = 0;
    EXPECT_ERR("to nowhere", syscall(SYS_mq_getsetattr, q, &attr, 8), EFAULT);
    EXPECT("but set", fcntl(q, F_GETFL) & O_NONBLOCK, 0);
    close(file);
    close(twin);
    queue_end(q);
}

/* Waiting */

static void test_timeouts(void)
{
    mqd_t q = queue_new(1, 10, 0);
    struct timespec past = {.tv_sec = 1}, soon = time_in(30), now;
    char text[10];

    EXPECT_ERR("receive: past", mq_timedreceive(q, text, 10, NULL, &past), ETIMEDOUT);
    EXPECT_ERR("receive: soon", mq_timedreceive(q, text, 10, NULL, &soon), ETIMEDOUT);
    clock_gettime(CLOCK_REALTIME, &now);
    CHECK("not early",
          now.tv_sec > soon.tv_sec || (now.tv_sec == soon.tv_sec && now.tv_nsec >= soon.tv_nsec));
    send_text(q, "x", 0);
    EXPECT_ERR("send: past", mq_timedsend(q, text, 1, 0, &past), ETIMEDOUT);
    soon = time_in(30);
    EXPECT_ERR("send: soon", mq_timedsend(q, text, 1, 0, &soon), ETIMEDOUT);
    EXPECT_STR("only the first", receive_text(q), "x/0");
    EXPECT("who gave up left nothing", messages(q), 0);
    queue_end(q);
}

static void waits_interrupted(void *argument)
{
    struct waiting *w = argument;
    struct timespec late = time_in(600000);
    char text[10];

    handler_set(SIGUSR1, 0);
    gate_post(&w->ready);
    EXPECT_ERR("receive interrupted", mq_receive(w->q, text, 10, NULL), EINTR);
    gate_post(&w->ready);
    EXPECT_ERR("with a time", mq_timedreceive(w->q, text, 10, NULL, &late), EINTR);
    handler_set(SIGUSR1, SA_RESTART);
    gate_post(&w->ready);
    EXPECT("receive restarted", mq_timedreceive(w->q, text, 10, NULL, &late), 5);
    EXPECT("after the handler", *handled, 3);
    NEED(mq_send(w->q, "full", 4, 0) == 0);
    handler_set(SIGUSR1, 0);
    gate_post(&w->ready);
    EXPECT_ERR("send interrupted", mq_send(w->q, "x", 1, 0), EINTR);
}

static void interrupt(struct waiting *w, pid_t child, int count)
{
    gate_wait(&w->ready);
    process_await(child, "S");
    kill(child, SIGUSR1);
    handled_await(count);
}

static void test_interrupts(void)
{
    struct waiting w = {.q = queue_new(1, 10, 0)};
    pid_t child;

    gate_init(&w.ready);
    child = child_start(waits_interrupted, &w);
    interrupt(&w, child, 1);
    interrupt(&w, child, 2);
    interrupt(&w, child, 3);
    send_text(w.q, "again", 0);
    interrupt(&w, child, 4);
    EXPECT("interrupted", child_end(child), 0);
    EXPECT_STR("not sent", receive_text(w.q), "full/0");
    EXPECT("nor later", messages(w.q), 0);
    gate_fini(&w.ready);
    queue_end(w.q);
}

// Waiters, each of another priority; what they get tells their order.
struct contender {
    mqd_t q;
    int nice, real, number;
    bool sends;
    volatile char *order; // shared
    volatile int *next;
    struct gate ready;
};

static void contender_main(void *argument)
{
    struct contender *c = argument;
    struct sched_param p = {.sched_priority = c->real};
    char text[10];

    if (c->real)
        NEED(sched_setscheduler(0, SCHED_FIFO, &p) == 0);
    else
        NEED(setpriority(PRIO_PROCESS, 0, c->nice) == 0);
    gate_post(&c->ready);
    if (c->sends) {
        text[0] = '0' + c->number;
        NEED(mq_send(c->q, text, 1, 7) == 0);
    } else {
        NEED(mq_receive(c->q, text, 10, NULL) == 1);
        c->order[text[0] - 'a'] = '0' + c->number;
    }
}

static void contend(const char *name, mqd_t q, bool sends, const char *want)
{
    static const int nices[] = {0, 5, -5, 0, 0, 0}, reals[] = {0, 0, 0, 0, 20, 50};
    char *page = shared_page(), got[7] = "";
    struct contender c = {.q = q, .sends = sends, .order = page, .next = (int *)(page + 64)};
    pid_t children[6];

    gate_init(&c.ready);
    for (int i = 0; i < 6; i++) {
        c.number = i;
        c.nice = nices[i];
        c.real = reals[i];
        children[i] = child_start(contender_main, &c);
        gate_wait(&c.ready);
        process_await(children[i], "S");
    }
    for (int i = 0; i < 6; i++) {
        char text[10] = {'a' + i};

        if (sends) {
            NEED(mq_receive(q, text, 10, NULL) == 1);
            got[i] = text[0];
        } else {
            NEED(mq_send(q, text, 1, 0) == 0);
        }
    }
    for (int i = 0; i < 6; i++)
        child_end(children[i]);
    EXPECT_STR(name, sends ? got : page, want);
    gate_fini(&c.ready);
    munmap(page, PAGE);
}

static void test_handover(void)
{
    mqd_t q = queue_new(1, 10, 0);
    char text[10];

    contend("receivers by priority", q, false, "542031");
    EXPECT("all handed over", messages(q), 0);
    send_text(q, "x", 9);
    NEED(mq_receive(q, text, 10, NULL) == 1);
    NEED(mq_send(q, "9", 1, 7) == 0);
    contend("senders by priority", q, true, "954203");
    EXPECT("one left", messages(q), 1);
    queue_end(q);
}

#define STREAM 2000
static void stream_child(void *argument)
{
    mqd_t q = *(mqd_t *)argument;

    for (int i = 0; i < STREAM; i++)
        NEED(mq_send(q, (char *)&i, sizeof(i), 0) == 0);
}

// Several senders and this one receiver: nothing is lost, each one's order stays.
static void test_stream(void)
{
    mqd_t q = queue_new(3, sizeof(int), 0);
    pid_t children[3];
    int seen[STREAM] = {0}, value, twice = 0;

    for (int i = 0; i < 3; i++)
        children[i] = child_start(stream_child, &q);
    for (int i = 0; i < 3 * STREAM; i++) {
        NEED(mq_receive(q, (char *)&value, sizeof(value), NULL) == sizeof(value));
        twice += ++seen[value] > 3 || (value && seen[value] > seen[value - 1]);
    }
    for (int i = 0; i < 3; i++)
        EXPECT(i ? i == 1 ? "second ends" : "third ends" : "first ends", child_end(children[i]), 0);
    EXPECT("in order", twice, 0);
    EXPECT("all", messages(q), 0);
    queue_end(q);
}

int main(void)
{
    abi_begin();
    scratch_enter();
    handled = shared_page();
    test_open();
    test_sizes();
    test_rights();
    test_order();
    test_large();
    test_send_errors();
    test_attributes();
    test_timeouts();
    test_interrupts();
    test_handover();
    test_stream();
    scratch_leave();
    return abi_end();
}
