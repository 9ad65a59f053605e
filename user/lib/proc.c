// SPDX-License-Identifier: MIT
// xv6's process calls.
#include "abi/time.h"

#include "kernel/param.h"
#include "kernel/riscv.h"
#include "lib/arguments.h"
#include "lib/environ.h"
#include "lib/fork.h"
#include "lib/limit.h"
#include "lib/linux.h"
#include "lib/path.h"
#include "lib/probe.h"
#include "lib/trace.h"
#include "lib/xv6.h"
#include "user/user.h"

void (*fork_child_hook)(void);

int fork(void)
{
    int pid = sys_fork();

    if (pid == 0 && fork_child_hook)
        fork_child_hook();
    return pid ? xv6_result(XV6_SYS_fork, pid) : 0; // one call, one line of trace(): the parent's
}

int exit(int status)
{
    for (;;)
        ecall1(SYS_exit_group, status);
}

// waitid and not wait4: its status field has room for the whole exit status.
int wait(int *status)
{
    struct siginfo info;
    long result = -EFAULT;

    if (!status || probe_write(status, sizeof(*status)))
        result = ecall5(SYS_waitid, P_ALL, 0, (long)&info, WEXITED, 0);
    if (result == 0 && status)
        *status = info.si_code == CLD_EXITED ? info.si_status : -1;
    return xv6_result(XV6_SYS_wait, result ? result : info.si_pid);
}

int kill(int pid)
{
    return xv6_result(XV6_SYS_kill, pid > 0 ? sys_kill(pid, SIGKILL) : -EINVAL);
}

static bool ends_in_page(const char *text)
{
    for (int i = 0; i < PGSIZE; i++)
        if (!text[i])
            return true;
    return false;
}

// -EFAULT for pointers that cannot be read, -E2BIG for more than xv6's stack holds.
static int arguments_check(char **argv)
{
    int n = 0;

    for (; n < MAXARG; n++) {
        if (!probe_string(&argv[n]))
            return -EFAULT;
        if (!argv[n])
            break;
        if (!probe_string(argv[n]))
            return -EFAULT;
        if (!ends_in_page(argv[n]))
            return -E2BIG;
    }
    return n < MAXARG && arguments_size(argv) <= PGSIZE ? 0 : -E2BIG;
}

// xv6 starts ELF files alone; the kernel follows "#!". To open what is no file may take for ever.
__attribute__((noinline)) static bool is_script(const char *path)
{
    struct rlimit64 limit = limit_lift();
    struct linux_stat st;
    char head[2] = {0};
    int fd = -1;

    if (sys_stat(path, &st, 0) == 0 && S_ISREG(st.st_mode))
        fd = sys_open(path, O_RDONLY, 0);
    limit_restore(&limit);
    if (fd >= 0) {
        sys_read(fd, head, sizeof(head));
        sys_close(fd);
    }
    return memcmp(head, "#!", sizeof(head)) == 0;
}

// sigalarm()'s timer would go on, and its signal end a program that has no function for it.
static long execve_without_alarm(const char *path, char **argv)
{
    struct itimerval none = {}, alarm = {};

    ecall3(SYS_setitimer, ITIMER_PROF, (long)&none, (long)&alarm);
    long result = sys_execve(path, argv, trace_environ());
    ecall3(SYS_setitimer, ITIMER_PROF, (long)&alarm, 0);
    return result;
}

int exec(const char *path, char **argv)
{
    char name[MAXPATH];
    long result = arguments_check(argv);

    path = path_take(name, path);
    if (result == 0 && path_limited && is_script(path))
        result = -ENOEXEC;
    if (result == 0)
        result = execve_without_alarm(path, argv);
    return xv6_result(XV6_SYS_exec, result);
}

int getpid(void)
{
    return xv6_result(XV6_SYS_getpid, ecall1(SYS_getpid, 0));
}
