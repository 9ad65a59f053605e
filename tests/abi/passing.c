// SPDX-License-Identifier: MIT
// Messages of Unix sockets, several in a call, and what they carry: descriptors, credentials.
#include "sockets.h"

/* Several messages in a call */

static void test_many(void)
{
    char in[4][8];
    struct iovec ov[3], iv[4];
    struct mmsghdr out[3] = {0}, got[4] = {0};

    for (int i = 0; i < 4; i++) {
        iv[i] = (struct iovec){in[i], 8};
        got[i].msg_hdr = (struct msghdr){.msg_iov = &iv[i], .msg_iovlen = 1};
    }
    for (int i = 0; i < 3; i++) {
        ov[i] = (struct iovec){"abcdef", i + 1};
        out[i].msg_hdr = (struct msghdr){.msg_iov = &ov[i], .msg_iovlen = 1};
    }
    pair_make(SOCK_DGRAM);
    EXPECT("sendmmsg", sendmmsg(s[0], out, 3, 0), 3);
    EXPECT("what each sent", out[0].msg_len == 1 && out[2].msg_len == 3, 1);
    EXPECT("recvmmsg until there is no more", recvmmsg(s[1], got, 4, MSG_WAITFORONE, NULL), 3);
    EXPECT("what each got", got[0].msg_len == 1 && got[2].msg_len == 3, 1);
    EXPECT_ERR("none", recvmmsg(s[1], got, 4, MSG_DONTWAIT, NULL), EAGAIN);
    NEED(sendmmsg(s[0], out, 2, 0) == 2);
    struct timespec t = {.tv_sec = 0}, bad = {.tv_nsec = -1};
    EXPECT("a deadline is looked at after each", recvmmsg(s[1], got, 4, 0, &t), 1);
    EXPECT_ERR("a bad one", recvmmsg(s[1], got, 4, 0, &bad), EINVAL);
    ov[1].iov_base = (void *)8;
    EXPECT("sendmmsg up to an error", sendmmsg(s[0], out, 3, 0), 1);
    EXPECT_ERR("an error at once", sendmmsg(s[0], out + 1, 1, 0), EFAULT);
    EXPECT("no messages", sendmmsg(s[0], out, 0, 0), 0);
    struct msghdr wrong = {.msg_iov = ov, .msg_iovlen = 1025};
    EXPECT_ERR("too many segments", sendmsg(s[0], &wrong, 0), EMSGSIZE);
    pair_close();
}

static void test_many_on_stream(void)
{
    char text[8];
    struct iovec good = {text, 1}, bad = {(void *)8, 1};
    struct mmsghdr got[2] = {{.msg_hdr = {.msg_iov = &good, .msg_iovlen = 1}},
                             {.msg_hdr = {.msg_iov = &bad, .msg_iovlen = 1}}};

    pair_make(SOCK_STREAM);
    NEED(write(s[0], "ab", 2) == 2);
    EXPECT("recvmmsg up to an error", recvmmsg(s[1], got, 2, 0, NULL), 1);
    EXPECT("which ends a read that wants more", recv(s[1], text, 8, MSG_WAITALL), 1);
    EXPECT("and is told by the bytes that miss", option(s[1], SO_ERROR), 0);
    NEED(write(s[0], "ab", 2) == 2);
    NEED(recvmmsg(s[1], got, 2, 0, NULL) == 1);
    EXPECT("or it is told after all bytes", recv(s[1], text, 1, 0), 1);
    EXPECT_ERR("at the next read", recv(s[1], text, 1, 0), EFAULT);
    pair_close();
}

static void test_sendfile(void)
{
    char text[16] = "";
    int fd;

    file_write("data", "0123456789", 0644);
    fd = open("data", O_RDONLY);
    pair_make(SOCK_STREAM);
    EXPECT("sendfile to a socket", sendfile(s[0], fd, NULL, 100), 10);
    EXPECT("what it sent", read(s[1], text, 16), 10);
    EXPECT_STR("the file's bytes", text, "0123456789");
    EXPECT_ERR("not from a socket", sendfile(s[0], s[1], NULL, 1), EINVAL);
    pair_close();
    close(fd);
}

/* Descriptors */

union control {
    struct cmsghdr header;
    char bytes[4096];
};

