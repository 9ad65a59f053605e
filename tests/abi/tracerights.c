// SPDX-License-Identifier: MIT
// What a tracer may see and hold: programs that cannot be read, what others are told of a process,
// numbers of threads that have ended. As root.
#include "tracing.h"

#include <grp.h>
#include <pthread.h>
#include <sys/resource.h>

#define USER    1234
#define PROGRAM "/tmp/abi.unread"

static void become_user(void)
{
    NEED(setgroups(0, NULL) == 0 && setgid(USER) == 0 && setuid(USER) == 0);
}

/* A program that may be executed, but not read */

static void runs_program(void *unused)
{
    (void)unused;
    execl(PROGRAM, "tracerights", "--wait", NULL);
}

static void looks_inside(void *unused)
{
    unsigned long word = 0;

    (void)unused;
    become_user();
    pid_t pid = tracee_start(runs_program, NULL, 0);

    EXPECT("runs", go(pid, PTRACE_CONT, 0), STOPPED(SIGTRAP));
    regs_get(pid);
    CHECK("its registers", regs[0]);
    EXPECT("not its memory", trace(PTRACE_PEEKTEXT, pid, regs[0], (long)&word), -EIO);
    EXPECT("nor by a store", trace(PTRACE_POKETEXT, pid, regs[0], 0), -EIO);
    NEED(trace(PTRACE_KILL, pid, 0, 0) == 0);
    EXPECT("end", next(pid), SIGNALED(SIGKILL));
}

static void test_unreadable(void)
{
    char self[256] = "", command[600];

    NEED(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    snprintf(command, sizeof(command), "/usr/bin/busybox cp %s " PROGRAM, self);
    NEED(system(command) == 0 && chmod(PROGRAM, 0711) == 0);
    child_run(looks_inside, NULL);
    unlink(PROGRAM);
}

/* What others are told */

static unsigned long stat_field(pid_t pid, int number)
{
    char path[32];
    const char *at;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    at = strrchr(file_text(path), ')');
    NEED(at);
    for (int i = 2; i < number; i++)
        at = strchr(at, ' ') + 1;
    return strtoul(at, NULL, 10);
}

static void stranger(void *argument)
{
    pid_t pid = *(pid_t *)argument;
    char path[64];

    become_user();
    EXPECT("not where its stack begins", stat_field(pid, 28), 0);
    EXPECT("nor its heap", stat_field(pid, 47), 0);
    CHECK("but its size", stat_field(pid, 23) > 0);
    snprintf(path, sizeof(path), "/proc/%d/fdinfo/0", pid);
    EXPECT_ERR("nor what its descriptors are", open(path, O_RDONLY), EACCES);
    CHECK("one's own stack", stat_field(getpid(), 28));
}

static void test_strangers(void)
{
    pid_t pid = getpid();

    CHECK("where one's stack begins", stat_field(pid, 28));
    child_run(stranger, &pid);
}

/* Threads that have ended and are not waited for */

#define ENDED_MAX 30

static void *ends(void *unused)
{
    return unused;
}

// As many as it may make, up to a hundred.
static void makes_threads(void *made)
{
    volatile int *count = made;
    pthread_attr_t attr;
    pthread_t t;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    while (*count < 100 && !pthread_create(&t, &attr, ends, NULL))
        ++*count;
    raise(SIGUSR1);
}

static void never_waits(void *made)
{
    struct rlimit limit = {ENDED_MAX, ENDED_MAX};
    volatile int *count = made;
    long status;

    become_user();
    NEED(setrlimit(RLIMIT_NPROC, &limit) == 0);
    pid_t pid = tracee_start(makes_threads, made, O_TRACECLONE | O_EXITKILL);

    for (status = go(pid, PTRACE_CONT, 0); status == EVENT(PTRACE_EVENT_CLONE);
         status = go(pid, PTRACE_CONT, 0)) {
        pid_t thread = message(pid);

        NEED(next(thread) == STOPPED(SIGSTOP));
        NEED(trace(PTRACE_CONT, thread, 0, 0) == 0);
    }
    EXPECT("has made what it may", status, STOPPED(SIGUSR1));
    CHECK("made some", *count > 1);
    CHECK("those that ended count", *count < ENDED_MAX);
}

/* The end of two threads at once */

static volatile int *go_on;

static void *ends_with_main(void *unused)
{
    while (!*go_on)
        ;
    raw(SYS_exit, 0, 0, 0, 0, 0, 0);
    return unused;
}

static void both_end(void *unused)
{
    pthread_t t;

    (void)unused;
    memset(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1,
           1 << 20);
    NEED(pthread_create(&t, NULL, ends_with_main, NULL) == 0);
    while (!*go_on)
        sched_yield();
    raw(SYS_exit, 0, 0, 0, 0, 0, 0);
}

static void parent_of_both(void *pid)
{
    *(volatile pid_t *)pid = child_start(both_end, NULL);
    EXPECT("the parent hears", child_end(*(pid_t *)pid), EXITED(0));
}

// Of a process whose main thread may be the first or the last; its tracer is not its parent.
static void test_ends_together(void)
{
    volatile pid_t *pid = shared_page();
    int status = 0, got = 0;

    go_on = shared_page();
    for (int i = 0; i < 50; i++) {
        *pid = *go_on = 0;
        pid_t parent = child_start(parent_of_both, (void *)pid);

        while (!*pid)
            sched_yield();
        NEED(trace(PTRACE_SEIZE, *pid, 0, 0) == 0);
        *go_on = 1;
        got = 0;
        if (!COMES(got || (got = waitpid(*pid, &status, __WALL | WNOHANG))))
            break;
        child_end(parent);
    }
    CHECK("the tracer hears of the end", got == *pid);
}

int main(int count, char **words)
{
    (void)words;
    if (count > 1)
        forever(NULL);
    abi_begin();
    test_unreadable();
    test_strangers();
    child_run(never_waits, shared_page());
    test_ends_together();
    return abi_end();
}
