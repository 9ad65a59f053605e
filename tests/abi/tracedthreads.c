// SPDX-License-Identifier: MIT
// Tracers and the threads of one process: which of them takes a signal to all, and stops of the
// whole process that are not complete.
#include "tracing.h"

#include <pthread.h>

// What tracer and tracee know of each other; in shared memory.
struct shared {
    volatile pid_t other;   // the thread beside the main one, once it is as it is to be
    volatile int taken[65]; // by which thread, of each signal
    volatile int blocked;   // the main thread has blocked its signals
    volatile int got;       // what it waited for
    struct gate end;        // of the child of vfork
};

static struct shared *shared;

static void shared_begin(void)
{
    shared = shared_page();
    gate_init(&shared->end);
}

// As next(), but for what might never come: 0.
static long next_soon(pid_t pid)
{
    int status = 0;
    pid_t got = 0;

    (void)COMES(got || (got = waitpid(pid, &status, __WALL | WNOHANG)));
    return got == pid ? status : got ? -errno : 0;
}

static long stop_soon(pid_t pid)
{
    int status = 0;
    pid_t got = 0;

    (void)COMES(got || (got = waitpid(pid, &status, WUNTRACED | WNOHANG)));
    return got == pid ? status : got ? -errno : 0;
}

static void process_end(pid_t pid)
{
    kill(pid, SIGKILL);
    EXPECT("end", child_end(pid), SIGNALED(SIGKILL));
}