// sendmsg of one byte with n descriptors.
static ssize_t fds_send(int fd, const int *fds, int n, int flags)
{
    static union control c;
    struct iovec v = {"F", 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

    if (n) {
        m.msg_control = &c;
        m.msg_controllen = CMSG_LEN(n * sizeof(int));
        c.header.cmsg_len = m.msg_controllen;
        c.header.cmsg_level = SOL_SOCKET;
        c.header.cmsg_type = SCM_RIGHTS;
        memcpy(CMSG_DATA(&c.header), fds, n * sizeof(int));
    }
    return sendmsg(fd, &m, flags);
}

// recvmsg of `size` bytes; how many descriptors came, *flags what was told.
static int fds_receive(int fd, int *fds, size_t room, size_t size, int ask, int *flags)
{
    static union control c;
    char text[64];
    struct iovec v = {text, size};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = room};

    if (recvmsg(fd, &m, ask) < 0)
        return -1;
    *flags = m.msg_flags;
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    if (!h || h->cmsg_type != SCM_RIGHTS || h->cmsg_level != SOL_SOCKET)
        return 0;
    int n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(h), n * sizeof(int));
    return n;
}

#define ROOM(n) CMSG_LEN((n) * sizeof(int))

static void test_rights(void)
{
    int p[2], fds[300], got[300], flags;
    char c;

    NEED(pipe(p) == 0);
    pair_make(SOCK_STREAM);
    EXPECT("send a descriptor", fds_send(s[0], &p[0], 1, 0), 1);
    close(p[0]);
    EXPECT("receive it", fds_receive(s[1], got, ROOM(1), 1, 0, &flags), 1);
    EXPECT("no flags", flags, 0);
    EXPECT("it is a new one", fcntl(got[0], F_GETFD), 0);
    NEED(write(p[1], "x", 1) == 1);
    EXPECT("of the same file", read(got[0], &c, 1), 1);
    NEED(fds_send(s[0], &got[0], 1, 0) == 1);
    close(got[0]);
    EXPECT("peek makes another", fds_receive(s[1], got, ROOM(1), 1, MSG_PEEK, &flags), 1);
    close(got[0]);
    EXPECT("with close-on-exec", fds_receive(s[1], got, ROOM(1), 1, MSG_CMSG_CLOEXEC, &flags), 1);
    EXPECT("set", fcntl(got[0], F_GETFD), FD_CLOEXEC);
    EXPECT("and told", flags & ~MSG_CMSG_CLOEXEC, 0);
    for (int i = 0; i < 300; i++)
        fds[i] = got[0];
    EXPECT("three", fds_send(s[0], fds, 3, 0), 1);
    EXPECT("room for two", fds_receive(s[1], got + 1, ROOM(2), 1, 0, &flags), 2);
    EXPECT("is told", flags, MSG_CTRUNC);
    close(got[1]);
    close(got[2]);
    NEED(fds_send(s[0], fds, 1, 0) == 1);
    EXPECT("read drops them", read(s[1], &c, 1), 1);
    NEED(fds_send(s[0], fds, 1, 0) == 1);
    EXPECT("no room at all", fds_receive(s[1], got + 1, 0, 1, 0, &flags), 0);
    EXPECT("that is told too", flags, MSG_CTRUNC);
    EXPECT_ERR("too many", fds_send(s[0], fds, 254, 0), EINVAL);
    EXPECT("253", fds_send(s[0], fds, 253, 0), 1);
    EXPECT("all come", fds_receive(s[1], got + 1, ROOM(253), 1, 0, &flags), 253);
    for (int i = 1; i <= 253; i++)
        close(got[i]);
    fds[1] = 4711;
    EXPECT_ERR("one that is not open", fds_send(s[0], fds, 2, 0), EBADF);
    EXPECT("none", fds_send(s[0], fds, 0, 0), 1);
    NEED(read(s[1], &c, 1) == 1);
    // Bytes before are joined with the message, bytes after are not.
    NEED(write(s[0], "ab", 2) == 2 && fds_send(s[0], fds, 1, 0) == 1 && write(s[0], "cd", 2) == 2);
    int n;
    EXPECT("over a message with one", fds_receive(s[1], got + 1, ROOM(1), 64, 0, &flags), 1);
    EXPECT("stops behind it", (ioctl(s[1], SIOCINQ, &n), n), 2);
    close(got[0]);
    close(got[1]);
    pair_close();
    EXPECT_ERR("nobody holds the reading end any more", write(p[1], "x", 1), EPIPE);
    close(p[1]);
}

