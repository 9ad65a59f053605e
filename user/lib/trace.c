// SPDX-License-Identifier: MIT
// trace(). The mask is a variable of the library: fork() copies it, and exec() hands it on in the
// environment. The lines go where descriptor 2 led when trace() was called last: to a duplicate
// above xv6's sixteen, which no program closes by accident.
#include "lib/trace.h"

#include "lib/environ.h"
#include "lib/limit.h"
#include "lib/linux.h"
#include "lib/xv6.h"
#include "user/user.h"

#define TRACE_FD    64
#define VARIABLE    "XV6_TRACE"
#define ENVIRON_MAX 62 // variables that are handed on beside it
#define LINE_MAX    80

int trace_mask;

static const char *const names[] = {
    [XV6_SYS_fork] = "fork",           [XV6_SYS_exit] = "exit",
    [XV6_SYS_wait] = "wait",           [XV6_SYS_pipe] = "pipe",
    [XV6_SYS_read] = "read",           [XV6_SYS_kill] = "kill",
    [XV6_SYS_exec] = "exec",           [XV6_SYS_fstat] = "fstat",
    [XV6_SYS_chdir] = "chdir",         [XV6_SYS_dup] = "dup",
    [XV6_SYS_getpid] = "getpid",       [XV6_SYS_sbrk] = "sbrk",
    [XV6_SYS_sleep] = "sleep",         [XV6_SYS_uptime] = "uptime",
    [XV6_SYS_open] = "open",           [XV6_SYS_write] = "write",
    [XV6_SYS_mknod] = "mknod",         [XV6_SYS_unlink] = "unlink",
    [XV6_SYS_link] = "link",           [XV6_SYS_mkdir] = "mkdir",
    [XV6_SYS_close] = "close",         [XV6_SYS_trace] = "trace",
    [XV6_SYS_sysinfo] = "sysinfo",     [XV6_SYS_sigalarm] = "sigalarm",
    [XV6_SYS_sigreturn] = "sigreturn", [XV6_SYS_symlink] = "symlink",
    [XV6_SYS_mmap] = "mmap",           [XV6_SYS_munmap] = "munmap",
    [XV6_SYS_connect] = "connect",     [XV6_SYS_pgaccess] = "pgaccess",
};

static char *put_text(char *to, const char *s)
{
    while (*s)
        *to++ = *s++;
    return to;
}

static char *put_number(char *to, long n)
{
    char digits[21];
    int at = sizeof(digits);
    uint64 rest = n < 0 ? -(uint64)n : n;

    do
        digits[--at] = '0' + rest % 10;
    while (rest /= 10);
    if (n < 0)
        digits[--at] = '-';
    memcpy(to, digits + at, sizeof(digits) - at);
    return to + sizeof(digits) - at;
}

void trace_line(int call, long result)
{
    char line[LINE_MAX], *end = line;

    if (!(trace_mask >> call & 1))
        return;
    end = put_number(end, ecall1(SYS_getpid, 0));
    end = put_text(end, ": syscall ");
    end = put_text(end, names[call]);
    end = put_text(end, " -> ");
    end = put_number(end, result);
    *end++ = '\n';
    sys_write(TRACE_FD, line, end - line);
}

static int descriptor_keep(void)
{
    struct rlimit64 limit = limit_lift();
    int fd = sys_dup3(2, TRACE_FD, 0);

    limit_restore(&limit);
    return fd;
}

int trace(int mask)
{
    if (mask && descriptor_keep() < 0)
        return xv6_result(XV6_SYS_trace, -EBADF);
    if (!mask && trace_mask)
        sys_close(TRACE_FD);
    trace_mask = mask;
    return xv6_result(XV6_SYS_trace, 0);
}

static uint mask_read(const char *digits)
{
    uint mask = 0;

    while (*digits >= '0' && *digits <= '9')
        mask = mask * 10 + (*digits++ - '0');
    return mask;
}

void trace_resume(int argc)
{
    const char *mask = environ_find(VARIABLE);

    if (!mask)
        return;
    trace_mask = mask_read(mask);
    trace_line(XV6_SYS_exec, argc);
}

char **trace_environ(void)
{
    static char variable[] = VARIABLE "=4294967295";
    static char *all[ENVIRON_MAX + 2];
    int used = 0;

    if (!trace_mask && !environ_find(VARIABLE))
        return environ;
    if (trace_mask) {
        *put_number(variable + sizeof(VARIABLE), (uint)trace_mask) = 0;
        all[used++] = variable;
    }
    for (char **e = environ; *e && used <= ENVIRON_MAX; e++)
        if (memcmp(*e, VARIABLE "=", sizeof(VARIABLE)) != 0)
            all[used++] = *e;
    all[used] = 0;
    return all;
}
