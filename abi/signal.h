// SPDX-License-Identifier: MIT
// Signal numbers, siginfo, actions and the frame a handler finds on its stack (riscv64).
#pragma once

#include "abi/base.h"

#define SIGHUP    1
#define SIGINT    2
#define SIGQUIT   3
#define SIGILL    4
#define SIGTRAP   5
#define SIGABRT   6
#define SIGIOT    6
#define SIGBUS    7
#define SIGFPE    8
#define SIGKILL   9
#define SIGUSR1   10
#define SIGSEGV   11
#define SIGUSR2   12
#define SIGPIPE   13
#define SIGALRM   14
#define SIGTERM   15
#define SIGSTKFLT 16
#define SIGCHLD   17
#define SIGCONT   18
#define SIGSTOP   19
#define SIGTSTP   20
#define SIGTTIN   21
#define SIGTTOU   22
#define SIGURG    23
#define SIGXCPU   24
#define SIGXFSZ   25
#define SIGVTALRM 26
#define SIGPROF   27
#define SIGWINCH  28
#define SIGIO     29
#define SIGPOLL   29
#define SIGPWR    30
#define SIGSYS    31
#define SIGRTMIN  32
#define SIGRTMAX  64
#define _NSIG     64 /* signals are 1.._NSIG; signal n is bit n - 1 of a set */

#define SIG_DFL 0
#define SIG_IGN 1
#define SIG_ERR (-1)

#define SIG_BLOCK   0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2

#define SA_NOCLDSTOP      0x1
#define SA_NOCLDWAIT      0x2
#define SA_SIGINFO        0x4
#define SA_UNSUPPORTED    0x400
#define SA_EXPOSE_TAGBITS 0x800
#define SA_ONSTACK        0x8000000
#define SA_RESTART        0x10000000
#define SA_NODEFER        0x40000000
#define SA_RESETHAND      0x80000000U
#define SA_NOMASK         0x40000000
#define SA_ONESHOT        0x80000000U

#define SS_ONSTACK    0x1
#define SS_DISABLE    0x2
#define SS_AUTODISARM 0x80000000U
#define MINSIGSTKSZ   2048
#define SIGSTKSZ      8192

/* si_code: who sent it. */
#define SI_USER     0
#define SI_KERNEL   128
#define SI_QUEUE    (-1)
#define SI_TIMER    (-2)
#define SI_MESGQ    (-3)
#define SI_ASYNCIO  (-4)
#define SI_SIGIO    (-5)
#define SI_TKILL    (-6)
#define SI_DETHREAD (-7)
#define SI_ASYNCNL  (-60)
/* si_code of SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP, SIGCHLD, SIGPOLL, SIGSYS. */
#define ILL_ILLOPC    1
#define ILL_ILLOPN    2
#define ILL_ILLADR    3
#define ILL_ILLTRP    4
#define ILL_PRVOPC    5
#define ILL_PRVREG    6
#define ILL_COPROC    7
#define ILL_BADSTK    8
#define FPE_INTDIV    1
#define FPE_INTOVF    2
#define FPE_FLTDIV    3
#define FPE_FLTOVF    4
#define FPE_FLTUND    5
#define FPE_FLTRES    6
#define FPE_FLTINV    7
#define FPE_FLTSUB    8
#define FPE_FLTUNK    14
#define FPE_CONDTRAP  15
#define SEGV_MAPERR   1
#define SEGV_ACCERR   2
#define SEGV_BNDERR   3
#define SEGV_PKUERR   4
#define BUS_ADRALN    1
#define BUS_ADRERR    2
#define BUS_OBJERR    3
#define BUS_MCEERR_AR 4
#define BUS_MCEERR_AO 5
#define TRAP_BRKPT    1
#define TRAP_TRACE    2
#define TRAP_BRANCH   3
#define TRAP_HWBKPT   4
#define TRAP_UNK      5
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_TRAPPED   4
#define CLD_STOPPED   5
#define CLD_CONTINUED 6
#define POLL_IN       1
#define POLL_OUT      2
#define POLL_MSG      3
#define POLL_ERR      4
#define POLL_PRI      5
#define POLL_HUP      6
#define SYS_SECCOMP   1

#define SIGEV_SIGNAL    0
#define SIGEV_NONE      1
#define SIGEV_THREAD    2
#define SIGEV_THREAD_ID 4

/* rt_sigaction. This machine has no sa_restorer: handlers return through the vDSO. */
struct k_sigaction {
    abi_u64 handler; /* SIG_DFL, SIG_IGN or an address */
    abi_u64 flags;   /* SA_* */
    abi_u64 mask;
};
_Static_assert(sizeof(struct k_sigaction) == 24, "k_sigaction");

/* sigaltstack; Linux calls it stack_t. */
struct sigstack {
    abi_u64 ss_sp;
    abi_s32 ss_flags; /* SS_* */
    abi_u64 ss_size;
};
_Static_assert(sizeof(struct sigstack) == 24, "sigstack");
_Static_assert(__builtin_offsetof(struct sigstack, ss_size) == 16, "sigstack.ss_size");

