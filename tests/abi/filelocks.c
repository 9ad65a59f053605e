// SPDX-License-Identifier: MIT
// What takes file locks away: closing a descriptor, and flock(2) when it converts.
#include "abi.h"

#include <sys/file.h>

/* close */

static struct flock write_lock(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

// The exit code: whether another process may lock the file.
static void try_lock(void *unused)
{
    struct flock l = write_lock();
    int fd = open("locked", O_RDWR);

    (void)unused;
    NEED(fd >= 0);
    _exit(fcntl(fd, F_SETLK, &l) == 0);
}

static void test_close(void)
{
    struct flock l = write_lock();
    int fd = open("locked", O_RDWR), path = open("locked", O_PATH), other;

    NEED(fd >= 0 && path >= 0 && fcntl(fd, F_SETLK, &l) == 0);
    EXPECT("closing an O_PATH descriptor", close(path), 0);
    EXPECT("leaves the locks", child_run(try_lock, NULL), EXITED(0));
    path = open("locked", O_PATH);
    NEED(path >= 0 && dup2(path, path + 1) == path + 1 && dup2(0, path) == path);
    EXPECT("as does replacing one", child_run(try_lock, NULL), EXITED(0));
    NEED(close(path) == 0 && close(path + 1) == 0);
    other = open("locked", O_RDONLY);
    EXPECT("closing another", close(other), 0);
    EXPECT("takes them", child_run(try_lock, NULL), EXITED(1));
    close(fd);
}

/* flock */

static int locked_open(int operation)
{
    int fd = open("locked", O_RDWR);

    NEED(fd >= 0 && flock(fd, operation) == 0);
    return fd;
}

static void convert(void *argument)
{
    struct gate *g = argument;
    int fd = locked_open(LOCK_SH);

    gate_post(&g[0]);
    gate_wait(&g[1]);
    EXPECT("the first of two that convert", flock(fd, LOCK_EX), 0);
}

// Both share the lock and want it for themselves.
static void test_both_convert(void)
{
    struct gate g[2];
    int fd = locked_open(LOCK_SH);
    pid_t pid;

    gate_init(&g[0]);
    gate_init(&g[1]);
    pid = child_start(convert, g);
    gate_wait(&g[0]);
    gate_post(&g[1]);
    CHECK("the second", COMES(flock(fd, LOCK_EX | LOCK_NB) == 0));
    NEED(flock(fd, LOCK_UN) == 0);
    EXPECT("child", child_end(pid), 0);
    close(fd);
    gate_fini(&g[0]);
    gate_fini(&g[1]);
}

static void test_convert(void)
{
    int a = locked_open(LOCK_SH), b = locked_open(LOCK_SH), c = locked_open(LOCK_SH);

    EXPECT_ERR("a conversion fails", flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    EXPECT_ERR("the others have theirs", flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    EXPECT("those who failed have none", flock(c, LOCK_EX | LOCK_NB), 0);
    EXPECT("again", flock(c, LOCK_EX | LOCK_NB), 0);
    EXPECT_ERR("not even to share", flock(a, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    EXPECT("less", flock(c, LOCK_SH | LOCK_NB), 0);
    EXPECT("leaves room", flock(a, LOCK_SH | LOCK_NB), 0);
    close(a);
    close(b);
    close(c);
}

static void wait_for_all(void *unused)
{
    (void)unused;
    close(locked_open(LOCK_EX));
}

static void wait_to_share(void *unused)
{
    (void)unused;
    close(locked_open(LOCK_SH));
}

// Whoever waits is told of what a conversion frees.
static void test_told(void)
{
    int a = locked_open(LOCK_SH), b = locked_open(LOCK_SH);
    pid_t pid = child_start(wait_for_all, NULL);

    process_await(pid, "S");
    NEED(flock(b, LOCK_UN) == 0);
    EXPECT("none of one's own is in the way", flock(a, LOCK_EX | LOCK_NB), 0);
    NEED(flock(a, LOCK_UN) == 0);
    EXPECT("child", child_end(pid), 0);
    NEED(flock(a, LOCK_EX) == 0);
    pid = child_start(wait_to_share, NULL);
    process_await(pid, "S");
    NEED(flock(a, LOCK_SH) == 0);
    EXPECT("who shares is told of less", child_end(pid), 0);
    close(a);
    close(b);
}

int main(void)
{
    abi_begin();
    scratch_enter();
    file_write("locked", "locked", 0644);
    test_close();
    test_convert();
    test_both_convert();
    test_told();
    scratch_leave();
    return abi_end();
}
