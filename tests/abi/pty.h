// SPDX-License-Identifier: MIT
// What the tests of pseudo-terminals share.
#pragma once
#include "abi.h"
#include <grp.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

static volatile sig_atomic_t seen[65];

static inline void note(int number)
{
    seen[number]++;
}

static inline int master_open(int flags)
{
    int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | flags);

    NEED(fd >= 0);
    return fd;
}

static inline int number_of(int master)
{
    int n = -1;

    NEED(ioctl(master, TIOCGPTN, &n) == 0);
    return n;
}

static inline const char *slave_path(int master)
{
    static char path[32];

    snprintf(path, sizeof(path), "/dev/pts/%d", number_of(master));
    return path;
}

static inline void unlock(int master)
{
    int off = 0;

    NEED(ioctl(master, TIOCSPTLCK, &off) == 0);
}

static inline void pair_open(int *master, int *slave)
{
    *master = master_open(0);
    unlock(*master);
    *slave = open(slave_path(*master), O_RDWR | O_NOCTTY);
    NEED(*slave >= 0);
}

// Neither echo nor editing; output as it is.
static inline void make_raw(int fd)
{
    struct termios t;

    NEED(tcgetattr(fd, &t) == 0);
    cfmakeraw(&t);
    NEED(tcsetattr(fd, TCSANOW, &t) == 0);
}

// Bits of poll without waiting.
static inline int ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};

    NEED(poll(&p, 1, 0) >= 0);
    return p.revents;
}

// Waits for what another context of the kernel may still be carrying there.
static inline int await(int fd, int events)
{
    struct pollfd p = {.fd = fd, .events = events};

    NEED(poll(&p, 1, -1) == 1);
    return p.revents;
}

// Exactly this many bytes.
static inline const char *text_of_length(int fd, size_t want)
{
    static char text[256];
    size_t got = 0;

    while (got < want) {
        ssize_t n = read(fd, text + got, want - got);
        NEED(n > 0);
        got += n;
    }
    text[got] = 0;
    return text;
}

// A bare machine has none.
static inline void devpts_need(void)
{
    if (access("/dev/pts/ptmx", F_OK) != 0) {
        mkdir("/dev/pts", 0755);
        NEED(mount("devpts", "/dev/pts", "devpts", 0, "gid=5,mode=620,ptmxmode=666") == 0);
    }
}