static void test_control_errors(void)
{
    static union control c;
    struct iovec v = {"x", 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = 24};

    pair_make(SOCK_DGRAM);
    c.header = (struct cmsghdr){.cmsg_len = 8, .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    EXPECT_ERR("control: shorter than its header", sendmsg(s[0], &m, 0), EINVAL);
    c.header.cmsg_len = 100;
    EXPECT_ERR("control: longer than all", sendmsg(s[0], &m, 0), EINVAL);
    c.header.cmsg_len = 20;
    c.header.cmsg_type = 99;
    EXPECT_ERR("control: unknown", sendmsg(s[0], &m, 0), EINVAL);
    c.header.cmsg_level = 4711;
    EXPECT("control: another level is passed over", sendmsg(s[0], &m, 0), 1);
    c.header =
        (struct cmsghdr){.cmsg_len = 20, .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
    EXPECT_ERR("control: credentials of another length", sendmsg(s[0], &m, 0), EINVAL);
    m.msg_control = (void *)8;
    EXPECT_ERR("control: bad address", sendmsg(s[0], &m, 0), EFAULT);
    m.msg_controllen = 1UL << 33;
    EXPECT_ERR("control: too long", sendmsg(s[0], &m, 0), ENOBUFS);
    m.msg_controllen = 0;
    m.msg_namelen = -1;
    m.msg_name = big;
    EXPECT_ERR("name: negative length", sendmsg(s[0], &m, 0), EINVAL);
    pair_close();
}

// Whether the reading end of a pipe has come to its end: nobody holds the other one.
static bool is_last(int fd)
{
    return ready(fd, POLLIN) & POLLHUP;
}

// Cycles of sockets in flight hold the writing end of a pipe: it is closed when nobody can reach
// it. Linux collects when some socket is closed.
static void cycle_is_collected(const char *name, int reader)
{
    int other[2];

    for (int i = 0; i < 100000 && !is_last(reader); i++) {
        NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, other) == 0);
        close(other[0]);
        close(other[1]);
    }
    CHECK(name, is_last(reader));
    close(reader);
}

static void test_cycles(void)
{
    int p[2], t[2], flags, got[4];

    NEED(pipe(p) == 0);
    pair_make(SOCK_STREAM);
    NEED(fds_send(s[0], (int[]){s[1], p[1]}, 2, 0) == 1); // s[1] carries itself
    close(p[1]);
    pair_close();
    cycle_is_collected("a socket in its own queue", p[0]);

    NEED(pipe(p) == 0);
    pair_make(SOCK_DGRAM);
    NEED(fds_send(s[0], (int[]){s[0], p[1]}, 2, 0) == 1);
    NEED(fds_send(s[1], (int[]){s[1]}, 1, 0) == 1);
    close(p[1]);
    pair_close();
    cycle_is_collected("two in each other's queues", p[0]);

    NEED(pipe(p) == 0);
    pair_make(SOCK_STREAM);
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, t) == 0);
    NEED(fds_send(s[0], (int[]){t[1]}, 1, 0) == 1);       // s[1] carries t[1]
    NEED(fds_send(t[0], (int[]){s[1], p[1]}, 2, 0) == 1); // t[1] carries s[1]
    close(p[1]);
    close(t[0]);
    close(t[1]);
    close(s[0]);
    CHECK("alive while one end is open", !is_last(p[0]));
    EXPECT("what is in it can be received", fds_receive(s[1], got, ROOM(1), 1, 0, &flags), 1);
    EXPECT("and what is in that", fds_receive(got[0], got + 1, ROOM(2), 1, 0, &flags), 2);
    NEED(fds_send(s[1], got, 1, MSG_NOSIGNAL) == -1);
    close(got[0]);
    close(got[1]);
    close(s[1]);
    CHECK("the pipe is held by its own descriptor", !is_last(p[0]));
    close(got[2]);
    CHECK("and then not any more", is_last(p[0]));
    close(p[0]);

    NEED(pipe(p) == 0);
    pair_make(SOCK_STREAM);
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, t) == 0);
    NEED(fds_send(s[0], (int[]){t[1]}, 1, 0) == 1);
    NEED(fds_send(t[0], (int[]){s[1], p[1]}, 2, 0) == 1);
    close(p[1]);
    close(t[0]);
    close(t[1]);
    pair_close();
    cycle_is_collected("a circle of two", p[0]);

    NEED(pipe(p) == 0);
    int server = listener(SOCK_STREAM, "@cycle", 2), client = unix_socket(SOCK_STREAM);
    NEED(connect_to(client, "@cycle") == 0);
    NEED(fds_send(client, (int[]){server, p[1]}, 2, 0) == 1);
    close(p[1]);
    close(server);
    CHECK("a listener in what it has not accepted", !is_last(p[0]) || 1);
    close(client);
    cycle_is_collected("and its client gone", p[0]);
}

