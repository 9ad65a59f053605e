// SPDX-License-Identifier: MIT
// Processes: fork, vfork, clone3, exit, wait4 and waitid with all their options, orphans, sessions
// and process groups.
#include "abi.h"

#include <sys/ioctl.h>

#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/times.h>

static volatile int *shared; // a page that children share
static struct gate gate, back;

static void exit_with(void *code)
{
    _exit((int)(long)code);
}

static void die_of(void *number)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    signal((int)(long)number, SIG_DFL);
    kill(getpid(), (int)(long)number);
    pause();
}

static void wait_forever(void *unused)
{
    (void)unused;
    for (;;)
        pause();
}

static void test_fork(void)
{
    static volatile int value = 1;
    pid_t self = getpid(), pid = fork();

    if (pid == 0) {
        EXPECT("child's parent", getppid(), self);
        CHECK("child's pid differs", getpid() != self);
        EXPECT("child sees value", value, 1);
        value = 2;
        _exit(value);
    }
    CHECK("fork gives a pid", pid > 0);
    EXPECT("child's exit", child_end(pid), EXITED(2));
    EXPECT("child's write stays its own", value, 1);
    EXPECT_ERR("no more children", wait(NULL), ECHILD);
}

static void test_exit_codes(void)
{
    static const int codes[] = {0, 1, 42, 127, 128, 255, 256, 511, -1};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char name[64];
        snprintf(name, sizeof(name), "exit %d", codes[i]);
        EXPECT(name, child_run(exit_with, (void *)(long)codes[i]), (codes[i] & 0xff) << 8);
    }
    static const int fatal[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGILL,  SIGABRT, SIGKILL, SIGSEGV,
                                SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGSYS,  34,      64};
    for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
        char name[64];
        snprintf(name, sizeof(name), "death by signal %d", fatal[i]);
        EXPECT(name, child_run(die_of, (void *)(long)fatal[i]) & ~0x80, SIGNALED(fatal[i]));
    }
}

static void test_vfork(void)
{
    volatile int value = 1;
    pid_t pid = vfork();

    if (pid == 0) {
        value = 7;
        _exit(3);
    }
    EXPECT("vfork shares memory", value, 7);
    EXPECT("vfork status", child_end(pid), EXITED(3));
    pid = vfork();
    if (pid == 0) {
        char *argv[] = {"process", "--exit", "9", NULL}, *env[] = {NULL};
        execve("/proc/self/exe", argv, env);
        _exit(1);
    }
    EXPECT("vfork and exec", child_end(pid), EXITED(9));
}

static void vfork_parent(void *child)
{
    if (vfork() == 0) {
        *(volatile pid_t *)child = getpid();
        pause();
        _exit(0);
    }
}

static void test_vfork_killed(void)
{
    volatile pid_t *child = shared_page();
    pid_t pid = child_start(vfork_parent, (void *)child);

    while (*child == 0)
        sched_yield();
    process_await(pid, "D");
    kill(pid, SIGKILL);
    EXPECT("a vfork's parent is killed", child_end(pid), SIGNALED(SIGKILL));
    EXPECT("its child is there", kill(*child, SIGKILL), 0);
    munmap((void *)child, PAGE);
}

static void touch_much(void *unused)
{
    size_t size = 2048 * PAGE;
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct rusage usage;

    (void)unused;
    madvise(p, size, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < size; at += PAGE)
        p[at] = 1;
    munmap(p, size);
    NEED(getrusage(RUSAGE_SELF, &usage) == 0);
    CHECK("its own faults", usage.ru_minflt >= 2048);
    CHECK("its own peak, in KiB", usage.ru_maxrss >= 8192);
}

static void test_usage(void)
{
    pid_t pid = child_start(touch_much, NULL);
    struct rusage usage;
    int status;

    EXPECT("wait4", wait4(pid, &status, 0, &usage), pid);
    CHECK("faults", usage.ru_minflt >= 2048);
    CHECK("the peak, not the end", usage.ru_maxrss >= 8192);
}

