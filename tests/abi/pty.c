// SPDX-License-Identifier: MIT
// Pseudo-terminals: pty(7), pts(4), ptmx, ioctl_tty(2), packet mode, hangup, devpts.
#include "pty.h"
#include <dirent.h>
#include <pthread.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>

static void test_names(void)
{
    int master = master_open(0), other = master_open(0), lock = -1, slave;
    char path[32], text[32], link[64] = "";
    struct stat st;
    struct statfs fs;

    CHECK("numbers differ", number_of(master) != number_of(other));
    strcpy(path, slave_path(master));
    EXPECT("name exists", stat(path, &st), 0);
    CHECK("name is a terminal", S_ISCHR(st.st_mode));
    EXPECT("major", major(st.st_rdev), 136);
    EXPECT("minor", minor(st.st_rdev), number_of(master));
    EXPECT("inode", st.st_ino, number_of(master) + 3);
    EXPECT("owner", st.st_uid, getuid());
    EXPECT("locked", ioctl(master, TIOCGPTLCK, &lock), 0);
    EXPECT("locked at first", lock, 1);
    EXPECT_ERR("open locked", open(path, O_RDWR | O_NOCTTY), EIO);
    unlock(master);
    EXPECT("unlocked", (ioctl(master, TIOCGPTLCK, &lock), lock), 0);
    slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK("open", slave >= 0);
    CHECK("both are terminals", isatty(slave) && isatty(master));
    snprintf(text, sizeof(text), "/proc/self/fd/%d", slave);
    readlink(text, link, sizeof(link) - 1);
    EXPECT_STR("name of a descriptor", link, path);
    EXPECT_ERR("no seek", lseek(slave, 0, SEEK_CUR), ESPIPE);
    EXPECT_ERR("number of the slave", ioctl(slave, TIOCGPTN, &lock), ENOTTY);
    EXPECT_ERR("lock of the slave", ioctl(slave, TIOCSPTLCK, &lock), ENOTTY);
    EXPECT_ERR("number to nowhere", ioctl(master, TIOCGPTN, 8), EFAULT);
    EXPECT_ERR("unknown", ioctl(master, 0x54fe, 0), ENOTTY);
    EXPECT("file system", statfs("/dev/pts", &fs), 0);
    EXPECT("its magic", fs.f_type, 0x1cd1);
    EXPECT_ERR("no files there", open("/dev/pts/x", O_CREAT | O_RDWR, 0600), EACCES);
    EXPECT_ERR("no directories", mkdir("/dev/pts/y", 0700), EPERM);
    EXPECT_ERR("no removing", unlink(path), EPERM);
    EXPECT_ERR("leading zero", open("/dev/pts/00", O_RDWR | O_NOCTTY), ENOENT);
    EXPECT("chmod", chmod(path, 0640), 0);
    EXPECT("mode", (stat(path, &st), st.st_mode & 07777), 0640);
    close(master);
    EXPECT_ERR("the name is gone", stat(path, &st), ENOENT);
    close(slave);
    close(other);
}

static void test_peer(void)
{
    int master = master_open(0), slave;
    char link[64] = "", text[32];

    EXPECT_ERR("peer of a locked one", ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY), EIO);
    unlock(master);
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK("peer", slave >= 0);
    EXPECT("peer's cloexec", fcntl(slave, F_GETFD), FD_CLOEXEC);
    EXPECT("peer's flags", fcntl(slave, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR);
    snprintf(text, sizeof(text), "/proc/self/fd/%d", slave);
    readlink(text, link, sizeof(link) - 1);
    EXPECT_STR("peer's name", link, slave_path(master));
    make_raw(slave);
    EXPECT("to the peer", write(master, "abc", 3), 3);
    EXPECT_STR("from the master", text_of_length(slave, 3), "abc");
    EXPECT_ERR("peer of the slave", ioctl(slave, TIOCGPTPEER, O_RDWR), EIO);
    close(slave);
    close(master);
}

