// SPDX-License-Identifier: MIT
// xv6's open flags and call numbers under names that can stand beside Linux's. xv6.c checks them
// against kernel/fcntl.h and kernel/syscall.h.
#pragma once

#define XV6_O_ACCESS   0x003
#define XV6_O_NOFOLLOW 0x010
#define XV6_O_CREATE   0x200
#define XV6_O_TRUNC    0x400

enum {
    XV6_SYS_fork = 1,
    XV6_SYS_exit,
    XV6_SYS_wait,
    XV6_SYS_pipe,
    XV6_SYS_read,
    XV6_SYS_kill,
    XV6_SYS_exec,
    XV6_SYS_fstat,
    XV6_SYS_chdir,
    XV6_SYS_dup,
    XV6_SYS_getpid,
    XV6_SYS_sbrk,
    XV6_SYS_sleep,
    XV6_SYS_uptime,
    XV6_SYS_open,
    XV6_SYS_write,
    XV6_SYS_mknod,
    XV6_SYS_unlink,
    XV6_SYS_link,
    XV6_SYS_mkdir,
    XV6_SYS_close,
    XV6_SYS_trace,
    XV6_SYS_sysinfo,
    XV6_SYS_sigalarm,
    XV6_SYS_sigreturn,
    XV6_SYS_symlink,
    XV6_SYS_mmap,
    XV6_SYS_munmap,
    XV6_SYS_connect,
    XV6_SYS_pgaccess,
};
