// SPDX-License-Identifier: MIT
// Pipes and FIFOs, and waiting on several descriptors with poll and select.
#include "abi.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <time.h>

#define BUF      4096 // PIPE_BUF
#define CAPACITY 65536

static int p[2];
static char big[4 * CAPACITY];

static void pipe_make(int flags)
{
    NEED(pipe2(p, flags) == 0);
}

static void pipe_close(void)
{
    close(p[0]);
    close(p[1]);
}

static void test_basics(void)
{
    char text[16] = "";
    struct stat st;
    int waiting;

    pipe_make(O_CLOEXEC);
    EXPECT("close-on-exec", fcntl(p[0], F_GETFD), FD_CLOEXEC);
    EXPECT("write", write(p[1], "hello", 5), 5);
    EXPECT("FIONREAD", ioctl(p[0], FIONREAD, &waiting), 0);
    EXPECT("bytes waiting", waiting, 5);
    EXPECT("short read", read(p[0], text, 2), 2);
    EXPECT("the rest", read(p[0], text + 2, 10), 3);
    EXPECT_STR("bytes", text, "hello");
    EXPECT("write of nothing", write(p[1], "", 0), 0);
    EXPECT_ERR("write to the reading end", write(p[0], "x", 1), EBADF);
    EXPECT_ERR("read from the writing end", read(p[1], text, 1), EBADF);
    EXPECT_ERR("pread", pread(p[0], text, 1, 0), ESPIPE);
    EXPECT_ERR("lseek", lseek(p[0], 0, SEEK_CUR), ESPIPE);
    EXPECT("fstat", fstat(p[0], &st), 0);
    CHECK("kind", S_ISFIFO(st.st_mode));
    write(p[1], "x", 1);
    close(p[1]);
    EXPECT("last byte", read(p[0], text, 10), 1);
    EXPECT("then the end", read(p[0], text, 10), 0);
    EXPECT("and again", read(p[0], text, 10), 0);
    close(p[0]);
    EXPECT_ERR("bad flags", pipe2(p, 1), EINVAL);
}

static void write_broken(void *unused)
{
    (void)unused;
    signal(SIGPIPE, SIG_DFL);
    write(p[1], "x", 1);
}

static void test_broken(void)
{
    pipe_make(0);
    close(p[0]);
    EXPECT_ERR("EPIPE", write(p[1], "x", 1), EPIPE);
    EXPECT("SIGPIPE", child_run(write_broken, NULL), SIGNALED(SIGPIPE));
    close(p[1]);
}

static void test_nonblock(void)
{
    char c;

    pipe_make(O_NONBLOCK);
    EXPECT_ERR("empty", read(p[0], &c, 1), EAGAIN);
    EXPECT("fills", write(p[1], big, sizeof(big)), CAPACITY);
    EXPECT_ERR("full", write(p[1], big, 1), EAGAIN);
    EXPECT("drain a page", read(p[0], big, BUF), BUF);
    EXPECT("room again", write(p[1], big, BUF), BUF);
    EXPECT("take half a page", read(p[0], big, BUF / 2), BUF / 2);
    EXPECT_ERR("atomic writes are whole or not", write(p[1], big, BUF), EAGAIN);
    EXPECT("F_GETPIPE_SZ", fcntl(p[0], F_GETPIPE_SZ), CAPACITY);
    pipe_close();
}

static void read_slowly(void *argument)
{
    long sum = 0, n;
    char part[777];

    close(p[1]);
    while ((n = read(p[0], part, sizeof(part))) > 0)
        for (long i = 0; i < n; i++, sum++)
            if (part[i] != (char)(sum * 7))
                _exit(1);
    _exit(sum == (long)argument ? 0 : 2);
}

static void test_blocking(void)
{
    pipe_make(0);
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = i * 7;
    pid_t pid = child_start(read_slowly, (void *)sizeof(big));
    close(p[0]);
    EXPECT("a big write goes through whole", write(p[1], big, sizeof(big)), sizeof(big));
    close(p[1]);
    EXPECT("in order", child_end(pid), 0);
}

