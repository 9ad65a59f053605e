// SPDX-License-Identifier: MIT
// Signals: actions, masks, queues, stacks, what they interrupt, and what they say about faults.
#include "abi.h"

#include <poll.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

#define LOG_MAX 64

static volatile int handled[65];
static volatile int sequence[LOG_MAX], sequence_used;
static siginfo_t last;
static sigset_t mask_inside;
static volatile uintptr_t sp_inside;

static void count(int number)
{
    handled[number]++;
    if (sequence_used < LOG_MAX)
        sequence[sequence_used++] = number;
}

static void record(int number, siginfo_t *info, void *context)
{
    (void)context;
    count(number);
    last = *info;
    sp_inside = (uintptr_t)__builtin_frame_address(0);
    sigprocmask(SIG_BLOCK, NULL, &mask_inside);
}

static void reset(void)
{
    memset((void *)handled, 0, sizeof(handled));
    sequence_used = 0;
    memset(&last, 0, sizeof(last));
}

static void on(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    NEED(sigaction(number, &action, NULL) == 0);
}

static void on_info(int number, int flags)
{
    struct sigaction action = {.sa_sigaction = record, .sa_flags = SA_SIGINFO | flags};

    NEED(sigaction(number, &action, NULL) == 0);
}

static sigset_t set_of(int a, int b)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, a);
    if (b)
        sigaddset(&set, b);
    return set;
}

static void block(int how, int a, int b)
{
    sigset_t set = set_of(a, b);

    NEED(sigprocmask(how, &set, NULL) == 0);
}

static void test_sigaction(void)
{
    struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART | SA_NODEFER}, old;

    action.sa_mask = set_of(SIGUSR2, SIGHUP);
    EXPECT("sigaction", sigaction(SIGUSR1, &action, NULL), 0);
    EXPECT("sigaction reads back", sigaction(SIGUSR1, NULL, &old), 0);
    CHECK("handler", old.sa_handler == count);
    CHECK("flags", (old.sa_flags & ~0x04000000) == (SA_RESTART | SA_NODEFER));
    CHECK("mask", sigismember(&old.sa_mask, SIGUSR2) && sigismember(&old.sa_mask, SIGHUP) &&
                      !sigismember(&old.sa_mask, SIGINT));
    EXPECT_ERR("SIGKILL", sigaction(SIGKILL, &action, NULL), EINVAL);
    EXPECT_ERR("SIGSTOP", sigaction(SIGSTOP, &action, NULL), EINVAL);
    EXPECT_ERR("signal 0", sigaction(0, &action, NULL), EINVAL);
    EXPECT_ERR("signal 65", sigaction(65, &action, NULL), EINVAL);
    EXPECT("SIGKILL read", sigaction(SIGKILL, NULL, &old), 0);
    EXPECT("set size", raw(SYS_rt_sigaction, SIGUSR1, 0, 0, 4, 0, 0), -EINVAL);
    signal(SIGUSR1, SIG_DFL);
}

static void test_mask_in_handler(void)
{
    struct sigaction action = {.sa_sigaction = record, .sa_flags = SA_SIGINFO};
    sigset_t now;

    action.sa_mask = set_of(SIGUSR2, 0);
    NEED(sigaction(SIGUSR1, &action, NULL) == 0);
    raise(SIGUSR1);
    CHECK("own signal blocked inside", sigismember(&mask_inside, SIGUSR1));
    CHECK("sa_mask blocked inside", sigismember(&mask_inside, SIGUSR2));
    CHECK("others not", !sigismember(&mask_inside, SIGHUP));
    sigprocmask(SIG_BLOCK, NULL, &now);
    CHECK("mask is back", !sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2));
    on_info(SIGUSR1, SA_NODEFER);
    raise(SIGUSR1);
    CHECK("SA_NODEFER", !sigismember(&mask_inside, SIGUSR1));
    on_info(SIGUSR1, SA_RESETHAND);
    raise(SIGUSR1);
    struct sigaction old;
    sigaction(SIGUSR1, NULL, &old);
    CHECK("SA_RESETHAND", old.sa_handler == SIG_DFL);
}