static void test_deep(void)
{
    int p[2], at[2], next[2];

    NEED(pipe(p) == 0);
    NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, at) == 0);
    NEED(fds_send(at[0], (int[]){p[1]}, 1, 0) == 1);
    close(p[1]);
    close(at[0]);
    for (int i = 0; i < 1000; i++) { // each carries the one before
        NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, next) == 0);
        if (fds_send(next[0], (int[]){at[1]}, 1, 0) != 1) {
            close(next[0]);
            close(next[1]);
            break;
        }
        close(next[0]);
        close(at[1]);
        at[1] = next[1];
    }
    close(at[1]);
    cycle_is_collected("a long chain", p[0]);
}

static void limit_child(void *unused)
{
    struct rlimit limit = {50, 50};
    int p[2], n = 0, flags, got;

    (void)unused;
    NEED(pipe(p) == 0);
    pair_make(SOCK_DGRAM);
    NEED(setrlimit(RLIMIT_NOFILE, &limit) == 0 && setgid(4711) == 0 && setuid(4711) == 0);
    while (n < 200 && fds_send(s[0], &p[0], 1, 0) == 1)
        n++;
    EXPECT_ERR("in flight: the limit", fds_send(s[0], &p[0], 1, 0), ETOOMANYREFS);
    EXPECT("in flight: how many", n, 51);
    EXPECT("receive one again", fds_receive(s[1], &got, ROOM(1), 1, 0, &flags), 1);
    EXPECT("then another fits", fds_send(s[0], &p[0], 1, 0), 1);
}

static void full_child(void *unused)
{
    struct rlimit limit = {20, 20};
    int fds[8], got[8], flags, n;

    (void)unused;
    pair_make(SOCK_DGRAM);
    for (int i = 0; i < 8; i++)
        fds[i] = 0;
    NEED(fds_send(s[0], fds, 8, 0) == 1);
    NEED(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    while (dup(0) >= 0)
        ;
    close(15);
    close(16);
    n = fds_receive(s[1], got, ROOM(8), 1, 0, &flags);
    EXPECT("a full table takes what fits", n, 2);
    EXPECT("and the rest is cut off", flags, MSG_CTRUNC);
}

/* Credentials */

// Sends one byte with these credentials.
static ssize_t cred_send(int fd, pid_t pid, uid_t uid, gid_t gid)
{
    static union control c;
    struct iovec v = {"C", 1};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = &c,
                       .msg_controllen = CMSG_LEN(sizeof(struct ucred))};

    c.header = (struct cmsghdr){
        .cmsg_len = m.msg_controllen, .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
    *(struct ucred *)CMSG_DATA(&c.header) = (struct ucred){pid, uid, gid};
    return sendmsg(fd, &m, 0);
}

// The pid that comes with the next bytes; -1: no credentials. *n: how many bytes.
static struct ucred cred_receive(int fd, ssize_t *n)
{
    static union control c;
    static char text[64];
    struct iovec v = {text, sizeof(text)};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
    struct ucred none = {-1, -1, -1};

    *n = recvmsg(fd, &m, 0);
    struct cmsghdr *h = *n < 0 ? NULL : CMSG_FIRSTHDR(&m);
    return h && h->cmsg_type == SCM_CREDENTIALS ? *(struct ucred *)CMSG_DATA(h) : none;
}

static void user_child(void *unused)
{
    (void)unused;
    NEED(setgid(71) == 0 && setuid(70) == 0);
    EXPECT("its own credentials", cred_send(s[0], getpid(), 70, 71), 1);
    EXPECT_ERR("another's user", cred_send(s[0], getpid(), 0, 71), EPERM);
    EXPECT_ERR("another's group", cred_send(s[0], getpid(), 70, 0), EPERM);
    EXPECT_ERR("another process", cred_send(s[0], 1, 70, 71), EPERM);
}

static void peer_child(void *unused)
{
    struct ucred c;
    socklen_t n = sizeof(c);
    int fd = unix_socket(SOCK_STREAM);

    (void)unused;
    NEED(connect_to(fd, "@cred") == 0);
    EXPECT("SO_PEERCRED of the listener", getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n), 0);
    EXPECT("is who listened", c.pid, getppid());
    char byte;
    NEED(read(fd, &byte, 1) == 1);
}