struct siginfo {
    abi_s32 si_signo;
    abi_s32 si_errno;
    abi_s32 si_code;
    abi_s32 pad0;
    union {
        struct { /* kill, sigqueue, SIGCHLD */
            abi_s32 si_pid;
            abi_u32 si_uid;
            union {
                abi_s32 si_status; /* SIGCHLD: exit code or signal */
                abi_u64 si_value;  /* sigqueue and timers: the sender's word */
            };
            abi_s64 si_utime; /* SIGCHLD: in ticks of AT_CLKTCK */
            abi_s64 si_stime;
        };
        struct { /* timers; their si_value is the one above */
            abi_s32 si_timerid;
            abi_s32 si_overrun;
        };
        struct { /* SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP */
            abi_u64 si_addr;
            abi_s16 si_addr_lsb;
        };
        struct { /* SIGPOLL */
            abi_s64 si_band;
            abi_s32 si_fd;
        };
        struct { /* SIGSYS */
            abi_u64 si_call_addr;
            abi_s32 si_syscall;
            abi_u32 si_arch;
        };
        abi_u64 pad[14];
    };
};
_Static_assert(sizeof(struct siginfo) == 128, "siginfo");
_Static_assert(__builtin_offsetof(struct siginfo, si_pid) == 16, "siginfo.si_pid");
_Static_assert(__builtin_offsetof(struct siginfo, si_status) == 24, "siginfo.si_status");
_Static_assert(__builtin_offsetof(struct siginfo, si_value) == 24, "siginfo.si_value");
_Static_assert(__builtin_offsetof(struct siginfo, si_utime) == 32, "siginfo.si_utime");
_Static_assert(__builtin_offsetof(struct siginfo, si_addr) == 16, "siginfo.si_addr");
_Static_assert(__builtin_offsetof(struct siginfo, si_fd) == 24, "siginfo.si_fd");
_Static_assert(__builtin_offsetof(struct siginfo, si_syscall) == 24, "siginfo.si_syscall");

/* timer_create, mq_notify. */
struct sigevent {
    abi_u64 sigev_value;
    abi_s32 sigev_signo;
    abi_s32 sigev_notify; /* SIGEV_* */
    abi_s32 sigev_tid;    /* with SIGEV_THREAD_ID */
    abi_s32 pad[11];
};
_Static_assert(sizeof(struct sigevent) == 64, "sigevent");
_Static_assert(__builtin_offsetof(struct sigevent, sigev_tid) == 16, "sigevent.sigev_tid");

/*
 * Floating-point state. The union is sized and aligned for the Q extension; with
 * F and D the registers are its first 256 bytes and fcsr the word after them.
 */
struct riscv_d_state {
    abi_u64 f[32];
    abi_u32 fcsr;
};

union riscv_fp_state {
    struct riscv_d_state d;
    struct {
        abi_u64 f[64] __attribute__((aligned(16)));
        abi_u32 fcsr;
        abi_u32 reserved[3]; /* zero: no further state follows */
    } q;
};
_Static_assert(sizeof(union riscv_fp_state) == 528, "riscv_fp_state");
_Static_assert(_Alignof(union riscv_fp_state) == 16, "riscv_fp_state alignment");
_Static_assert(__builtin_offsetof(struct riscv_d_state, fcsr) == 256, "riscv_d_state.fcsr");
_Static_assert(__builtin_offsetof(union riscv_fp_state, q.reserved) == 516, "q.reserved");

struct mcontext {
    abi_u64 gregs[32]; /* [0] is pc, [n] is xn */
    union riscv_fp_state fpregs;
};
_Static_assert(sizeof(struct mcontext) == 784, "mcontext");
_Static_assert(__builtin_offsetof(struct mcontext, fpregs) == 256, "mcontext.fpregs");

struct ucontext {
    abi_u64 uc_flags;
    abi_u64 uc_link;
    struct sigstack uc_stack;
    abi_u64 uc_sigmask;
    abi_u8 pad[120]; /* room for sets of 1,024 signals */
    struct mcontext uc_mcontext __attribute__((aligned(16)));
};
_Static_assert(sizeof(struct ucontext) == 960, "ucontext");
_Static_assert(__builtin_offsetof(struct ucontext, uc_stack) == 16, "ucontext.uc_stack");
_Static_assert(__builtin_offsetof(struct ucontext, uc_sigmask) == 40, "ucontext.uc_sigmask");
_Static_assert(__builtin_offsetof(struct ucontext, uc_mcontext) == 176, "ucontext.uc_mcontext");

/* At the handler's sp, 16-byte aligned: a1 points to info, a2 to uc. */
struct rt_sigframe {
    struct siginfo info;
    struct ucontext uc;
};
_Static_assert(sizeof(struct rt_sigframe) == 1088, "rt_sigframe");
_Static_assert(__builtin_offsetof(struct rt_sigframe, uc) == 128, "rt_sigframe.uc");
