// SPDX-License-Identifier: MIT
// What calls write into a program's memory: results and nothing else, wherever they are to go.
#include "abi.h"

#include <linux/futex.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
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

/* Results at odd addresses */

static uint32_t word_at(const char *at)
{
    uint32_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

static void exits_with_7(void *unused)
{
    (void)unused;
    _exit(7);
}

// Every word is across the end of a page.
static void test_odd_words(char *at)
{
    char one[16] = {0}, three[16] = {0};
    pid_t pid = child_start(exits_with_7, NULL);
    int pair[2];

    EXPECT("status of a child", raw(SYS_wait4, pid, (long)at, 0, 0, 0, 0), pid);
    EXPECT("is there", word_at(at), EXITED(7));
    NEED(setresuid(0, 0, 0) == 0);
    memset(one, FILLER, sizeof(one));
    memset(three, FILLER, sizeof(three));
    EXPECT("ids", raw(SYS_getresuid, (long)one + 1, (long)at, (long)three + 3, 0, 0, 0), 0);
    CHECK("are there", word_at(one + 1) == 0 && word_at(at) == 0 && word_at(three + 3) == 0);
    CHECK("no byte more", one[0] == (char)FILLER && one[5] == (char)FILLER);
    NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && write(pair[1], "abc", 3) == 3);
    memcpy(at, &(socklen_t){sizeof(three)}, sizeof(socklen_t));
    EXPECT("name of a socket", raw(SYS_getsockname, pair[0], (long)three, (long)at, 0, 0, 0), 0);
    EXPECT("its length", word_at(at), 2);
    EXPECT("bytes there are", raw(SYS_ioctl, pair[0], FIONREAD, (long)at, 0, 0, 0), 0);
    EXPECT("as many", word_at(at), 3);
    memcpy(at, &(int){1}, sizeof(int));
    EXPECT("do not wait", raw(SYS_ioctl, pair[0], FIONBIO, (long)at, 0, 0, 0), 0);
    EXPECT("told", fcntl(pair[0], F_GETFL), O_RDWR | O_NONBLOCK);
    close(pair[0]);
    close(pair[1]);
}

static void test_odd_offset(char *at)
{
    off_t offset = 2;
    int in, out;

    file_write("in", "0123456789", 0644);
    file_write("out", "", 0644);
    in = open("in", O_RDONLY);
    out = open("out", O_WRONLY);
    NEED(in >= 0 && out >= 0);
    memcpy(at, &offset, sizeof(offset));
    EXPECT("from an offset", sendfile(out, in, (off_t *)at, 5), 5);
    memcpy(&offset, at, sizeof(offset));
    EXPECT("which moves", offset, 7);
    EXPECT_STR("what was sent", file_text("out"), "23456");
    close(in);
    close(out);
}

static void test_odd_set(char *at)
{
    uint64_t set = 1UL << (SIGUSR1 - 1), got;

    memcpy(at, &set, sizeof(set));
    EXPECT("block", raw(SYS_rt_sigprocmask, SIG_BLOCK, (long)at, 0, 8, 0, 0), 0);
    memset(at, FILLER, sizeof(set));
    EXPECT("what is blocked", raw(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&set, (long)at, 8, 0, 0),
           0);
    memcpy(&got, at, sizeof(got));
    EXPECT("that", got, set);
}

// The second half is not there.
static void test_odd_faults(void)
{
    char *p = pages_make(PROT_NONE);

    EXPECT("half a word", raw(SYS_ioctl, 0, FIONBIO, (long)p + PAGE - 2, 0, 0, 0), -EFAULT);
    EXPECT("half a set", raw(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)p + PAGE - 4, 8, 0, 0),
           -EFAULT);
    EXPECT("a futex is aligned", raw(SYS_futex, (long)p + 1, FUTEX_WAIT, 1, 0, 0, 0), -EINVAL);
    munmap(p, 2 * PAGE);
}

int main(void)
{
    abi_begin();
    scratch_enter();
    test_holes_epoll();
    test_holes_ipc();
    test_holes_system();
    test_poll();

    char *p = pages_make(PROT_READ | PROT_WRITE);

    test_odd_words(p + PAGE - 1);
    test_odd_offset(p + PAGE - 3);
    test_odd_set(p + PAGE - 5);
    test_odd_faults();
    scratch_leave();
    return abi_end();
}