// The name's permissions are for those who have no master.
static void peer_main(void *argument)
{
    int master = *(int *)argument;

    NEED(setgroups(0, NULL) == 0 && setgid(1000) == 0 && setuid(1000) == 0);
    EXPECT_ERR("no name for others", open(slave_path(master), O_RDWR | O_NOCTTY), EACCES);
    EXPECT_OK("but the peer", ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY));
}

static void test_peer_rights(void)
{
    int master = master_open(0), slave;

    unlock(master);
    EXPECT("another user", child_run(peer_main, &master), 0);
    EXPECT("hide the name", mount("/dev/null", slave_path(master), NULL, MS_BIND, NULL), 0);
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    CHECK("the peer behind it", isatty(slave));
    EXPECT("show it", umount(slave_path(master)), 0);
    close(slave);
    close(master);
}

static void test_listing(void)
{
    int master = master_open(0), found = 0;
    char name[16], entries[256];
    struct dirent *e;
    DIR *d = opendir("/dev/pts");

    NEED(d);
    snprintf(name, sizeof(name), "%d", number_of(master));
    while ((e = readdir(d)))
        found += strcmp(e->d_name, name) == 0;
    EXPECT("listed", found, 1);
    EXPECT("far behind", lseek(dirfd(d), 1L << 32 | 3, SEEK_SET), 1L << 32 | 3);
    EXPECT("nothing is listed", syscall(SYS_getdents64, dirfd(d), entries, sizeof(entries)), 0);
    closedir(d);
    close(master);
}

// The calls of System V, whose struct has half of each flag word and the first eight keys.
static void test_short_modes(void)
{
    struct termio half;
    struct termios t, wide;
    int master, slave, n;

    pair_open(&master, &slave);
    tcgetattr(slave, &t);
    memset(&half, 0xff, sizeof(half));
    EXPECT("short modes", ioctl(slave, TCGETA, &half), 0);
    EXPECT("short input modes", half.c_iflag, t.c_iflag);
    EXPECT("short output modes", half.c_oflag, t.c_oflag);
    EXPECT("short control modes", half.c_cflag, (unsigned short)t.c_cflag);
    EXPECT("short local modes", half.c_lflag, t.c_lflag);
    EXPECT("short keys", memcmp(half.c_cc, t.c_cc, sizeof(half.c_cc)), 0);
    t.c_cc[VSTART] = 7;
    tcsetattr(slave, TCSANOW, &t);
    half.c_lflag &= ~ECHO;
    half.c_cc[VINTR] = 5;
    EXPECT("short modes set", ioctl(slave, TCSETA, &half), 0);
    EXPECT("are got", (tcgetattr(master, &wide), wide.c_lflag), t.c_lflag & ~ECHO);
    EXPECT("with their key", wide.c_cc[VINTR], 5);
    EXPECT("without another", wide.c_cc[VSTART], 7);
    write(master, "left\n", 5);
    EXPECT("set after output", ioctl(slave, TCSETAW, &half), 0);
    EXPECT("input stays", (ioctl(slave, FIONREAD, &n), n), 5);
    EXPECT("set without input", ioctl(slave, TCSETAF, &half), 0);
    EXPECT("input is gone", (ioctl(slave, FIONREAD, &n), n), 0);
    EXPECT_ERR("short modes to nowhere", ioctl(slave, TCGETA, 8), EFAULT);
    EXPECT_ERR("short modes from nowhere", ioctl(slave, TCSETA, 8), EFAULT);
    close(slave);
    close(master);
}

