// SPDX-License-Identifier: MIT
// Options of wait4 and waitid, and the encoding of a wait status.
#pragma once

#include "abi/base.h"

#define WNOHANG     0x1
#define WUNTRACED   0x2
#define WSTOPPED    0x2
#define WEXITED     0x4
#define WCONTINUED  0x8
#define WNOWAIT     0x1000000
#define __WNOTHREAD 0x20000000
#define __WALL      0x40000000
#define __WCLONE    0x80000000U
#define P_ALL       0
#define P_PID       1
#define P_PGID      2
#define P_PIDFD     3

#define WCOREFLAG            0x80
#define WEXITSTATUS(status)  (((status) >> 8) & 0xff)
#define WTERMSIG(status)     ((status)&0x7f)
#define WSTOPSIG(status)     WEXITSTATUS(status)
#define WIFEXITED(status)    (WTERMSIG(status) == 0)
#define WIFSIGNALED(status)  (WTERMSIG(status) != 0 && WTERMSIG(status) != 0x7f)
#define WIFSTOPPED(status)   (((status)&0xff) == 0x7f)
#define WIFCONTINUED(status) ((status) == 0xffff)

/* The status of a process that called exit(code). */
static inline abi_s32 wait_status_exited(abi_s32 code)
{
    return (code & 0xff) << 8;
}

/* The status of a process that a signal ended; core: with a core image. */
static inline abi_s32 wait_status_signaled(abi_s32 sig, abi_s32 core)
{
    return (sig & 0x7f) | (core ? WCOREFLAG : 0);
}

static inline abi_s32 wait_status_stopped(abi_s32 sig)
{
    return (sig & 0xff) << 8 | 0x7f;
}

static inline abi_s32 wait_status_continued(void)
{
    return 0xffff;
}