static pid_t tid_self(void)
{
    return raw(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

/* A signal to the process, and the thread that does not take it */

static void take(int sig)
{
    shared->taken[sig] = tid_self();
}

static void *pause_main(void *unused)
{
    (void)unused;
    shared->other = tid_self();
    forever(NULL);
    return NULL;
}

static unsigned long bit(int sig)
{
    return 1UL << (sig - 1);
}

static void mask_set(int how, unsigned long set)
{
    raw(SYS_rt_sigprocmask, how, (long)&set, 0, 8, 0, 0);
}

static void other_start(void *(*main)(void *))
{
    pthread_t t;

    NEED(pthread_create(&t, NULL, main, NULL) == 0);
    while (!shared->other)
        sched_yield();
}

// Its next call after the stop by SIGUSR2 blocks SIGUSR1.
static void block_main(void *unused)
{
    (void)unused;
    signal(SIGUSR1, take);
    other_start(pause_main);
    raw(SYS_tgkill, getpid(), tid_self(), SIGUSR2, 0, 0, 0);
    mask_set(SIG_BLOCK, bit(SIGUSR1));
    shared->blocked = 1;
    forever(NULL);
}

static pid_t block_start(void)
{
    shared_begin();
    pid_t pid = tracee_start(block_main, NULL, O_TRACESYSGOOD);

    EXPECT("it is ready", go(pid, PTRACE_CONT, 0), STOPPED(SIGUSR2));
    process_await(shared->other, "S");
    EXPECT("at the call", go(pid, PTRACE_SYSCALL, 0), SYSGOOD);
    regs_get(pid);
    EXPECT("it blocks", regs[17], SYS_rt_sigprocmask);
    return pid;
}

// The main thread, which is first to be chosen, is held where it still has the signal open.
static void test_blocked_meanwhile(void)
{
    pid_t pid = block_start();

    kill(pid, SIGUSR1);
    NEED(trace(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK("main blocks", COMES(shared->blocked));
    CHECK("another thread takes the signal", COMES(shared->taken[SIGUSR1]));
    EXPECT("that one", shared->taken[SIGUSR1], shared->other);
    process_end(pid);
}

// A thread that its tracer holds is passed over.
static void test_held(void)
{
    pid_t pid = block_start();

    kill(pid, SIGUSR1);
    CHECK("the one that runs takes the signal", COMES(shared->taken[SIGUSR1]));
    EXPECT("it", shared->taken[SIGUSR1], shared->other);
    process_end(pid);
}

// All that could take it are held: the first that goes on does.
static void test_all_held(void)
{
    pid_t pid = block_start(), other = shared->other;

    NEED(trace(PTRACE_SEIZE, other, 0, O_TRACESYSGOOD) == 0);
    NEED(trace(PTRACE_INTERRUPT, other, 0, 0) == 0);
    EXPECT("the other stops", next(other), EVENT(PTRACE_EVENT_STOP));
    EXPECT("it calls again", go(other, PTRACE_SYSCALL, 0), SYSGOOD);
    kill(pid, SIGUSR1);
    NEED(trace(PTRACE_CONT, other, 0, 0) == 0);
    EXPECT("the other is to take it", next_soon(other), STOPPED(SIGUSR1));
    NEED(trace(PTRACE_CONT, other, 0, SIGUSR1) == 0);
    CHECK("it does", COMES(shared->taken[SIGUSR1]));
    EXPECT("it is the other", shared->taken[SIGUSR1], other);
    kill(pid, SIGKILL);
    EXPECT("the other's end", next_soon(other), SIGNALED(SIGKILL));
    process_end(pid);
}

static void wait_main(void *unused)
{
    struct timespec never = {1000, 0};
    unsigned long set = bit(SIGUSR1) | bit(SIGUSR2);

    (void)unused;
    signal(SIGUSR1, take);
    other_start(pause_main);
    mask_set(SIG_BLOCK, set);
    shared->blocked = 1;
    shared->got = raw(SYS_rt_sigtimedwait, (long)&set, 0, (long)&never, 8, 0, 0);
    forever(NULL);
}

static void cpu_take(pid_t pid, int policy)
{
    struct sched_param param = {.sched_priority = policy == SCHED_FIFO};
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(0, &set);
    NEED(sched_setaffinity(pid, sizeof(set), &set) == 0);
    NEED(sched_setscheduler(pid, policy, &param) == 0);
}

// The waiter is woken for the process's signal, and takes its own, which came before it could run.
static void wait_sender(void *argument)
{
    pid_t pid = *(pid_t *)argument;

    cpu_take(pid, SCHED_OTHER);
    cpu_take(0, SCHED_FIFO);
    kill(pid, SIGUSR1);
    raw(SYS_tgkill, pid, pid, SIGUSR2, 0, 0, 0);
}

static void test_waited_for(void)
{
    shared_begin();
    pid_t pid = child_start(wait_main, NULL);

    CHECK("main waits", COMES(shared->blocked));
    process_await(pid, "S");
    process_await(shared->other, "S");
    child_run(wait_sender, &pid);
    CHECK("the waiter goes on", COMES(shared->got));
    CHECK("another thread takes the other signal", COMES(shared->taken[SIGUSR1]));
    EXPECT("the waiter has taken one", shared->got, SIGUSR2);
    process_end(pid);
}

/* Group stops that one thread has not heard of: it waits for the child of its vfork */

static void *vfork_main(void *unused)
{
    (void)unused;
    shared->other = tid_self();
    if (vfork() == 0) {
        char c;

        raw(SYS_read, shared->end.fd[0], (long)&c, 1, 0, 0, 0);
        raw(SYS_exit, 0, 0, 0, 0, 0, 0);
    }
    return NULL;
}

static void vfork_and_pause(void *unused)
{
    other_start(vfork_main);
    forever(unused);
}

static pid_t vfork_start(void)
{
    shared_begin();
    pid_t pid = child_start(vfork_and_pause, NULL);

    while (!shared->other)
        sched_yield();
    process_await(shared->other, "D");
    process_await(pid, "S");
    return pid;
}

static void test_detached_in_stop(void)
{
    pid_t pid = vfork_start();

    NEED(trace(PTRACE_SEIZE, pid, 0, 0) == 0);
    kill(pid, SIGSTOP);
    EXPECT("stop signal", next(pid), STOPPED(SIGSTOP));
    EXPECT("group stop", go(pid, PTRACE_CONT, SIGSTOP), EVENT_OF(SIGSTOP, PTRACE_EVENT_STOP));
    EXPECT("detach", trace(PTRACE_DETACH, pid, 0, 0), 0);
    CHECK("stops without its tracer", COMES(process_state(pid) == 'T'));
    gate_post(&shared->end);
    EXPECT("the stop is complete", stop_soon(pid), STOPPED(SIGSTOP));
    EXPECT("and in effect", process_state(pid), 'T');
    kill(pid, SIGCONT);
    CHECK("goes on", COMES(process_state(pid) == 'S'));
    process_end(pid);
}

static void test_attached_in_stop(bool seize)
{
    pid_t pid = vfork_start();
    long stop = seize ? EVENT_OF(SIGSTOP, PTRACE_EVENT_STOP) : STOPPED(SIGSTOP);

    kill(pid, SIGSTOP);
    CHECK("one stops", COMES(process_state(pid) == 'T'));
    EXPECT("attach", trace(seize ? PTRACE_SEIZE : PTRACE_ATTACH, pid, 0, 0), 0);
    EXPECT("tells its tracer", next_soon(pid), stop);
    gate_post(&shared->end);
    process_end(pid);
}

/* Stops while the tracer is asked about a signal */

static void loop_on(int sig)
{
    (void)sig;
    for (;;)
        shared->taken[SIGUSR1]++;
}

static void loops_on_signal(void *unused)
{
    signal(SIGUSR1, loop_on);
    forever(unused);
}

// The handler that the tracer lets run makes no call in which the stop could be seen.
static void test_stop_asked_meanwhile(void)
{
    shared_begin();
    pid_t pid = child_start(loops_on_signal, NULL);

    process_await(pid, "S");
    NEED(trace(PTRACE_SEIZE, pid, 0, 0) == 0);
    kill(pid, SIGUSR1);
    EXPECT("asked", next(pid), STOPPED(SIGUSR1));
    NEED(trace(PTRACE_INTERRUPT, pid, 0, 0) == 0);
    NEED(trace(PTRACE_CONT, pid, 0, SIGUSR1) == 0);
    EXPECT("stops in a handler that loops", next_soon(pid), EVENT(PTRACE_EVENT_STOP));
    NEED(trace(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK("the handler runs", COMES(shared->taken[SIGUSR1]));
    process_end(pid);
}

// A stop of the whole process is under way, in which the tracer leaves.
static void test_detached_when_asked(void)
{
    pid_t pid = vfork_start();

    NEED(trace(PTRACE_SEIZE, pid, 0, 0) == 0);
    kill(pid, SIGSTOP);
    EXPECT("asked about the stop signal", next(pid), STOPPED(SIGSTOP));
    EXPECT("detach with it", trace(PTRACE_DETACH, pid, 0, SIGSTOP), 0);
    CHECK("the signal counts", COMES(process_state(pid) == 'T'));
    gate_post(&shared->end);
    EXPECT("the stop is told", stop_soon(pid), STOPPED(SIGSTOP));
    process_end(pid);
}

static void stops(void *unused)
{
    (void)unused;
    raise(SIGSTOP);
    _exit(7);
}

// A tracer that leaves group stops to the tracee until it is told of their end. Whether it ends.
static bool goes_on(pid_t pid)
{
    long status;

    while (WIFSTOPPED(status = next_soon(pid)))
        NEED(trace(status == EVENT_OF(SIGSTOP, PTRACE_EVENT_STOP) ? PTRACE_LISTEN : PTRACE_CONT,
                   pid, 0, 0) == 0);
    return status == EXITED(7);
}

// SIGCONT comes while the tracee tells its new tracer that it has stopped.
static void test_continued_as_seized(void)
{
    bool good = true;

    for (int i = 0; i < 300 && good; i++) {
        pid_t pid = child_start(stops, NULL);
        int status;

        NEED(waitpid(pid, &status, WUNTRACED) == pid && status == STOPPED(SIGSTOP));
        NEED(trace(PTRACE_SEIZE, pid, 0, 0) == 0);
        NEED(trace(PTRACE_INTERRUPT, pid, 0, 0) == 0);
        kill(pid, SIGCONT);
        good = goes_on(pid);
    }
    CHECK("told of the end of a stop that is being told", good);
}

int main(void)
{
    abi_begin();
    test_blocked_meanwhile();
    test_held();
    test_all_held();
    test_waited_for();
    test_detached_in_stop();
    test_attached_in_stop(false);
    test_attached_in_stop(true);
    test_stop_asked_meanwhile();
    test_detached_when_asked();
    test_continued_as_seized();
    return abi_end();
}