static void test_modes(void)
{
    struct winsize size = {1, 2, 3, 4};
    struct termios t;
    int master, slave;

    pair_open(&master, &slave);
    EXPECT("modes", tcgetattr(slave, &t), 0);
    EXPECT("input modes", t.c_iflag, ICRNL | IXON);
    EXPECT("output modes", t.c_oflag, OPOST | ONLCR);
    EXPECT("control modes", t.c_cflag, B38400 | CS8 | CREAD);
    EXPECT("local modes", t.c_lflag,
           ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN);
    EXPECT("speed", cfgetospeed(&t), B38400);
    EXPECT("interrupt key", t.c_cc[VINTR], 3);
    t.c_lflag &= ~ECHO;
    t.c_cflag = (t.c_cflag & ~CSIZE) | CS7 | PARENB;
    EXPECT("set by the master", tcsetattr(master, TCSADRAIN, &t), 0);
    EXPECT("seen by the slave", (tcgetattr(slave, &t), t.c_lflag & ECHO), 0);
    EXPECT("there is no line", t.c_cflag & (CSIZE | PARENB), CS8);
    EXPECT("size at first", ioctl(slave, TIOCGWINSZ, &size), 0);
    CHECK("zero", !size.ws_row && !size.ws_col && !size.ws_xpixel && !size.ws_ypixel);
    size = (struct winsize){50, 132, 7, 8};
    EXPECT("size set", ioctl(master, TIOCSWINSZ, &size), 0);
    size = (struct winsize){0};
    EXPECT("size got", ioctl(slave, TIOCGWINSZ, &size), 0);
    CHECK("as set",
          size.ws_row == 50 && size.ws_col == 132 && size.ws_xpixel == 7 && size.ws_ypixel == 8);
    EXPECT_ERR("size to nowhere", ioctl(master, TIOCGWINSZ, 8), EFAULT);
    EXPECT("drain", tcdrain(slave), 0);
    EXPECT("drain of the master", tcdrain(master), 0);
    EXPECT_ERR("flush of what", ioctl(slave, TCFLSH, 7), EINVAL);
    close(slave);
    close(master);
}

// The line discipline between the ends.
static void test_lines(void)
{
    char text[16];
    int master, slave, n = -1;

    pair_open(&master, &slave);
    EXPECT("typed", write(master, "hxi\x7f\x7fi\r", 7), 7);
    EXPECT_STR("read by the slave", text_of_length(slave, 3), "hi\n");
    EXPECT_STR("echoed", text_of_length(master, 12), "hxi\b \b\b \bi\r\n");
    EXPECT("printed", write(slave, "a\nb", 3), 3);
    EXPECT_STR("with return", text_of_length(master, 4), "a\r\nb");
    EXPECT("end of file", write(master, "\x04", 1), 1);
    await(slave, POLLIN);
    EXPECT("is seen", read(slave, text, sizeof(text)), 0);
    EXPECT("half a line", write(master, "abc", 3), 3);
    EXPECT_STR("is echoed", text_of_length(master, 3), "abc");
    EXPECT("but not there", ready(slave), POLLOUT);
    EXPECT("no bytes", (ioctl(slave, FIONREAD, &n), n), 0);
    EXPECT("its end", write(master, "\n", 1), 1);
    await(slave, POLLIN);
    EXPECT("bytes", (ioctl(slave, FIONREAD, &n), n), 4);
    EXPECT_STR("a line", text_of_length(slave, 4), "abc\n");
    EXPECT_STR("its echo", text_of_length(master, 2), "\r\n");
    write(master, "gone\n", 5);
    await(slave, POLLIN);
    EXPECT("flush input", tcflush(slave, TCIFLUSH), 0);
    EXPECT("nothing", ready(slave), POLLOUT);
    text_of_length(master, 6);
    EXPECT("nothing more", ready(master), POLLOUT);
    write(slave, "xy", 2);
    await(master, POLLIN);
    EXPECT("bytes for the master", (ioctl(master, FIONREAD, &n), n), 2);
    EXPECT("flush by the master", tcflush(master, TCIFLUSH), 0);
    EXPECT("all gone", ready(master), POLLOUT);
    close(slave);
    close(master);
}

// What becomes of a carriage return that is written.
static void test_returns(void)
{
    struct termios t;
    int master, slave;

    pair_open(&master, &slave);
    tcgetattr(slave, &t);
    t.c_oflag |= OCRNL;
    tcsetattr(slave, TCSANOW, &t);
    write(slave, "a\rb\n", 4);
    EXPECT_STR("a return is a newline alone", text_of_length(master, 5), "a\nb\r\n");
    close(slave);
    close(master);
}

// Two threads read lines: each gets whole ones.
#define LINE   1000
#define ROUNDS 300

