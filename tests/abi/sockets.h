// SPDX-License-Identifier: MIT
// What the tests of sockets share.
#pragma once
#include "abi.h"

#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#ifndef SIOCOUTQ
#define SIOCOUTQ TIOCOUTQ
#endif
#define SIOCINQ FIONREAD
#define SHORT   offsetof(struct sockaddr_un, sun_path)

static int s[2]; // the pair of the running test
static char big[1 << 20] __attribute__((unused));

static inline void pair_make(int type)
{
    NEED(socketpair(AF_UNIX, type, 0, s) == 0);
}

static inline void pair_close(void)
{
    close(s[0]);
    close(s[1]);
}

// An address by text; "@x" is the abstract name x.
static inline socklen_t address(struct sockaddr_un *a, const char *text)
{
    memset(a, 0, sizeof(*a));
    a->sun_family = AF_UNIX;
    strcpy(a->sun_path, text);
    if (text[0] != '@')
        return SHORT + strlen(text) + 1;
    a->sun_path[0] = 0;
    return SHORT + strlen(text);
}

static inline int bind_to(int fd, const char *text)
{
    struct sockaddr_un a;
    socklen_t n = address(&a, text);

    return bind(fd, (struct sockaddr *)&a, n);
}

static inline int connect_to(int fd, const char *text)
{
    struct sockaddr_un a;
    socklen_t n = address(&a, text);

    return connect(fd, (struct sockaddr *)&a, n);
}

static inline int unix_socket(int type)
{
    int fd = socket(AF_UNIX, type, 0);

    NEED(fd >= 0);
    return fd;
}

static inline int listener(int type, const char *text, int backlog)
{
    int fd = unix_socket(type);

    NEED(bind_to(fd, text) == 0);
    NEED(listen(fd, backlog) == 0);
    return fd;
}

// A child that connects to the listener "@full".
static inline void connect_child(void *server)
{
    int fd = unix_socket(SOCK_STREAM);

    close((int)(long)server);
    _exit(connect_to(fd, "@full") == 0 ? 0 : errno);
}

static inline int option(int fd, int name)
{
    int value = -1;
    socklen_t n = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, name, &value, &n) == 0 ? value : -errno;
}

static inline int option_set(int fd, int name, int value)
{
    return setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value));
}

static inline int ready(int fd, int events)
{
    struct pollfd p = {.fd = fd, .events = events};

    NEED(poll(&p, 1, 0) >= 0);
    return p.revents;
}

#define ALL_EVENTS (POLLIN | POLLOUT | POLLRDHUP)
