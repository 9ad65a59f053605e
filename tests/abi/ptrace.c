// SPDX-License-Identifier: MIT
// ptrace(2): stops, registers, memory, events, attaching and the ends.
#include "tracing.h"

#include <pthread.h>
#include <sys/prctl.h>

/* Errors */

static void test_errors(void)
{
    pid_t pid = child_start(forever, NULL);

    EXPECT("errors not traced", trace(PTRACE_CONT, pid, 0, 0), -ESRCH);
    EXPECT("errors no such thread", trace(PTRACE_ATTACH, 0x7ffffff, 0, 0), -ESRCH);
    EXPECT("errors self", trace(PTRACE_ATTACH, getpid(), 0, 0), -EPERM);
    EXPECT("errors seize self", trace(PTRACE_SEIZE, getpid(), 0, 0), -EPERM);
    EXPECT("errors seize address", trace(PTRACE_SEIZE, pid, 8, 0), -EIO);
    EXPECT("errors seize options", trace(PTRACE_SEIZE, pid, 0, 1 << 30), -EIO);
    EXPECT("errors seize", trace(PTRACE_SEIZE, pid, 0, 0), 0);
    EXPECT("errors traced", trace(PTRACE_ATTACH, pid, 0, 0), -EPERM);
    EXPECT("errors running", trace(PTRACE_CONT, pid, 0, 0), -ESRCH);
    EXPECT("errors running peek", trace(PTRACE_PEEKDATA, pid, 0, (long)regs), -ESRCH);
    EXPECT("errors interrupt", trace(PTRACE_INTERRUPT, pid, 0, 0), 0);
    EXPECT("errors interrupted", next(pid), EVENT(PTRACE_EVENT_STOP));
    EXPECT("errors request", trace(0x4fff, pid, 0, 0), -EIO);
    EXPECT("errors single step", trace(PTRACE_SINGLESTEP, pid, 0, 0), -EIO);
    EXPECT("errors signal", trace(PTRACE_CONT, pid, 0, 65), -EIO);
    EXPECT("errors option", trace(PTRACE_SETOPTIONS, pid, 0, 1 << 30), -EINVAL);
    EXPECT("errors peek", trace(PTRACE_PEEKDATA, pid, UNMAPPED, (long)regs), -EIO);
    EXPECT("errors peek to", trace(PTRACE_PEEKDATA, pid, (long)&regs, 8), -EFAULT);
    EXPECT("errors poke", trace(PTRACE_POKEDATA, pid, UNMAPPED, 1), -EIO);
    size_t size = 8;
    EXPECT("errors register set", regset(PTRACE_GETREGSET, pid, 0x777, regs, &size), -EINVAL);
    size = 9;
    EXPECT("errors register set size", regset(PTRACE_GETREGSET, pid, NT_PRSTATUS, regs, &size),
           -EINVAL);
    EXPECT("errors mask size", trace(PTRACE_GETSIGMASK, pid, 4, (long)regs), -EINVAL);
    EXPECT("errors kill", trace(PTRACE_KILL, pid, 0, 0), 0);
    EXPECT("errors killed", next(pid), SIGNALED(SIGKILL));
    EXPECT("errors gone", trace(PTRACE_CONT, pid, 0, 0), -ESRCH);
    EXPECT("errors nobody", next(pid), -ECHILD);
}

/* Stops by signals */

static void raise_and_exit(void *argument)
{
    raise((int)(long)argument);
    _exit(7);
}

static volatile int handled;

static void handler(int sig)
{
    handled = sig;
}

static void exit_handled(void *unused)
{
    (void)unused;
    signal(SIGUSR2, handler);
    signal(SIGCHLD, SIG_IGN);
    raise(SIGUSR1);
    raise(SIGCHLD);
    _exit(handled);
}

