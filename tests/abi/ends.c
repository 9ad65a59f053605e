// SPDX-License-Identifier: MIT
// Ends of processes: who is told, what of, and what is left of a main thread. As root.
#include "abi.h"

#include <linux/sched.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Children of clone(2) that end with another signal than SIGCHLD, or none */

static pid_t child_with(int sig)
{
    fflush(stdout);
    long pid = raw(SYS_clone, sig, 0, 0, 0, 0, 0);

    NEED(pid >= 0);
    if (pid == 0)
        raw(SYS_exit_group, 7, 0, 0, 0, 0, 0);
    return (pid_t)pid;
}

static void nothing(void *unused)
{
    (void)unused;
}

static long wait_for(pid_t pid, int options)
{
    int status = 0;
    long got = raw(SYS_wait4, pid, (long)&status, options, 0, 0, 0);

    return got <= 0 ? got : status;
}

static void test_other_signals(void)
{
    pid_t pid = child_with(0);

    process_await(pid, "Z");
    EXPECT("not for who waits for any", wait_for(-1, 0), -ECHILD);
    EXPECT("nor by its id", wait_for(pid, 0), -ECHILD);
    EXPECT("but with __WCLONE", wait_for(pid, __WCLONE), EXITED(7));
    signal(SIGUSR1, SIG_IGN);
    pid = child_with(SIGUSR1);
    process_await(pid, "Z");
    EXPECT("another signal", wait_for(-1, WNOHANG), -ECHILD);
    EXPECT("with __WALL", wait_for(-1, __WALL), EXITED(7));
    pid = child_start(nothing, NULL);
    process_await(pid, "Z");
    EXPECT("__WCLONE leaves the usual ones", wait_for(-1, __WCLONE), -ECHILD);
    EXPECT("which are as ever", wait_for(-1, 0), EXITED(0));
}

// One that nobody waits for stands before one that has ended.
static void test_other_beside(void)
{
    pid_t quiet = child_with(0), usual = child_start(nothing, NULL);

    EXPECT("past another kind", wait_for(-1, 0), EXITED(0));
    EXPECT("the usual one is gone", kill(usual, 0), -1);
    EXPECT("the other is not", wait_for(quiet, __WALL), EXITED(7));
}

/* SIGCHLD */

static void spends(void *unused)
{
    struct rusage r;

    (void)unused;
    do {
        for (volatile int i = 0; i < 100000; i++)
            ;
        NEED(getrusage(RUSAGE_SELF, &r) == 0);
    } while (r.ru_utime.tv_sec == 0 && r.ru_utime.tv_usec < 30000);
}

static void test_times(void)
{
    sigset_t child;
    siginfo_t info;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    pid_t pid = child_start(spends, NULL);
    EXPECT("SIGCHLD", sigwaitinfo(&child, &info), SIGCHLD);
    CHECK("tells the time that was used", info.si_pid == pid && info.si_utime + info.si_stime > 0);
    EXPECT("the child", child_end(pid), EXITED(0));
    sigprocmask(SIG_UNBLOCK, &child, NULL);
}

/* What is left of a main thread that has ended */

// A line of /proc/PID/status without its name.
static const char *line_of(pid_t pid, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    char *at = strstr((char *)file_text(path), name);
    if (!at)
        return "none";
    at += strlen(name) + 1;
    at[strcspn(at, "\n")] = 0;
    return at;
}

static void as_user(void *unused)
{
    (void)unused;
    NEED(prctl(PR_SET_NAME, "leaver") == 0);
    NEED(setresgid(77, 78, 79) == 0 && setresuid(67, 68, 69) == 0);
}

static void check_left(pid_t pid, const char *name, const char *who, const char *group)
{
    struct stat st;
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d", pid);
    EXPECT_STR(name, line_of(pid, "Name:"), "leaver");
    EXPECT_STR(who, line_of(pid, "Uid:"), "67\t68\t69\t68");
    EXPECT_STR(group, line_of(pid, "Gid:"), "77\t78\t79\t78");
    NEED(stat(path, &st) == 0);
    CHECK("whose the folder is", st.st_uid == 68 && st.st_gid == 78);
}

static void test_zombie(void)
{
    pid_t pid = child_start(as_user, NULL);

    process_await(pid, "Z");
    check_left(pid, "a zombie's name", "a zombie's user", "a zombie's group");
    EXPECT("the zombie", child_end(pid), EXITED(0));
}

static struct gate *left, *end;

static void *stays(void *main)
{
    NEED(pthread_join(*(pthread_t *)main, NULL) == 0);
    gate_post(left);
    gate_wait(end);
    _exit(5);
}

static void leaves(void *unused)
{
    static pthread_t main;
    pthread_t other;

    main = pthread_self();
    as_user(unused);
    NEED(prctl(PR_SET_DUMPABLE, 1) == 0);
    NEED(pthread_create(&other, NULL, stays, &main) == 0);
    pthread_exit(NULL);
}

static void as_same_user(void *pid)
{
    struct rlimit64 limit;

    NEED(setresgid(78, 78, 78) == 0 && setresuid(68, 68, 68) == 0);
    _exit(prlimit64((pid_t)(long)pid, RLIMIT_CORE, NULL, &limit) == -1 && errno == EPERM ? 0 : 1);
}

static void test_main_left(void)
{
    struct gate gates[2];

    left = &gates[0];
    end = &gates[1];
    gate_init(left);
    gate_init(end);
    pid_t pid = child_start(leaves, NULL);
    gate_wait(left);
    process_await(pid, "Z");
    check_left(pid, "the name that is left", "the user", "the group");
    EXPECT("other ids have no rights", child_run(as_same_user, (void *)(long)pid), EXITED(0));
    gate_post(end);
    EXPECT("the others' end", child_end(pid), EXITED(5));
    gate_fini(left);
    gate_fini(end);
}

/* Threads' ids */

static volatile pid_t other_id;
static struct gate *go;

static void *has_id(void *unused)
{
    other_id = gettid();
    gate_wait(go);
    return unused;
}

static volatile sig_atomic_t taken;

static void take(int sig)
{
    taken = sig;
}

static void test_thread_ids(void)
{
    struct gate gate;
    pthread_t t;

    gate_init(&gate);
    go = &gate;
    NEED(pthread_create(&t, NULL, has_id, NULL) == 0);
    while (!other_id)
        sched_yield();
    signal(SIGUSR2, take);
    EXPECT("kill by a thread's id", kill(other_id, SIGUSR2), 0);
    CHECK("signals its process", COMES(taken == SIGUSR2));
    EXPECT("getpgid by it", getpgid(other_id), getpgrp());
    EXPECT("getsid by it", getsid(other_id), getsid(0));
    EXPECT_ERR("setpgid by it", setpgid(other_id, 0), EINVAL);
    gate_post(&gate);
    NEED(pthread_join(t, NULL) == 0);
    CHECK("not of who is gone", COMES(kill(other_id, 0) == -1 && errno == ESRCH));
    gate_fini(&gate);
}

int main(void)
{
    abi_begin();
    test_other_signals();
    test_other_beside();
    test_times();
    test_zombie();
    test_main_left();
    test_thread_ids();
    return abi_end();
}
