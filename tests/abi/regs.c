// SPDX-License-Identifier: MIT
// Registers: every one but a0 survives a system call, all of them a signal handler, a fault that a
// handler repairs, fork, and preemption; floating point included.
#include "abi.h"

#include <stddef.h>
#include <ucontext.h>

#define ROOM     65536 // below a frame, for what the kernel puts on the stack
#define SPINNERS 4
#define ROUNDS   8

struct regs {
    uint64_t x[32], f[32], fcsr, pad;
};

struct regs_frame {
    struct regs in, out;
    uint64_t saved_sp;
};

_Static_assert(offsetof(struct regs_frame, out) == 528, "regs_asm.S");
_Static_assert(offsetof(struct regs_frame, saved_sp) == 1056, "regs_asm.S");
_Static_assert(offsetof(ucontext_t, uc_mcontext) == 176, "regs_asm.S");

void regs_call(struct regs_frame *frame);
void regs_spin(struct regs_frame *frame);
void regs_fault(struct regs_frame *frame);
void regs_clobber(int number);
void regs_clobber_skip(int number, siginfo_t *info, void *context);

static _Alignas(16) char stack[ROOM + sizeof(struct regs_frame)];
static struct regs_frame *const frame = (struct regs_frame *)(stack + ROOM);

static void frame_fill(uint64_t seed)
{
    for (int i = 0; i < 32; i++) {
        frame->in.x[i] = (seed + i) * 0x9e3779b97f4a7c15UL;
        frame->in.f[i] = (seed + i + 100) * 0xc2b2ae3d27d4eb4fUL;
    }
    frame->in.x[2] = (uint64_t)frame;
    frame->in.fcsr = 0x20 | (seed & 0x1f); // round towards zero; some flags
    memset(&frame->out, 0xee, sizeof(frame->out));
}

// Compares all registers but those in the mask; names the first that differs.
static void frame_check(const char *name, uint32_t except)
{
    char what[128] = "";

    for (int i = 1; i < 32 && !*what; i++)
        if (!(except >> i & 1) && frame->in.x[i] != frame->out.x[i])
            snprintf(what, sizeof(what), "x%d was %lx, is %lx", i, frame->in.x[i], frame->out.x[i]);
    for (int i = 0; i < 32 && !*what; i++)
        if (frame->in.f[i] != frame->out.f[i])
            snprintf(what, sizeof(what), "f%d was %lx, is %lx", i, frame->in.f[i], frame->out.f[i]);
    if (!*what && frame->in.fcsr != frame->out.fcsr)
        snprintf(what, sizeof(what), "fcsr was %lx, is %lx", frame->in.fcsr, frame->out.fcsr);
    abi_report(!*what, name, "%s", what);
}

#define A0 (1u << 10)

static long call(uint64_t seed, long number, long a, long b, long c, long d)
{
    frame_fill(seed);
    frame->in.x[17] = number;
    frame->in.x[10] = a;
    frame->in.x[11] = b;
    frame->in.x[12] = c;
    frame->in.x[13] = d;
    regs_call(frame);
    return frame->out.x[10];
}

static void check_call(const char *name, long got, long want)
{
    char result[128];

    frame_check(name, A0);
    snprintf(result, sizeof(result), "%s result", name);
    EXPECT(result, got, want);
}

static void test_calls(void)
{
    static char buffer[256];
    static struct timespec instant = {0, 1000};
    int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);

    check_call("getppid", call(1, SYS_getppid, 0, 0, 0, 0), getppid());
    check_call("read", call(2, SYS_read, zero, (long)buffer, 200, 0), 200);
    check_call("write", call(3, SYS_write, null, (long)buffer, 200, 0), 200);
    check_call("no such call", call(4, 4000, 0, 0, 0, 0), -ENOSYS);
    check_call("negative call", call(5, -1, 0, 0, 0, 0), -ENOSYS);
    check_call("bad pointer", call(6, SYS_read, zero, 8, 1, 0), -EFAULT);
    check_call("openat", call(7, SYS_openat, AT_FDCWD, (long)"/no/such", 0, 0), -ENOENT);
    check_call("nanosleep", call(8, SYS_nanosleep, (long)&instant, 0, 0, 0), 0);
    check_call("sched_yield", call(9, SYS_sched_yield, 0, 0, 0, 0), 0);
    check_call("munmap", call(10, SYS_munmap, UNMAPPED, PAGE, 0, 0), 0);
    check_call("execve", call(11, SYS_execve, (long)"/no/such", 0, 0, 0), -ENOENT);
    check_call("wait4", call(12, SYS_wait4, -1, 0, 0, 0), -ECHILD);
    check_call("futex", call(13, SYS_futex, (long)buffer, 1, 1, 0), 0);
    long brk = call(14, SYS_brk, 0, 0, 0, 0);
    frame_check("brk", A0);
    CHECK("brk result", brk > 0);
    close(zero);
    close(null);
}