static void nest(int number)
{
    count(number);
    if (number == SIGUSR1 && handled[SIGUSR1] < 3)
        raise(SIGUSR1);
    if (number == SIGUSR1 && handled[SIGUSR1] == 3)
        raise(SIGUSR2);
    count(number + 2);
}

static void test_nesting(void)
{
    reset();
    on(SIGUSR1, nest, SA_NODEFER);
    on(SIGUSR2, nest, 0);
    raise(SIGUSR1);
    EXPECT("nested three deep", handled[SIGUSR1], 3);
    EXPECT("other signal nested", handled[SIGUSR2 + 2] > 0, 1);
    reset();
    on(SIGUSR1, nest, 0);
    raise(SIGUSR1);
    EXPECT("held back until the handler ends", handled[SIGUSR1], 3);
    EXPECT("one begins", sequence[0], SIGUSR1);
    EXPECT("and ends", sequence[1], SIGUSR1 + 2);
    EXPECT("before the next", sequence[2], SIGUSR1);
}

static void test_info(void)
{
    union sigval value = {.sival_ptr = (void *)0x123456789abcUL};

    on_info(SIGUSR1, 0);
    reset();
    kill(getpid(), SIGUSR1);
    CHECK("kill's info", last.si_signo == SIGUSR1 && last.si_code == SI_USER &&
                             last.si_pid == getpid() && last.si_uid == getuid());
    reset();
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
    CHECK("tgkill's info", last.si_code == SI_TKILL && last.si_pid == getpid());
    reset();
    syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR1);
    CHECK("tkill's info", last.si_code == SI_TKILL && last.si_pid == getpid());
    reset();
    EXPECT("sigqueue", sigqueue(getpid(), SIGUSR1, value), 0);
    CHECK("sigqueue's info", last.si_code == SI_QUEUE && last.si_pid == getpid() &&
                                 last.si_value.sival_ptr == value.sival_ptr);
    EXPECT_ERR("sigqueue, none", sigqueue(0x3ffffff, SIGUSR1, value), ESRCH);
    EXPECT_ERR("tgkill, bad pid", syscall(SYS_tgkill, 0, 1, SIGUSR1), EINVAL);
    EXPECT_ERR("tgkill, other group", syscall(SYS_tgkill, 1, getpid(), 0), ESRCH);
    siginfo_t forged = {.si_code = SI_USER};
    EXPECT_ERR("forged info for others", syscall(SYS_rt_sigqueueinfo, 1, SIGUSR1, &forged), EPERM);
}