// Writers of PIPE_BUF bytes each: no record is torn.
static void test_atomicity(void)
{
    enum { WRITERS = 4, RECORDS = 40 };
    static char record[BUF];
    int torn = 0, count[WRITERS] = {0};

    pipe_make(0);
    fflush(stdout);
    for (int w = 0; w < WRITERS; w++) {
        if (fork() == 0) {
            memset(record, w, BUF);
            for (int i = 0; i < RECORDS; i++)
                if (write(p[1], record, BUF) != BUF)
                    _exit(1);
            _exit(0);
        }
    }
    close(p[1]);
    for (int i = 0; i < WRITERS * RECORDS; i++) {
        for (int n = 0, got; n < BUF; n += got)
            if ((got = read(p[0], record + n, BUF - n)) <= 0)
                break;
        for (int k = 1; k < BUF; k++)
            torn += record[k] != record[0];
        count[record[0] & 3]++;
    }
    EXPECT("no record is torn", torn, 0);
    for (int w = 0; w < WRITERS; w++)
        EXPECT("all records came", count[w], RECORDS);
    while (wait(NULL) > 0)
        ;
    close(p[0]);
}

static void fifo_writer(void *unused)
{
    int fd = open("/tmp/abi.fifo", O_WRONLY);

    (void)unused;
    _exit(write(fd, "fifo", 4) == 4 ? 0 : 1);
}

static void test_fifo(void)
{
    char text[8] = "";

    unlink("/tmp/abi.fifo");
    EXPECT("mkfifo", mkfifo("/tmp/abi.fifo", 0644), 0);
    EXPECT_ERR("no reader", open("/tmp/abi.fifo", O_WRONLY | O_NONBLOCK), ENXIO);
    pid_t pid = child_start(fifo_writer, NULL);
    int fd = open("/tmp/abi.fifo", O_RDONLY);
    CHECK("open waits for the other side", fd >= 0);
    int got = 0, n;
    while ((n = read(fd, text + got, 7 - got)) > 0)
        got += n;
    EXPECT_STR("bytes", text, "fifo");
    EXPECT("writer", child_end(pid), 0);
    close(fd);
    fd = open("/tmp/abi.fifo", O_RDONLY | O_NONBLOCK);
    CHECK("reader need not wait", fd >= 0);
    EXPECT("no writer: end", read(fd, text, 1), 0);
    int out = open("/tmp/abi.fifo", O_WRONLY | O_NONBLOCK);
    EXPECT_ERR("writer, no bytes", read(fd, text, 1), EAGAIN);
    close(out);
    close(fd);
    fd = open("/tmp/abi.fifo", O_RDWR);
    EXPECT("both ways", write(fd, "x", 1), 1);
    EXPECT("itself", read(fd, text, 1), 1);
    close(fd);
    unlink("/tmp/abi.fifo");
}

static int again(int fd, int flags)
{
    char path[40];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, flags);
}

// A pipe without a name, opened once more: never waits, whoever has the other side.
static void test_opened_again(void)
{
    char text[4] = "";
    int fd;

    pipe_make(0);
    write(p[1], "ab", 2);
    close(p[1]);
    fd = again(p[0], O_RDONLY);
    EXPECT("read, nobody writes", read(fd, text, 4), 2);
    EXPECT("and its end", read(fd, text, 4), 0);
    close(fd);
    fd = again(p[0], O_WRONLY);
    EXPECT("a writer by the reading end", write(fd, "c", 1), 1);
    EXPECT("for it", read(p[0], text, 4), 1);
    close(fd);
    close(p[0]);
    pipe_make(0);
    close(p[0]);
    fd = again(p[1], O_WRONLY);
    EXPECT_ERR("write, nobody reads", write(fd, "c", 1), EPIPE);
    close(fd);
    fd = again(p[1], O_WRONLY | O_NONBLOCK);
    EXPECT_ERR("neither without waiting", write(fd, "c", 1), EPIPE);
    close(fd);
    close(p[1]);
}

static void fifo_visitor(int rounds)
{
    char token;

    while (read(rounds, &token, 1) == 1)
        close(open("/tmp/abi.fifo", O_WRONLY));
    _exit(0);
}

// The writer closes as soon as the reader lets it in: that still counts for the reader.
static void test_fifo_visits(void)
{
    int rounds[2], opened = 0;
    char byte;

    NEED(mkfifo("/tmp/abi.fifo", 0644) == 0 && pipe2(rounds, O_CLOEXEC) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(rounds[1]);
        fifo_visitor(rounds[0]);
    }
    for (int i = 0; i < 500; i++) {
        write(rounds[1], "x", 1);
        int fd = open("/tmp/abi.fifo", O_RDONLY);
        opened += fd >= 0 && read(fd, &byte, 1) == 0;
        close(fd);
    }
    close(rounds[0]);
    close(rounds[1]);
    EXPECT("visits", opened, 500);
    EXPECT("visitor", child_end(pid), 0);
    unlink("/tmp/abi.fifo");
}