// A call that waits while others run, and change every register.
static void test_blocking(void)
{
    int there[2];
    static char c;

    NEED(pipe(there) == 0);
    fflush(stdout);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        process_await(parent, "S");
        regs_clobber(0);
        raw(SYS_write, there[1], (long)"x", 1, 0, 0, 0);
        raw(SYS_exit_group, 0, 0, 0, 0, 0, 0);
    }
    check_call("blocking read", call(20, SYS_read, there[0], (long)&c, 1, 0), 1);
    EXPECT("blocking child", child_end(pid), 0);
    close(there[0]);
    close(there[1]);
}

static void test_fork(void)
{
    fflush(stdout);
    pid_t self = getpid();
    long pid = call(30, SYS_clone, SIGCHLD, 0, 0, 0);
    if (syscall(SYS_getpid) != self) {
        frame_check("fork child", A0);
        EXPECT("fork child result", pid, 0);
        _exit(0);
    }
    frame_check("fork parent", A0);
    EXPECT("fork status", child_end(pid), 0);
}

static void test_signal(void)
{
    struct sigaction action = {.sa_handler = regs_clobber};

    NEED(sigaction(SIGUSR1, &action, NULL) == 0);
    check_call("signal handler", call(40, SYS_kill, getpid(), SIGUSR1, 0, 0), 0);
    action.sa_flags = SA_NODEFER | SA_RESTART;
    NEED(sigaction(SIGUSR1, &action, NULL) == 0);
    check_call("signal handler, tgkill", call(41, SYS_tgkill, getpid(), gettid(), SIGUSR1, 0), 0);
}

static void test_fault(void)
{
    struct sigaction action = {.sa_sigaction = regs_clobber_skip, .sa_flags = SA_SIGINFO};

    NEED(sigaction(SIGTRAP, &action, NULL) == 0);
    frame_fill(50);
    regs_fault(frame);
    frame_check("repaired fault", 0);
    signal(SIGTRAP, SIG_DFL);
}

// A process that spins with its own registers until its turn, then gives the turn on.
static void spinner_main(volatile int *turn, int me)
{
    for (int i = 0; i < ROUNDS; i++) {
        frame_fill(1000 * me + i);
        frame->in.x[30] = (uint64_t)&turn[me];
        regs_spin(frame);
        char name[64];
        snprintf(name, sizeof(name), "preempted %d.%d", me, i);
        frame_check(name, 1u << 31);
        turn[me] = 0;
        turn[(me + 1) % SPINNERS] = 1;
    }
    _exit(0);
}

static void test_preemption(void)
{
    volatile int *turn = shared_page();
    pid_t pids[SPINNERS];

    fflush(stdout);
    for (int i = 0; i < SPINNERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            spinner_main(turn, i);
    }
    turn[0] = 1;
    for (int i = 0; i < SPINNERS; i++)
        EXPECT("spinner", child_end(pids[i]), 0);
}

// A spinning process is interrupted by a signal whose handler changes everything.
static void test_async_signal(void)
{
    struct sigaction action = {.sa_handler = regs_clobber};
    volatile int *word = shared_page();

    fflush(stdout);
    NEED(sigaction(SIGUSR1, &action, NULL) == 0);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        while (!word[1])
            ;
        for (int i = 0; i < 20; i++) {
            kill(parent, SIGUSR1);
            sched_yield();
        }
        word[0] = 1;
        _exit(0);
    }
    frame_fill(70);
    frame->in.x[30] = (uint64_t)word;
    word[1] = 1;
    regs_spin(frame);
    frame_check("asynchronous signals", 1u << 31);
    EXPECT("sender", child_end(pid), 0);
}

int main(void)
{
    abi_begin();
    test_calls();
    test_blocking();
    test_fork();
    test_signal();
    test_fault();
    test_preemption();
    test_async_signal();
    return abi_end();
}
