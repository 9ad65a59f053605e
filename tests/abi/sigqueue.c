// SPDX-License-Identifier: MIT
// Queues of signals, which a user's limit holds; and alternate stacks that are off while in use.
#include "abi.h"

#include <pthread.h>
#include <sys/resource.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif
#define LIMIT 20

/* RLIMIT_SIGPENDING */

static struct gate *go;

static void *blocks(void *id)
{
    *(volatile pid_t *)id = gettid();
    gate_wait(go);
    return NULL;
}

static int queue_to(pid_t tid, int n)
{
    siginfo_t info = {.si_code = SI_QUEUE};
    int sent = 0;

    while (sent < n && !raw(SYS_rt_tgsigqueueinfo, getpid(), tid, SIGRTMIN, (long)&info, 0, 0))
        sent++;
    return sent;
}

// All that the user has in queues counts, whichever of its threads and processes they are of.
static void fills_queues(void *unused)
{
    struct rlimit limit = {LIMIT, LIMIT};
    volatile pid_t other = 0;
    struct gate gate;
    sigset_t all;
    pthread_t t;

    (void)unused;
    gate_init(&gate);
    go = &gate;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    NEED(setrlimit(RLIMIT_SIGPENDING, &limit) == 0 && setresuid(4711, 4711, 4711) == 0);
    NEED(pthread_create(&t, NULL, blocks, (void *)&other) == 0);
    while (!other)
        sched_yield();
    EXPECT("queued to one thread", queue_to(gettid(), LIMIT - 5), LIMIT - 5);
    EXPECT("and to another", queue_to(other, LIMIT), 5);
    EXPECT("the first has no room, either", queue_to(gettid(), LIMIT), 0);
    EXPECT("taken", sigwaitinfo(&all, NULL), SIGRTMIN);
    EXPECT("makes room", queue_to(other, LIMIT), 1);
    gate_post(&gate);
    NEED(pthread_join(t, NULL) == 0);
    CHECK("so does a thread's end", COMES(queue_to(gettid(), 1) == 1));
}

/* SS_AUTODISARM */

static char first[65536] __attribute__((aligned(16))), second[65536] __attribute__((aligned(16)));
static stack_t seen, deeper;
static volatile int depth;
static char *volatile where[2];

static void on_stack(int sig)
{
    char here;
    stack_t mine = {.ss_sp = second, .ss_size = sizeof(second)};

    where[depth] = &here;
    if (depth++)
        return;
    sigaltstack(NULL, &seen);
    EXPECT("another while the first is in use", sigaltstack(&mine, NULL), 0);
    raise(sig);
    sigaltstack(NULL, &deeper);
}

static bool lies_in(const char *at, const char *stack)
{
    return at >= stack && at < stack + sizeof(first);
}

static void test_autodisarm(void)
{
    struct sigaction action = {.sa_handler = on_stack, .sa_flags = SA_ONSTACK | SA_NODEFER};
    stack_t stack = {.ss_sp = first, .ss_size = sizeof(first), .ss_flags = (int)SS_AUTODISARM};
    stack_t old;

    NEED(sigaction(SIGUSR1, &action, NULL) == 0);
    EXPECT("with SS_AUTODISARM", sigaltstack(&stack, NULL), 0);
    EXPECT("reads back", sigaltstack(NULL, &old), 0);
    EXPECT("its flags", old.ss_flags, (int)SS_AUTODISARM);
    raise(SIGUSR1);
    EXPECT("both ran", depth, 2);
    CHECK("the first on its stack", lies_in(where[0], first));
    EXPECT("which was off then", seen.ss_flags, SS_DISABLE);
    CHECK("the second on the other", lies_in(where[1], second));
    CHECK("which stayed", deeper.ss_sp == second);
    sigaltstack(NULL, &old);
    CHECK("the first is back", old.ss_sp == first && old.ss_flags == (int)SS_AUTODISARM);
    stack.ss_flags = (int)SS_AUTODISARM | SS_DISABLE;
    EXPECT("off for good", sigaltstack(&stack, NULL), 0);
    sigaltstack(NULL, &old);
    EXPECT("none", old.ss_flags & SS_DISABLE, SS_DISABLE);
    stack.ss_flags = (int)SS_AUTODISARM | 4;
    EXPECT_ERR("unknown flags beside it", sigaltstack(&stack, NULL), EINVAL);
}

int main(void)
{
    abi_begin();
    child_run(fills_queues, NULL);
    test_autodisarm();
    return abi_end();
}
