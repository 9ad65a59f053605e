// SPDX-License-Identifier: MIT
// The kernel's calls as functions: arguments and results as Linux documents them, -errno on
// failure. For the library itself and for init and sh, which need more than the xv6 calls. Do not
// mix with kernel/fcntl.h: the flags here are Linux's.
#pragma once

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/signal.h"
#include "abi/stat.h"
#include "abi/syscall.h"
#include "abi/time.h"
#include "abi/wait.h"
#include "lib/ecall.h"

// Processes.
static inline int sys_fork(void)
{
    return ecall5(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static inline int sys_execve(const char *path, char *const *argv, char *const *envp)
{
    return ecall3(SYS_execve, (long)path, (long)argv, (long)envp);
}

static inline int sys_wait4(int pid, int *status, int options)
{
    return ecall4(SYS_wait4, pid, (long)status, options, 0);
}

static inline int sys_kill(int pid, int signal)
{
    return ecall2(SYS_kill, pid, signal);
}

static inline int sys_setsid(void)
{
    return ecall1(SYS_setsid, 0);
}

static inline int sys_setpgid(int pid, int pgid)
{
    return ecall2(SYS_setpgid, pid, pgid);
}

static inline int sys_getpgid(int pid)
{
    return ecall1(SYS_getpgid, pid);
}

static inline int sys_sigaction(int signal, const struct k_sigaction *act)
{
    return ecall4(SYS_rt_sigaction, signal, (long)act, 0, sizeof(act->mask));
}

static inline int sys_nanosleep(const struct timespec *time)
{
    return ecall2(SYS_nanosleep, (long)time, 0);
}

// Files.
static inline int sys_openat(int dirfd, const char *path, int flags, int mode)
{
    return ecall4(SYS_openat, dirfd, (long)path, flags, mode);
}

static inline int sys_open(const char *path, int flags, int mode)
{
    return sys_openat(AT_FDCWD, path, flags, mode);
}

static inline int sys_close(int fd)
{
    return ecall1(SYS_close, fd);
}

static inline long sys_read(int fd, void *buf, unsigned long n)
{
    return ecall3(SYS_read, fd, (long)buf, n);
}

static inline long sys_write(int fd, const void *buf, unsigned long n)
{
    return ecall3(SYS_write, fd, (long)buf, n);
}

static inline long sys_lseek(int fd, long offset, int whence)
{
    return ecall3(SYS_lseek, fd, offset, whence);
}

static inline int sys_getdents64(int fd, void *buf, unsigned long n)
{
    return ecall3(SYS_getdents64, fd, (long)buf, n);
}

static inline int sys_dup(int fd)
{
    return ecall1(SYS_dup, fd);
}

static inline int sys_dup3(int fd, int to, int flags)
{
    return ecall3(SYS_dup3, fd, to, flags);
}

static inline int sys_pipe2(int *fds, int flags)
{
    return ecall2(SYS_pipe2, (long)fds, flags);
}

static inline int sys_fcntl(int fd, int cmd, long arg)
{
    return ecall3(SYS_fcntl, fd, cmd, arg);
}

static inline int sys_ioctl(int fd, unsigned request, const void *arg)
{
    return ecall3(SYS_ioctl, fd, request, (long)arg);
}

static inline int sys_fstat(int fd, struct linux_stat *st)
{
    return ecall2(SYS_fstat, fd, (long)st);
}

static inline int sys_stat(const char *path, struct linux_stat *st, int flags)
{
    return ecall4(SYS_newfstatat, AT_FDCWD, (long)path, (long)st, flags);
}

static inline int sys_chdir(const char *path)
{
    return ecall1(SYS_chdir, (long)path);
}

static inline int sys_readlink(const char *path, char *buf, unsigned long n)
{
    return ecall4(SYS_readlinkat, AT_FDCWD, (long)path, (long)buf, n);
}

// A short reason for -errno, such as "no such file or directory".
const char *error_text(int error);