static int lines_slave;

static void *line_reader(void *unused)
{
    char *text = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long torn = 0;
    ssize_t n;

    (void)unused;
    while ((n = read(lines_slave, text, PAGE)) > 0) {
        torn += n != LINE || text[LINE - 1] != '\n';
        for (int i = 1; i < LINE - 1 && i < n; i++)
            torn += text[i] != text[0];
        madvise(text, PAGE, MADV_DONTNEED);
    }
    munmap(text, PAGE);
    return (void *)torn;
}

static void test_line_readers(void)
{
    char line[LINE];
    struct termios t;
    pthread_t threads[2];
    void *torn[2];
    int master;

    pair_open(&master, &lines_slave);
    tcgetattr(master, &t);
    t.c_lflag &= ~ECHO;
    tcsetattr(master, TCSANOW, &t);
    for (int i = 0; i < 2; i++)
        NEED(pthread_create(&threads[i], NULL, line_reader, NULL) == 0);
    for (int i = 0; i < ROUNDS; i++) {
        memset(line, 'a' + i % 26, LINE);
        line[LINE - 1] = '\n';
        NEED(write(master, line, LINE) == LINE);
    }
    write(master, "\x04\x04\x04\x04", 4); // more than enough for both
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], &torn[i]);
    EXPECT("lines are whole", (long)torn[0] + (long)torn[1], 0);
    close(lines_slave);
    close(master);
}

// Between VMIN and VTIME, for a reader that does not wait.
static void test_no_time(void)
{
    struct termios t;
    int master, slave;
    char c;

    pair_open(&master, &slave);
    make_raw(slave);
    fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
    tcgetattr(slave, &t);
    t.c_cc[VMIN] = 0;
    t.c_cc[VTIME] = 1;
    tcsetattr(slave, TCSANOW, &t);
    EXPECT_ERR("no time to wait for", read(slave, &c, 1), EAGAIN);
    fcntl(slave, F_SETFL, O_RDWR);
    EXPECT("time waited for", read(slave, &c, 1), 0);
    t.c_cc[VTIME] = 0;
    tcsetattr(slave, TCSANOW, &t);
    EXPECT("no time, waiting", read(slave, &c, 1), 0);
    fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
    EXPECT("no time, not waiting", read(slave, &c, 1), 0);
    close(slave);
    close(master);
}

// A line without end is refused byte by byte, and its writer never waits: a signal ends the call.
#define PIECE  (1 << 20)
#define PIECES 64

static void long_writer(void *argument)
{
    struct sigaction action = {.sa_handler = note};
    struct iovec iov[PIECES];
    static char piece[PIECE];
    ssize_t n;

    sigaction(SIGUSR1, &action, NULL);
    memset(piece, 'x', PIECE);
    for (int i = 0; i < PIECES; i++)
        iov[i] = (struct iovec){piece, PIECE};
    n = writev(*(int *)argument, iov, PIECES);
    _exit(n > 0 && n < (ssize_t)PIECE * PIECES ? 0 : 1);
}

static void test_long_write(void)
{
    int master, slave;
    pid_t child;

    pair_open(&master, &slave);
    child = child_start(long_writer, &master);
    await(master, POLLIN); // the echo
    kill(child, SIGUSR1);
    EXPECT("a signal ends a write that does not wait", child_end(child), 0);
    close(slave);
    close(master);
}