static void test_signals(void)
{
    pid_t pid = tracee_start(raise_and_exit, (void *)SIGTERM, 0);
    siginfo_t info;

    EXPECT("signal own stop code", code(pid), SI_USER);
    EXPECT("signal state", process_state(pid), 't');
    EXPECT("signal stop", go(pid, PTRACE_CONT, 0), STOPPED(SIGTERM));
    EXPECT("signal info", trace(PTRACE_GETSIGINFO, pid, 0, (long)&info), 0);
    EXPECT("signal sender", info.si_pid, pid);
    EXPECT("signal dropped", go(pid, PTRACE_CONT, 0), EXITED(7));
    pid = tracee_start(raise_and_exit, (void *)SIGTERM, 0);
    EXPECT("signal stop again", go(pid, PTRACE_CONT, 0), STOPPED(SIGTERM));
    EXPECT("signal delivered", go(pid, PTRACE_CONT, SIGTERM), SIGNALED(SIGTERM));
    pid = tracee_start(exit_handled, NULL, 0);
    EXPECT("signal other stop", go(pid, PTRACE_CONT, 0), STOPPED(SIGUSR1));
    EXPECT("signal ignored stops", go(pid, PTRACE_CONT, SIGUSR2), STOPPED(SIGCHLD));
    EXPECT("signal replaced", go(pid, PTRACE_CONT, SIGCHLD), EXITED(SIGUSR2));
    pid = tracee_start(forever, NULL, 0);
    NEED(trace(PTRACE_CONT, pid, 0, 0) == 0);
    kill(pid, SIGKILL);
    EXPECT("signal kill shows no stop", next(pid), SIGNALED(SIGKILL));
    pid = tracee_start(forever, NULL, 0);
    kill(pid, SIGKILL);
    EXPECT("signal kill in a stop", next(pid), SIGNALED(SIGKILL));
}

// A group stop without PTRACE_SEIZE has no siginfo.
static int seen_pipe[2];

static void see(int sig)
{
    NEED(write(seen_pipe[1], &sig, sizeof(sig)) == sizeof(sig));
}

static void raise_handled(void)
{
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = see, .sa_flags = SA_RESETHAND}, NULL);
    trace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGUSR1);
    _exit(0);
}

// Ends with the stop's record changed, and nobody resumed.
static void forger(void *unused)
{
    siginfo_t info;
    pid_t pid = fork();

    (void)unused;
    if (!pid)
        raise_handled();
    while (trace(PTRACE_GETSIGINFO, pid, 0, (long)&info) < 0)
        sched_yield();
    info.si_signo = 0x40000000;
    EXPECT("forge", trace(PTRACE_SETSIGINFO, pid, 0, (long)&info), 0);
}

static void test_forged_signal(void)
{
    int sig = 0;

    NEED(pipe(seen_pipe) == 0);
    EXPECT("tracer", child_run(forger, NULL), EXITED(0));
    EXPECT("handler of the forged", read(seen_pipe[0], &sig, sizeof(sig)), (long)sizeof(sig));
    EXPECT("its signal", sig, SIGUSR1);
    close(seen_pipe[0]), close(seen_pipe[1]);
}

static void test_group_stop(void)
{
    pid_t pid = tracee_start(raise_and_exit, (void *)SIGSTOP, 0);

    EXPECT("group signal", go(pid, PTRACE_CONT, 0), STOPPED(SIGSTOP));
    EXPECT("group signal code", code(pid), SI_TKILL);
    EXPECT("group stop", go(pid, PTRACE_CONT, SIGSTOP), STOPPED(SIGSTOP));
    EXPECT("group stop code", code(pid), -EINVAL);
    EXPECT("group end", go(pid, PTRACE_CONT, 0), EXITED(7));
}

// The tracer has a thread of a stopped process go on; the next stop signal stops it again, and is
// not news for a parent that is told of every stop.
static void test_second_stop(void)
{
    pid_t pid = tracee_start(forever, NULL, 0);

    NEED(trace(PTRACE_CONT, pid, 0, 0) == 0);
    for (int i = 0; i < 3; i++) {
        process_await(pid, "SR");
        NEED(kill(pid, SIGSTOP) == 0);
        EXPECT("stop signal", next(pid), STOPPED(SIGSTOP));
        EXPECT("its code", code(pid), SI_USER);
        EXPECT("the stop", go(pid, PTRACE_CONT, SIGSTOP) & 0xff, 0x7f);
        EXPECT("it is the group's", code(pid), -EINVAL);
        NEED(trace(PTRACE_CONT, pid, 0, 0) == 0);
    }
    kill(pid, SIGKILL);
    child_end(pid);
}

/* System calls */

static void some_calls(void *unused)
{
    (void)unused;
    raw(SYS_getpid, 1, 2, 3, 4, 5, 6);
    raw(SYS_close, -1, 0, 0, 0, 0, 0);
    _exit(raw(SYS_getppid, 0, 0, 0, 0, 0, 0) == 42 ? 3 : 4);
}

