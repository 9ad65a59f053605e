// SPDX-License-Identifier: MIT
// What the tests of ptrace(2) share: its requests, the stops that wait tells, tracees.
#pragma once
#include "abi.h"

#include <elf.h>
#include <linux/ptrace.h>
#include <sys/uio.h>

#define STOPPED(sig)         ((sig) << 8 | 0x7f)
#define EVENT(event)         STOPPED(SIGTRAP | (event) << 8)
#define EVENT_OF(sig, event) STOPPED((sig) | (event) << 8)
#define SYSGOOD              STOPPED(SIGTRAP | 0x80)
#define O_TRACESYSGOOD       1
#define O_TRACEFORK          2
#define O_TRACEVFORK         4
#define O_TRACECLONE         8
#define O_TRACEEXEC          0x10
#define O_TRACEVFORKDONE     0x20
#define O_TRACEEXIT          0x40
#define O_EXITKILL           0x100000

// Without glibc's own reading of the arguments: -errno.
static inline long trace(long request, pid_t pid, unsigned long addr, unsigned long data)
{
    return raw(SYS_ptrace, request, pid, addr, data, 0, 0);
}

// The next wait status of a thread; -errno.
static inline long next(pid_t pid)
{
    int status;
    pid_t got;

    do {
        got = waitpid(pid, &status, __WALL);
    } while (got < 0 && errno == EINTR);
    return got == pid ? status : -errno;
}

static inline long message(pid_t pid)
{
    unsigned long value = 0;

    NEED(trace(PTRACE_GETEVENTMSG, pid, 0, (long)&value) == 0);
    return value;
}

static inline long code(pid_t pid)
{
    siginfo_t info;
    long err = trace(PTRACE_GETSIGINFO, pid, 0, (long)&info);

    return err ? err : info.si_code;
}

static unsigned long regs[32];

static inline long regset(long request, pid_t pid, long type, void *to, size_t *size)
{
    struct iovec iov = {to, *size};
    long err = trace(request, pid, type, (long)&iov);

    *size = iov.iov_len;
    return err;
}

static inline void regs_get(pid_t pid)
{
    size_t size = sizeof(regs);

    NEED(regset(PTRACE_GETREGSET, pid, NT_PRSTATUS, regs, &size) == 0 && size == sizeof(regs));
}

static inline void regs_set(pid_t pid)
{
    size_t size = sizeof(regs);

    NEED(regset(PTRACE_SETREGSET, pid, NT_PRSTATUS, regs, &size) == 0);
}

// A tracee that has stopped itself by SIGSTOP; with its options set.
static inline pid_t tracee_start(void (*main)(void *), void *argument, long options)
{
    fflush(stdout);
    pid_t pid = fork();

    NEED(pid >= 0);
    if (pid == 0) {
        if (trace(PTRACE_TRACEME, 0, 0, 0))
            _exit(99);
        raw(SYS_kill, raw(SYS_getpid, 0, 0, 0, 0, 0, 0), SIGSTOP, 0, 0, 0, 0);
        main(argument);
        _exit(0);
    }
    NEED(next(pid) == STOPPED(SIGSTOP));
    NEED(trace(PTRACE_SETOPTIONS, pid, 0, options) == 0);
    return pid;
}

static inline long go(pid_t pid, long request, long sig)
{
    NEED(trace(request, pid, 0, sig) == 0);
    return next(pid);
}

static inline void forever(void *unused)
{
    (void)unused;
    for (;;)
        pause();
}