static void test_pending(void)
{
    sigset_t set;

    reset();
    on(SIGUSR1, count, 0);
    on(SIGRTMIN, count, 0);
    on(SIGRTMIN + 1, count, 0);
    block(SIG_BLOCK, SIGUSR1, 0);
    block(SIG_BLOCK, SIGRTMIN, SIGRTMIN + 1);
    for (int i = 0; i < 3; i++) {
        kill(getpid(), SIGUSR1);
        kill(getpid(), SIGRTMIN + 1);
        kill(getpid(), SIGRTMIN);
    }
    EXPECT("blocked ones wait", sequence_used, 0);
    sigpending(&set);
    CHECK("sigpending",
          sigismember(&set, SIGUSR1) && sigismember(&set, SIGRTMIN) && !sigismember(&set, SIGUSR2));
    block(SIG_UNBLOCK, SIGRTMIN, SIGRTMIN + 1);
    EXPECT("real-time signals queue", sequence_used, 6);
    EXPECT("lower numbers first", handled[SIGRTMIN], 3);
    block(SIG_UNBLOCK, SIGUSR1, 0);
    EXPECT("standard signals do not queue", handled[SIGUSR1], 1);
    block(SIG_BLOCK, SIGUSR1, 0);
    kill(getpid(), SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    sigpending(&set);
    CHECK("ignoring discards", !sigismember(&set, SIGUSR1));
    block(SIG_UNBLOCK, SIGUSR1, 0);
    block(SIG_SETMASK, SIGKILL, SIGSTOP);
    sigprocmask(SIG_BLOCK, NULL, &set);
    CHECK("SIGKILL and SIGSTOP cannot be blocked",
          !sigismember(&set, SIGKILL) && !sigismember(&set, SIGSTOP));
    EXPECT_ERR("bad how", sigprocmask(9, &set, NULL), EINVAL);
}

static void test_sigtimedwait(void)
{
    sigset_t set = set_of(SIGRTMIN, SIGUSR1);
    struct timespec zero = {0, 0}, bad = {0, -1};
    siginfo_t info;

    sigprocmask(SIG_BLOCK, &set, NULL);
    EXPECT_ERR("none pending", sigtimedwait(&set, &info, &zero), EAGAIN);
    EXPECT_ERR("bad time", sigtimedwait(&set, &info, &bad), EINVAL);
    for (int i = 0; i < 3; i++)
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
    for (int i = 0; i < 3; i++) {
        EXPECT("sigwaitinfo", sigwaitinfo(&set, &info), SIGRTMIN);
        CHECK("in order of sending", info.si_value.sival_int == i && info.si_code == SI_QUEUE);
    }
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        process_await(parent, "S");
        kill(parent, SIGUSR1);
        _exit(0);
    }
    EXPECT("waits for a signal", sigwaitinfo(&set, &info), SIGUSR1);
    EXPECT("from the child", info.si_pid, pid);
    child_end(pid);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void test_sigsuspend(void)
{
    sigset_t none, now;

    reset();
    sigemptyset(&none);
    on(SIGUSR1, count, 0);
    block(SIG_BLOCK, SIGUSR1, 0);
    kill(getpid(), SIGUSR1);
    EXPECT_ERR("sigsuspend", sigsuspend(&none), EINTR);
    EXPECT("its signal came", handled[SIGUSR1], 1);
    sigprocmask(SIG_BLOCK, NULL, &now);
    CHECK("sigsuspend puts the mask back", sigismember(&now, SIGUSR1));
    block(SIG_UNBLOCK, SIGUSR1, 0);
}

static void altstack_inside(int number, siginfo_t *info, void *context)
{
    stack_t now, other = {.ss_sp = (void *)handled, .ss_size = 65536};

    record(number, info, context);
    sigaltstack(NULL, &now);
    EXPECT("SS_ONSTACK inside", now.ss_flags, SS_ONSTACK);
    EXPECT_ERR("in use", sigaltstack(&other, NULL), EPERM);
    EXPECT("frame tells the stack", ((ucontext_t *)context)->uc_stack.ss_size, 65536);
}

static void overflow(void *unused)
{
    volatile char big[16384];

    big[0] = big[sizeof(big) - 1] = 1;
    overflow(unused);
    big[1] = 2;
}

static void overflow_main(void *unused)
{
    struct sigaction action = {.sa_handler = exit, .sa_flags = SA_ONSTACK};

    sigaction(SIGSEGV, &action, NULL);
    overflow(unused);
}

static void overflow_bare(void *unused)
{
    signal(SIGSEGV, exit);
    overflow(unused);
}

static void test_altstack(void)
{
    static char memory[65536];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof(memory)}, old;
    struct sigaction action = {.sa_sigaction = altstack_inside,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK};

    EXPECT("no stack at first", sigaltstack(NULL, &old), 0);
    EXPECT("disabled", old.ss_flags, SS_DISABLE);
    EXPECT("sigaltstack", sigaltstack(&stack, NULL), 0);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    CHECK("handler ran there",
          sp_inside > (uintptr_t)memory && sp_inside <= (uintptr_t)memory + sizeof(memory));
    on_info(SIGUSR1, 0);
    raise(SIGUSR1);
    CHECK("not without SA_ONSTACK",
          sp_inside < (uintptr_t)memory || sp_inside > (uintptr_t)memory + sizeof(memory));
    EXPECT("stack overflow is caught there", child_run(overflow_main, NULL), EXITED(SIGSEGV));
    EXPECT("and kills without", child_run(overflow_bare, NULL) & 0x7f, SIGNALED(SIGSEGV));
    stack.ss_size = 100;
    EXPECT_ERR("too small", sigaltstack(&stack, NULL), ENOMEM);
    stack.ss_flags = 0x77;
    EXPECT_ERR("bad flags", sigaltstack(&stack, NULL), EINVAL);
    stack.ss_flags = SS_DISABLE;
    EXPECT("disable", sigaltstack(&stack, &old), 0);
    EXPECT("was not in use", old.ss_flags, 0);
}

