// SPDX-License-Identifier: MIT
// Unix sockets: who waits for one, what wakes and what ends a wait.
#include "sockets.h"

#include <sys/epoll.h>

/* Time-outs and signals */

static void interrupted(int number)
{
    (void)number;
}

static void signal_child(void *parent)
{
    process_await((pid_t)(long)parent, "S");
    kill((pid_t)(long)parent, SIGUSR1);
}

static void test_waits(void)
{
    struct timeval tv = {.tv_usec = 20000}, hour = {.tv_sec = 3600};
    struct sigaction restart = {.sa_handler = interrupted, .sa_flags = SA_RESTART}, plain = restart;
    char c;

    plain.sa_flags = 0;
    pair_make(SOCK_STREAM);
    NEED(setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
    EXPECT_ERR("receive: time-out", read(s[1], &c, 1), EAGAIN);
    NEED(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == 0);
    while (write(s[0], big, 50000) == 50000)
        ;
    EXPECT_ERR("send: time-out", write(s[0], "x", 1), EAGAIN);
    while (recv(s[1], big, 65536, MSG_DONTWAIT) > 0)
        ;
    NEED(setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &hour, sizeof(hour)) == 0);
    NEED(sigaction(SIGUSR1, &restart, NULL) == 0);
    pid_t child = child_start(signal_child, (void *)(long)getpid());
    EXPECT_ERR("with a time-out nothing is restarted", read(s[1], &c, 1), EINTR);
    child_end(child);
    tv.tv_usec = 0;
    NEED(setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
    NEED(sigaction(SIGUSR1, &plain, NULL) == 0);
    child = child_start(signal_child, (void *)(long)getpid());
    EXPECT_ERR("receive: interrupted", recv(s[1], &c, 1, 0), EINTR);
    child_end(child);
    pair_close();
    int server = listener(SOCK_STREAM, "@wait", 1);
    tv.tv_usec = 20000;
    NEED(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
    EXPECT_ERR("accept: time-out", accept(server, NULL, NULL), EAGAIN);
    NEED(fcntl(server, F_SETFL, O_NONBLOCK) == 0);
    EXPECT_ERR("accept: does not wait", accept(server, NULL, NULL), EAGAIN);
    close(server);
}

/* Connections */

static void accept_child(void *server)
{
    _exit(accept((int)(long)server, NULL, NULL) < 0);
}

static void test_listener_that_cannot_send(void)
{
    int fd = listener(SOCK_STREAM, "@full", 0), client = unix_socket(SOCK_STREAM);

    EXPECT("a listener that may not send", shutdown(fd, SHUT_WR), 0);
    pid_t child = child_start(accept_child, (void *)(long)fd);
    process_await(child, "S");
    EXPECT("accepts all the same", connect_to(client, "@full"), 0);
    EXPECT("after it has slept", child_end(child), EXITED(0));
    close(client);
    client = unix_socket(SOCK_STREAM);
    NEED(connect_to(client, "@full") == 0);
    child = child_start(connect_child, (void *)(long)fd);
    process_await(child, "S");
    kill(child, SIGKILL);
    EXPECT("who waits for it can be killed", child_end(child), SIGNALED(SIGKILL));
    close(client);
    close(fd);
}

/* Edges */

static int ep;

static void watch(int fd, uint32_t events)
{
    struct epoll_event event = {.events = events | EPOLLET};

    NEED((ep = epoll_create1(0)) >= 0);
    NEED(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) == 0);
}

// What the watched one tells just now.
static int edge(void)
{
    struct epoll_event event = {0};

    NEED(epoll_wait(ep, &event, 1, 0) >= 0);
    return event.events;
}

static void test_edges_of_bytes(void)
{
    char text[8];

    pair_make(SOCK_STREAM);
    watch(s[1], EPOLLIN);
    NEED(write(s[0], "abc", 3) == 3);
    EXPECT("bytes are an edge", edge(), EPOLLIN);
    EXPECT("once", edge(), 0);
    NEED(recv(s[1], text, 1, MSG_PEEK) == 1);
    EXPECT("to look at them is none", edge(), 0);
    NEED(read(s[1], text, 1) == 1);
    EXPECT("nor what a read leaves", edge(), 0);
    NEED(write(s[0], "d", 1) == 1);
    EXPECT("more bytes are one", edge(), EPOLLIN);
    NEED(write(s[0], "e", 1) == 1);
    NEED(read(s[1], text, 3) == 3);
    EXPECT("that one has been told of", edge(), EPOLLIN);
    NEED(read(s[1], text, 8) == 1);
    close(ep);
    watch(s[1], EPOLLOUT);
    EXPECT("room is an edge", edge(), EPOLLOUT);
    NEED(write(s[0], "f", 1) == 1);
    EXPECT("bytes to read are none of room", edge(), 0);
    close(ep);
    pair_close();
}

static void test_edges_of_packets(void)
{
    char c;

    pair_make(SOCK_DGRAM);
    watch(s[1], EPOLLIN);
    NEED(write(s[0], "a", 1) == 1 && write(s[0], "b", 1) == 1);
    EXPECT("packets are an edge", edge(), EPOLLIN);
    NEED(recv(s[1], &c, 1, MSG_PEEK) == 1);
    EXPECT("to look at one is none", edge(), 0);
    NEED(read(s[1], &c, 1) == 1);
    EXPECT("nor is the packet that is left", edge(), 0);
    close(ep);
    pair_close();
}

static void test_edges_of_connections(void)
{
    int fd = listener(SOCK_STREAM, "@full", 5);
    int one = unix_socket(SOCK_STREAM), two = unix_socket(SOCK_STREAM);

    watch(fd, EPOLLIN);
    NEED(connect_to(one, "@full") == 0 && connect_to(two, "@full") == 0);
    EXPECT("connections are an edge", edge(), EPOLLIN);
    close(accept(fd, NULL, NULL));
    EXPECT("one that is left is none", edge(), 0);
    close(ep);
    close(one);
    close(two);
    close(fd);
}

static void test_edge_of_room(void)
{
    int fd = unix_socket(SOCK_DGRAM), sender = unix_socket(SOCK_DGRAM | SOCK_NONBLOCK);
    char c;

    NEED(bind_to(fd, "@full") == 0 && connect_to(sender, "@full") == 0);
    watch(sender, EPOLLOUT);
    EXPECT("room at the peer is an edge", edge(), EPOLLOUT);
    while (write(sender, "x", 1) == 1)
        ;
    EXPECT("a full one is none", edge(), 0);
    while (recv(fd, &c, 1, MSG_DONTWAIT) == 1)
        ;
    EXPECT("new room is one again", edge(), EPOLLOUT);
    close(ep);
    close(sender);
    close(fd);
}

/* Many threads of one socket */

static void read_child(void *to)
{
    close(s[0]);
    _exit(read(s[1], to, 1) < 0 ? errno : 0);
}

static void test_reader_that_fails(void)
{
    int status;
    char c;

    pair_make(SOCK_STREAM);
    pid_t bad = child_start(read_child, (void *)8);
    process_await(bad, "S");
    pid_t good = child_start(read_child, &c);
    process_await(good, "S");
    NEED(write(s[0], "x", 1) == 1);
    if (wait(&status) == good) { // Linux wakes both
        EXPECT("one takes the byte", status, EXITED(0));
        NEED(write(s[0], "x", 1) == 1);
        EXPECT("the other cannot take the next", child_end(bad), EXITED(EFAULT));
    } else {
        EXPECT("the first to sleep cannot take the byte", status, EXITED(EFAULT));
        EXPECT("so the second takes it", child_end(good), EXITED(0));
    }
    pair_close();
}

static void worker_child(void *unused)
{
    char c;
    int n = 0;

    (void)unused;
    close(s[0]);
    while (recv(s[1], &c, 1, 0) == 1)
        n++;
    _exit(n);
}

static void test_workers(void)
{
    pid_t workers[4];
    int total = 0;

    pair_make(SOCK_SEQPACKET);
    for (int i = 0; i < 4; i++)
        workers[i] = child_start(worker_child, NULL);
    close(s[1]);
    for (int i = 0; i < 200; i++)
        NEED(write(s[0], "w", 1) == 1);
    close(s[0]);
    for (int i = 0; i < 4; i++)
        total += WEXITSTATUS(child_end(workers[i]));
    EXPECT("each packet goes to one of them", total, 200);
}

int main(void)
{
    abi_begin();
    scratch_enter();
    test_waits();
    test_listener_that_cannot_send();
    test_edges_of_bytes();
    test_edges_of_packets();
    test_edges_of_connections();
    test_edge_of_room();
    test_reader_that_fails();
    test_workers();
    scratch_leave();
    return abi_end();
}