static void test_nonblocking(void)
{
    static char block[65536 * 4];
    int master, slave;
    ssize_t n, total = 0;

    pair_open(&master, &slave);
    make_raw(slave);
    fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
    fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
    EXPECT_ERR("nothing for the master", read(master, block, 1), EAGAIN);
    EXPECT_ERR("nothing for the slave", read(slave, block, 1), EAGAIN);
    EXPECT("writable", ready(slave), POLLOUT);
    EXPECT("zero bytes", read(master, block, 0), 0);
    while ((n = write(slave, block, sizeof(block))) > 0)
        total += n;
    CHECK("full at some point", n == -1 && errno == EAGAIN && total >= 4000);
    CHECK("not writable", !(ready(slave) & POLLOUT));
    while (total > 0 && (n = read(master, block, sizeof(block))) > 0)
        total -= n;
    for (; total > 0 && await(master, POLLIN); total -= n)
        n = read(master, block, sizeof(block));
    EXPECT("all came through", total, 0);
    EXPECT("writable again", await(slave, POLLOUT), POLLOUT);
    while ((n = write(master, block, sizeof(block))) > 0)
        total += n;
    CHECK("the other way", n == -1 && errno == EAGAIN && total >= 4000);
    while (total > 0 && await(slave, POLLIN)) {
        n = read(slave, block, sizeof(block));
        NEED(n > 0);
        total -= n;
    }
    EXPECT("all came back", total, 0);
    EXPECT("writable to the slave", await(master, POLLOUT) & POLLOUT, POLLOUT);
    close(slave);
    close(master);
}

static void child_writes(void *argument)
{
    static char block[100000];

    for (unsigned i = 0; i < sizeof(block); i++)
        block[i] = i % 251;
    write(*(int *)argument, block, sizeof(block));
}

// More than fits, by a writer that waits.
static void test_blocking(bool to_slave)
{
    static char block[100000];
    int master, slave, from, to;
    unsigned got = 0, wrong = 0;
    pid_t child;

    pair_open(&master, &slave);
    make_raw(slave);
    from = to_slave ? slave : master;
    to = to_slave ? master : slave;
    child = child_start(child_writes, &to);
    while (got < sizeof(block)) {
        ssize_t n = read(from, block, sizeof(block));
        NEED(n > 0);
        for (ssize_t i = 0; i < n; i++)
            wrong += block[i] != (char)((got + i) % 251);
        got += n;
    }
    EXPECT(to_slave ? "to the slave" : "to the master", wrong, 0);
    EXPECT(to_slave ? "its writer" : "the master's writer", child_end(child), 0);
    close(slave);
    close(master);
}

static void interrupted_writer(void *argument)
{
    struct sigaction action = {.sa_handler = note};
    int *fd = argument;

    sigaction(SIGUSR1, &action, NULL);
    _exit(write(*fd, "x", 1) == -1 && errno == EINTR && seen[SIGUSR1] ? 0 : 1);
}

