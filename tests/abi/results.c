// SPDX-License-Identifier: MIT
// What calls write into a program's memory: results and nothing else.
#include "abi.h"

#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/sysinfo.h>

#define FILLER 0xa5

// Two pages of memory, the second with these rights.
static char *pages_make(int second)
{
    char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    NEED(p != MAP_FAILED && mprotect(p + PAGE, PAGE, second) == 0);
    return p;
}

/* Nothing of the kernel's own */

static bool filled(const void *from, size_t n, char with)
{
    const char *p = from;

    while (n && *p == with)
        n--, p++;
    return n == 0;
}

static bool hole_is_clean(const void *from, size_t n)
{
    return filled(from, n, 0) || filled(from, n, (char)FILLER);
}

// Leaves a program's bytes on the kernel's stack, by a call of one of many kinds.
static void kernel_stack_stir(int kind)
{
    static const long names[] = {SYS_chdir, SYS_truncate, SYS_statfs, SYS_chroot};
    static const long names_at[] = {SYS_openat, SYS_unlinkat, SYS_faccessat, SYS_readlinkat};
    struct pollfd none[21];
    char text[128];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 2] = 0;
    memset(none, 0xff, sizeof(none));
    if (kind < 4)
        NEED(syscall(names[kind], text, 0, 0) < 0);
    else if (kind < 8)
        NEED(syscall(names_at[kind - 4], AT_FDCWD, text, 0, 0) < 0);
    else
        NEED(poll(none, 29 - kind, 0) == 0);
}

#define STIRRED 24

static void test_holes_epoll(void)
{
    struct epoll_event add = {.events = EPOLLIN, .data.u64 = ~0UL}, out[1];
    int ep = epoll_create1(0), fd = eventfd(1, 0), clean = 0;

    NEED(ep >= 0 && fd >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &add) == 0);
    for (int i = 0; i < STIRRED; i++) {
        kernel_stack_stir(i);
        memset(out, FILLER, sizeof(out));
        NEED(epoll_wait(ep, out, 1, 0) == 1);
        clean += hole_is_clean((char *)out + 4, 4);
    }
    EXPECT("nothing else in an event", clean, STIRRED);
    close(fd);
    close(ep);
}

static void test_holes_ipc(void)
{
    struct msginfo messages;
    struct shm_info shared;
    int clean = 0;

    for (int i = 0; i < STIRRED; i++) {
        kernel_stack_stir(i);
        memset(&messages, FILLER, sizeof(messages));
        NEED(msgctl(0, MSG_INFO, (struct msqid_ds *)&messages) >= 0);
        clean += hole_is_clean((char *)&messages + 30, 2);
        memset(&shared, FILLER, sizeof(shared));
        NEED(shmctl(0, SHM_INFO, (struct shmid_ds *)&shared) >= 0);
        clean += hole_is_clean((char *)&shared + 4, 4);
    }
    EXPECT("nothing else in limits", clean, 2 * STIRRED);
}

static void test_holes_system(void)
{
    struct sysinfo info;
    int clean = 0;

    for (int i = 0; i < STIRRED; i++) {
        kernel_stack_stir(i);
        memset(&info, FILLER, sizeof(info));
        NEED(sysinfo(&info) == 0);
        clean += hole_is_clean((char *)&info + 84, 4) && hole_is_clean((char *)&info + 108, 4);
    }
    EXPECT("nothing else of the system", clean, STIRRED);
}

/* What is only read */

// All of a pollfd but its revents lies in a page that cannot be written.
static void test_poll(void)
{
    char *p = pages_make(PROT_READ | PROT_WRITE);
    struct pollfd *fds = (struct pollfd *)(p + PAGE - offsetof(struct pollfd, revents));
    struct pollfd asked = {.fd = eventfd(1, 0), .events = POLLIN, .revents = -1};

    NEED(asked.fd >= 0);
    memcpy(fds, &asked, sizeof(asked));
    NEED(mprotect(p, PAGE, PROT_READ) == 0);
    EXPECT("one is ready", poll(fds, 1, 0), 1);
    memcpy(&asked, fds, sizeof(asked));
    EXPECT("revents", asked.revents, POLLIN);
    close(asked.fd);
    munmap(p, 2 * PAGE);
}

int main(void)
{
    abi_begin();
    test_holes_epoll();
    test_holes_ipc();
    test_holes_system();
    test_poll();
    return abi_end();
}
