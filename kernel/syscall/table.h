// SPDX-License-Identifier: MIT
// The system calls: the one list that dispatch, tracing and the reference in the book read.
//
// SYSCALL(name, arity, frame, types): the number is SYS_<name>, the handler sys_<name> with
// `arity` u64 parameters. frame is FAST, or FULL where the handler needs every user register. types
// has a letter per argument for tracing:
//   d int   f descriptor   F directory descriptor   p path   a address   u unsigned   x flags
//   s size  m mode (octal) P pid   S signal
#pragma once

// clang-format off
#define SYSCALL_LIST(SYSCALL) \
    /* files: data */ \
    SYSCALL(read, 3, FAST, "fas") SYSCALL(write, 3, FAST, "fas") SYSCALL(readv, 3, FAST, "fau") \
    SYSCALL(writev, 3, FAST, "fau") SYSCALL(pread64, 4, FAST, "fasd") \
    SYSCALL(pwrite64, 4, FAST, "fasd") SYSCALL(preadv, 5, FAST, "fauuu") \
    SYSCALL(pwritev, 5, FAST, "fauuu") SYSCALL(preadv2, 6, FAST, "fauuux") \
    SYSCALL(pwritev2, 6, FAST, "fauuux") SYSCALL(lseek, 3, FAST, "fdd") \
    SYSCALL(sendfile, 4, FAST, "ffas") SYSCALL(copy_file_range, 6, FAST, "fafasx") \
    SYSCALL(splice, 6, FAST, "fafasx") SYSCALL(tee, 4, FAST, "ffsx") \
    SYSCALL(vmsplice, 4, FAST, "faux") \
    SYSCALL(truncate, 2, FAST, "pu") SYSCALL(ftruncate, 2, FAST, "fu") \
    SYSCALL(fallocate, 4, FAST, "fxuu") SYSCALL(fadvise64, 4, FAST, "fuud") \
    SYSCALL(readahead, 3, FAST, "fus") SYSCALL(sync_file_range, 4, FAST, "fuux") \
    SYSCALL(sync, 0, FAST, "") SYSCALL(syncfs, 1, FAST, "f") SYSCALL(fsync, 1, FAST, "f") SYSCALL(memfd_create, 2, FAST, "sx") \
    SYSCALL(fdatasync, 1, FAST, "f") \
    /* files: descriptors */ \
    SYSCALL(openat, 4, FAST, "Fpxm") SYSCALL(openat2, 4, FAST, "Fpas") SYSCALL(close, 1, FAST, "f") \
    SYSCALL(close_range, 3, FAST, "uux") SYSCALL(dup, 1, FAST, "f") SYSCALL(dup3, 3, FAST, "ffx") \
    SYSCALL(fcntl, 3, FAST, "fda") SYSCALL(flock, 2, FAST, "fx") SYSCALL(ioctl, 3, FAST, "fxa") \
    SYSCALL(pipe2, 2, FAST, "ax") SYSCALL(eventfd2, 2, FAST, "ux") \
    SYSCALL(ppoll, 5, FAST, "auaas") SYSCALL(pselect6, 6, FAST, "daaaaa") \
    SYSCALL(epoll_create1, 1, FAST, "x") SYSCALL(epoll_ctl, 4, FAST, "fdfa") \
    SYSCALL(timerfd_create, 2, FAST, "dx") SYSCALL(timerfd_settime, 4, FAST, "fxaa") \
    SYSCALL(timerfd_gettime, 2, FAST, "fa") SYSCALL(signalfd4, 4, FAST, "fasx") \
    SYSCALL(pidfd_open, 2, FAST, "Px") SYSCALL(pidfd_send_signal, 4, FAST, "fSax") \
    SYSCALL(pidfd_getfd, 3, FAST, "ffx") \
    SYSCALL(epoll_pwait, 6, FAST, "faddas") SYSCALL(epoll_pwait2, 6, FAST, "fadaas") \
    SYSCALL(inotify_init1, 1, FAST, "x") SYSCALL(inotify_add_watch, 3, FAST, "fpx") \
    SYSCALL(inotify_rm_watch, 2, FAST, "fd") \
    /* sockets */ \
    SYSCALL(socket, 3, FAST, "ddd") SYSCALL(socketpair, 4, FAST, "ddda") \
    SYSCALL(bind, 3, FAST, "fas") SYSCALL(listen, 2, FAST, "fd") SYSCALL(accept, 3, FAST, "faa") \
    SYSCALL(accept4, 4, FAST, "faax") SYSCALL(connect, 3, FAST, "fas") \
    SYSCALL(getsockname, 3, FAST, "faa") SYSCALL(getpeername, 3, FAST, "faa") \
    SYSCALL(sendto, 6, FAST, "fasxas") SYSCALL(recvfrom, 6, FAST, "fasxaa") \
    SYSCALL(setsockopt, 5, FAST, "fddas") SYSCALL(getsockopt, 5, FAST, "fddaa") \
    SYSCALL(shutdown, 2, FAST, "fd") SYSCALL(sendmsg, 3, FAST, "fax") \
    SYSCALL(recvmsg, 3, FAST, "fax") SYSCALL(sendmmsg, 4, FAST, "faux") \
    SYSCALL(recvmmsg, 5, FAST, "fauxa") \
    /* files: names */ \
    SYSCALL(getdents64, 3, FAST, "fas") SYSCALL(mknodat, 4, FAST, "Fpmu") \
    SYSCALL(mkdirat, 3, FAST, "Fpm") SYSCALL(unlinkat, 3, FAST, "Fpx") \
    SYSCALL(symlinkat, 3, FAST, "pFp") SYSCALL(linkat, 5, FAST, "FpFpx") \
    SYSCALL(renameat2, 5, FAST, "FpFpx") SYSCALL(readlinkat, 4, FAST, "Fpas") \
    SYSCALL(chdir, 1, FAST, "p") SYSCALL(fchdir, 1, FAST, "f") SYSCALL(chroot, 1, FAST, "p") \
    SYSCALL(getcwd, 2, FAST, "as") SYSCALL(mount, 5, FAST, "pppxa") \
    SYSCALL(umount2, 2, FAST, "px") SYSCALL(pivot_root, 2, FAST, "pp") \
    /* files: attributes */ \
    SYSCALL(newfstatat, 4, FAST, "Fpax") SYSCALL(fstat, 2, FAST, "fa") \
    SYSCALL(statx, 5, FAST, "Fpxxa") SYSCALL(statfs, 2, FAST, "pa") \
    SYSCALL(fstatfs, 2, FAST, "fa") SYSCALL(faccessat, 3, FAST, "Fpx") \
    SYSCALL(faccessat2, 4, FAST, "Fpxx") SYSCALL(fchmod, 2, FAST, "fm") \
    SYSCALL(fchmodat, 3, FAST, "Fpm") SYSCALL(fchmodat2, 4, FAST, "Fpmx") \
    SYSCALL(fchown, 3, FAST, "fuu") SYSCALL(fchownat, 5, FAST, "Fpuux") \
    SYSCALL(utimensat, 4, FAST, "Fpax") SYSCALL(umask, 1, FAST, "m") \
    SYSCALL(setxattr, 5, FAST, "ppasx") SYSCALL(lsetxattr, 5, FAST, "ppasx") \
    SYSCALL(fsetxattr, 5, FAST, "fpasx") SYSCALL(getxattr, 4, FAST, "ppas") \
    SYSCALL(lgetxattr, 4, FAST, "ppas") SYSCALL(fgetxattr, 4, FAST, "fpas") \
    SYSCALL(listxattr, 3, FAST, "pas") SYSCALL(llistxattr, 3, FAST, "pas") \
    SYSCALL(flistxattr, 3, FAST, "fas") SYSCALL(removexattr, 2, FAST, "pp") \
    SYSCALL(lremovexattr, 2, FAST, "pp") SYSCALL(fremovexattr, 2, FAST, "fp") \
    /* memory */ \
    SYSCALL(brk, 1, FAST, "a") SYSCALL(mmap, 6, FAST, "asxxfu") SYSCALL(munmap, 2, FAST, "as") \
    SYSCALL(mprotect, 3, FAST, "asx") SYSCALL(mremap, 5, FAST, "assxa") \
    SYSCALL(madvise, 3, FAST, "asd") SYSCALL(msync, 3, FAST, "asx") \
    SYSCALL(mincore, 3, FAST, "asa") SYSCALL(mlock, 2, FAST, "as") SYSCALL(munlock, 2, FAST, "as") \
    SYSCALL(mlock2, 3, FAST, "asx") SYSCALL(mlockall, 1, FAST, "x") SYSCALL(munlockall, 0, FAST, "") \
    SYSCALL(membarrier, 3, FAST, "dxd") SYSCALL(riscv_flush_icache, 3, FAST, "aax") \
    /* processes and threads */ \
    SYSCALL(unshare, 1, FAST, "x") SYSCALL(setfsuid, 1, FAST, "u") SYSCALL(setfsgid, 1, FAST, "u") \
    SYSCALL(setdomainname, 2, FAST, "as") SYSCALL(getrlimit, 2, FAST, "da") \
    SYSCALL(setrlimit, 2, FAST, "da") SYSCALL(settimeofday, 2, FAST, "aa") \
    SYSCALL(rt_tgsigqueueinfo, 4, FAST, "PPSa") SYSCALL(sched_rr_get_interval, 2, FAST, "Pa") \
    SYSCALL(clone, 5, FULL, "xaaaa") SYSCALL(clone3, 2, FULL, "as") \
    SYSCALL(execve, 3, FULL, "paa") SYSCALL(execveat, 5, FULL, "Fpaax") \
    SYSCALL(exit, 1, FULL, "d") SYSCALL(exit_group, 1, FULL, "d") SYSCALL(wait4, 4, FAST, "Paxa") \
    SYSCALL(waitid, 5, FAST, "dPaxa") SYSCALL(set_tid_address, 1, FAST, "a") \
    SYSCALL(set_robust_list, 2, FAST, "as") SYSCALL(get_robust_list, 3, FAST, "Paa") SYSCALL(rseq, 4, FAST, "auxu") SYSCALL(futex, 6, FAST, "axuaau") \
    SYSCALL(getpid, 0, FAST, "") SYSCALL(getppid, 0, FAST, "") SYSCALL(gettid, 0, FAST, "") \
    SYSCALL(setpgid, 2, FAST, "PP") SYSCALL(getpgid, 1, FAST, "P") SYSCALL(getsid, 1, FAST, "P") \
    SYSCALL(setsid, 0, FAST, "") SYSCALL(prctl, 5, FAST, "daaaa") \
    SYSCALL(personality, 1, FAST, "x") \
    SYSCALL(prlimit64, 4, FAST, "Pdaa") SYSCALL(getrusage, 2, FAST, "da") \
    SYSCALL(times, 1, FAST, "a") SYSCALL(sched_yield, 0, FAST, "") \
    SYSCALL(sched_getaffinity, 3, FAST, "Psa") SYSCALL(sched_setaffinity, 3, FAST, "Psa") \
    SYSCALL(sched_setscheduler, 3, FAST, "Pda") SYSCALL(sched_getscheduler, 1, FAST, "P") \
    SYSCALL(sched_setattr, 3, FAST, "Pax") SYSCALL(sched_getattr, 4, FAST, "Pasx") \
    SYSCALL(sched_setparam, 2, FAST, "Pa") SYSCALL(sched_getparam, 2, FAST, "Pa") \
    SYSCALL(sched_get_priority_max, 1, FAST, "d") SYSCALL(sched_get_priority_min, 1, FAST, "d") \
    SYSCALL(getpriority, 2, FAST, "dP") SYSCALL(setpriority, 3, FAST, "dPd") \
    SYSCALL(getcpu, 3, FAST, "aaa") SYSCALL(ptrace, 4, FAST, "dPaa") \
    SYSCALL(process_vm_readv, 6, FAST, "Pauaux") SYSCALL(process_vm_writev, 6, FAST, "Pauaux") \
    /* credentials */ \
    SYSCALL(getuid, 0, FAST, "") SYSCALL(geteuid, 0, FAST, "") SYSCALL(getgid, 0, FAST, "") \
    SYSCALL(getegid, 0, FAST, "") SYSCALL(getresuid, 3, FAST, "aaa") \
    SYSCALL(getresgid, 3, FAST, "aaa") SYSCALL(setuid, 1, FAST, "u") SYSCALL(setgid, 1, FAST, "u") \
    SYSCALL(setreuid, 2, FAST, "uu") SYSCALL(setregid, 2, FAST, "uu") \
    SYSCALL(setresuid, 3, FAST, "uuu") SYSCALL(setresgid, 3, FAST, "uuu") \
    SYSCALL(getgroups, 2, FAST, "da") SYSCALL(setgroups, 2, FAST, "da") \
    SYSCALL(capget, 2, FAST, "aa") SYSCALL(capset, 2, FAST, "aa") \
    /* signals */ \
    SYSCALL(kill, 2, FAST, "PS") SYSCALL(tkill, 2, FAST, "PS") SYSCALL(tgkill, 3, FAST, "PPS") \
    SYSCALL(rt_sigaction, 4, FAST, "Saas") SYSCALL(rt_sigprocmask, 4, FAST, "daas") \
    SYSCALL(rt_sigpending, 2, FAST, "as") SYSCALL(rt_sigsuspend, 2, FAST, "as") \
    SYSCALL(rt_sigtimedwait, 4, FAST, "aaas") SYSCALL(rt_sigqueueinfo, 3, FAST, "PSa") \
    SYSCALL(rt_sigreturn, 0, FULL, "") SYSCALL(sigaltstack, 2, FULL, "aa") \
    SYSCALL(restart_syscall, 0, FAST, "") \
    /* System V communication */ \
    SYSCALL(shmget, 3, FAST, "dsx") SYSCALL(shmat, 3, FAST, "dax") SYSCALL(shmdt, 1, FAST, "a") \
    SYSCALL(shmctl, 3, FAST, "dda") SYSCALL(semget, 3, FAST, "ddx") \
    SYSCALL(semop, 3, FAST, "das") SYSCALL(semtimedop, 4, FAST, "dasa") \
    SYSCALL(semctl, 4, FAST, "ddda") SYSCALL(msgget, 2, FAST, "dx") \
    SYSCALL(msgsnd, 4, FAST, "dasx") SYSCALL(msgrcv, 5, FAST, "dasdx") \
    SYSCALL(msgctl, 3, FAST, "dda") \
    /* POSIX message queues */ \
    SYSCALL(mq_open, 4, FAST, "pxma") SYSCALL(mq_unlink, 1, FAST, "p") \
    SYSCALL(mq_timedsend, 5, FAST, "fasua") SYSCALL(mq_timedreceive, 5, FAST, "fasaa") \
    SYSCALL(mq_notify, 2, FAST, "fa") SYSCALL(mq_getsetattr, 3, FAST, "faa") \
    /* time */ \
    SYSCALL(clock_gettime, 2, FAST, "da") SYSCALL(clock_settime, 2, FAST, "da") \
    SYSCALL(clock_getres, 2, FAST, "da") SYSCALL(clock_nanosleep, 4, FAST, "dxaa") \
    SYSCALL(nanosleep, 2, FAST, "aa") SYSCALL(gettimeofday, 2, FAST, "aa") \
    SYSCALL(getitimer, 2, FAST, "da") SYSCALL(setitimer, 3, FAST, "daa") \
    SYSCALL(timer_create, 3, FAST, "daa") SYSCALL(timer_settime, 4, FAST, "dxaa") \
    SYSCALL(timer_gettime, 2, FAST, "da") SYSCALL(timer_getoverrun, 1, FAST, "d") \
    SYSCALL(timer_delete, 1, FAST, "d") \
    /* the system */ \
    SYSCALL(uname, 1, FAST, "a") SYSCALL(sethostname, 2, FAST, "as") \
    SYSCALL(sysinfo, 1, FAST, "a") SYSCALL(syslog, 3, FAST, "das") \
    SYSCALL(getrandom, 3, FAST, "asx") SYSCALL(reboot, 4, FAST, "xxxa") \
    SYSCALL(riscv_hwprobe, 5, FAST, "asuax")
// clang-format on

#define U0 void
#define U1 u64
#define U2 u64, u64
#define U3 u64, u64, u64
#define U4 u64, u64, u64, u64
#define U5 u64, u64, u64, u64, u64
#define U6 u64, u64, u64, u64, u64, u64

#include "lib/types.h"

#define SYSCALL_PROTOTYPE(name, arity, frame, types) s64 sys_##name(U##arity);
SYSCALL_LIST(SYSCALL_PROTOTYPE)
#undef SYSCALL_PROTOTYPE
