// SPDX-License-Identifier: MIT
// xv6's process calls.
#include "lib/environ.h"
#include "lib/linux.h"
#include "lib/result.h"
#include "user/user.h"

int fork(void)
{
    return xv6_result(sys_fork());
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

    if (ecall5(SYS_waitid, P_ALL, 0, (long)&info, WEXITED, 0) < 0)
        return -1;
    if (status)
        *status = info.si_code == CLD_EXITED ? info.si_status : -1;
    return info.si_pid;
}

int kill(int pid)
{
    return pid > 0 ? xv6_result(sys_kill(pid, SIGKILL)) : -1;
}

int exec(const char *path, char **argv)
{
    return xv6_result(sys_execve(path, argv, environ));
}

int getpid(void)
{
    return ecall1(SYS_getpid, 0);
}

// The kernel's break call returns the break in force, whether it could move it or not.
char *sbrk(int n)
{
    static char *now;

    if (!now)
        now = (char *)ecall1(SYS_brk, 0);
    char *old = now;
    if (n == 0)
        return old;
    char *moved = (char *)ecall1(SYS_brk, (long)old + n);
    if (moved != old + n)
        return (char *)-1;
    now = moved;
    return old;
}