static void test_calls(void)
{
    pid_t pid = tracee_start(some_calls, NULL, O_TRACESYSGOOD);
    struct __ptrace_syscall_info {
        unsigned char op, pad[3];
        unsigned arch;
        unsigned long pc, sp, word[7];
    } info;

    memset(&info, 0xee, sizeof(info));
    EXPECT("call none", trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), (long)&info), 24);
    EXPECT("call none op", info.op, 0);
    EXPECT("call arch", info.arch, 0xc00000f3);
    EXPECT("call entry", go(pid, PTRACE_SYSCALL, 0), SYSGOOD);
    while (trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), (long)&info) >= 0 &&
           !(info.op == 1 && info.word[0] == SYS_getpid))
        NEED(go(pid, PTRACE_SYSCALL, 0) == SYSGOOD);
    EXPECT("call size", trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), (long)&info), 80);
    for (int i = 1; i <= 6; i++)
        EXPECT("call argument", info.word[i], i);
    EXPECT("call message", message(pid), 1);
    EXPECT("call code", code(pid), SIGTRAP | 0x80);
    EXPECT("call exit", go(pid, PTRACE_SYSCALL, 0), SYSGOOD);
    EXPECT("call exit size", trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), (long)&info), 33);
    EXPECT("call exit op", info.op, 2);
    EXPECT("call result", info.word[0], pid);
    EXPECT("call no error", info.word[1] & 0xff, 0);
    EXPECT("call message of exit", message(pid), 2);
    memset(&info, 0xee, sizeof(info));
    EXPECT("call cut size", trace(PTRACE_GET_SYSCALL_INFO, pid, 1, (long)&info), 33);
    EXPECT("call cut", info.arch, 0xeeeeeeee);

    EXPECT("call close", go(pid, PTRACE_SYSCALL, 0), SYSGOOD);
    EXPECT("call close exit", go(pid, PTRACE_SYSCALL, 0), SYSGOOD);
    trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), (long)&info);
    EXPECT("call error", info.word[0], -EBADF);
    EXPECT("call is error", info.word[1] & 0xff, 1);

    // A call that is none, with a result of our own.
    EXPECT("call getppid", go(pid, PTRACE_SYSCALL, 0), SYSGOOD);
    regs_get(pid);
    EXPECT("call number", regs[17], SYS_getppid);
    regs[17] = -1;
    regs_set(pid);
    EXPECT("call left out", go(pid, PTRACE_SYSCALL, 0), SYSGOOD);
    regs_get(pid);
    EXPECT("call left out result", regs[10], -ENOSYS);
    regs[10] = 42;
    regs_set(pid);
    EXPECT("call end", go(pid, PTRACE_CONT, 0), EXITED(3));
}

/* Memory and registers */

static volatile unsigned long word = 0x1122334455667788;
static volatile double number;
static const unsigned long constant = 5;

static void use_number(void *unused)
{
    (void)unused;
    double x = 1.5;

    __asm__ volatile("fmv.d fs0, %0\nebreak\nfmv.d %0, fs0" : "+f"(x) : : "fs0");
    number = x;
    _exit(number == 2.5 && word == 99 && *(volatile const unsigned long *)&constant == 6 ? 5 : 6);
}