// Starts a process that signals us when we sleep, and then does something more.
static pid_t poke(int number, int fd)
{
    pid_t parent = getpid();

    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        process_await(parent, "S");
        kill(parent, number);
        if (fd >= 0) {
            process_await(parent, "S");
            write(fd, "d", 1);
        }
        _exit(0);
    }
    return pid;
}

static void test_interrupted_read(void)
{
    int p[2];
    char c;

    NEED(pipe(p) == 0);
    on(SIGUSR1, count, 0);
    pid_t pid = poke(SIGUSR1, -1);
    EXPECT_ERR("read is interrupted", read(p[0], &c, 1), EINTR);
    child_end(pid);
    reset();
    on(SIGUSR1, count, SA_RESTART);
    pid = poke(SIGUSR1, p[1]);
    EXPECT("read is restarted", read(p[0], &c, 1), 1);
    EXPECT("after the handler", handled[SIGUSR1], 1);
    child_end(pid);
    signal(SIGWINCH, SIG_DFL);
    pid = poke(SIGWINCH, p[1]);
    EXPECT("ignored signals do not interrupt", read(p[0], &c, 1), 1);
    child_end(pid);
    close(p[0]);
    close(p[1]);
}

static void test_interrupted_write(void)
{
    int p[2];
    static char big[1 << 20];

    NEED(pipe(p) == 0);
    on(SIGUSR1, count, 0);
    pid_t pid = poke(SIGUSR1, -1);
    ssize_t n = write(p[1], big, sizeof(big));
    CHECK("write is cut short", n > 0 && n < (ssize_t)sizeof(big));
    child_end(pid);
    pid = poke(SIGUSR1, -1);
    EXPECT_ERR("full pipe, interrupted", write(p[1], big, 1), EINTR);
    child_end(pid);
    close(p[0]);
    close(p[1]);
}

static void futex_sleep(void *unused)
{
    struct timespec second = {1, 0};
    int word = 0;

    (void)unused;
    _exit(syscall(SYS_futex, &word, 0, 0, &second, NULL, 0) != -1 || errno != ETIMEDOUT);
}

static void plain_sleep(void *unused)
{
    struct timespec second = {1, 0};

    (void)unused;
    _exit(nanosleep(&second, NULL) != 0);
}

// A stop without a handler interrupts unseen, however often.
static void test_stopped_sleep(void)
{
    for (int i = 0; i < 2; i++) {
        pid_t pid = child_start(i ? futex_sleep : plain_sleep, NULL);

        for (int n = 0; n < 3; n++) {
            process_await(pid, "SZ");
            kill(pid, SIGSTOP);
            process_await(pid, "TZ");
            kill(pid, SIGCONT);
        }
        EXPECT(i ? "stopped in futex" : "stopped in nanosleep", child_end(pid), 0);
    }
}

static void test_interrupted_sleep(void)
{
    struct timespec day = {86400, 0}, left = {0, 0};
    struct pollfd none = {.fd = -1};
    int word = 0;

    for (int restart = 0; restart < 2; restart++) {
        on(SIGUSR1, count, restart ? SA_RESTART : 0);
        pid_t pid = poke(SIGUSR1, -1);
        EXPECT_ERR(restart ? "nanosleep, SA_RESTART" : "nanosleep", nanosleep(&day, &left), EINTR);
        CHECK(restart ? "time left, SA_RESTART" : "time left",
              left.tv_sec > 86000 && left.tv_sec < 86400 + restart);
        child_end(pid);
        pid = poke(SIGUSR1, -1);
        EXPECT_ERR(restart ? "poll, SA_RESTART" : "poll", poll(&none, 1, -1), EINTR);
        child_end(pid);
        pid = poke(SIGUSR1, -1);
        EXPECT_ERR(restart ? "pause, SA_RESTART" : "pause", pause(), EINTR);
        child_end(pid);
        sigset_t set = set_of(SIGUSR2, 0);
        pid = poke(SIGUSR1, -1);
        EXPECT_ERR(restart ? "sigtimedwait, SA_RESTART" : "sigtimedwait",
                   sigtimedwait(&set, NULL, &day), EINTR);
        child_end(pid);
    }
    on(SIGUSR1, count, 0);
    pid_t pid = poke(SIGUSR1, -1);
    EXPECT_ERR("futex", syscall(SYS_futex, &word, 0, 0, NULL), EINTR);
    child_end(pid);
}