static void test_clone3(void)
{
    int child_tid = 0, parent_tid = 0;
    struct clone_args args = {.exit_signal = SIGCHLD,
                              .flags = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID,
                              .parent_tid = (uintptr_t)&parent_tid,
                              .child_tid = (uintptr_t)&child_tid};
    long pid = syscall(SYS_clone3, &args, sizeof(args));

    if (pid == 0) {
        EXPECT("clone3 child's tid", child_tid, syscall(SYS_gettid));
        _exit(5);
    }
    CHECK("clone3", pid > 0);
    EXPECT("clone3 parent's tid", parent_tid, pid);
    EXPECT("clone3 leaves parent's word", child_tid, 0);
    EXPECT("clone3 status", child_end(pid), EXITED(5));
    EXPECT_ERR("clone3 short", syscall(SYS_clone3, &args, 8), EINVAL);
    args.flags = CLONE_THREAD;
    EXPECT_ERR("thread without sighand", syscall(SYS_clone3, &args, sizeof(args)), EINVAL);
    args.flags = CLONE_SIGHAND;
    EXPECT_ERR("sighand without vm", syscall(SYS_clone3, &args, sizeof(args)), EINVAL);
    args.flags = 0;
    args.exit_signal = 65;
    EXPECT_ERR("bad exit signal", syscall(SYS_clone3, &args, sizeof(args)), EINVAL);
    args.exit_signal = SIGCHLD;
    args.flags = CLONE_PARENT;
    EXPECT_ERR("signal of a sibling", syscall(SYS_clone3, &args, sizeof(args)), EINVAL);
}

static int clone3_begins(struct clone_args args)
{
    long pid;

    args.exit_signal = SIGCHLD;
    pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
        _exit(0);
    return pid > 0 ? child_end(pid) : (int)pid;
}

static void test_clone3_arguments(void)
{
    pid_t tid = 1;
    long at = (long)&tid;

    EXPECT_ERR("a flag to come", clone3_begins((struct clone_args){.flags = 1UL << 34}), EINVAL);
    EXPECT_ERR("the last flag", clone3_begins((struct clone_args){.flags = 1UL << 63}), EINVAL);
    EXPECT_ERR("ids, no count", clone3_begins((struct clone_args){.set_tid = at}), EINVAL);
    EXPECT_ERR("count, no ids", clone3_begins((struct clone_args){.set_tid_size = 1}), EINVAL);
    EXPECT_ERR("stack without size", clone3_begins((struct clone_args){.stack = at}), EINVAL);
    EXPECT_ERR("size without stack", clone3_begins((struct clone_args){.stack_size = 16}), EINVAL);
    EXPECT("clear handlers", clone3_begins((struct clone_args){.flags = CLONE_CLEAR_SIGHAND}), 0);
}

// Makes a child of this process's parent, which tells its number by a pipe.
static void make_sibling(void *tell)
{
    pid_t parent = getppid(), pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGUSR1, 0, 0, 0, 0);

    if (pid == 0) {
        EXPECT("the same parent", getppid(), parent);
        _exit(6);
    }
    NEED(write(((int *)tell)[1], &pid, sizeof(pid)) == sizeof(pid));
    EXPECT_ERR("no child of its own", waitpid(-1, NULL, 0), ECHILD);
}

// The signal is the caller's own: SIGUSR1 would end this process.
static void test_sibling(void)
{
    int tell[2];
    pid_t sibling;

    NEED(pipe2(tell, O_CLOEXEC) == 0);
    EXPECT("its maker", child_run(make_sibling, tell), EXITED(0));
    NEED(read(tell[0], &sibling, sizeof(sibling)) == sizeof(sibling));
    EXPECT("a sibling's status", child_end(sibling), EXITED(6));
    close(tell[0]);
    close(tell[1]);
}