static void test_memory(void)
{
    pid_t pid = tracee_start(use_number, NULL, 0);
    unsigned long value = 0, fp[33];
    size_t size = sizeof(fp);
    char path[64];

    EXPECT("memory trap", go(pid, PTRACE_CONT, 0), STOPPED(SIGTRAP));
    EXPECT("memory trap code", code(pid), TRAP_BRKPT);
    EXPECT("memory peek", trace(PTRACE_PEEKDATA, pid, (long)&word, (long)&value), 0);
    EXPECT("memory peeked", value, 0x1122334455667788);
    EXPECT("memory poke", trace(PTRACE_POKEDATA, pid, (long)&word, 98), 0);
    EXPECT("memory poke read-only", trace(PTRACE_POKETEXT, pid, (long)&constant, 6), 0);
    snprintf(path, sizeof(path), "/proc/%d/mem", pid);
    int fd = open(path, O_RDWR);
    NEED(fd >= 0);
    EXPECT("memory file read", pread(fd, &value, 8, (long)&word), 8);
    EXPECT("memory file value", value, 98);
    value = 99;
    EXPECT("memory file write", pwrite(fd, &value, 8, (long)&word), 8);
    EXPECT_ERR("memory file hole", pread(fd, &value, 8, UNMAPPED), EIO);
    close(fd);
    EXPECT("memory here is ours", word, 0x1122334455667788);

    regs_get(pid);
    unsigned instruction = 0;
    trace(PTRACE_PEEKTEXT, pid, regs[0], (long)&value);
    instruction = value;
    CHECK("registers pc", instruction == 0x00100073 || (instruction & 0xffff) == 0x9002);
    size = 16;
    EXPECT("registers some", regset(PTRACE_GETREGSET, pid, NT_PRSTATUS, fp, &size), 0);
    EXPECT("registers some size", size, 16);
    size = 100000;
    EXPECT("registers more", regset(PTRACE_GETREGSET, pid, NT_PRSTATUS, regs, &size), 0);
    EXPECT("registers more size", size, sizeof(regs));
    size = sizeof(fp);
    EXPECT("registers fp", regset(PTRACE_GETREGSET, pid, NT_FPREGSET, fp, &size), 0);
    EXPECT("registers fp size", size, sizeof(fp));
    double x = 1.5;
    CHECK("registers fs0", !memcmp(&fp[8], &x, 8));
    x = 2.5;
    memcpy(&fp[8], &x, 8);
    EXPECT("registers fp set", regset(PTRACE_SETREGSET, pid, NT_FPREGSET, fp, &size), 0);
    regs[0] += (instruction & 3) == 3 ? 4 : 2;
    regs_set(pid);
    EXPECT("registers used", go(pid, PTRACE_CONT, 0), EXITED(5));
}

static void test_mask(void)
{
    pid_t pid = tracee_start(raise_and_exit, (void *)SIGTERM, 0);
    unsigned long mask = 77;

    EXPECT("mask get", trace(PTRACE_GETSIGMASK, pid, 8, (long)&mask), 0);
    EXPECT("mask", mask, 0);
    mask = 1UL << (SIGTERM - 1) | 1UL << (SIGKILL - 1);
    EXPECT("mask set", trace(PTRACE_SETSIGMASK, pid, 8, (long)&mask), 0);
    trace(PTRACE_GETSIGMASK, pid, 8, (long)&mask);
    EXPECT("mask never kill", mask, 1UL << (SIGTERM - 1));
    EXPECT("mask blocks", go(pid, PTRACE_CONT, 0), EXITED(7));
}

/* Events */

static void fork_once(void *unused)
{
    (void)unused;
    pid_t pid = fork();

    if (pid == 0)
        _exit(11);
    _exit(child_end(pid) == EXITED(11) ? 12 : 13);
}

static void test_fork(void)
{
    pid_t pid = tracee_start(fork_once, NULL, O_TRACEFORK);

    EXPECT("fork event", go(pid, PTRACE_CONT, 0), EVENT(PTRACE_EVENT_FORK));
    EXPECT("fork code", code(pid), SIGTRAP | PTRACE_EVENT_FORK << 8);
    pid_t child = message(pid);
    EXPECT("fork child stops", next(child), STOPPED(SIGSTOP));
    NEED(trace(PTRACE_CONT, pid, 0, 0) == 0);
    EXPECT("fork child ends", go(child, PTRACE_CONT, 0), EXITED(11));
    EXPECT("fork parent is told", next(pid), STOPPED(SIGCHLD));
    EXPECT("fork parent too", go(pid, PTRACE_CONT, SIGCHLD), EXITED(12));
}

static void vfork_exec(void *unused)
{
    static char *const none[] = {"true", NULL};

    (void)unused;
    pid_t pid = vfork();
    if (pid == 0) {
        execve("/proc/self/exe", (char *[]){"self", "--exit", NULL}, none);
        _exit(1);
    }
    _exit(child_end(pid) == EXITED(33) ? 14 : 15);
}

