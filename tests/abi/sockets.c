// SPDX-License-Identifier: MIT
// Unix sockets: names, connections, streams, packets, options.
#include "sockets.h"

/* Making */

static void test_make(void)
{
    int fds[2] = {-1, -1};
    struct stat st;
    char link[64] = "";

    EXPECT_ERR("no such family", socket(45, SOCK_STREAM, 0), EAFNOSUPPORT);
    EXPECT_ERR("family out of range", socket(4711, SOCK_STREAM, 0), EAFNOSUPPORT);
    EXPECT_ERR("negative family", socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
    EXPECT_ERR("type out of range", socket(AF_UNIX, 12, 0), EINVAL);
    EXPECT_ERR("type not there", socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
    EXPECT_ERR("protocol not there", socket(AF_UNIX, SOCK_STREAM, 7), EPROTONOSUPPORT);
    EXPECT_ERR("unknown flag", socket(AF_UNIX, SOCK_STREAM | 0x100000, 0), EINVAL);
    int fd = socket(AF_UNIX, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, PF_UNIX);
    EXPECT("a raw one is a datagram socket", option(fd, SO_TYPE), SOCK_DGRAM);
    EXPECT("close-on-exec", fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT("flags", fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR | O_NONBLOCK);
    NEED(fstat(fd, &st) == 0);
    EXPECT("mode", st.st_mode, S_IFSOCK | 0777);
    char path[64], want[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    snprintf(want, sizeof(want), "socket:[%lu]", (unsigned long)st.st_ino);
    readlink(path, link, sizeof(link) - 1);
    EXPECT_STR("link of the descriptor", link, want);
    EXPECT_ERR("open through /proc", open(path, O_RDWR), ENXIO);
    EXPECT_ERR("lseek", lseek(fd, 0, SEEK_CUR), ESPIPE);
    EXPECT_ERR("pread", pread(fd, link, 1, 0), ESPIPE);
    EXPECT_ERR("ftruncate", ftruncate(fd, 0), EINVAL);
    EXPECT_ERR("fsync", fsync(fd), EINVAL);
    EXPECT_ERR("mmap", (long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), ENODEV);
    EXPECT_ERR("not a terminal", isatty(fd) ? 0 : -1, ENOTTY);
    close(fd);
    EXPECT_ERR("pair of no family", socketpair(45, SOCK_STREAM, 0, fds), EAFNOSUPPORT);
    EXPECT_ERR("pair at a bad address", socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)8), EFAULT);
    EXPECT_ERR("pair with an unknown flag", socketpair(AF_UNIX, SOCK_STREAM | 0x10, 0, fds),
               EINVAL);
}

static void test_not_socket(void)
{
    struct sockaddr_un a;
    socklen_t n = sizeof(a);
    struct msghdr m = {0};
    int fd = open("/dev/null", O_RDWR), value = 0, path = open("/", O_PATH);

    EXPECT_ERR("bind a file", bind_to(fd, "x"), ENOTSOCK);
    EXPECT_ERR("connect a file", connect_to(fd, "x"), ENOTSOCK);
    EXPECT_ERR("listen on a file", listen(fd, 1), ENOTSOCK);
    EXPECT_ERR("accept from a file", accept(fd, NULL, NULL), ENOTSOCK);
    EXPECT_ERR("getsockname of a file", getsockname(fd, (struct sockaddr *)&a, &n), ENOTSOCK);
    EXPECT_ERR("send to a file", send(fd, "x", 1, 0), ENOTSOCK);
    EXPECT_ERR("receive from a file", recv(fd, &value, 1, 0), ENOTSOCK);
    EXPECT_ERR("sendmsg to a file", sendmsg(fd, &m, 0), ENOTSOCK);
    EXPECT_ERR("recvmsg from a file", recvmsg(fd, &m, 0), ENOTSOCK);
    EXPECT_ERR("shutdown a file", shutdown(fd, SHUT_RD), ENOTSOCK);
    EXPECT_ERR("option of a file", option_set(fd, SO_REUSEADDR, 1), ENOTSOCK);
    EXPECT_ERR("bind nothing", bind_to(-1, "x"), EBADF);
    EXPECT_ERR("accept4 of nothing", accept4(-1, NULL, NULL, 0x1), EBADF);
    EXPECT_ERR("accept4 with unknown flags", accept4(fd, NULL, NULL, 0x1), EINVAL);
    EXPECT_ERR("an O_PATH descriptor", listen(path, 1), EBADF);
    close(fd);
    close(path);
}

/* Names */

static void test_path_names(void)
{
    struct sockaddr_un a;
    socklen_t n = sizeof(a);
    struct stat st;
    int fd = unix_socket(SOCK_STREAM), other = unix_socket(SOCK_STREAM);

    EXPECT("name of none", getsockname(fd, (struct sockaddr *)&a, &n), 0);
    EXPECT("its length", n, sizeof(sa_family_t));
    EXPECT("its family", a.sun_family, AF_UNIX);
    umask(027);
    EXPECT("bind", bind_to(fd, "name"), 0);
    umask(022);
    NEED(stat("name", &st) == 0);
    EXPECT("mode of the name, less the umask", st.st_mode, S_IFSOCK | 0750);
    n = sizeof(a);
    getsockname(fd, (struct sockaddr *)&a, &n);
    EXPECT("length of the name, with its NUL", n, SHORT + 5);
    EXPECT_STR("text of the name", a.sun_path, "name");
    n = SHORT + 2;
    memset(&a, 'x', sizeof(a));
    EXPECT("a short buffer", getsockname(fd, (struct sockaddr *)&a, &n), 0);
    EXPECT("the length is the whole one", n, SHORT + 5);
    EXPECT("what fits", memcmp(a.sun_path, "nax", 3), 0);
    n = -1;
    EXPECT_ERR("a negative length", getsockname(fd, (struct sockaddr *)&a, &n), EINVAL);
    EXPECT_ERR("bound already", bind_to(fd, "second"), EINVAL);
    EXPECT_ERR("name in use", bind_to(other, "name"), EADDRINUSE);
    EXPECT_ERR("open of the name", open("name", O_RDWR), ENXIO);
    EXPECT_ERR("directory missing", bind_to(other, "no/name"), ENOENT);
    EXPECT_ERR("connect: nothing there", connect_to(other, "nothing"), ENOENT);
    EXPECT_ERR("connect: not listening", connect_to(other, "name"), ECONNREFUSED);
    file_write("file", "", 0644);
    EXPECT_ERR("connect to a file that is no socket", connect_to(other, "file"), ECONNREFUSED);
    EXPECT("listen", listen(fd, 5), 0);
    NEED(link("name", "link") == 0 && symlink("name", "symlink") == 0);
    EXPECT("connect by another link", connect_to(other, "link"), 0);
    close(other);
    other = unix_socket(SOCK_STREAM);
    EXPECT("and by a symbolic one", connect_to(other, "symlink"), 0);
    close(other);
    NEED(rename("name", "moved") == 0);
    other = unix_socket(SOCK_STREAM);
    EXPECT("and by the name that it has now", connect_to(other, "moved"), 0);
    close(other);
    other = unix_socket(SOCK_SEQPACKET);
    EXPECT_ERR("another type", connect_to(other, "moved"), EPROTOTYPE);
    close(other);
    close(fd);
    other = unix_socket(SOCK_STREAM);
    EXPECT_ERR("a name that its socket left", connect_to(other, "moved"), ECONNREFUSED);
    EXPECT_ERR("cannot be bound anew", bind_to(other, "moved"), EADDRINUSE);
    NEED(mknod("made", S_IFSOCK | 0666, 0) == 0);
    EXPECT_ERR("a node made by mknod", connect_to(other, "made"), ECONNREFUSED);
    close(other);
}

static void test_bad_names(void)
{
    struct sockaddr_un a;
    char bytes[200] = {AF_UNIX};
    int fd = unix_socket(SOCK_STREAM);

    address(&a, "x");
    EXPECT_ERR("bind: negative length", bind(fd, (void *)&a, -1), EINVAL);
    EXPECT_ERR("bind: too long for any", bind(fd, (void *)bytes, 129), EINVAL);
    EXPECT_ERR("bind: too long for this family", bind(fd, (void *)bytes, sizeof(a) + 1), EINVAL);
    EXPECT_ERR("bind: no length", bind(fd, (void *)&a, 0), EINVAL);
    EXPECT_ERR("bind: bad address", bind(fd, (void *)8, 10), EFAULT);
    a.sun_family = AF_INET;
    EXPECT_ERR("bind: another family", bind(fd, (void *)&a, SHORT + 2), EINVAL);
    EXPECT_ERR("connect: another family", connect(fd, (void *)&a, SHORT + 2), EINVAL);
    a.sun_family = AF_UNIX;
    EXPECT_ERR("connect: no path", connect(fd, (void *)&a, SHORT), EINVAL);
    a.sun_family = AF_UNSPEC;
    EXPECT_ERR("a stream cannot be disconnected", connect(fd, (void *)&a, SHORT), EINVAL);
    memset(&a, 'p', sizeof(a));
    a.sun_family = AF_UNIX;
    EXPECT("bind: a full path without NUL", bind(fd, (void *)&a, sizeof(a)), 0);
    socklen_t n = sizeof(bytes);
    getsockname(fd, (void *)bytes, &n);
    EXPECT("it has one when it is told", n, sizeof(a) + 1);
    close(fd);
}

static void test_abstract_names(void)
{
    struct sockaddr_un a;
    socklen_t n = address(&a, "@a\0b");
    int fd = unix_socket(SOCK_STREAM), other = unix_socket(SOCK_STREAM);

    EXPECT_ERR("connect: no such name", connect_to(other, "@abi"), ECONNREFUSED);
    EXPECT("bind abstract", bind_to(fd, "@abi"), 0);
    EXPECT_ERR("abstract name in use", bind_to(other, "@abi"), EADDRINUSE);
    n = sizeof(a);
    getsockname(fd, (void *)&a, &n);
    EXPECT("length without NUL", n, SHORT + 4);
    EXPECT("bytes", memcmp(a.sun_path, "\0abi", 4), 0);
    EXPECT("a longer name is another", bind_to(other, "@abi2"), 0);
    close(other);
    other = unix_socket(SOCK_DGRAM);
    EXPECT("so is one of another type", bind_to(other, "@abi"), 0);
    close(other);
    close(fd);
    fd = unix_socket(SOCK_STREAM);
    EXPECT("free once it is closed", bind_to(fd, "@abi"), 0);
    close(fd);
    fd = unix_socket(SOCK_DGRAM);
    a.sun_family = AF_UNIX;
    EXPECT("autobind", bind(fd, (void *)&a, sizeof(sa_family_t)), 0);
    n = sizeof(a);
    getsockname(fd, (void *)&a, &n);
    EXPECT("length of that name", n, SHORT + 6);
    EXPECT("it is abstract", a.sun_path[0], 0);
    EXPECT("of five digits", strspn(a.sun_path + 1, "0123456789abcdef") >= 5, 1);
    EXPECT("autobind again", bind(fd, (void *)&a, sizeof(sa_family_t)), 0);
    other = unix_socket(SOCK_DGRAM);
    EXPECT("send to that name", sendto(other, "x", 1, 0, (void *)&a, n), 1);
    close(other);
    close(fd);
}

/* Connections */

static void test_connect(void)
{
    struct sockaddr_un a;
    socklen_t n = sizeof(a);
    char c;
    int fd = unix_socket(SOCK_STREAM);

    EXPECT_ERR("listen without a name", listen(fd, 1), EINVAL);
    EXPECT_ERR("accept without listening", accept(fd, NULL, NULL), EINVAL);
    EXPECT_ERR("getpeername of none", getpeername(fd, (void *)&a, &n), ENOTCONN);
    EXPECT_ERR("send without a connection", send(fd, "x", 1, 0), ENOTCONN);
    EXPECT_ERR("receive without a connection", recv(fd, &c, 1, 0), EINVAL);
    EXPECT("ready: hung up, writable", ready(fd, ALL_EVENTS), POLLHUP | POLLOUT);
    close(fd);

    fd = listener(SOCK_STREAM, "@server", 5);
    EXPECT("SO_ACCEPTCONN", option(fd, SO_ACCEPTCONN), 1);
    EXPECT_ERR("a listener does not connect", connect_to(fd, "@server"), EINVAL);
    EXPECT_ERR("nor send", send(fd, "x", 1, MSG_NOSIGNAL), ENOTCONN);
    EXPECT_ERR("nor receive", recv(fd, &c, 1, 0), EINVAL);
    EXPECT_ERR("SIOCINQ of a listener", ioctl(fd, SIOCINQ, &n), EINVAL);
    EXPECT("a listener's readiness", ready(fd, ALL_EVENTS), 0);
    int client = unix_socket(SOCK_STREAM);
    EXPECT("SO_ACCEPTCONN of another", option(client, SO_ACCEPTCONN), 0);
    EXPECT("connect to it", connect_to(client, "@server"), 0);
    EXPECT_ERR("connected already", connect_to(client, "@server"), EISCONN);
    EXPECT_ERR("a connected one does not listen", (bind_to(client, "@client"), listen(client, 1)),
               EINVAL);
    EXPECT("writes before accept", write(client, "early", 5), 5);
    EXPECT("to be accepted", ready(fd, ALL_EVENTS), POLLIN);
    n = sizeof(a);
    int end = accept4(fd, (void *)&a, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
    NEED(end >= 0);
    EXPECT("who connected", memcmp(a.sun_path, "\0client", 7), 0);
    EXPECT("length of that", n, SHORT + 7);
    EXPECT("flags of the accepted", fcntl(end, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    EXPECT("close-on-exec of it", fcntl(end, F_GETFD), FD_CLOEXEC);
    char text[16] = "";
    EXPECT("reads what came early", read(end, text, 16), 5);
    EXPECT_ERR("nothing more", read(end, text, 16), EAGAIN);
    n = sizeof(a);
    EXPECT("the accepted one's name", getsockname(end, (void *)&a, &n), 0);
    EXPECT("is the listener's", memcmp(a.sun_path, "\0server", 7), 0);
    n = sizeof(a);
    EXPECT("the client's peer", getpeername(client, (void *)&a, &n), 0);
    EXPECT("is that too", memcmp(a.sun_path, "\0server", 7), 0);
    close(fd);
    EXPECT("the listener's end does not matter", write(end, "x", 1), 1);
    close(end);
    EXPECT("byte of a peer that has gone", read(client, &c, 1), 1);
    EXPECT("then the end of a connection", read(client, &c, 1), 0);
    EXPECT("the peer's name is still known", getpeername(client, (void *)&a, &n), 0);
    EXPECT_ERR("a write breaks", send(client, "x", 1, MSG_NOSIGNAL), EPIPE);
    close(client);
}

static void test_backlog(void)
{
    int fd = listener(SOCK_STREAM, "@full", 0), first = unix_socket(SOCK_STREAM);

    EXPECT("backlog 0 holds one", connect_to(first, "@full"), 0);
    int second = unix_socket(SOCK_STREAM | SOCK_NONBLOCK);
    EXPECT_ERR("no more", connect_to(second, "@full"), EAGAIN);
    struct timeval tv = {.tv_usec = 20000};
    int third = unix_socket(SOCK_STREAM);
    NEED(setsockopt(third, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == 0);
    EXPECT_ERR("connect: time-out", connect_to(third, "@full"), EAGAIN);
    pid_t child = child_start(connect_child, (void *)(long)fd);
    process_await(child, "S");
    int end = accept(fd, NULL, NULL);
    EXPECT("the one that waited comes in", child_end(child), EXITED(0));
    close(accept(fd, NULL, NULL));
    EXPECT("listen anew", listen(fd, 3), 0);
    for (int i = 0; i < 4; i++)
        EXPECT_OK("a longer backlog", connect_to(unix_socket(SOCK_STREAM), "@full"));
    EXPECT_ERR("is full in the end", connect_to(second, "@full"), EAGAIN);
    child = child_start(connect_child, (void *)(long)fd);
    process_await(child, "S");
    close(fd);
    EXPECT("a listener that closes refuses who waits", child_end(child), EXITED(ECONNREFUSED));
    char c;
    NEED(write(end, "x", 1) == 1);
    EXPECT("an accepted connection lives on", read(first, &c, 1), 1);
    close(first);
    close(second);
    close(third);
    close(end);
    closefrom(10);
}

static void test_never_accepted(void)
{
    int fd = listener(SOCK_STREAM, "@never", 5), client = unix_socket(SOCK_STREAM);
    char c;

    NEED(connect_to(client, "@never") == 0);
    close(fd);
    EXPECT("readiness: error, and the rest",
           ready(client, ALL_EVENTS) & (POLLERR | POLLHUP | POLLIN), POLLERR | POLLHUP | POLLIN);
    EXPECT_ERR("reset", read(client, &c, 1), ECONNRESET);
    EXPECT("then the end", read(client, &c, 1), 0);
    close(client);
    pair_make(SOCK_STREAM);
    NEED(write(s[0], "unread", 6) == 6);
    close(s[1]);
    EXPECT("SO_ERROR: bytes were lost", option(s[0], SO_ERROR), ECONNRESET);
    EXPECT("once", option(s[0], SO_ERROR), 0);
    close(s[0]);
}

static volatile int pipes;

static void count_pipe(int number)
{
    (void)number;
    pipes++;
}

static void test_shutdown(void)
{
    char c;
    int half[2];

    pair_make(SOCK_STREAM);
    EXPECT_ERR("shutdown: bad kind", shutdown(s[0], 3), EINVAL);
    EXPECT_ERR("shutdown: negative", shutdown(s[0], -1), EINVAL);
    NEED(write(s[0], "a", 1) == 1);
    EXPECT("shutdown of writing", shutdown(s[0], SHUT_WR), 0);
    EXPECT("the other may read", ready(s[1], ALL_EVENTS), POLLIN | POLLOUT | POLLRDHUP);
    EXPECT("what was there", read(s[1], &c, 1), 1);
    EXPECT("then the end of that way", read(s[1], &c, 1), 0);
    EXPECT("the other way is open", write(s[1], "b", 1), 1);
    EXPECT("and read", read(s[0], &c, 1), 1);
    signal(SIGPIPE, count_pipe);
    pipes = 0;
    EXPECT_ERR("write after shutdown", write(s[0], "x", 1), EPIPE);
    EXPECT("raises SIGPIPE", pipes, 1);
    EXPECT_ERR("send with MSG_NOSIGNAL", send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    EXPECT("does not", pipes, 1);
    EXPECT("shutdown of reading", shutdown(s[0], SHUT_RD), 0);
    EXPECT("now it is hung up", ready(s[0], ALL_EVENTS), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
    EXPECT_ERR("nobody reads the other's", send(s[1], "x", 1, 0), EPIPE);
    EXPECT("SIGPIPE of send", pipes, 2);
    pair_close();
    pair_make(SOCK_DGRAM);
    NEED(shutdown(s[0], SHUT_WR) == 0);
    EXPECT_ERR("datagram after shutdown", write(s[0], "x", 1), EPIPE);
    EXPECT("raises nothing", pipes, 2);
    NEED(shutdown(s[0], SHUT_RD) == 0);
    EXPECT_ERR("datagram to one that reads no more", write(s[1], "x", 1), EPIPE);
    EXPECT("end of datagrams", read(s[0], &c, 1), 0);
    EXPECT_ERR("end of datagrams, without waiting", recv(s[0], &c, 1, MSG_DONTWAIT), EAGAIN);
    pair_close();
    pair_make(SOCK_SEQPACKET);
    close(s[1]);
    EXPECT_ERR("packet to nobody", write(s[0], "x", 1), EPIPE);
    EXPECT("raises nothing either", pipes, 2);
    EXPECT("end of packets, without waiting", recv(s[0], &c, 1, MSG_DONTWAIT), 0);
    close(s[0]);
    signal(SIGPIPE, SIG_IGN);
    half[0] = unix_socket(SOCK_STREAM);
    EXPECT("shutdown without a connection", shutdown(half[0], SHUT_RDWR), 0);
    close(half[0]);
    half[0] = listener(SOCK_STREAM, "@shut", 1);
    NEED(shutdown(half[0], SHUT_RD) == 0);
    half[1] = unix_socket(SOCK_STREAM);
    EXPECT_ERR("connect after shutdown", connect_to(half[1], "@shut"), ECONNREFUSED);
    EXPECT_ERR("accept after shutdown", accept(half[0], NULL, NULL), EINVAL);
    close(half[0]);
    close(half[1]);
}

/* Streams */

static void test_stream(void)
{
    char text[32] = "";
    struct iovec out[3] = {{"one", 3}, {"", 0}, {"two", 3}}, in[2] = {{text, 2}, {text + 2, 8}};
    int n;

    pair_make(SOCK_STREAM);
    EXPECT("fresh pair", ready(s[0], ALL_EVENTS), POLLOUT);
    EXPECT("writev", writev(s[0], out, 3), 6);
    NEED(write(s[0], "three", 5) == 5);
    EXPECT("SIOCINQ counts bytes", (ioctl(s[1], SIOCINQ, &n), n), 11);
    EXPECT("SIOCOUTQ counts memory", (ioctl(s[0], SIOCOUTQ, &n), n >= 11), 1);
    EXPECT("peek", recv(s[1], text, 32, MSG_PEEK), 11);
    EXPECT_STR("all messages", text, "onetwothree");
    memset(text, 0, sizeof(text));
    EXPECT("readv over both", readv(s[1], in, 2), 10);
    EXPECT_STR("one after the other", text, "onetwothre");
    EXPECT("the rest", recv(s[1], text, 32, 0), 1);
    EXPECT("SIOCOUTQ of what is received", (ioctl(s[0], SIOCOUTQ, &n), n), 0);
    EXPECT_ERR("MSG_DONTWAIT", recv(s[1], text, 32, MSG_DONTWAIT), EAGAIN);
    EXPECT("read of nothing", read(s[1], text, 0), 0);
    EXPECT("write of nothing", write(s[0], "", 0), 0);
    EXPECT_ERR("that is not a message", recv(s[1], text, 32, MSG_DONTWAIT), EAGAIN);
    struct sockaddr_un a;
    socklen_t len = address(&a, "@x");
    EXPECT_ERR("no name for a stream", sendto(s[0], "x", 1, 0, (void *)&a, len), EISCONN);
    n = unix_socket(SOCK_STREAM);
    EXPECT_ERR("nor for an unconnected one", sendto(n, "x", 1, 0, (void *)&a, len), EOPNOTSUPP);
    close(n);
    EXPECT_ERR("write from a bad address", write(s[0], (void *)8, 4), EFAULT);
    NEED(write(s[0], "keep", 4) == 4);
    EXPECT_ERR("read to a bad address", read(s[1], (void *)8, 4), EFAULT);
    EXPECT("the bytes stay", read(s[1], text, 4), 4);
    pair_close();
}

static void fill_child(void *unused)
{
    (void)unused;
    close(s[1]);
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 7 + i / 1000);
    _exit(write(s[0], big, sizeof(big)) != sizeof(big));
}

static void waitall_child(void *unused)
{
    char text[6];

    (void)unused;
    close(s[0]);
    _exit(recv(s[1], text, 6, MSG_WAITALL) != 6);
}

static void test_stream_large(void)
{
    size_t done = 0, wrong = 0;
    ssize_t n;

    pair_make(SOCK_STREAM);
    pid_t child = child_start(fill_child, NULL);
    close(s[0]);
    while ((n = read(s[1], big + done, sizeof(big) - done)) > 0)
        done += n;
    EXPECT("a megabyte", done, sizeof(big));
    EXPECT("its writer", child_end(child), EXITED(0));
    for (size_t i = 0; i < sizeof(big); i++)
        wrong += big[i] != (char)(i * 7 + i / 1000);
    EXPECT("every byte in its place", wrong, 0);
    close(s[1]);

    pair_make(SOCK_STREAM | SOCK_NONBLOCK);
    for (done = 0; (n = write(s[0], big, 1000)) == 1000; done += n)
        ;
    EXPECT_ERR("full", write(s[0], "x", 1), EAGAIN);
    EXPECT("at what SO_SNDBUF allows", done > 30000 && done < 250000, 1);
    EXPECT("a full one is not writable", ready(s[0], ALL_EVENTS), 0);
    EXPECT("drain a little", read(s[1], big, 3000), 3000);
    EXPECT("not writable yet", ready(s[0], ALL_EVENTS), 0);
    while (read(s[1], big, 65536) > 0)
        ;
    EXPECT("writable when drained", ready(s[0], ALL_EVENTS), POLLOUT);
    n = write(s[0], big, sizeof(big));
    EXPECT("a large write is done in part", n > 0 && n < (ssize_t)sizeof(big), 1);
    pair_close();

    pair_make(SOCK_STREAM);
    child = child_start(waitall_child, NULL);
    NEED(write(s[0], "abc", 3) == 3);
    process_await(child, "S");
    NEED(write(s[0], "def", 3) == 3);
    EXPECT("MSG_WAITALL waits for all", child_end(child), EXITED(0));
    NEED(write(s[0], "end", 3) == 3);
    NEED(shutdown(s[0], SHUT_WR) == 0);
    EXPECT("or the end", recv(s[1], big, 100, MSG_WAITALL), 3);
    pair_close();
}

/* Packets */

static void test_packets(int type, const char *what)
{
    char text[16], name[64];
    int n;

#define NAME(x) (snprintf(name, sizeof(name), "%s: %s", what, x), name)
    pair_make(type);
    NEED(write(s[0], "first", 5) == 5 && write(s[0], "", 0) == 0 && write(s[0], "third", 5) == 5);
    EXPECT(NAME("peek"), recv(s[1], text, 16, MSG_PEEK), 5);
    EXPECT(NAME("MSG_TRUNC tells the length"), recv(s[1], text, 2, MSG_PEEK | MSG_TRUNC), 5);
    ioctl(s[1], SIOCINQ, &n);
    EXPECT(NAME("SIOCINQ"), n, type == SOCK_DGRAM ? 5 : 10);
    EXPECT(NAME("a short read"), read(s[1], text, 2), 2);
    EXPECT(NAME("an empty one"), recv(s[1], text, 16, 0), 0);
    struct iovec v = {text, 3};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    EXPECT(NAME("what was cut off is lost"), recvmsg(s[1], &m, 0), 3);
    EXPECT(NAME("flags"), m.msg_flags & ~MSG_EOR, MSG_TRUNC);
    EXPECT_ERR(NAME("nothing more"), recv(s[1], text, 16, MSG_DONTWAIT), EAGAIN);
    EXPECT_ERR(NAME("too large"), write(s[0], big, 300000), EMSGSIZE);
    EXPECT(NAME("large"), write(s[0], big, 100000), 100000);
    memset(big, 0, 100000);
    EXPECT(NAME("received whole"), read(s[1], big, sizeof(big)), 100000);
    EXPECT(NAME("last byte"), big[99999], (char)(99999 * 7 + 99));
    EXPECT_ERR(NAME("MSG_OOB"), send(s[0], "x", 1, MSG_OOB), EOPNOTSUPP);
    pair_close();
#undef NAME
}

static void test_datagrams(void)
{
    struct sockaddr_un a;
    socklen_t n = sizeof(a);
    char c;
    int server = unix_socket(SOCK_DGRAM), client = unix_socket(SOCK_DGRAM | SOCK_NONBLOCK), i;

    EXPECT_ERR("datagrams do not listen", listen(server, 1), EOPNOTSUPP);
    EXPECT_ERR("nor accept", accept(server, NULL, NULL), EOPNOTSUPP);
    EXPECT_ERR("to nobody", send(client, "x", 1, 0), ENOTCONN);
    NEED(bind_to(server, "dgram") == 0);
    EXPECT("a datagram socket's readiness", ready(client, ALL_EVENTS), POLLOUT);
    n = address(&a, "dgram");
    EXPECT("sendto", sendto(client, "x", 1, 0, (void *)&a, n), 1);
    n = sizeof(a);
    memset(&a, 1, sizeof(a));
    EXPECT("recvfrom", recvfrom(server, &c, 1, 0, (void *)&a, &n), 1);
    EXPECT("from somebody without a name", n, 0);
    NEED(bind_to(client, "@dclient") == 0);
    EXPECT("connect a datagram socket", connect_to(client, "dgram"), 0);
    for (i = 0; i < 100 && send(client, "y", 1, 0) == 1; i++)
        ;
    EXPECT("the queue of another's has an end", i, 11);
    EXPECT_ERR("where a sender would wait", send(client, "y", 1, 0), EAGAIN);
    EXPECT("and poll knows", ready(client, ALL_EVENTS), 0);
    n = sizeof(a);
    EXPECT("receive one", recvfrom(server, &c, 1, 0, (void *)&a, &n), 1);
    EXPECT("from a name", n == SHORT + 8 && !memcmp(a.sun_path, "\0dclient", 8), 1);
    EXPECT("writable again", ready(client, ALL_EVENTS), POLLOUT);
    EXPECT("connect back", connect_to(server, "@dclient"), 0);
    int stranger = unix_socket(SOCK_DGRAM);
    n = address(&a, "dgram");
    EXPECT_ERR("it takes from its peer alone", sendto(stranger, "z", 1, 0, (void *)&a, n), EPERM);
    EXPECT_ERR("and is nobody else's peer", connect_to(stranger, "dgram"), EPERM);
    a.sun_family = AF_UNSPEC;
    EXPECT("disconnect", connect(server, (void *)&a, sizeof(a)), 0);
    n = address(&a, "dgram");
    a.sun_family = AF_UNIX;
    close(client);
    while (recv(server, &c, 1, MSG_DONTWAIT) == 1)
        ;
    EXPECT("now a stranger may", sendto(stranger, "z", 1, 0, (void *)&a, n), 1);
    int stream = unix_socket(SOCK_STREAM);
    NEED(bind_to(stream, "astream") == 0);
    n = address(&a, "astream");
    EXPECT_ERR("to a stream", sendto(stranger, "z", 1, 0, (void *)&a, n), EPROTOTYPE);
    NEED(connect_to(stranger, "dgram") == 0);
    close(server);
    EXPECT_ERR("to one that is closed", send(stranger, "z", 1, 0), ECONNREFUSED);
    EXPECT_ERR("which then is no peer", send(stranger, "z", 1, 0), ENOTCONN);
    close(stranger);
    close(stream);
}

static void test_disconnect(void)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    int a = unix_socket(SOCK_DGRAM), b = unix_socket(SOCK_DGRAM), c;

    NEED(bind_to(a, "@a") == 0 && bind_to(b, "@b") == 0);
    NEED(connect_to(a, "@b") == 0 && connect_to(b, "@a") == 0);
    EXPECT("disconnect with nothing received", connect(a, &none, sizeof(none)), 0);
    EXPECT("the other does not notice", option(b, SO_ERROR), 0);
    NEED(connect_to(a, "@b") == 0 && write(b, "lost", 4) == 4);
    EXPECT("disconnect with something received", connect(a, &none, sizeof(none)), 0);
    EXPECT_ERR("it is dropped", recv(a, &c, 1, MSG_DONTWAIT), EAGAIN);
    EXPECT("the other is an error", ready(b, ALL_EVENTS), POLLOUT | POLLERR);
    EXPECT("which one", option(b, SO_ERROR), ECONNRESET);
    c = unix_socket(SOCK_DGRAM);
    NEED(write(b, "lost", 4) == 4 && bind_to(c, "@c") == 0 && connect_to(a, "@b") == 0);
    EXPECT("to connect the first time drops nothing", connect_to(a, "@c"), 0);
    EXPECT_ERR("to another peer it does", recv(a, &none, 1, MSG_DONTWAIT), EAGAIN);
    close(a);
    close(b);
    close(c);
}

static void test_sequenced(void)
{
    char c;
    int fd = unix_socket(SOCK_SEQPACKET);

    EXPECT_ERR("packet without a connection", send(fd, "x", 1, 0), ENOTCONN);
    EXPECT_ERR("nor received", recv(fd, &c, 1, 0), ENOTCONN);
    close(fd);
    int server = listener(SOCK_SEQPACKET, "@seq", 1);
    fd = unix_socket(SOCK_SEQPACKET);
    NEED(connect_to(fd, "@seq") == 0);
    int end = accept(server, NULL, NULL);
    NEED(write(fd, "12", 2) == 2 && write(fd, "34", 2) == 2);
    char text[8] = "";
    EXPECT("packets are not joined", read(end, text, 8), 2);
    struct sockaddr_un a;
    socklen_t n = address(&a, "@elsewhere");
    EXPECT("a name is not looked at", sendto(end, "x", 1, 0, (void *)&a, n), 1);
    close(fd);
    EXPECT_ERR("the other end has lost one", read(end, text, 8), ECONNRESET);
    EXPECT("but what was sent to it is there", read(end, text, 8), 2);
    EXPECT("then the end of packets", read(end, text, 8), 0);
    close(end);
    close(server);
}

static void no_write_child(void *unused)
{
    int fd = unix_socket(SOCK_STREAM);

    (void)unused;
    NEED(setgid(71) == 0 && setuid(70) == 0);
    EXPECT_ERR("connect needs permission to write", connect_to(fd, "guarded"), EACCES);
    EXPECT_ERR("bind needs it for the directory", bind_to(fd, "mine"), EACCES);
}

/* Options, time-outs */

static void test_options(void)
{
    int fd = unix_socket(SOCK_STREAM);
    struct linger linger = {1, 5};
    struct timeval tv = {.tv_sec = 1, .tv_usec = 500000};
    socklen_t n = sizeof(tv);

    EXPECT("SO_DOMAIN", option(fd, SO_DOMAIN), AF_UNIX);
    EXPECT("SO_PROTOCOL", option(fd, SO_PROTOCOL), 0);
    EXPECT("SO_TYPE", option(fd, SO_TYPE), SOCK_STREAM);
    EXPECT("SO_SNDBUF", option(fd, SO_SNDBUF), 212992);
    EXPECT("SO_RCVBUF", option(fd, SO_RCVBUF), 212992);
    EXPECT("set SO_SNDBUF", option_set(fd, SO_SNDBUF, 10000), 0);
    EXPECT("counts double", option(fd, SO_SNDBUF), 20000);
    option_set(fd, SO_SNDBUF, 1);
    EXPECT("has a minimum", option(fd, SO_SNDBUF), 4608);
    option_set(fd, SO_SNDBUF, 1 << 30);
    EXPECT("and a maximum", option(fd, SO_SNDBUF), 2 * 212992);
    option_set(fd, SO_RCVBUF, 1);
    EXPECT("minimum of SO_RCVBUF", option(fd, SO_RCVBUF), 2304);
    EXPECT("root may go past", option_set(fd, SO_SNDBUFFORCE, 1 << 20), 0);
    EXPECT("by force", option(fd, SO_SNDBUF), 2 << 20);
    for (int i = 0; i < 4; i++) {
        static const int names[] = {SO_REUSEADDR, SO_KEEPALIVE, SO_BROADCAST, SO_DONTROUTE};
        char name[32];

        option_set(fd, names[i], 7);
        snprintf(name, sizeof(name), "switch %d", names[i]);
        EXPECT(name, option(fd, names[i]), 1);
    }
    EXPECT_ERR("SO_TYPE cannot be set", option_set(fd, SO_TYPE, 1), ENOPROTOOPT);
    EXPECT_ERR("SO_ERROR neither", option_set(fd, SO_ERROR, 1), ENOPROTOOPT);
    EXPECT_ERR("SO_ACCEPTCONN neither", option_set(fd, SO_ACCEPTCONN, 1), ENOPROTOOPT);
    EXPECT_ERR("an unknown one", option_set(fd, 4711, 1), ENOPROTOOPT);
    EXPECT("an unknown one to get", option(fd, 4711), -ENOPROTOOPT);
    EXPECT_ERR("an unknown level", setsockopt(fd, 6, 1, &n, 4), EOPNOTSUPP);
    EXPECT_ERR("an unknown level to get", getsockopt(fd, 6, 1, &tv, &n), EOPNOTSUPP);
    EXPECT_ERR("too short a value", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &n, 3), EINVAL);
    EXPECT_ERR("a negative length of a value", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &n, -1),
               EINVAL);
    EXPECT_ERR("a bad address of a value", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, (void *)8, 4),
               EFAULT);
    n = -1;
    EXPECT_ERR("a negative room", getsockopt(fd, SOL_SOCKET, SO_TYPE, &tv, &n), EINVAL);
    n = 1;
    char byte[4] = "zzz";
    EXPECT("little room", getsockopt(fd, SOL_SOCKET, SO_TYPE, byte, &n), 0);
    EXPECT("gets what fits", n == 1 && byte[0] == SOCK_STREAM && byte[1] == 'z', 1);
    EXPECT("set SO_LINGER", setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    memset(&linger, 0, sizeof(linger));
    n = sizeof(linger);
    EXPECT("get SO_LINGER", getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &n), 0);
    EXPECT("linger", linger.l_onoff == 1 && linger.l_linger == 5, 1);
    EXPECT("set SO_RCVTIMEO", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
    memset(&tv, 0, sizeof(tv));
    n = sizeof(tv);
    EXPECT("get SO_RCVTIMEO", getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &n), 0);
    EXPECT("time-out", tv.tv_sec == 1 && tv.tv_usec == 500000, 1);
    tv.tv_usec = 1000000;
    EXPECT_ERR("a bad time-out", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), EDOM);
    option_set(fd, SO_RCVLOWAT, 3);
    EXPECT("SO_RCVLOWAT", option(fd, SO_RCVLOWAT), 3);
    EXPECT("SO_SNDLOWAT", option(fd, SO_SNDLOWAT), 1);
    close(fd);
}

static void test_long_listing(void)
{
    int fds[100], found = 0;
    char want[32];
    struct stat st;

    for (int i = 0; i < 100; i++)
        fds[i] = unix_socket(SOCK_STREAM);
    const char *text = file_text("/proc/net/unix");
    for (int i = 0; i < 100; i++) {
        NEED(fstat(fds[i], &st) == 0);
        snprintf(want, sizeof(want), " %5lu\n", (unsigned long)st.st_ino);
        found += strstr(text, want) != NULL;
        close(fds[i]);
    }
    EXPECT("each of many sockets is told", found, 100);
}

static void test_listing(void)
{
    char want[64];
    struct stat st;
    int fd = listener(SOCK_STREAM, "@listed", 1);

    NEED(fstat(fd, &st) == 0);
    snprintf(want, sizeof(want), " 00010000 0001 01 %5lu @listed\n", (unsigned long)st.st_ino);
    CHECK("/proc/net/unix", strstr(file_text("/proc/net/unix"), want) != NULL);
    close(fd);
    CHECK("closed", strstr(file_text("/proc/net/unix"), "@listed") == NULL);
}

int main(void)
{
    abi_begin();
    scratch_enter();
    test_make();
    test_not_socket();
    test_path_names();
    test_bad_names();
    test_abstract_names();
    test_connect();
    test_backlog();
    test_never_accepted();
    test_shutdown();
    test_stream();
    test_stream_large();
    test_packets(SOCK_DGRAM, "datagram");
    test_packets(SOCK_SEQPACKET, "sequenced");
    test_datagrams();
    test_disconnect();
    test_sequenced();
    int fd = listener(SOCK_STREAM, "guarded", 1);
    NEED(chmod("guarded", 0555) == 0);
    child_run(no_write_child, NULL);
    close(fd);
    test_options();
    test_listing();
    test_long_listing();
    scratch_leave();
    return abi_end();
}
