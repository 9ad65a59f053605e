// SPDX-License-Identifier: MIT
// Workloads of the failure sweep around processes, threads, memory, signals and timers.
#include "failnth.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int forks(void)
{
    pid_t pid = fork();

    if (!pid)
        _exit(0);
    TRY(child_wait(pid));
    return 0;
}

static int forks_large(void)
{
    char *p = pages(1200);
    pid_t pid;

    TRY(MAPPED(p));
    for (int i = 0; i < 40; i++)
        touch(p + i * 30 * PAGE, 1);
    for (int i = 0; i < 20; i++)
        TRY(mprotect(p + i * 2 * PAGE, PAGE, PROT_READ));
    pid = fork();
    if (!pid)
        _exit(p[30 * PAGE] != 0);
    TRY(child_wait(pid));
    TRY(munmap(p, 1200 * PAGE));
    return 0;
}

static int vforks(void)
{
    pid_t pid = vfork();

    if (!pid) {
        execl(PROGRAM, PROGRAM, "--true", NULL);
        _exit(1);
    }
    TRY(child_wait(pid));
    return 0;
}

static void *thread_main(void *argument)
{
    return argument;
}

static int threads(void)
{
    pthread_t thread[3];
    int n = 0, err = 0;

    while (n < 3 && !(err = pthread_create(&thread[n], NULL, thread_main, NULL)))
        n++;
    while (n > 0)
        pthread_join(thread[--n], NULL);
    return err;
}

static int exec_program(void)
{
    TRY(execl(PROGRAM, PROGRAM, "--noop", NULL));
    return 0;
}

static int exec_large(void)
{
    static char *arguments[300] = {PROGRAM, "--noop"};

    for (int i = 2; i < 299; i++)
        arguments[i] = buffer + sizeof(buffer) - 200;
    memset(buffer, 'a', sizeof(buffer) - 1);
    TRY(execv(PROGRAM, arguments));
    return 0;
}

static int exec_script(void)
{
    TRY(execl(SCRIPT, "script", NULL));
    return 0;
}

// PROGRAM has the set-user-id bit.
static int exec_set_user(void)
{
    TRY(setresuid(1000, 1000, 1000));
    return exec_program();
}

static int clone_sleeps(void *argument)
{
    usleep(10000);
    return argument != NULL;
}

// Somebody else goes on with our memory and signal actions.
static int exec_sharer(void)
{
    static char stack[16384] __attribute__((aligned(16)));

    TRY(clone(clone_sleeps, stack + sizeof(stack), CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL));
    return exec_program();
}

static void *thread_sleeps(void *argument)
{
    pause();
    return argument;
}

static int exec_threaded(void)
{
    pthread_t thread;
    int err = pthread_create(&thread, NULL, thread_sleeps, NULL);

    if (err)
        return err;
    return exec_program();
}

static volatile pid_t sleeper;

static void *thread_named(void *argument)
{
    sleeper = gettid();
    return thread_sleeps(argument);
}

// An exec that fails ends no thread.
static int exec_sharer_threaded(void)
{
    static char stack[16384] __attribute__((aligned(16)));
    pthread_t thread;
    int err = pthread_create(&thread, NULL, thread_named, NULL);

    if (err)
        return err;
    while (!sleeper)
        sched_yield();
    TRY(clone(clone_sleeps, stack + sizeof(stack), CLONE_VM | CLONE_SIGHAND | CLONE_FILES | SIGCHLD,
              NULL));
    err = exec_program();
    TRY(syscall(SYS_tgkill, getpid(), sleeper, 0));
    return err;
}

static int map_touch(void)
{
    char *p = pages(64);

    TRY(MAPPED(p));
    touch(p, 64);
    TRY(madvise(p + 8 * PAGE, 8 * PAGE, MADV_DONTNEED));
    touch(p, 64);
    TRY(munmap(p + 16 * PAGE, 4 * PAGE));
    TRY(munmap(p, 64 * PAGE));
    return 0;
}

static int map_splits(void)
{
    char *p = pages(32);

    TRY(MAPPED(p));
    touch(p, 32);
    for (int i = 0; i < 32; i += 2)
        TRY(mprotect(p + i * PAGE, PAGE, PROT_READ));
    for (int i = 0; i < 32; i += 3)
        TRY(munmap(p + i * PAGE, PAGE));
    TRY(mprotect(p + PAGE, PAGE, PROT_NONE));
    TRY(munmap(p, 32 * PAGE));
    return 0;
}

