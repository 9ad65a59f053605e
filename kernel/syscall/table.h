// SPDX-License-Identifier: MIT
// The system calls: the one list that dispatch, tracing and the reference in the book read.
//
// SYSCALL(name, arity, frame, xv6, types): the number is SYS_<name>, the handler sys_<name> with
// `arity` u64 parameters. frame is FAST, or FULL where the handler needs every user register. xv6
// is the name that xv6 programs know the call by, or NULL. types has a letter per argument for
// tracing:
//   d int   f descriptor   F directory descriptor   p path   a address   u unsigned   x flags
//   s size  m mode (octal) P pid   S signal
#pragma once

// clang-format off
#define SYSCALL_LIST(SYSCALL) \
    /* files: data */ \
    SYSCALL(read, 3, FAST, "read", "fas") SYSCALL(write, 3, FAST, "write", "fas") \
    SYSCALL(readv, 3, FAST, NULL, "fau") SYSCALL(writev, 3, FAST, NULL, "fau") \
    SYSCALL(pread64, 4, FAST, NULL, "fasd") SYSCALL(pwrite64, 4, FAST, NULL, "fasd") \
    SYSCALL(preadv, 5, FAST, NULL, "fauuu") SYSCALL(pwritev, 5, FAST, NULL, "fauuu") \
    SYSCALL(preadv2, 6, FAST, NULL, "fauuux") SYSCALL(pwritev2, 6, FAST, NULL, "fauuux") \
    SYSCALL(lseek, 3, FAST, NULL, "fdd") SYSCALL(sendfile, 4, FAST, NULL, "ffas") \
    SYSCALL(copy_file_range, 6, FAST, NULL, "fafasx") SYSCALL(truncate, 2, FAST, NULL, "pu") \
    SYSCALL(ftruncate, 2, FAST, NULL, "fu") SYSCALL(fallocate, 4, FAST, NULL, "fxuu") \
    SYSCALL(fadvise64, 4, FAST, NULL, "fuud") SYSCALL(sync, 0, FAST, NULL, "") \
    SYSCALL(syncfs, 1, FAST, NULL, "f") SYSCALL(fsync, 1, FAST, NULL, "f") \
    SYSCALL(fdatasync, 1, FAST, NULL, "f") \
    /* files: descriptors */ \
    SYSCALL(openat, 4, FAST, "open", "Fpxm") SYSCALL(openat2, 4, FAST, NULL, "Fpas") \
    SYSCALL(close, 1, FAST, "close", "f") SYSCALL(close_range, 3, FAST, NULL, "uux") \
    SYSCALL(dup, 1, FAST, "dup", "f") SYSCALL(dup3, 3, FAST, NULL, "ffx") \
    SYSCALL(fcntl, 3, FAST, NULL, "fda") SYSCALL(flock, 2, FAST, NULL, "fx") \
    SYSCALL(ioctl, 3, FAST, NULL, "fxa") SYSCALL(pipe2, 2, FAST, "pipe", "ax") \
    SYSCALL(eventfd2, 2, FAST, NULL, "ux") SYSCALL(ppoll, 5, FAST, NULL, "auaas") \
    SYSCALL(pselect6, 6, FAST, NULL, "daaaaa") \
    /* files: names */ \
    SYSCALL(getdents64, 3, FAST, NULL, "fas") SYSCALL(mknodat, 4, FAST, "mknod", "Fpmu") \
    SYSCALL(mkdirat, 3, FAST, "mkdir", "Fpm") SYSCALL(unlinkat, 3, FAST, "unlink", "Fpx") \
    SYSCALL(symlinkat, 3, FAST, "symlink", "pFp") SYSCALL(linkat, 5, FAST, "link", "FpFpx") \
    SYSCALL(renameat2, 5, FAST, NULL, "FpFpx") SYSCALL(readlinkat, 4, FAST, NULL, "Fpas") \
    SYSCALL(chdir, 1, FAST, "chdir", "p") SYSCALL(fchdir, 1, FAST, NULL, "f") \
    SYSCALL(chroot, 1, FAST, NULL, "p") SYSCALL(getcwd, 2, FAST, NULL, "as") \
    SYSCALL(mount, 5, FAST, NULL, "pppxa") SYSCALL(umount2, 2, FAST, NULL, "px") \
    /* files: attributes */ \
    SYSCALL(newfstatat, 4, FAST, "stat", "Fpax") SYSCALL(fstat, 2, FAST, "fstat", "fa") \
    SYSCALL(statx, 5, FAST, NULL, "Fpxxa") SYSCALL(statfs, 2, FAST, NULL, "pa") \
    SYSCALL(fstatfs, 2, FAST, NULL, "fa") SYSCALL(faccessat, 3, FAST, NULL, "Fpx") \
    SYSCALL(faccessat2, 4, FAST, NULL, "Fpxx") SYSCALL(fchmod, 2, FAST, NULL, "fm") \
    SYSCALL(fchmodat, 3, FAST, NULL, "Fpm") SYSCALL(fchmodat2, 4, FAST, NULL, "Fpmx") \
    SYSCALL(fchown, 3, FAST, NULL, "fuu") SYSCALL(fchownat, 5, FAST, NULL, "Fpuux") \
    SYSCALL(utimensat, 4, FAST, NULL, "Fpax") SYSCALL(umask, 1, FAST, NULL, "m") \
    /* memory */ \
    SYSCALL(brk, 1, FAST, "sbrk", "a") SYSCALL(mmap, 6, FAST, "mmap", "asxxfu") \
    SYSCALL(munmap, 2, FAST, "munmap", "as") SYSCALL(mprotect, 3, FAST, NULL, "asx") \
    SYSCALL(mremap, 5, FAST, NULL, "assxa") SYSCALL(madvise, 3, FAST, NULL, "asd") \
    SYSCALL(msync, 3, FAST, NULL, "asx") SYSCALL(mincore, 3, FAST, NULL, "asa") \
    SYSCALL(mlock, 2, FAST, NULL, "as") SYSCALL(mlock2, 3, FAST, NULL, "asx") \
    SYSCALL(munlock, 2, FAST, NULL, "as") SYSCALL(membarrier, 3, FAST, NULL, "dxd") \
    SYSCALL(riscv_flush_icache, 3, FAST, NULL, "aax") \
    /* processes and threads */ \
    SYSCALL(clone, 5, FULL, "fork", "xaaaa") SYSCALL(clone3, 2, FULL, NULL, "as") \
    SYSCALL(execve, 3, FULL, "exec", "paa") SYSCALL(execveat, 5, FULL, NULL, "Fpaax") \
    SYSCALL(exit, 1, FAST, NULL, "d") SYSCALL(exit_group, 1, FAST, "exit", "d") \
    SYSCALL(wait4, 4, FAST, "wait", "Paxa") SYSCALL(waitid, 5, FAST, NULL, "dPaxa") \
    SYSCALL(set_tid_address, 1, FAST, NULL, "a") SYSCALL(set_robust_list, 2, FAST, NULL, "as") \
    SYSCALL(get_robust_list, 3, FAST, NULL, "Paa") SYSCALL(futex, 6, FAST, NULL, "axuaau") \
    SYSCALL(getpid, 0, FAST, "getpid", "") SYSCALL(getppid, 0, FAST, NULL, "") \
    SYSCALL(gettid, 0, FAST, NULL, "") SYSCALL(setpgid, 2, FAST, NULL, "PP") \
    SYSCALL(getpgid, 1, FAST, NULL, "P") SYSCALL(getsid, 1, FAST, NULL, "P") \
    SYSCALL(setsid, 0, FAST, NULL, "") SYSCALL(prctl, 5, FAST, NULL, "daaaa") \
    SYSCALL(prlimit64, 4, FAST, NULL, "Pdaa") SYSCALL(getrlimit, 2, FAST, NULL, "da") \
    SYSCALL(setrlimit, 2, FAST, NULL, "da") SYSCALL(getrusage, 2, FAST, NULL, "da") \
    SYSCALL(times, 1, FAST, NULL, "a") SYSCALL(sched_yield, 0, FAST, NULL, "") \
    SYSCALL(sched_getaffinity, 3, FAST, NULL, "Psa") \
    SYSCALL(sched_setaffinity, 3, FAST, NULL, "Psa") \
    SYSCALL(sched_setscheduler, 3, FAST, NULL, "Pda") \
    SYSCALL(sched_getscheduler, 1, FAST, NULL, "P") SYSCALL(sched_setparam, 2, FAST, NULL, "Pa") \
    SYSCALL(sched_getparam, 2, FAST, NULL, "Pa") \
    SYSCALL(sched_get_priority_max, 1, FAST, NULL, "d") \
    SYSCALL(sched_get_priority_min, 1, FAST, NULL, "d") SYSCALL(getpriority, 2, FAST, NULL, "dP") \
    SYSCALL(setpriority, 3, FAST, NULL, "dPd") SYSCALL(getcpu, 3, FAST, NULL, "aaa") \
    /* credentials */ \
    SYSCALL(getuid, 0, FAST, NULL, "") SYSCALL(geteuid, 0, FAST, NULL, "") \
    SYSCALL(getgid, 0, FAST, NULL, "") SYSCALL(getegid, 0, FAST, NULL, "") \
    SYSCALL(getresuid, 3, FAST, NULL, "aaa") SYSCALL(getresgid, 3, FAST, NULL, "aaa") \
    SYSCALL(setuid, 1, FAST, NULL, "u") SYSCALL(setgid, 1, FAST, NULL, "u") \
    SYSCALL(setreuid, 2, FAST, NULL, "uu") SYSCALL(setregid, 2, FAST, NULL, "uu") \
    SYSCALL(setresuid, 3, FAST, NULL, "uuu") SYSCALL(setresgid, 3, FAST, NULL, "uuu") \
    SYSCALL(setfsuid, 1, FAST, NULL, "u") SYSCALL(setfsgid, 1, FAST, NULL, "u") \
    SYSCALL(getgroups, 2, FAST, NULL, "da") SYSCALL(setgroups, 2, FAST, NULL, "da") \
    SYSCALL(capget, 2, FAST, NULL, "aa") SYSCALL(capset, 2, FAST, NULL, "aa") \
    /* signals */ \
    SYSCALL(kill, 2, FAST, "kill", "PS") SYSCALL(tkill, 2, FAST, NULL, "PS") \
    SYSCALL(tgkill, 3, FAST, NULL, "PPS") SYSCALL(rt_sigaction, 4, FAST, NULL, "Saas") \
    SYSCALL(rt_sigprocmask, 4, FAST, NULL, "daas") SYSCALL(rt_sigpending, 2, FAST, NULL, "as") \
    SYSCALL(rt_sigsuspend, 2, FAST, NULL, "as") SYSCALL(rt_sigtimedwait, 4, FAST, NULL, "aaas") \
    SYSCALL(rt_sigqueueinfo, 3, FAST, NULL, "PSa") \
    SYSCALL(rt_tgsigqueueinfo, 4, FAST, NULL, "PPSa") SYSCALL(rt_sigreturn, 0, FULL, NULL, "") \
    SYSCALL(sigaltstack, 2, FULL, NULL, "aa") SYSCALL(restart_syscall, 0, FAST, NULL, "") \
    /* time */ \
    SYSCALL(clock_gettime, 2, FAST, NULL, "da") SYSCALL(clock_settime, 2, FAST, NULL, "da") \
    SYSCALL(clock_getres, 2, FAST, NULL, "da") SYSCALL(clock_nanosleep, 4, FAST, "sleep", "dxaa") \
    SYSCALL(nanosleep, 2, FAST, NULL, "aa") SYSCALL(gettimeofday, 2, FAST, NULL, "aa") \
    SYSCALL(settimeofday, 2, FAST, NULL, "aa") SYSCALL(getitimer, 2, FAST, NULL, "da") \
    SYSCALL(setitimer, 3, FAST, NULL, "daa") SYSCALL(timer_create, 3, FAST, NULL, "daa") \
    SYSCALL(timer_settime, 4, FAST, NULL, "dxaa") SYSCALL(timer_gettime, 2, FAST, NULL, "da") \
    SYSCALL(timer_getoverrun, 1, FAST, NULL, "d") SYSCALL(timer_delete, 1, FAST, NULL, "d") \
    /* the system */ \
    SYSCALL(uname, 1, FAST, NULL, "a") SYSCALL(sethostname, 2, FAST, NULL, "as") \
    SYSCALL(sysinfo, 1, FAST, "uptime", "a") SYSCALL(syslog, 3, FAST, NULL, "das") \
    SYSCALL(getrandom, 3, FAST, NULL, "asx") SYSCALL(reboot, 4, FAST, NULL, "xxxa") \
    SYSCALL(riscv_hwprobe, 5, FAST, NULL, "asuax")
// clang-format on

#define U0 void
#define U1 u64
#define U2 u64, u64
#define U3 u64, u64, u64
#define U4 u64, u64, u64, u64
#define U5 u64, u64, u64, u64, u64
#define U6 u64, u64, u64, u64, u64, u64

#include "lib/types.h"

#define SYSCALL_PROTOTYPE(name, arity, frame, xv6, types) s64 sys_##name(U##arity);
SYSCALL_LIST(SYSCALL_PROTOTYPE)
#undef SYSCALL_PROTOTYPE
