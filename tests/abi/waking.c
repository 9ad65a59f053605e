// SPDX-License-Identifier: MIT
// Unix sockets: who waits for one, what wakes and what ends a wait.
#include "sockets.h"

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

/* Many threads of one socket */

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
    test_workers();
    scratch_leave();
    return abi_end();
}