static void pause_main(void *unused)
{
    (void)unused;
    for (;;)
        pause();
}

static void test_interrupted_wait(void)
{
    pid_t child = child_start(pause_main, NULL);

    on(SIGUSR1, count, 0);
    pid_t pid = poke(SIGUSR1, -1);
    EXPECT_ERR("waitpid", waitpid(child, NULL, 0), EINTR);
    child_end(pid);
    on(SIGUSR1, count, SA_RESTART);
    reset();
    pid_t self = getpid();
    pid = fork();
    if (pid == 0) {
        process_await(self, "S");
        kill(self, SIGUSR1);
        process_await(self, "S");
        kill(child, SIGKILL);
        _exit(0);
    }
    EXPECT("waitpid is restarted", child_end(child), SIGNALED(SIGKILL));
    EXPECT("its handler ran", handled[SIGUSR1], 1);
    child_end(pid);
}

static void sigchld_await(int n)
{
    sigset_t none;

    sigemptyset(&none);
    while (handled[SIGCHLD] < n)
        sigsuspend(&none);
}

static void test_sigchld(void)
{
    on_info(SIGCHLD, 0);
    block(SIG_BLOCK, SIGCHLD, 0);
    reset();
    pid_t pid = child_start(pause_main, NULL);
    kill(pid, SIGSTOP);
    sigchld_await(1);
    CHECK("stop", last.si_code == CLD_STOPPED && last.si_status == SIGSTOP && last.si_pid == pid);
    kill(pid, SIGCONT);
    sigchld_await(2);
    CHECK("continue", last.si_code == CLD_CONTINUED && last.si_status == SIGCONT);
    on_info(SIGCHLD, SA_NOCLDSTOP);
    kill(pid, SIGSTOP);
    process_await(pid, "T");
    kill(pid, SIGCONT);
    process_await(pid, "SR");
    EXPECT("SA_NOCLDSTOP", handled[SIGCHLD], 2);
    kill(pid, SIGTERM);
    sigchld_await(3);
    CHECK("end", last.si_code == CLD_KILLED && last.si_status == SIGTERM && last.si_pid == pid);
    child_end(pid);
    signal(SIGCHLD, SIG_DFL);
    block(SIG_UNBLOCK, SIGCHLD, 0);
}