static int map_moves(void)
{
    char *p = pages(8), *wall = pages(8);

    TRY(MAPPED(p));
    TRY(MAPPED(wall));
    touch(p, 8);
    p = mremap(p, 8 * PAGE, 1100 * PAGE, MREMAP_MAYMOVE);
    TRY(MAPPED(p));
    touch(p, 16);
    p = mremap(p, 1100 * PAGE, 4 * PAGE, 0);
    TRY(MAPPED(p));
    TRY(munmap(p, 4 * PAGE));
    TRY(munmap(wall, 8 * PAGE));
    return 0;
}

static int map_over(void)
{
    char *p = pages(16), *q;

    TRY(MAPPED(p));
    touch(p, 16);
    q = mmap(p + 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    TRY(MAPPED(q));
    q = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
             -1, 0);
    TRY(MAPPED(q));
    TRY(mlock(q, 16 * PAGE));
    TRY(munmap(q, 16 * PAGE));
    TRY(munmap(p, 16 * PAGE));
    return 0;
}

static int map_shared(void)
{
    char *p = mmap(NULL, 80 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid;

    TRY(MAPPED(p));
    touch(p, 80);
    pid = fork();
    if (!pid)
        _exit(p[79 * PAGE] != 79);
    TRY(child_wait(pid));
    TRY(munmap(p, 80 * PAGE));
    return 0;
}

static int break_moves(void)
{
    char *start = sbrk(0);

    TRY(sbrk(1 << 20) == (void *)-1 ? -1 : 0);
    touch(start + PAGE, 20);
    TRY(sbrk(-(1 << 20)) == (void *)-1 ? -1 : 0);
    return 0;
}

static int stack_deep(void)
{
    volatile char deep[512 * 1024];

    for (size_t at = sizeof(deep); at >= PAGE; at -= PAGE)
        deep[at - 1] = 1;
    return deep[PAGE - 1] != 1;
}

// The parent's writes and the child's, while both have the pages.
static int copy_on_write(void)
{
    char *p = pages(16);
    int gate[2];
    pid_t pid;

    TRY(MAPPED(p));
    touch(p, 16);
    TRY(pipe(gate));
    pid = fork();
    if (!pid) {
        close(gate[1]);
        read(gate[0], buffer, 1);
        touch(p, 8);
        _exit(p[15 * PAGE] != 15);
    }
    for (int i = 0; pid > 0 && i < 16; i++)
        p[i * PAGE] = 100;
    close(gate[0]);
    close(gate[1]);
    TRY(child_wait(pid));
    TRY(munmap(p, 16 * PAGE));
    return 0;
}

static int signals_queued(void)
{
    struct timespec limit = {.tv_nsec = 500000000};
    sigset_t set, old;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 3);
    TRY(sigprocmask(SIG_BLOCK, &set, &old));
    for (int i = 0; i < 20; i++)
        TRY(sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = i}));
    for (int i = 0; i < 20; i++)
        TRY(sigtimedwait(&set, NULL, &limit));
    TRY(sigprocmask(SIG_SETMASK, &old, NULL));
    return 0;
}

static volatile sig_atomic_t handled;

static void handler(int number)
{
    handled += number != 0;
}

static int signal_handler(void)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    stack_t stack = {.ss_size = 4 * PAGE};

    stack.ss_sp = pages(4);
    TRY(MAPPED(stack.ss_sp));
    TRY(sigaltstack(&stack, NULL));
    TRY(sigaction(SIGUSR1, &action, NULL));
    handled = 0;
    TRY(kill(getpid(), SIGUSR1));
    TRY(raise(SIGUSR1));
    stack.ss_flags = SS_DISABLE;
    TRY(sigaltstack(&stack, NULL));
    TRY(munmap(stack.ss_sp, 4 * PAGE));
    return handled == 2 ? 0 : EPROTO;
}

static int wait_alarm(int number)
{
    struct timespec limit = {.tv_sec = 2};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, number);
    return sigtimedwait(&set, NULL, &limit);
}