static void test_wait_options(void)
{
    int status = -1;
    struct rusage usage;
    pid_t pid = child_start(wait_forever, NULL);

    EXPECT("WNOHANG, running", waitpid(pid, &status, WNOHANG), 0);
    EXPECT_ERR("wait for no child", waitpid(1, &status, 0), ECHILD);
    EXPECT_ERR("wait, bad option", waitpid(pid, &status, 0x10), EINVAL);
    kill(pid, SIGSTOP);
    EXPECT("WUNTRACED", waitpid(pid, &status, WUNTRACED), pid);
    CHECK("stopped by SIGSTOP", WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    EXPECT("stop is reported once", waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
    kill(pid, SIGCONT);
    EXPECT("WCONTINUED", waitpid(pid, &status, WCONTINUED), pid);
    CHECK("continued", WIFCONTINUED(status));
    EXPECT("continue is reported once", waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
    kill(pid, SIGKILL);
    EXPECT("wait4 with usage", wait4(pid, &status, 0, &usage), pid);
    EXPECT("killed", status, SIGNALED(SIGKILL));
    CHECK("usage is sane", usage.ru_utime.tv_usec >= 0 && usage.ru_utime.tv_usec < 1000000);
    EXPECT_ERR("waited for once", waitpid(pid, &status, 0), ECHILD);
}

static void test_wait_groups(void)
{
    pid_t a = child_start(wait_forever, NULL), b = child_start(exit_with, (void *)4);
    int status;

    EXPECT("setpgid of a child", setpgid(a, a), 0);
    EXPECT("child's group", getpgid(a), a);
    EXPECT("wait for own group", waitpid(0, &status, 0), b);
    EXPECT("its status", status, EXITED(4));
    EXPECT_ERR("own group has none left", waitpid(0, &status, 0), ECHILD);
    EXPECT("other group, running", waitpid(-a, &status, WNOHANG), 0);
    EXPECT("kill the group", kill(-a, SIGTERM), 0);
    EXPECT("wait for the group", waitpid(-a, &status, 0), a);
    EXPECT("group's status", status, SIGNALED(SIGTERM));
    EXPECT_ERR("the group is gone", kill(-a, 0), ESRCH);
}

static void info_check(const char *name, const siginfo_t *info, pid_t pid, int code, int status)
{
    abi_report(info->si_signo == SIGCHLD && info->si_pid == pid && info->si_code == code &&
                   info->si_status == status && info->si_uid == getuid() && info->si_errno == 0,
               name, "signo %d pid %d (%d) code %d (%d) status %d (%d)", info->si_signo,
               info->si_pid, pid, info->si_code, code, info->si_status, status);
}

static void test_waitid(void)
{
    siginfo_t info;
    pid_t pid = child_start(wait_forever, NULL);

    EXPECT_ERR("waitid without an event", waitid(P_PID, pid, &info, WNOHANG), EINVAL);
    EXPECT_ERR("waitid, bad kind", waitid(77, pid, &info, WEXITED), EINVAL);
    EXPECT_ERR("waitid, no child", waitid(P_PID, 1, &info, WEXITED), ECHILD);
    memset(&info, 0xff, sizeof(info));
    EXPECT("waitid, nothing yet", waitid(P_PID, pid, &info, WEXITED | WNOHANG), 0);
    CHECK("waitid cleared info", info.si_pid == 0 && info.si_signo == 0);
    kill(pid, SIGSTOP);
    EXPECT("waitid stopped", waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT), 0);
    info_check("stopped info", &info, pid, CLD_STOPPED, SIGSTOP);
    EXPECT("stopped again", waitid(P_ALL, 0, &info, WSTOPPED), 0);
    EXPECT("stopped is taken", waitid(P_PID, pid, &info, WSTOPPED | WNOHANG), 0);
    EXPECT("nothing", info.si_pid, 0);
    kill(pid, SIGCONT);
    EXPECT("waitid continued", waitid(P_PGID, getpgrp(), &info, WCONTINUED), 0);
    info_check("continued info", &info, pid, CLD_CONTINUED, SIGCONT);
    kill(pid, SIGKILL);
    EXPECT("waitid, left", waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
    info_check("killed info", &info, pid, CLD_KILLED, SIGKILL);
    EXPECT("zombie takes signals", kill(pid, SIGTERM), 0);
    EXPECT("zombie's state", process_state(pid), 'Z');
    EXPECT("waitid, taken", waitid(P_PID, pid, NULL, WEXITED), 0);
    EXPECT_ERR("no zombie left", kill(pid, 0), ESRCH);
    pid = child_start(exit_with, (void *)77);
    EXPECT("waitid exit", waitid(P_ALL, 0, &info, WEXITED), 0);
    info_check("exit info", &info, pid, CLD_EXITED, 77);
}

static void test_many(void)
{
    enum { MANY = 60 };
    pid_t pids[MANY];
    long sum = 0;

    for (long i = 0; i < MANY; i++)
        pids[i] = child_start(exit_with, (void *)i);
    for (int i = MANY - 1; i >= MANY / 2; i--)
        sum += WEXITSTATUS(child_end(pids[i]));
    for (int status, i = 0; i < MANY / 2; i++) {
        NEED(wait(&status) > 0);
        sum += WEXITSTATUS(status);
    }
    EXPECT("sum of 60 children", sum, MANY * (MANY - 1) / 2);
    EXPECT_ERR("all were waited for", wait(NULL), ECHILD);
}

static void test_ignored_children(void)
{
    signal(SIGCHLD, SIG_IGN);
    child_start(exit_with, (void *)1);
    child_start(exit_with, (void *)1);
    EXPECT_ERR("SIGCHLD ignored", wait(NULL), ECHILD);
    struct sigaction action = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
    sigaction(SIGCHLD, &action, NULL);
    child_start(exit_with, (void *)1);
    EXPECT_ERR("SA_NOCLDWAIT", wait(NULL), ECHILD);
    signal(SIGCHLD, SIG_DFL);
}

static void orphan_main(void *unused)
{
    (void)unused;
    pid_t parent = getpid();

    if (fork() == 0) {
        gate_post(&back);
        gate_wait(&gate);
        while (getppid() == parent)
            sched_yield();
        shared[0] = getppid();
        gate_post(&back);
        _exit(0);
    }
    gate_wait(&back);
    _exit(6);
}

static void test_orphan(void)
{
    EXPECT("orphan's parent ends", child_run(orphan_main, NULL), EXITED(6));
    gate_post(&gate);
    gate_wait(&back);
    EXPECT("orphan goes to process 1", shared[0], 1);
}

static void session_main(void *unused)
{
    (void)unused;
    pid_t self = getpid();

    EXPECT("setsid", setsid(), self);
    EXPECT("session", getsid(0), self);
    EXPECT("group of a new session", getpgrp(), self);
    EXPECT_ERR("setsid again", setsid(), EPERM);
    EXPECT_ERR("leader changes no group", setpgid(0, 0), EPERM);
    pid_t pid = child_start(wait_forever, NULL);
    EXPECT("session is inherited", getsid(pid), self);
    EXPECT("group is inherited", getpgid(pid), self);
    EXPECT_ERR("no terminal", open("/dev/tty", O_RDWR), ENXIO);
    kill(pid, SIGKILL);
    child_end(pid);
}

static void test_sessions(void)
{
    EXPECT("session child", child_run(session_main, NULL), 0);
    pid_t pid = child_start(wait_forever, NULL);
    EXPECT_ERR("setpgid, negative", setpgid(pid, -1), EINVAL);
    EXPECT_ERR("setpgid, no process", setpgid(0x3ffffff, 0), ESRCH);
    EXPECT_ERR("setpgid, no such process", setpgid(-5, 3), ESRCH);
    EXPECT_ERR("setpgid, its own negative group", setpgid(-5, 0), EINVAL);
    EXPECT_ERR("setpgid, no child of ours", setpgid(1, 0), ESRCH);
    EXPECT_ERR("setpgid, no group", setpgid(pid, 0x3ffffff), EPERM);
    EXPECT_ERR("getpgid, none", getpgid(0x3ffffff), ESRCH);
    EXPECT_ERR("getsid, none", getsid(0x3ffffff), ESRCH);
    EXPECT("new group", setpgid(pid, 0), 0);
    EXPECT("back to ours", setpgid(pid, getpgrp()), 0);
    EXPECT("group is ours", getpgid(pid), getpgrp());
    kill(pid, SIGKILL);
    child_end(pid);
}

static void exec_slowly(void *unused)
{
    char *argv[] = {"process", "--wait", NULL}, *env[] = {NULL};

    (void)unused;
    dup2(gate.fd[0], 10);
    dup2(back.fd[1], 11);
    execve("/proc/self/exe", argv, env);
}

// A session leader's first terminal becomes its controlling one, unless it says no.
static void open_terminal(void *unused)
{
    (void)unused;
    NEED(setsid() == getpid());
    int fd = open("/dev/ttyS0", O_RDWR | O_NOCTTY | O_NONBLOCK);
    NEED(fd >= 0);
    EXPECT_ERR("O_NOCTTY: no terminal", open("/dev/tty", O_RDWR), ENXIO);
    EXPECT("and is no status flag", fcntl(fd, F_GETFL) & O_NOCTTY, 0);
    EXPECT_OK("without it", open("/dev/ttyS0", O_RDWR | O_NONBLOCK));
    EXPECT_OK("a terminal", open("/dev/tty", O_RDWR));
    signal(SIGHUP, SIG_IGN);
    EXPECT("given up", ioctl(fd, TIOCNOTTY), 0);
}

static void test_setpgid_after_exec(void)
{
    pid_t pid = child_start(exec_slowly, NULL);

    gate_wait(&back);
    EXPECT_ERR("setpgid after exec", setpgid(pid, pid), EACCES);
    gate_post(&gate);
    EXPECT("slow child", child_end(pid), EXITED(8));
}

static void hangup_count(int number)
{
    shared[number]++;
}

// A stopped member of a group that loses its last parent outside gets SIGHUP and SIGCONT.
static void stopped_group_main(void *unused)
{
    (void)unused;
    setpgid(0, 0);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGHUP, hangup_count);
        signal(SIGCONT, hangup_count);
        gate_post(&back);
        raise(SIGSTOP);
        gate_post(&back);
        _exit(0);
    }
    gate_wait(&back);
    process_await(pid, "T");
}

static void test_orphaned_group(void)
{
    shared[SIGHUP] = shared[SIGCONT] = 0;
    EXPECT("its parent", child_run(stopped_group_main, NULL), 0);
    gate_wait(&back);
    EXPECT("SIGHUP to the orphaned group", shared[SIGHUP], 1);
    EXPECT("SIGCONT to the orphaned group", shared[SIGCONT], 1);
}

static void test_misc(void)
{
    char name[16] = "";
    struct tms times_now;

    EXPECT("PR_SET_NAME", prctl(PR_SET_NAME, "a name that is long"), 0);
    EXPECT("PR_GET_NAME", prctl(PR_GET_NAME, name), 0);
    EXPECT_STR("name is cut", name, "a name that is ");
    CHECK("times", times(&times_now) != -1);
    EXPECT_ERR("kill no process", kill(0x3ffffff, 0), ESRCH);
    EXPECT_ERR("kill, bad signal", kill(getpid(), 65), EINVAL);
    EXPECT("kill with 0", kill(getpid(), 0), 0);
    EXPECT("tid is pid", syscall(SYS_gettid), getpid());
    EXPECT("set_tid_address", syscall(SYS_set_tid_address, &shared[100]), getpid());
}

// What this program does when it is executed by itself.
static int executed(char **argv)
{
    char c = 'w';

    if (strcmp(argv[1], "--exit") == 0)
        return atoi(argv[2]);
    write(11, &c, 1);
    read(10, &c, 1);
    return 8;
}

/* Signal actions that two processes share */

static volatile int torn, whole, flips, flips_end;

static void own_mask_is(bool blocked)
{
    unsigned long mask = 0;

    raw(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&mask, 8, 0, 0);
    if (!(mask & 1UL << (SIGUSR2 - 1)) == blocked)
        torn++;
    else
        whole++;
}

static void handle_blocked(int number)
{
    (void)number;
    own_mask_is(true);
}

static void handle_open(int number)
{
    (void)number;
    own_mask_is(false);
}

struct raw_action {
    void (*handler)(int);
    unsigned long flags, mask;
};

static int flip_actions(void *unused)
{
    static const struct raw_action actions[2] = {{handle_blocked, 0, 1UL << (SIGUSR2 - 1)},
                                                 {handle_open, 0, 0}};

    (void)unused;
    for (unsigned i = 0; !flips_end; i++) {
        raw(SYS_rt_sigaction, SIGUSR1, (long)&actions[i % 2], 0, 8, 0, 0);
        flips = 1;
    }
    return 0;
}

static void test_shared_actions(void)
{
    static char stack[65536] __attribute__((aligned(16)));
    const int rounds = 50000;
    pid_t self = getpid();
    pid_t pid =
        clone(flip_actions, stack + sizeof(stack), CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL);

    NEED(pid > 0);
    while (!flips)
        sched_yield();
    for (int i = 0; i < rounds; i++)
        raw(SYS_kill, self, SIGUSR1, 0, 0, 0, 0);
    flips_end = 1;
    EXPECT("sharer's end", child_end(pid), EXITED(0));
    EXPECT("each action is whole", torn, 0);
    EXPECT("each signal handled", whole, rounds);
    signal(SIGUSR1, SIG_DFL);
}

// A signal to a process group, while one of it is making a child, reaches the child.
#define LARGE (8UL << 20)

static void ends(int sig)
{
    (void)sig;
    _exit(0);
}

static void forks_on(void *started)
{
    struct sigaction act = {.sa_handler = ends};

    NEED(setpgid(0, 0) == 0);
    memset(mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, LARGE);
    sigaction(SIGUSR1, &act, NULL);
    for (;;) {
        pid_t pid = fork();

        if (!pid)
            for (;;)
                pause();
        *(volatile int *)started = 1;
    }
}

static void test_group_signal_at_fork(void)
{
    volatile int *started = shared_page();
    int rounds = 0, missed = 0;

    for (; rounds < 20 && !missed; rounds++) {
        *started = 0;
        pid_t pid = child_start(forks_on, (void *)started);

        while (!*started)
            sched_yield();
        NEED(kill(-pid, SIGUSR1) == 0);
        child_end(pid);
        missed = !COMES(kill(-pid, 0) == -1 && errno == ESRCH);
        kill(-pid, SIGKILL);
    }
    EXPECT("children that missed a signal to their group", missed, 0);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return executed(argv);
    abi_begin();
    setpgid(0, 0);
    shared = shared_page();
    gate_init(&gate);
    gate_init(&back);
    test_fork();
    test_exit_codes();
    test_vfork();
    test_vfork_killed();
    test_usage();
    test_clone3();
    test_clone3_arguments();
    test_sibling();
    test_wait_options();
    test_wait_groups();
    test_waitid();
    test_many();
    test_ignored_children();
    test_orphan();
    test_sessions();
    EXPECT("terminal", child_run(open_terminal, NULL), 0);
    test_setpgid_after_exec();
    test_orphaned_group();
    test_misc();
    test_shared_actions();
    test_group_signal_at_fork();
    return abi_end();
}
