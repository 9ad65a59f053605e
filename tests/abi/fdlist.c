// SPDX-License-Identifier: MIT
// /proc/PID/fd: what it says of descriptors, and being looked at while they are closed.
#include "abi.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/epoll.h>

#define ROUNDS 1500

static const char *link_of(int fd)
{
    static char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return path;
}

static mode_t mode_of(int fd)
{
    struct stat st;

    NEED(lstat(link_of(fd), &st) == 0);
    return st.st_mode;
}

static bool is_listed(int fd)
{
    DIR *d = opendir("/proc/self/fd");
    struct dirent *e;
    bool found = false;

    NEED(d);
    while ((e = readdir(d)))
        found |= e->d_name[0] != '.' && atoi(e->d_name) == fd;
    closedir(d);
    return found;
}

static void test_modes(void)
{
    int pipes[2], both, path;

    NEED(pipe(pipes) == 0);
    both = open("/dev/null", O_RDWR);
    path = open("/dev/null", O_PATH);
    EXPECT("to read", mode_of(pipes[0]), S_IFLNK | 0500);
    EXPECT("to write", mode_of(pipes[1]), S_IFLNK | 0300);
    EXPECT("both", mode_of(both), S_IFLNK | 0700);
    EXPECT("neither", mode_of(path), S_IFLNK);
    CHECK("listed", is_listed(path));
    close(path);
    EXPECT_ERR("gone", access(link_of(path), F_OK), ENOENT);
    CHECK("not listed", !is_listed(path + 1));
    EXPECT_ERR("not by another name", access("/proc/self/fd/00", F_OK), ENOENT);
    close(both);
    close(pipes[0]);
    close(pipes[1]);
}

/* Files that end while somebody looks */

static bool over; // (a)

static void open_some(int fds[2])
{
    fds[0] = epoll_create1(0);
    fds[1] = posix_openpt(O_RDWR | O_NOCTTY);
    NEED(fds[0] >= 0 && fds[1] >= 0);
}

static void *opener(void *unused)
{
    int fds[2];

    while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
        open_some(fds);
        for (int i = 0; i < 2; i++)
            close(fds[i]);
    }
    return unused;
}

// Looks up and lists, by names that come and go.
static int look(void)
{
    struct stat st;
    int seen = 0;

    for (int i = 0; i < 20; i++)
        seen += lstat(link_of(3 + i % 2), &st) == 0;
    return seen + is_listed(0);
}

static void test_closing(void)
{
    pthread_t thread;
    int seen = 0;

    NEED(pthread_create(&thread, NULL, opener, NULL) == 0);
    for (int i = 0; i < ROUNDS; i++)
        seen += look();
    __atomic_store_n(&over, true, __ATOMIC_SEQ_CST);
    NEED(pthread_join(thread, NULL) == 0);
    CHECK("listed while files end", seen >= ROUNDS);
}

int main(void)
{
    abi_begin();
    test_modes();
    test_closing();
    return abi_end();
}