static void test_vfork_exec(void)
{
    pid_t pid =
        tracee_start(vfork_exec, NULL, O_TRACEVFORK | O_TRACEVFORKDONE | O_TRACEEXEC | O_TRACEEXIT);

    EXPECT("vfork event", go(pid, PTRACE_CONT, 0), EVENT(PTRACE_EVENT_VFORK));
    pid_t child = message(pid);
    EXPECT("vfork child stops", next(child), STOPPED(SIGSTOP));
    NEED(trace(PTRACE_CONT, pid, 0, 0) == 0);
    EXPECT("vfork exec", go(child, PTRACE_CONT, 0), EVENT(PTRACE_EVENT_EXEC));
    EXPECT("vfork exec message", message(child), child);
    EXPECT("vfork done", next(pid), EVENT(PTRACE_EVENT_VFORK_DONE));
    EXPECT("vfork done message", message(pid), child);
    NEED(trace(PTRACE_CONT, pid, 0, 0) == 0);
    EXPECT("vfork exit", go(child, PTRACE_CONT, 0), EVENT(PTRACE_EVENT_EXIT));
    EXPECT("vfork exit message", message(child), EXITED(33));
    EXPECT("vfork child ends", go(child, PTRACE_CONT, 0), EXITED(33));
    EXPECT("vfork parent is told", next(pid), STOPPED(SIGCHLD));
    EXPECT("vfork parent exit", go(pid, PTRACE_CONT, 0), EVENT(PTRACE_EVENT_EXIT));
    EXPECT("vfork parent ends", go(pid, PTRACE_CONT, 0), EXITED(14));
}

static void exec_self(void *unused)
{
    (void)unused;
    execl("/proc/self/exe", "self", "--exit", NULL);
}

static void test_exec_trap(void)
{
    pid_t pid = tracee_start(exec_self, NULL, 0);

    EXPECT("exec trap", go(pid, PTRACE_CONT, 0), STOPPED(SIGTRAP));
    EXPECT("exec trap code", code(pid), SI_USER);
    EXPECT("exec trap end", go(pid, PTRACE_CONT, 0), EXITED(33));
}

static void *thread_exec(void *unused)
{
    exec_self(unused);
    return NULL;
}

static void *thread_end(void *unused)
{
    return unused;
}

static void threads(void *argument)
{
    pthread_t t;

    pthread_create(&t, NULL, argument ? thread_exec : thread_end, NULL);
    pthread_join(t, NULL);
    _exit(16);
}

static void test_threads(void)
{
    pid_t pid = tracee_start(threads, NULL, O_TRACECLONE);

    EXPECT("thread event", go(pid, PTRACE_CONT, 0), EVENT(PTRACE_EVENT_CLONE));
    pid_t tid = message(pid);
    EXPECT("thread stops", next(tid), STOPPED(SIGSTOP));
    EXPECT("thread ends", go(tid, PTRACE_CONT, 0), EXITED(0));
    EXPECT("thread process ends", go(pid, PTRACE_CONT, 0), EXITED(16));
    EXPECT("thread is gone", next(tid), -ECHILD);

    pid = tracee_start(threads, "", O_TRACECLONE | O_TRACEEXEC);
    EXPECT("thread exec event", go(pid, PTRACE_CONT, 0), EVENT(PTRACE_EVENT_CLONE));
    tid = message(pid);
    EXPECT("thread exec stops", next(tid), STOPPED(SIGSTOP));
    NEED(trace(PTRACE_CONT, pid, 0, 0) == 0);
    NEED(trace(PTRACE_CONT, tid, 0, 0) == 0);
    EXPECT("thread exec", next(pid), EVENT(PTRACE_EVENT_EXEC));
    EXPECT("thread exec old id", message(pid), tid);
    EXPECT("thread exec id is gone", trace(PTRACE_CONT, tid, 0, 0), -ESRCH);
    EXPECT("thread exec end", go(pid, PTRACE_CONT, 0), EXITED(33));
}

/* Attaching */

static long tracer_of(pid_t pid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    const char *line = strstr(file_text(path), "TracerPid:");
    return line ? atol(line + 10) : -1;
}

static void test_attach(void)
{
    pid_t pid = child_start(forever, NULL);

    process_await(pid, "S");
    EXPECT("attach no tracer", tracer_of(pid), 0);
    EXPECT("attach", trace(PTRACE_ATTACH, pid, 0, 0), 0);
    EXPECT("attach stop", next(pid), STOPPED(SIGSTOP));
    EXPECT("attach tracer", tracer_of(pid), getpid());
    EXPECT("attach not seized", trace(PTRACE_INTERRUPT, pid, 0, 0), -EIO);
    EXPECT("attach no listen", trace(PTRACE_LISTEN, pid, 0, 0), -EIO);
    EXPECT("attach detach signal", trace(PTRACE_DETACH, pid, 0, 65), -EIO);
    EXPECT("attach detach", trace(PTRACE_DETACH, pid, 0, 0), 0);
    EXPECT("attach detached", tracer_of(pid), 0);
    process_await(pid, "S");
    EXPECT("attach again", trace(PTRACE_ATTACH, pid, 0, 0), 0);
    EXPECT("attach again stop", next(pid), STOPPED(SIGSTOP));
    EXPECT("attach detach with one", trace(PTRACE_DETACH, pid, 0, SIGTERM), 0);
    EXPECT("attach ended", next(pid), SIGNALED(SIGTERM));
}

