// SPDX-License-Identifier: MIT
// Ids of threads and processes: when all are in use, and when one is given out again.
#include "../abi/abi.h"

#include <linux/sched.h>

#define THREAD_FLAGS \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

// A thread without a stack, which only makes one call, again and again: ppoll or exit.
static long bare_thread(long call)
{
    register long a0 __asm__("a0") = THREAD_FLAGS;
    register long a1 __asm__("a1") = 0;
    register long a2 __asm__("a2") = 0;
    register long a3 __asm__("a3") = 0;
    register long a4 __asm__("a4") = 0;
    register long a5 __asm__("a5") = call;
    register long a7 __asm__("a7") = SYS_clone;

    __asm__ volatile("ecall\n"
                     "bnez a0, 2f\n"
                     "1: li a0, 0\n"
                     "li a1, 0\n"
                     "li a2, 0\n"
                     "li a3, 0\n"
                     "mv a7, a5\n"
                     "ecall\n"
                     "j 1b\n"
                     "2:"
                     : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a7)
                     : "r"(a4), "r"(a5)
                     : "memory");
    return a0;
}

#define ZOMBIES 300 // have ids, but none of the stacks for which there is as much room as ids

static void fill(void *unused)
{
    long count = 0, err;

    (void)unused;
    for (int i = 0; i < ZOMBIES; i++) {
        pid_t pid = fork();

        NEED(pid >= 0);
        if (!pid)
            _exit(0);
    }
    while ((err = bare_thread(SYS_ppoll)) > 0)
        count++;
    EXPECT("no more ids", err, -EAGAIN);
    CHECK("thousands of threads", count > 32000);
    for (int i = 0; i < 1000; i++)
        NEED(bare_thread(SYS_ppoll) == -EAGAIN && fork() == -1 && errno == EAGAIN);
    _exit(0);
}

static void forever(void *unused)
{
    (void)unused;
    for (;;)
        pause();
}

static void ends(void *unused)
{
    (void)unused;
}

// Another process with the id that one had.
static pid_t namesake(pid_t of)
{
    long last;

    do {
        last = bare_thread(SYS_exit);
        NEED(last > 0);
    } while (last != of - 1);
    return child_start(forever, NULL);
}

static void test_given_again(void)
{
    pid_t pid = child_start(forever, NULL), again;
    char path[64], text[16];
    int dir, fd;

    snprintf(path, sizeof(path), "/proc/%d", pid);
    dir = open(path, O_RDONLY | O_DIRECTORY);
    fd = openat(dir, "oom_score_adj", O_RDWR);
    NEED(dir >= 0 && fd >= 0);
    kill(pid, SIGKILL);
    child_end(pid);
    again = namesake(pid);
    EXPECT("the id again", again, pid);
    EXPECT_ERR("write to the one before", write(fd, "500", 3), ESRCH);
    EXPECT_ERR("read", pread(fd, text, sizeof(text), 0), ESRCH);
    CHECK("nothing is in its directory", openat(dir, "stat", O_RDONLY) < 0);
    snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", again);
    EXPECT_STR("the other is as it was", file_text(path), "0\n");
    kill(again, SIGKILL);
    child_end(again);
}

int main(void)
{
    abi_begin();
    EXPECT("all ids in use", child_run(fill, NULL), EXITED(0));
    EXPECT("they are back", child_run(ends, NULL), EXITED(0));
    test_given_again();
    return abi_end();
}