static int poll_one(int fd, short events)
{
    struct pollfd f = {.fd = fd, .events = events};

    int n = poll(&f, 1, 0);
    return n < 0 ? -1 : n == 0 ? 0 : f.revents;
}

static void test_poll(void)
{
    int q[2];

    pipe_make(0);
    EXPECT("empty: nothing to read", poll_one(p[0], POLLIN), 0);
    EXPECT("room to write", poll_one(p[1], POLLOUT), POLLOUT);
    write(p[1], "x", 1);
    EXPECT("something to read", poll_one(p[0], POLLIN | POLLRDNORM), POLLIN | POLLRDNORM);
    EXPECT("not asked for", poll_one(p[0], POLLOUT), 0);
    EXPECT("no such descriptor", poll_one(999, POLLIN), POLLNVAL);
    struct pollfd none = {.fd = -1, .events = POLLIN, .revents = 77};
    EXPECT("negative is skipped", poll(&none, 1, 0), 0);
    EXPECT("and cleared", none.revents, 0);
    close(p[1]);
    EXPECT("hang-up with data", poll_one(p[0], POLLIN), POLLIN | POLLHUP);
    char c;
    read(p[0], &c, 1);
    EXPECT("hang-up", poll_one(p[0], POLLIN), POLLHUP);
    close(p[0]);
    NEED(pipe(q) == 0);
    close(q[0]);
    EXPECT("error", poll_one(q[1], POLLOUT) & POLLERR, POLLERR);
    close(q[1]);
    int fd = open("/tmp/abi.poll", O_RDWR | O_CREAT, 0600);
    EXPECT("files are ready", poll_one(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
    close(fd);
    unlink("/tmp/abi.poll");
    struct timespec bad = {0, 1000000000}, none_at_all = {0, 0};
    EXPECT_ERR("bad time", ppoll(&none, 1, &bad, NULL), EINVAL);
    EXPECT("no descriptors", ppoll(NULL, 0, &none_at_all, NULL), 0);
}

static void post(void *argument)
{
    process_await(getppid(), "S");
    write(p[1], argument, 1);
}

static void test_poll_waits(void)
{
    int q[2];

    NEED(pipe(q) == 0);
    pipe_make(0);
    struct pollfd f[] = {{q[0], POLLIN, 0}, {p[0], POLLIN, 0}, {-1, 0, 0}};
    pid_t pid = child_start(post, "x");
    EXPECT("poll waits", poll(f, 3, -1), 1);
    CHECK("for the right one", f[0].revents == 0 && f[1].revents == POLLIN);
    EXPECT("poster", child_end(pid), 0);
    char c;
    read(p[0], &c, 1);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(p[0], &set);
    FD_SET(q[0], &set);
    pid = child_start(post, "y");
    EXPECT("select waits", select(64, &set, NULL, NULL, NULL), 1);
    CHECK("sets the right one", FD_ISSET(p[0], &set) && !FD_ISSET(q[0], &set));
    EXPECT("poster again", child_end(pid), 0);
    FD_ZERO(&set);
    FD_SET(q[1], &set);
    EXPECT("select for writing", select(64, NULL, &set, NULL, NULL), 1);
    FD_ZERO(&set);
    FD_SET(q[0], &set);
    struct timeval zero = {0, 0};
    EXPECT("select, none", select(64, &set, NULL, NULL, &zero), 0);
    CHECK("set is cleared", !FD_ISSET(q[0], &set));
    FD_SET(63, &set);
    EXPECT_ERR("select of a closed one", select(64, &set, NULL, NULL, &zero), EBADF);
    EXPECT_ERR("select, negative", select(-1, NULL, NULL, NULL, &zero), EINVAL);
    pipe_close();
    close(q[0]);
    close(q[1]);
}

static volatile int handled;

static void handle(int number)
{
    handled = number;
}

static void test_ppoll_mask(void)
{
    struct sigaction action = {.sa_handler = handle};
    sigset_t block, none;

    sigaction(SIGUSR1, &action, NULL);
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, NULL);
    raise(SIGUSR1);
    EXPECT("blocked", handled, 0);
    EXPECT_ERR("ppoll's mask lets it in", ppoll(NULL, 0, NULL, &none), EINTR);
    EXPECT("handled", handled, SIGUSR1);
    handled = 0;
    raise(SIGUSR1);
    EXPECT_ERR("pselect's, too", pselect(0, NULL, NULL, NULL, NULL, &none), EINTR);
    EXPECT("handled again", handled, SIGUSR1);
    sigprocmask(SIG_UNBLOCK, &block, NULL);
}

// A ring of processes that pass one byte around.
static void test_ring(void)
{
    enum { N = 8, ROUNDS = 50 };
    int ring[N][2];
    char c = 0;

    for (int i = 0; i < N; i++)
        NEED(pipe(ring[i]) == 0);
    fflush(stdout);
    for (int i = 1; i < N; i++) {
        if (fork() == 0) {
            for (int r = 0; r < ROUNDS; r++) {
                read(ring[i - 1][0], &c, 1);
                c++;
                write(ring[i][1], &c, 1);
            }
            _exit(0);
        }
    }
    for (int r = 0; r < ROUNDS; r++) {
        write(ring[0][1], &c, 1);
        read(ring[N - 1][0], &c, 1);
    }
    EXPECT("ring", (unsigned char)c, (N - 1) * ROUNDS & 0xff);
    while (wait(NULL) > 0)
        ;
    for (int i = 0; i < N; i++) {
        close(ring[i][0]);
        close(ring[i][1]);
    }
}

// A pipe with bytes in it becomes larger and smaller and keeps them.
static void test_resize(void)
{
    static char out[40000], in[40000];
    int ends[2];

    for (size_t i = 0; i < sizeof(out); i++)
        out[i] = (char)(i * 7 + i / 251);
    EXPECT("pipe", pipe(ends), 0);
    EXPECT("write", write(ends[1], out, sizeof(out)), sizeof(out));
    EXPECT("larger", fcntl(ends[1], F_SETPIPE_SZ, 1 << 18), 1 << 18);
    EXPECT("its size", fcntl(ends[0], F_GETPIPE_SZ), 1 << 18);
    EXPECT("read half", read(ends[0], in, 20000), 20000);
    EXPECT("smaller", fcntl(ends[0], F_SETPIPE_SZ, 1 << 15), 1 << 15);
    EXPECT_ERR("too small", fcntl(ends[0], F_SETPIPE_SZ, 1 << 13), EBUSY);
    EXPECT("read the rest", read(ends[0], in + 20000, sizeof(in)), 20000);
    CHECK("bytes", !memcmp(in, out, sizeof(in)));
    close(ends[0]);
    close(ends[1]);
}

// Beyond 16,384 pages a user's pipes are small, and stay so; others' are not.
static void many_pipes(void *unused)
{
    int full[64][2], more[2];

    (void)unused;
    NEED(setgid(1234) == 0 && setuid(1234) == 0);
    for (int i = 0; i < 64; i++)
        NEED(pipe(full[i]) == 0);
    for (int i = 0; i < 63; i++)
        NEED(fcntl(full[i][0], F_SETPIPE_SZ, 1 << 20) == 1 << 20);
    EXPECT_OK("pages left", fcntl(full[63][0], F_SETPIPE_SZ, 1 << 20));
    NEED(pipe(more) == 0);
    EXPECT("small pipe", fcntl(more[0], F_GETPIPE_SZ), 2 * BUF);
    EXPECT_ERR("small pipe stays", fcntl(more[0], F_SETPIPE_SZ, CAPACITY), EPERM);
    EXPECT("small pipe filled", write(more[1], big, 2 * BUF), 2 * BUF);
    EXPECT("small pipe drained", read(more[0], big, 2 * BUF), 2 * BUF);
    EXPECT("shrinks", fcntl(full[0][0], F_SETPIPE_SZ, BUF), BUF);
    EXPECT("then another grows", fcntl(more[0], F_SETPIPE_SZ, CAPACITY), CAPACITY);
}

static void test_user_pages(void)
{
    EXPECT("many pipes", child_run(many_pipes, NULL), 0);
    pipe_make(0);
    EXPECT("others' pipes", fcntl(p[0], F_GETPIPE_SZ), CAPACITY);
    pipe_close();
}

int main(void)
{
    abi_begin();
    test_basics();
    test_broken();
    test_nonblock();
    test_blocking();
    test_atomicity();
    test_fifo();
    test_fifo_visits();
    test_opened_again();
    test_poll();
    test_poll_waits();
    test_ppoll_mask();
    test_ring();
    test_resize();
    test_user_pages();
    return abi_end();
}