static void test_seize(void)
{
    pid_t pid = child_start(forever, NULL);

    process_await(pid, "S");
    EXPECT("seize", trace(PTRACE_SEIZE, pid, 0, O_TRACESYSGOOD), 0);
    EXPECT("seize does not stop", process_state(pid), 'S');
    EXPECT("seize interrupt", trace(PTRACE_INTERRUPT, pid, 0, 0), 0);
    EXPECT("seize stop", next(pid), EVENT(PTRACE_EVENT_STOP));
    EXPECT("seize code", code(pid), SIGTRAP | PTRACE_EVENT_STOP << 8);
    EXPECT("seize call again", go(pid, PTRACE_SYSCALL, 0), SYSGOOD);
    regs_get(pid);
    EXPECT("seize it is ppoll", regs[17], SYS_ppoll);
    NEED(trace(PTRACE_CONT, pid, 0, 0) == 0);
    kill(pid, SIGSTOP);
    EXPECT("seize signal", next(pid), STOPPED(SIGSTOP));
    EXPECT("seize group stop", go(pid, PTRACE_CONT, SIGSTOP), EVENT_OF(SIGSTOP, PTRACE_EVENT_STOP));
    EXPECT("seize listen", trace(PTRACE_LISTEN, pid, 0, 0), 0);
    EXPECT("seize listens", trace(PTRACE_CONT, pid, 0, 0), -ESRCH);
    kill(pid, SIGCONT);
    EXPECT("seize is told", next(pid), EVENT(PTRACE_EVENT_STOP));
    EXPECT("seize continue", go(pid, PTRACE_CONT, 0), STOPPED(SIGCONT));
    NEED(trace(PTRACE_CONT, pid, 0, SIGCONT) == 0);
    kill(pid, SIGTERM);
    EXPECT("seize end signal", next(pid), STOPPED(SIGTERM));
    EXPECT("seize end", go(pid, PTRACE_CONT, SIGTERM), SIGNALED(SIGTERM));
}

// A tracer that is not the parent: it hears first.
struct pair {
    pid_t tracee;
    struct gate attached, end;
    long options;
};

static void tracer_main(void *argument)
{
    struct pair *p = argument;

    NEED(trace(PTRACE_SEIZE, p->tracee, 0, p->options) == 0);
    gate_post(&p->attached);
    gate_wait(&p->end);
    if (p->options)
        _exit(0);
    EXPECT("other tracer", next(p->tracee), SIGNALED(SIGKILL));
}

static void test_other(void)
{
    struct pair p = {.tracee = child_start(forever, NULL)};
    int status;

    gate_init(&p.attached);
    gate_init(&p.end);
    pid_t tracer = child_start(tracer_main, &p);
    gate_wait(&p.attached);
    kill(p.tracee, SIGKILL);
    process_await(p.tracee, "Z");
    EXPECT("other parent waits", waitpid(p.tracee, &status, WNOHANG), 0);
    gate_post(&p.end);
    EXPECT("other parent", child_end(p.tracee), SIGNALED(SIGKILL));
    EXPECT("other tracer ends", child_end(tracer), EXITED(0));

    p.tracee = child_start(forever, NULL);
    p.options = O_EXITKILL;
    tracer = child_start(tracer_main, &p);
    gate_wait(&p.attached);
    gate_post(&p.end);
    EXPECT("other exit kills", child_end(p.tracee), SIGNALED(SIGKILL));
    EXPECT("other tracer of it", child_end(tracer), EXITED(0));

    p.tracee = child_start(forever, NULL);
    p.options = O_TRACESYSGOOD;
    tracer = child_start(tracer_main, &p);
    gate_wait(&p.attached);
    gate_post(&p.end);
    EXPECT("other tracer leaves", child_end(tracer), EXITED(0));
    EXPECT("other free", tracer_of(p.tracee), 0);
    kill(p.tracee, SIGTERM);
    EXPECT("other ends as ever", child_end(p.tracee), SIGNALED(SIGTERM));
    gate_fini(&p.attached);
    gate_fini(&p.end);
}