static int timers(void)
{
    struct itimerspec soon = {.it_value.tv_nsec = 1000000};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    timer_t timer[4];
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    TRY(sigprocmask(SIG_BLOCK, &set, NULL));
    for (int i = 0; i < 4; i++)
        TRY(timer_create(i & 1 ? CLOCK_MONOTONIC : CLOCK_REALTIME, &event, &timer[i]));
    TRY(timer_settime(timer[3], 0, &soon, NULL));
    TRY(wait_alarm(SIGUSR2));
    for (int i = 0; i < 4; i++)
        TRY(timer_delete(timer[i]));
    return 0;
}

static int interval_timer(void)
{
    struct itimerval soon = {.it_value.tv_usec = 1000};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    TRY(sigprocmask(SIG_BLOCK, &set, NULL));
    TRY(setitimer(ITIMER_REAL, &soon, NULL));
    TRY(wait_alarm(SIGALRM));
    return 0;
}

static int sleeps(void)
{
    struct timespec limit = {.tv_nsec = 100000};

    TRY(nanosleep(&limit, NULL));
    TRY(-clock_nanosleep(CLOCK_REALTIME, 0, &limit, NULL));
    return 0;
}

static int futex_times_out(void)
{
    struct timespec limit = {.tv_nsec = 500000};
    static uint32_t word;

    if (syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &limit, NULL, 0) < 0 && errno != ETIMEDOUT)
        return errno;
    if (syscall(SYS_futex, &word, FUTEX_WAIT, 0, &limit, NULL, 0) < 0 && errno != ETIMEDOUT)
        return errno;
    TRY(syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0));
    return 0;
}

static int credentials(void)
{
    static gid_t groups[32];

    for (int i = 0; i < 32; i++)
        groups[i] = 1000 + i;
    TRY(syscall(SYS_setgroups, 32, groups));
    TRY(syscall(SYS_setresgid, 5, 5, 5));
    TRY(syscall(SYS_setresuid, 1000, 1000, 0));
    TRY(syscall(SYS_setresuid, 0, 0, 0));
    TRY(syscall(SYS_setresgid, 0, 0, 0));
    TRY(syscall(SYS_setgroups, 0, NULL));
    return 0;
}

static int session(void)
{
    TRY(setsid());
    return 0;
}

static int group(void)
{
    TRY(setpgid(0, 0));
    return 0;
}

static int waits(void)
{
    siginfo_t info;
    pid_t pid[5];
    int n = 0, err = 0;

    for (; n < 5; n++) {
        pid[n] = fork();
        if (!pid[n])
            _exit(n);
        if (pid[n] < 0) {
            err = errno;
            break;
        }
    }
    while (n-- > 0)
        TRY(waitid(P_PID, pid[n], &info, WEXITED));
    return err;
}

static int clone_main(void *argument)
{
    return argument != NULL;
}

static int clone_shared(void)
{
    static char stack[16384] __attribute__((aligned(16)));
    pid_t pid = clone(clone_main, stack + sizeof(stack),
                      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | SIGCHLD, NULL);

    TRY(child_wait(pid));
    return 0;
}

static int calls_of_memory(void)
{
    unsigned char resident[40];
    char *p = pages(40);

    TRY(MAPPED(p));
    touch(p, 20);
    TRY(mincore(p, 40 * PAGE, resident));
    TRY(madvise(p, 40 * PAGE, MADV_POPULATE_WRITE) < 0 && errno != EINVAL ? -1 : 0);
    TRY(munmap(p, 40 * PAGE));
    return 0;
}

// clang-format off
const struct workload workloads_of_processes[] = {
    WORKLOAD(forks), WORKLOAD(forks_large), WORKLOAD(vforks), WORKLOAD(threads),
    REPLACED(exec_program), REPLACED(exec_large), REPLACED(exec_script), REPLACED(exec_threaded), REPLACED(exec_set_user), REPLACED(exec_sharer),
    REPLACED(exec_sharer_threaded),
    WORKLOAD(map_touch), WORKLOAD(map_splits), WORKLOAD(map_moves), WORKLOAD(map_over),
    WORKLOAD(map_shared), WORKLOAD(break_moves), WORKLOAD(stack_deep), WORKLOAD(copy_on_write),
    WORKLOAD(signals_queued), WORKLOAD(signal_handler), WORKLOAD(timers), WORKLOAD(interval_timer),
    WORKLOAD(sleeps), WORKLOAD(futex_times_out), ONE_RUN(credentials), ONE_RUN(session),
    ONE_RUN(group), WORKLOAD(waits), WORKLOAD(clone_shared), WORKLOAD(calls_of_memory),
    {0},
};