// While one writer waits for room, others wait for it, unless they must not.
static void test_writers(bool to_slave)
{
    int master, slave, to, other;
    char path[32];
    pid_t first, second;

    pair_open(&master, &slave);
    make_raw(slave);
    to = to_slave ? slave : master;
    first = child_start(child_writes, &to);
    process_await(first, "S");
    second = child_start(interrupted_writer, &to);
    process_await(second, "SD");
    kill(second, SIGUSR1);
    EXPECT("a handler ends the wait for a writer", child_end(second), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", to);
    if (to_slave) {
        other = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
        EXPECT_ERR("no wait for a writer", write(other, "x", 1), EAGAIN);
        close(other);
    } else {
        fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
        EXPECT_ERR("no wait for the master's writer", write(master, "x", 1), EAGAIN);
    }
    kill(first, SIGKILL);
    child_end(first);
    close(slave);
    close(master);
}

static void test_slave_closes(void)
{
    int master, slave, again;
    char c;

    master = master_open(O_NONBLOCK);
    unlock(master);
    EXPECT("never opened", ready(master), POLLOUT);
    EXPECT_ERR("nothing yet", read(master, &c, 1), EAGAIN);
    slave = open(slave_path(master), O_RDWR | O_NOCTTY);
    again = open(slave_path(master), O_RDWR | O_NOCTTY);
    make_raw(slave);
    close(again);
    EXPECT("one is left", ready(master), POLLOUT);
    write(slave, "last", 4);
    await(master, POLLIN);
    close(slave);
    CHECK("hangup", ready(master) & POLLHUP);
    EXPECT_STR("what was written", text_of_length(master, 4), "last");
    EXPECT_ERR("then", read(master, &c, 1), EIO);
    CHECK("still hung up", ready(master) & POLLHUP);
    slave = open(slave_path(master), O_RDWR | O_NOCTTY);
    CHECK("open again", slave >= 0);
    EXPECT("as new", ready(master), POLLOUT);
    EXPECT_ERR("but empty", read(master, &c, 1), EAGAIN);
    close(slave);
    close(master);
}

static void child_reads(void *argument)
{
    int *fd = argument;
    char c;

    close(fd[0]);
    _exit(read(fd[1], &c, 1) == -1 && errno == EIO ? 0 : 1);
}

static void test_master_closes(void)
{
    struct termios t;
    int fd[2], session;
    char c;
    pid_t child;

    pair_open(&fd[0], &fd[1]);
    make_raw(fd[1]);
    child = child_start(child_reads, fd);
    process_await(child, "S");
    close(fd[0]);
    EXPECT("a reader that waits", child_end(child), 0);
    EXPECT("a reader that comes", read(fd[1], &c, 1), 0);
    EXPECT_ERR("a writer", write(fd[1], "x", 1), EIO);
    EXPECT("poll", ready(fd[1]), POLLIN | POLLOUT | POLLERR | POLLHUP);
    EXPECT_ERR("modes", tcgetattr(fd[1], &t), EIO);
    EXPECT_ERR("foreground", tcsetpgrp(fd[1], getpgrp()), ENOTTY);
    EXPECT_ERR("session", ioctl(fd[1], TIOCGSID, &session), EIO);
    close(fd[1]);
}

static void test_packets(void)
{
    struct termios t;
    char text[64];
    int on = 1, master, slave;

    pair_open(&master, &slave);
    EXPECT("packet mode", ioctl(master, TIOCPKT, &on), 0);
    on = 0;
    EXPECT("is on", (ioctl(master, TIOCGPKT, &on), on), 1);
    EXPECT_ERR("not for the slave", ioctl(slave, TIOCPKT, &on), ENOTTY);
    write(slave, "abc", 3);
    await(master, POLLIN);
    EXPECT("data", read(master, text, sizeof(text)), 4);
    CHECK("with a zero", memcmp(text, "\0abc", 4) == 0);
    EXPECT("no event", ready(master), POLLOUT);
    EXPECT("flush", tcflush(slave, TCIFLUSH), 0);
    EXPECT("event", ready(master), POLLIN | POLLPRI | POLLOUT);
    EXPECT("one byte", read(master, text, sizeof(text)), 1);
    EXPECT("flushed input", text[0], TIOCPKT_FLUSHREAD);
    EXPECT("stop", tcflow(slave, TCOOFF), 0);
    EXPECT("told", (read(master, text, sizeof(text)), text[0]), TIOCPKT_STOP);
    EXPECT("start", tcflow(slave, TCOON), 0);
    EXPECT("told of that", (read(master, text, sizeof(text)), text[0]), TIOCPKT_START);
    tcgetattr(slave, &t);
    t.c_iflag &= ~IXON;
    tcsetattr(slave, TCSANOW, &t);
    EXPECT("no flow", (read(master, text, sizeof(text)), text[0]), TIOCPKT_NOSTOP);
    t.c_iflag |= IXON;
    tcsetattr(slave, TCSANOW, &t);
    t.c_lflag |= NOFLSH;
    tcsetattr(slave, TCSANOW, &t);
    EXPECT("flow", (read(master, text, sizeof(text)), text[0]), TIOCPKT_DOSTOP);
    on = 0;
    tcflush(slave, TCIFLUSH);
    EXPECT("off", ioctl(master, TIOCPKT, &on), 0);
    EXPECT("is off", (on = 1, ioctl(master, TIOCGPKT, &on), on), 0);
    write(slave, "x", 1);
    EXPECT_STR("plain", text_of_length(master, 1), "x");
    close(slave);
    close(master);
}

static void set_max(long n)
{
    char text[24];

    snprintf(text, sizeof(text), "%ld\n", n);
    file_write("/proc/sys/kernel/pty/max", text, 0644);
}

static void test_limits(void)
{
    long max = atol(file_text("/proc/sys/kernel/pty/max"));
    long used = atol(file_text("/proc/sys/kernel/pty/nr"));
    int masters[4];

    CHECK("a limit", max > used);
    masters[0] = master_open(0);
    EXPECT("one more", atol(file_text("/proc/sys/kernel/pty/nr")), used + 1);
    set_max(used + 1);
    EXPECT_ERR("too many", open("/dev/ptmx", O_RDWR | O_NOCTTY), ENOSPC);
    set_max(max);
    for (int i = 1; i < 4; i++)
        masters[i] = master_open(0);
    int second = number_of(masters[1]);
    close(masters[1]);
    masters[1] = master_open(0);
    EXPECT("the lowest free number", number_of(masters[1]), second);
    for (int i = 0; i < 4; i++)
        close(masters[i]);
    EXPECT("all gone", atol(file_text("/proc/sys/kernel/pty/nr")), used);
}

static void test_mounts(void)
{
    struct stat st;
    int master, slave, n = -1;

    scratch_enter();
    mkdir("pts", 0755);
    EXPECT_ERR("unknown option", mount("none", "pts", "devpts", 0, "colour=3"), EINVAL);
    EXPECT_ERR("bad number", mount("none", "pts", "devpts", 0, "gid=x"), EINVAL);
    EXPECT("another instance",
           mount("none", "pts", "devpts", 0, "newinstance,gid=77,mode=640,ptmxmode=606,max=2"), 0);
    EXPECT("its ptmx", stat("pts/ptmx", &st), 0);
    EXPECT("mode of ptmx", st.st_mode, S_IFCHR | 0606);
    EXPECT("inode of ptmx", st.st_ino, 2);
    CHECK("number of ptmx", st.st_rdev == makedev(5, 2));
    master = open("pts/ptmx", O_RDWR | O_NOCTTY);
    CHECK("open there", master >= 0);
    EXPECT("numbers begin at 0", (ioctl(master, TIOCGPTN, &n), n), 0);
    unlock(master);
    EXPECT("named there", stat("pts/0", &st), 0);
    EXPECT("group", st.st_gid, 77);
    EXPECT("mode", st.st_mode & 07777, 0640);
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    CHECK("peer there", slave >= 0);
    n = open("pts/ptmx", O_RDWR | O_NOCTTY);
    CHECK("a second", n >= 0);
    EXPECT_ERR("no third", open("pts/ptmx", O_RDWR | O_NOCTTY), ENOSPC);
    close(n);
    EXPECT_ERR("busy", umount("pts"), EBUSY);
    EXPECT("node of a pair elsewhere", mknod("node", S_IFCHR | 0600, makedev(136, 0)), 0);
    CHECK("is none", open("node", O_RDWR | O_NOCTTY) == -1);
    EXPECT("lone ptmx", mknod("ptmx", S_IFCHR | 0600, makedev(5, 2)), 0);
    n = open("ptmx", O_RDWR | O_NOCTTY);
    CHECK("finds pts beside it", n >= 0);
    close(n);
    mkdir("deep", 0755);
    EXPECT("ptmx alone", mknod("deep/ptmx", S_IFCHR | 0600, makedev(5, 2)), 0);
    EXPECT_ERR("without pts", open("deep/ptmx", O_RDWR | O_NOCTTY), ENOENT);
    mkdir("deep/pts", 0755);
    EXPECT_ERR("pts is no devpts", open("deep/ptmx", O_RDWR | O_NOCTTY), ENODEV);
    close(slave);
    close(master);
    EXPECT("unmounted", umount("pts"), 0);
    scratch_leave();
}

int main(void)
{
    abi_begin();
    devpts_need();
    test_names();
    test_peer();
    test_peer_rights();
    test_listing();
    test_modes();
    test_short_modes();
    test_lines();
    test_returns();
    test_line_readers();
    test_no_time();
    test_long_write();
    test_nonblocking();
    test_blocking(true);
    test_blocking(false);
    test_writers(true);
    test_writers(false);
    test_slave_closes();
    test_master_closes();
    test_packets();
    test_limits();
    test_mounts();
    return abi_end();
}
