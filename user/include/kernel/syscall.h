// SPDX-License-Identifier: MIT
// xv6's numbers of its calls: bit n of trace()'s mask stands for call n. The library reaches the
// kernel by other numbers, so these are names only.
#pragma once

#define SYS_fork      1
#define SYS_exit      2
#define SYS_wait      3
#define SYS_pipe      4
#define SYS_read      5
#define SYS_kill      6
#define SYS_exec      7
#define SYS_fstat     8
#define SYS_chdir     9
#define SYS_dup       10
#define SYS_getpid    11
#define SYS_sbrk      12
#define SYS_sleep     13
#define SYS_uptime    14
#define SYS_open      15
#define SYS_write     16
#define SYS_mknod     17
#define SYS_unlink    18
#define SYS_link      19
#define SYS_mkdir     20
#define SYS_close     21
#define SYS_trace     22
#define SYS_sysinfo   23
#define SYS_sigalarm  24
#define SYS_sigreturn 25
#define SYS_symlink   26
#define SYS_mmap      27
#define SYS_munmap    28
#define SYS_connect   29
#define SYS_pgaccess  30