static void test_stop(void)
{
    static const int stops[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    int status;

    for (int i = 0; i < 4; i++) {
        char name[64];
        pid_t pid = child_start(pause_main, NULL);
        snprintf(name, sizeof(name), "stop by %d", stops[i]);
        setpgid(pid, pid); // in an orphaned group only SIGSTOP would stop it
        kill(pid, stops[i]);
        EXPECT(name, waitpid(pid, &status, WUNTRACED), pid);
        CHECK(name, WIFSTOPPED(status) && WSTOPSIG(status) == stops[i]);
        kill(pid, SIGTERM);
        EXPECT("stopped: SIGTERM waits", process_state(pid), 'T');
        kill(pid, SIGCONT);
        EXPECT("until SIGCONT", child_end(pid), SIGNALED(SIGTERM));
    }
    pid_t pid = child_start(pause_main, NULL);
    kill(pid, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    kill(pid, SIGKILL);
    EXPECT("SIGKILL ends a stopped process", child_end(pid), SIGNALED(SIGKILL));
}

static void stop_under_timer(void *unused)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGCONT};
    struct itimerspec when = {{0, 200000}, {0, 200000}};
    timer_t timer;

    (void)unused;
    NEED(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    NEED(timer_settime(timer, 0, &when, NULL) == 0);
    for (;;) {
        raise(SIGSTOP);
        usleep(1000); // for the report to be seen before the next
    }
}

// A SIGCONT that the kernel makes, at whatever moment, is reported as any other.
static void test_continue_by_timer(void)
{
    pid_t pid = child_start(stop_under_timer, NULL);
    int status = 0, continued = 0;

    while (continued < 100 && kill(pid, 0) == 0) {
        NEED(waitpid(pid, &status, WUNTRACED | WCONTINUED | WNOHANG) >= 0);
        continued += WIFCONTINUED(status);
        status = 0;
    }
    EXPECT("continued by a timer", continued, 100);
    kill(pid, SIGKILL);
    child_end(pid);
}

static void die_of(void *number)
{
    signal((int)(long)number, SIG_DFL);
    kill(getpid(), (int)(long)number);
    _exit(0);
}

static void test_defaults(void)
{
    for (int i = 1; i <= 64; i++) {
        char name[64];
        if (i == 32 || i == 33 || (i >= SIGCONT && i <= SIGTTOU))
            continue;
        bool ignored = i == SIGCHLD || i == SIGURG || i == SIGWINCH;
        snprintf(name, sizeof(name), "default of signal %d", i);
        EXPECT(name, child_run(die_of, (void *)(long)i) & 0x7f, ignored ? 0 : i);
    }
}

static void illegal(void *unused)
{
    (void)unused;
    __asm__ volatile(".globl illegal_pc\nillegal_pc: .word 0xffffffff");
}

static void breakpoint(void *unused)
{
    (void)unused;
    __asm__ volatile(".option push\n.option norvc\n.globl break_pc\nbreak_pc: ebreak\n.option pop");
}

extern char illegal_pc[], break_pc[];

static void blocked_fault(void *unused)
{
    signal(SIGSEGV, exit);
    block(SIG_BLOCK, SIGSEGV, 0);
    touch_read((void *)8);
    (void)unused;
}

static void ignored_fault(void *unused)
{
    signal(SIGSEGV, SIG_IGN);
    touch_read((void *)8);
    (void)unused;
}

static void test_faults(void)
{
    char *page = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    NEED(page != MAP_FAILED);
    EXPECT_FAULT("unmapped read", touch_read, 8, SIGSEGV, SEGV_MAPERR);
    EXPECT_FAULT("unmapped write", touch_write, UNMAPPED + 5, SIGSEGV, SEGV_MAPERR);
    EXPECT_FAULT("write to read-only", touch_write, page + 100, SIGSEGV, SEGV_ACCERR);
    EXPECT_FAULT("call of data", touch_call, page + 8, SIGSEGV, SEGV_ACCERR);
    EXPECT_FAULT("call of nothing", touch_call, UNMAPPED, SIGSEGV, SEGV_MAPERR);
    EXPECT("illegal instruction", fault_of(illegal, NULL), SIGILL);
    CHECK("its address", fault_info.si_addr == illegal_pc && fault_info.si_code == ILL_ILLOPC);
    EXPECT("breakpoint", fault_of(breakpoint, NULL), SIGTRAP);
    CHECK("its address and code",
          fault_info.si_addr == break_pc && fault_info.si_code == TRAP_BRKPT);
    EXPECT("blocked fault kills", child_run(blocked_fault, NULL) & 0x7f, SIGSEGV);
    EXPECT("ignored fault kills", child_run(ignored_fault, NULL) & 0x7f, SIGSEGV);
    munmap(page, 2 * PAGE);
}

static void skip(int number, siginfo_t *info, void *context)
{
    ucontext_t *c = context;

    (void)info;
    count(number);
    c->uc_mcontext.__gregs[REG_PC] += 4;
    c->uc_mcontext.__gregs[10] = 4711;
    sigaddset(&c->uc_sigmask, SIGHUP);
}

static void test_context(void)
{
    struct sigaction action = {.sa_sigaction = skip, .sa_flags = SA_SIGINFO};
    register long a0 __asm__("a0") = 1;
    sigset_t now;

    sigaction(SIGILL, &action, NULL);
    __asm__ volatile(".word 0xffffffff" : "+r"(a0));
    long changed = a0;
    EXPECT("handler changes a register", changed, 4711);
    sigprocmask(SIG_BLOCK, NULL, &now);
    CHECK("handler changes the mask", sigismember(&now, SIGHUP));
    block(SIG_UNBLOCK, SIGHUP, 0);
    signal(SIGILL, SIG_DFL);
}

static void test_inheritance(void)
{
    sigset_t set;

    reset();
    on(SIGUSR1, count, 0);
    block(SIG_BLOCK, SIGUSR1, 0);
    kill(getpid(), SIGUSR1);
    pid_t pid = fork();
    if (pid == 0) {
        sigpending(&set);
        CHECK("child has none pending", !sigismember(&set, SIGUSR1));
        sigprocmask(SIG_BLOCK, NULL, &set);
        CHECK("child has the mask", sigismember(&set, SIGUSR1));
        block(SIG_UNBLOCK, SIGUSR1, 0);
        EXPECT("none is delivered", handled[SIGUSR1], 0);
        raise(SIGUSR1);
        EXPECT("child has the handler", handled[SIGUSR1], 1);
        kill(getpid(), SIGUSR2);
        _exit(0);
    }
    signal(SIGUSR2, SIG_DFL);
    child_end(pid);
    pid = fork();
    if (pid == 0) {
        char *argv[] = {"signals", "--exec", NULL}, *env[] = {NULL};
        signal(SIGHUP, SIG_IGN);
        kill(getpid(), SIGUSR1);
        execve("/proc/self/exe", argv, env);
    }
    EXPECT("across exec", child_end(pid), EXITED(0));
    block(SIG_UNBLOCK, SIGUSR1, 0);
}

// After exec: handlers are default, ignored stays, mask and pending stay.
static int executed(void)
{
    struct sigaction old;
    sigset_t set;

    sigaction(SIGUSR1, NULL, &old);
    if (old.sa_handler != SIG_DFL)
        return 1;
    sigaction(SIGHUP, NULL, &old);
    if (old.sa_handler != SIG_IGN)
        return 2;
    sigprocmask(SIG_BLOCK, NULL, &set);
    if (!sigismember(&set, SIGUSR1))
        return 3;
    sigpending(&set);
    return sigismember(&set, SIGUSR1) ? 0 : 4;
}

static void unprivileged(void *unused)
{
    (void)unused;
    NEED(setgid(1000) == 0 && setuid(1000) == 0);
    EXPECT_ERR("kill across users", kill(1, SIGTERM), EPERM);
    EXPECT_ERR("probe across users", kill(1, 0), EPERM);
    EXPECT("kill oneself", kill(getpid(), 0), 0);
}

static void test_permission(void)
{
    if (getuid() == 0)
        EXPECT("unprivileged", child_run(unprivileged, NULL), 0);
}

static void test_storm(void)
{
    enum { STORM = 2000 };

    reset();
    on(SIGUSR1, count, SA_RESTART);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        for (int i = 0; i < STORM; i++)
            kill(parent, SIGUSR1);
        _exit(0);
    }
    EXPECT("waits through a storm of signals", child_end(pid), 0);
    CHECK("some came", handled[SIGUSR1] > 0 && handled[SIGUSR1] <= STORM);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return executed();
    abi_begin();
    test_sigaction();
    test_mask_in_handler();
    test_nesting();
    test_info();
    test_pending();
    test_sigtimedwait();
    test_sigsuspend();
    test_altstack();
    test_interrupted_read();
    test_interrupted_write();
    test_interrupted_sleep();
    test_stopped_sleep();
    test_interrupted_wait();
    test_sigchld();
    test_stop();
    test_continue_by_timer();
    test_defaults();
    test_faults();
    test_context();
    test_inheritance();
    test_permission();
    test_storm();
    return abi_end();
}