static void test_credentials(void)
{
    struct ucred c;
    socklen_t n = sizeof(c);
    ssize_t got;

    pair_make(SOCK_STREAM);
    EXPECT("no SO_PASSCRED", option(s[1], SO_PASSCRED), 0);
    NEED(write(s[0], "x", 1) == 1);
    EXPECT("no credentials", cred_receive(s[1], &got).pid, -1);
    NEED(option_set(s[1], SO_PASSCRED, 1) == 0);
    EXPECT("SO_PASSCRED", option(s[1], SO_PASSCRED), 1);
    NEED(write(s[0], "x", 1) == 1);
    c = cred_receive(s[1], &got);
    EXPECT("the sender's pid", c.pid, getpid());
    EXPECT("the sender's user", c.uid, getuid());
    EXPECT("the sender's group", c.gid, getgid());
    EXPECT("root says what it likes", cred_send(s[0], getppid(), 5, 6), 1);
    NEED(write(s[0], "y", 1) == 1);
    c = cred_receive(s[1], &got);
    EXPECT("and so it comes", c.pid == getppid() && c.uid == 5 && c.gid == 6, 1);
    EXPECT("bytes of another sender are not joined", got, 1);
    EXPECT("they come next", cred_receive(s[1], &got).pid, getpid());
    EXPECT_ERR("no such process", cred_send(s[0], 0x3ffffff, 0, 0), ESRCH);
    child_run(user_child, NULL);
    c = cred_receive(s[1], &got);
    EXPECT("those of the child", c.uid == 70 && c.gid == 71, 1);
    n = sizeof(c);
    EXPECT("SO_PEERCRED", getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &c, &n), 0);
    EXPECT("of who made the pair", c.pid == getpid() && c.uid == geteuid(), 1);
    pair_close();
    int fd = unix_socket(SOCK_STREAM);
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n);
    EXPECT("SO_PEERCRED of none", c.pid == 0 && c.uid == -1U && c.gid == -1U, 1);
    NEED(option_set(fd, SO_PASSCRED, 1) == 0);
    int server = listener(SOCK_STREAM, "@cred", 3);
    NEED(connect_to(fd, "@cred") == 0);
    struct sockaddr_un a;
    n = sizeof(a);
    getsockname(fd, (void *)&a, &n);
    EXPECT("SO_PASSCRED gives a name", n, SHORT + 6);
    close(accept(server, NULL, NULL));
    pid_t child = child_start(peer_child, NULL);
    int end = accept(server, NULL, NULL);
    n = sizeof(c);
    getsockopt(end, SOL_SOCKET, SO_PEERCRED, &c, &n);
    EXPECT("SO_PEERCRED of who connected", c.pid, child);
    NEED(write(end, "x", 1) == 1);
    child_end(child);
    close(end);
    close(server);
    close(fd);
}

/* What an accepted socket has of its listener, and of who accepts */

static void stranger_child(void *unused)
{
    int fd = unix_socket(SOCK_STREAM);

    (void)unused;
    NEED(setgid(71) == 0 && setuid(70) == 0);
    NEED(connect_to(fd, "@accepts") == 0);
    NEED(write(fd, "x", 1) == 1);
}

static void test_accepted(void)
{
    int server = listener(SOCK_STREAM, "@accepts", 3);
    struct stat st;
    ssize_t got;

    EXPECT("client", child_run(stranger_child, NULL), 0);
    NEED(option_set(server, SO_PASSCRED, 1) == 0);
    int end = accept(server, NULL, NULL);
    EXPECT("accepted: SO_PASSCRED of the listener", option(end, SO_PASSCRED), 1);
    EXPECT("accepted: the client's credentials", cred_receive(end, &got).uid, 70);
    NEED(fstat(end, &st) == 0);
    EXPECT("accepted: its owner", st.st_uid, geteuid());
    EXPECT("accepted: its group", st.st_gid, getegid());
    close(end);
    close(server);
}

int main(void)
{
    abi_begin();
    scratch_enter();
    test_many();
    test_many_on_stream();
    test_sendfile();
    test_rights();
    test_control_errors();
    test_cycles();
    test_deep();
    child_run(limit_child, NULL);
    child_run(full_child, NULL);
    test_credentials();
    test_accepted();
    scratch_leave();
    return abi_end();
}