/* Who may */

static void as_user(void *argument)
{
    pid_t root = *(pid_t *)argument;

    NEED(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
    EXPECT("rights of root", trace(PTRACE_ATTACH, root, 0, 0), -EPERM);
    pid_t own = child_start(forever, NULL);
    EXPECT("rights not dumpable", trace(PTRACE_SEIZE, own, 0, 0), -EPERM);
    kill(own, SIGKILL);
    EXPECT("rights end", child_end(own), SIGNALED(SIGKILL));
    raw(SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0, 0);
    own = child_start(forever, NULL);
    EXPECT("rights own", trace(PTRACE_SEIZE, own, 0, 0), 0);
    kill(own, SIGKILL);
    EXPECT("rights own end", child_end(own), SIGNALED(SIGKILL));
}

static void test_rights(void)
{
    pid_t root = child_start(forever, NULL);

    if (getuid() == 0)
        child_run(as_user, &root);
    kill(root, SIGKILL);
    child_end(root);
}

/* A program that is to get rights */

#define SET_ID "/tmp/abi.traced"

static volatile int *turns; // shared

static void exec_set_id(void *unused)
{
    char *argv[] = {"ptrace", "--rights", NULL};

    (void)unused;
    NEED(setgid(1000) == 0 && setuid(1000) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0);
    *turns = 1;
    while (*turns == 1)
        ;
    execv(SET_ID, argv);
}

// As the same user: attaches at some moment of the exec. 1: it did; and then it goes on tracing.
static void attacher(void *argument)
{
    pid_t pid = *(pid_t *)argument;
    unsigned wait = turns[1];
    long err;
    int status;

    NEED(setgid(1000) == 0 && setuid(1000) == 0);
    *turns = 2;
    for (volatile unsigned i = 0; i < wait; i++)
        ;
    err = trace(PTRACE_ATTACH, pid, 0, 0);
    if (err) {
        EXPECT("refused", err == -EPERM || err == -ESRCH, true);
        _exit(0);
    }
    for (;;) {
        status = next(pid);
        if (status < 0 || !WIFSTOPPED(status))
            break;
        trace(PTRACE_CONT, pid, 0, 0);
    }
    _exit(1);
}

// What the program finds: 1 its owner's rights, 2 its user's; 3 both rights and a tracer without.
static int rights_main(void)
{
    const char *at = strstr(file_text("/proc/self/status"), "TracerPid:");
    bool traced = at && atoi(at + 10) != 0;

    return geteuid() != 0 ? 2 : traced ? 3 : 1;
}

static void test_set_id_exec(void)
{
    char self[256] = "", command[600];
    int holes = 0, odd = 0;

    turns = shared_page();
    NEED(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    snprintf(command, sizeof(command), "/usr/bin/busybox cp %s " SET_ID, self);
    NEED(system(command) == 0 && chmod(SET_ID, 04755) == 0);
    for (unsigned i = 0; i < 40; i++) {
        pid_t pid, other;
        int end;

        *turns = 0;
        turns[1] = i * 5000;
        pid = child_start(exec_set_id, NULL);
        while (*turns != 1)
            sched_yield();
        other = child_start(attacher, &pid);
        child_end(other);
        *turns = 2;
        end = child_end(pid);
        holes += end == EXITED(3);
        odd += end != EXITED(1) && end != EXITED(2) && end != EXITED(3);
    }
    EXPECT("no tracer of one that gained rights", holes, 0);
    EXPECT("each ran", odd, 0);
    unlink(SET_ID);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--rights"))
        return rights_main();
    if (argc > 1 && !strcmp(argv[1], "--exit"))
        return 33;
    abi_begin();
    test_errors();
    test_signals();
    test_forged_signal();
    test_group_stop();
    test_second_stop();
    test_calls();
    test_memory();
    test_mask();
    test_fork();
    test_vfork_exec();
    test_exec_trap();
    test_threads();
    test_attach();
    test_seize();
    test_other();
    test_rights();
    test_set_id_exec();
    return abi_end();
}
