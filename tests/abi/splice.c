// SPDX-License-Identifier: MIT
// splice, tee and vmsplice.
#include "abi.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define CAPACITY 65536

// Whole pages of it: a pipe may hold pages rather than bytes.
static char data[4 * CAPACITY] __attribute__((aligned(PAGE))), back[4 * CAPACITY];

static int used(int fd)
{
    int n = -1;

    ioctl(fd, FIONREAD, &n);
    return n;
}

static ssize_t read_all(int fd, char *to, size_t n)
{
    size_t done = 0;
    ssize_t got;

    while (done < n && (got = read(fd, to + done, n - done)) > 0)
        done += got;
    return done;
}

static void test_files(void)
{
    int p[2], in, out;
    off_t at;

    scratch_enter();
    NEED(pipe(p) == 0);
    in = open("in", O_RDWR | O_CREAT, 0600);
    out = open("out", O_RDWR | O_CREAT, 0600);
    NEED(write(in, data, sizeof(data)) == sizeof(data));
    lseek(in, 0, SEEK_SET);
    EXPECT("file to pipe", splice(in, NULL, p[1], NULL, 10000, 0), 10000);
    EXPECT("file moved on", lseek(in, 0, SEEK_CUR), 10000);
    EXPECT("pipe has it", used(p[0]), 10000);
    EXPECT("pipe to file", splice(p[0], NULL, out, NULL, 4000, 0), 4000);
    EXPECT("pipe has the rest", used(p[0]), 6000);
    at = 4000;
    EXPECT("pipe to file at", splice(p[0], NULL, out, &at, 100000, 0), 6000);
    EXPECT("position", at, 10000);
    EXPECT("own position stays", lseek(out, 0, SEEK_CUR), 4000);
    EXPECT("read back", pread(out, back, sizeof(back), 0), 10000);
    CHECK("same bytes", memcmp(data, back, 10000) == 0);
    at = 2 * PAGE;
    EXPECT("no more than fits", splice(in, &at, p[1], NULL, sizeof(data), 0), CAPACITY);
    EXPECT("position of input", at, 2 * PAGE + CAPACITY);
    EXPECT_ERR("full", splice(in, NULL, p[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
    at = 0;
    EXPECT("all of it", splice(p[0], NULL, out, &at, sizeof(data), 0), CAPACITY);
    EXPECT("all of it back", pread(out, back, sizeof(back), 0), CAPACITY);
    CHECK("same again", memcmp(data + 2 * PAGE, back, CAPACITY) == 0);
    EXPECT_ERR("empty", splice(p[0], NULL, out, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
    at = sizeof(data);
    EXPECT("end of file", splice(in, &at, p[1], NULL, 10, 0), 0);
    at = sizeof(data) - 5;
    EXPECT("last bytes", splice(in, &at, p[1], NULL, 10, 0), 5);
    close(p[1]);
    EXPECT("rest after the writer", splice(p[0], NULL, out, NULL, 10, 0), 5);
    EXPECT("end of pipe", splice(p[0], NULL, out, NULL, 10, 0), 0);
    close(p[0]);
    close(in);
    close(out);
    scratch_leave();
}

static void test_pipes(void)
{
    int a[2], b[2];

    NEED(pipe(a) == 0 && pipe(b) == 0);
    NEED(write(a[1], data, 9000) == 9000);
    EXPECT("tee", tee(a[0], b[1], 5000, 0), 5000);
    EXPECT("tee keeps", used(a[0]), 9000);
    EXPECT("tee copies", used(b[0]), 5000);
    EXPECT("tee the same", tee(a[0], b[1], 100, 0), 100);
    EXPECT("tee read", read_all(b[0], back, 5100), 5100);
    CHECK("tee bytes", !memcmp(data, back, 5000) && !memcmp(data, back + 5000, 100));
    EXPECT("pipe to pipe", splice(a[0], NULL, b[1], NULL, 100000, 0), 9000);
    EXPECT("pipe taken", used(a[0]), 0);
    EXPECT("pipe read", read_all(b[0], back, 9000), 9000);
    CHECK("pipe bytes", memcmp(data, back, 9000) == 0);
    EXPECT_ERR("tee empty", tee(a[0], b[1], 10, SPLICE_F_NONBLOCK), EAGAIN);
    NEED(write(b[1], data, CAPACITY) == CAPACITY);
    NEED(write(a[1], data, 10) == 10);
    EXPECT_ERR("tee full", tee(a[0], b[1], 10, SPLICE_F_NONBLOCK), EAGAIN);
    EXPECT_ERR("pipe full", splice(a[0], NULL, b[1], NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
    EXPECT("nothing lost", used(a[0]), 10);
    close(b[0]);
    EXPECT_ERR("pipe broken", splice(a[0], NULL, b[1], NULL, 10, 0), EPIPE);
    EXPECT_ERR("tee broken", tee(a[0], b[1], 10, 0), EPIPE);
    EXPECT("still nothing lost", used(a[0]), 10);
    close(a[1]);
    EXPECT("drain", read(a[0], back, 100), 10);
    close(a[0]);
    close(b[1]);
}

static void test_memory(void)
{
    int p[2], zero = open("/dev/zero", O_RDWR);
    struct iovec iov[2] = {{data, 3000}, {data + 3000, 7000}}, all = {data, sizeof(data)};

    NEED(pipe(p) == 0 && zero >= 0);
    EXPECT("memory to pipe", vmsplice(p[1], iov, 2, 0), 10000);
    EXPECT("memory read", read_all(p[0], back, 10000), 10000);
    CHECK("memory bytes", memcmp(data, back, 10000) == 0);
    EXPECT("memory that fits", vmsplice(p[1], &all, 1, SPLICE_F_NONBLOCK), CAPACITY);
    EXPECT_ERR("memory full", vmsplice(p[1], &all, 1, SPLICE_F_NONBLOCK), EAGAIN);
    memset(back, 0, sizeof(back));
    iov[0] = (struct iovec){back, 1000};
    iov[1] = (struct iovec){back + 1000, 500};
    EXPECT("pipe to memory", vmsplice(p[0], iov, 2, 0), 1500);
    CHECK("pipe to memory bytes", memcmp(data, back, 1500) == 0);
    EXPECT("none", vmsplice(p[0], iov, 0, 0), 0);
    EXPECT_ERR("flags", vmsplice(p[0], iov, 1, 64), EINVAL);
    EXPECT_ERR("no pipe", vmsplice(zero, iov, 1, 0), EBADF);
    close(zero);
    EXPECT_ERR("closed", vmsplice(999, iov, 1, 0), EBADF);
    EXPECT_ERR("bad list", vmsplice(p[1], (void *)UNMAPPED, 1, 0), EFAULT);
    EXPECT_ERR("long list", vmsplice(p[1], iov, 1025, 0), EINVAL);
    close(p[0]);
    EXPECT_ERR("broken", vmsplice(p[1], iov, 1, 0), EPIPE);
    close(p[1]);
}

static void test_errors(void)
{
    int p[2], file, append, dir = open("/", O_RDONLY), ep = epoll_create1(0);
    off_t at = 0, negative = -1;

    scratch_enter();
    NEED(pipe(p) == 0);
    file = open("file", O_RDWR | O_CREAT, 0600);
    append = open("file", O_WRONLY | O_APPEND);
    NEED(write(p[1], data, 10) == 10);
    EXPECT_ERR("no pipe at all", splice(file, NULL, file, NULL, 1, 0), EINVAL);
    EXPECT_ERR("wrong flags", splice(p[0], NULL, file, NULL, 1, 16), EINVAL);
    EXPECT_ERR("wrong end", splice(p[1], NULL, file, NULL, 1, 0), EBADF);
    EXPECT_ERR("wrong other end", splice(file, NULL, p[0], NULL, 1, 0), EBADF);
    EXPECT_ERR("closed in", splice(999, NULL, p[1], NULL, 1, 0), EBADF);
    EXPECT_ERR("closed out", splice(p[0], NULL, 999, NULL, 1, 0), EBADF);
    EXPECT_ERR("offset of a pipe", splice(p[0], &at, file, NULL, 1, 0), ESPIPE);
    EXPECT_ERR("offset of the other pipe", splice(file, NULL, p[1], &at, 1, 0), ESPIPE);
    EXPECT_ERR("offset pointer", splice(p[0], NULL, file, (void *)UNMAPPED, 1, 0), EFAULT);
    EXPECT_ERR("negative offset", splice(p[0], NULL, file, &negative, 1, 0), EINVAL);
    EXPECT_ERR("append", splice(p[0], NULL, append, NULL, 1, 0), EINVAL);
    EXPECT_ERR("to itself", splice(p[0], NULL, p[1], NULL, 1, 0), EINVAL);
    EXPECT_ERR("tee to itself", tee(p[0], p[1], 1, 0), EINVAL);
    EXPECT_ERR("tee a file", tee(file, p[1], 1, 0), EINVAL);
    EXPECT_ERR("tee closed", tee(999, p[1], 1, 0), EBADF);
    EXPECT_ERR("tee flags", tee(p[0], p[1], 1, 16), EINVAL);
    EXPECT_ERR("a directory", splice(dir, NULL, p[1], NULL, 1, 0), EINVAL);
    EXPECT_ERR("an epoll", splice(ep, NULL, p[1], NULL, 1, 0), EINVAL);
    EXPECT("nothing", splice(p[0], NULL, file, NULL, 0, 0), 0);
    EXPECT("tee nothing", tee(p[0], p[1], 0, 0), 0);
    EXPECT("untouched", used(p[0]), 10);
    close(p[0]);
    close(p[1]);
    close(file);
    close(append);
    close(dir);
    close(ep);
    scratch_leave();
}

// A FIFO that is open both ways is written to.
static void test_fifo(void)
{
    struct iovec iov = {data, 100};
    int fd;

    scratch_enter();
    NEED(mkfifo("fifo", 0600) == 0);
    fd = open("fifo", O_RDWR | O_NONBLOCK);
    NEED(fd >= 0);
    EXPECT("fifo takes memory", vmsplice(fd, &iov, 1, 0), 100);
    EXPECT("fifo has it", used(fd), 100);
    EXPECT("fifo read", read(fd, back, 200), 100);
    CHECK("fifo bytes", memcmp(data, back, 100) == 0);
    close(fd);
    scratch_leave();
}

// A message of a socket is taken whole, wherever the pipe's bytes end, and none is lost for want of
// room.
static void test_messages(void)
{
    int p[2], s[2];

    NEED(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    NEED(write(p[1], data, PAGE - 100) == (ssize_t)PAGE - 100);
    NEED(write(s[0], data, 9000) == 9000);
    EXPECT("message to pipe", splice(s[1], NULL, p[1], NULL, CAPACITY, 0), 9000);
    EXPECT("before it", read_all(p[0], back, PAGE - 100), PAGE - 100);
    EXPECT("message read", read_all(p[0], back, 9000), 9000);
    CHECK("message bytes", memcmp(data, back, 9000) == 0);
    NEED(write(p[1], data, CAPACITY) == CAPACITY);
    NEED(write(s[0], data, 10) == 10);
    EXPECT_ERR("message to a full pipe", splice(s[1], NULL, p[1], NULL, 100, SPLICE_F_NONBLOCK),
               EAGAIN);
    EXPECT("message is still there", read(s[1], back, 100), 10);
    for (int i = 0; i < 2; i++) {
        close(p[i]);
        close(s[i]);
    }
}

// A splice that waits for its pipe begins again after a handler, also where the other side is a
// socket.
static int *handled; // (a)

static void handle(int number)
{
    (void)number;
    __atomic_add_fetch(handled, 1, __ATOMIC_RELEASE);
}

struct ends {
    int p[2], s[2];
};

static void splice_child(void *argument)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    struct ends *e = argument;

    sigaction(SIGUSR1, &action, NULL);
    EXPECT("begun again", splice(e->p[0], NULL, e->s[0], NULL, 100, 0), 3);
}

static void test_sockets(void)
{
    struct ends e;
    pid_t child;

    handled = shared_page();
    NEED(pipe(e.p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, e.s) == 0);
    child = child_start(splice_child, &e);
    process_await(child, "S");
    kill(child, SIGUSR1);
    CHECK("handler", COMES(__atomic_load_n(handled, __ATOMIC_ACQUIRE) == 1));
    NEED(write(e.p[1], "abc", 3) == 3);
    EXPECT("splicer", child_end(child), 0);
    EXPECT("to the socket", read(e.s[1], back, 10), 3);
    EXPECT_ERR("an empty socket", splice(e.s[1], NULL, e.p[1], NULL, 10, SPLICE_F_NONBLOCK),
               EAGAIN);
    fcntl(e.p[1], F_SETFL, O_WRONLY | O_NONBLOCK);
    EXPECT_ERR("and a pipe that does not wait", splice(e.s[1], NULL, e.p[1], NULL, 10, 0), EAGAIN);
    NEED(write(e.s[0], "defg", 4) == 4);
    EXPECT("what is there", splice(e.s[1], NULL, e.p[1], NULL, 10, SPLICE_F_NONBLOCK), 4);
    for (int i = 0; i < 2; i++) {
        close(e.p[i]);
        close(e.s[i]);
    }
    munmap(handled, PAGE);
}

// Two splice from one pipe to another while one writes and one reads: nothing is lost or doubled.
#define STREAM (1 << 20)

static int first[2], second[2];

static void *stream_write(void *argument)
{
    (void)argument;
    for (uint32_t i = 0; i < STREAM / 4; i++) {
        static uint32_t words[1000];

        words[i % 1000] = i;
        if (i % 1000 == 999 || i == STREAM / 4 - 1)
            NEED(write(first[1], words, (i % 1000 + 1) * 4) == (ssize_t)((i % 1000 + 1) * 4));
    }
    close(first[1]);
    return NULL;
}

static void *stream_splice(void *argument)
{
    long total = 0;
    ssize_t n;

    (void)argument;
    while ((n = splice(first[0], NULL, second[1], NULL, 4096, 0)) > 0)
        total += n;
    NEED(n == 0);
    return (void *)total;
}

static void test_stream(void)
{
    pthread_t writer, splicer;
    void *total;
    uint32_t next = 0;
    ssize_t n;

    NEED(pipe(first) == 0 && pipe(second) == 0);
    NEED(pthread_create(&writer, NULL, stream_write, NULL) == 0);
    NEED(pthread_create(&splicer, NULL, stream_splice, NULL) == 0);
    while (next < STREAM / 4) {
        n = read_all(second[0], back, 4096);
        NEED(n == 4096);
        for (int i = 0; i < n / 4; i++)
            if (((uint32_t *)back)[i] != next + i)
                next = STREAM;
        next += n / 4;
    }
    EXPECT("stream in order", next, STREAM / 4);
    pthread_join(writer, NULL);
    pthread_join(splicer, &total);
    EXPECT("stream all", (long)total, STREAM);
    close(first[0]);
    close(second[0]);
    close(second[1]);
}

// Several at once, each with what it gets; all see the end.
static void *share_splice(void *argument)
{
    long total = 0;
    ssize_t n;
    int null = open("/dev/null", O_WRONLY);

    (void)argument;
    while ((n = splice(first[0], NULL, null, NULL, 1000, 0)) > 0)
        total += n;
    close(null);
    return (void *)total;
}

static void *share_read(void *argument)
{
    char text[700];
    long total = 0;
    ssize_t n;

    (void)argument;
    while ((n = read(first[0], text, sizeof(text))) > 0)
        total += n;
    return (void *)total;
}

static void test_share(void)
{
    pthread_t threads[4], writer;
    long sum = 0;
    void *total;

    NEED(pipe(first) == 0);
    for (int i = 0; i < 4; i++)
        NEED(pthread_create(&threads[i], NULL, i % 2 ? share_splice : share_read, NULL) == 0);
    NEED(pthread_create(&writer, NULL, stream_write, NULL) == 0);
    pthread_join(writer, NULL);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &total);
        sum += (long)total;
    }
    EXPECT("shared", sum, STREAM);
    close(first[0]);
}

int main(void)
{
    abi_begin();
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = i * 7 + i / 251;
    test_files();
    test_pipes();
    test_memory();
    test_errors();
    test_fifo();
    test_messages();
    test_sockets();
    test_stream();
    test_share();
    return abi_end();
}
