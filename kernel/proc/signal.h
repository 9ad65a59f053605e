// SPDX-License-Identifier: MIT
// Signals: generation, delivery, masks.
#pragma once
#include "abi/signal.h"
#include "abi/time.h"
#include "proc/process.h"

// A call that a signal interrupted returns one of these (abi/errno.h) instead of -EINTR; user mode
// never sees them. ERESTARTSYS: restarted if no handler ran, or with SA_RESTART. ERESTARTNOINTR:
// always. ERESTARTNOHAND: only if no handler ran. ERESTART_RESTARTBLOCK: the same, through
// task->restart.

#define SIGMASK(sig) (1UL << ((sig)-1))

// Fills a siginfo for kill-like (SI_USER) and kernel-made signals.
void siginfo_user(struct siginfo *info, int sig, int code);
void siginfo_kernel(struct siginfo *info, int sig, int code);

// Whether it has si_codes of its own, above 0, which those of SIGIO would be taken for.
static inline bool signal_has_codes(int sig)
{
    return SIGMASK(sig) & (SIGMASK(SIGILL) | SIGMASK(SIGFPE) | SIGMASK(SIGSEGV) | SIGMASK(SIGBUS) |
                           SIGMASK(SIGTRAP) | SIGMASK(SIGCHLD) | SIGMASK(SIGSYS));
}

// Queue a signal to a whole process, a thread, a group. info may be NULL (SI_KERNEL). 0, -EAGAIN
// (RLIMIT_SIGPENDING). Caller holds a reference; no permission check; any context.
int signal_send_process(struct process *p, int sig, const struct siginfo *info);
int signal_send_task(struct task *t, int sig, const struct siginfo *info);
// All members; proctree_lock held.
void signal_send_group_locked(struct group *g, int sig, const struct siginfo *info);
// A fault of the running thread: cannot be blocked or ignored.
void signal_force(int sig, int code, uaddr_t addr);
// kill(2) and its kin with permission checks: -ESRCH -EPERM -EINVAL. tgid 0: any.
int signal_kill(pid_t pid, int sig, struct siginfo *info);
int signal_tgkill(pid_t tgid, pid_t tid, int sig, struct siginfo *info);

bool signal_pending(void);       // the running thread has something deliverable
bool signal_fatal_pending(void); // ... and it must die
// True if the running process ignores or blocks sig (terminal access rules).
bool signal_ignored_or_blocked(int sig);

// sigprocmask for the running thread; KILL and STOP are never blocked.
void signal_set_mask(u64 mask);
// Blocks `mask` until a signal was delivered; the old one returns with WORK_RESTORE. For
// sigsuspend, ppoll, pselect.
void signal_set_temporary_mask(u64 mask);
// After such a wait that was not interrupted: the old mask is back at once.
void signal_restore_mask(void);

int signal_action(int sig, const struct k_sigaction *new, struct k_sigaction *old); // -EINVAL
u64 signal_pending_set(void);                                                       // sigpending(2)
// sigtimedwait(2): the signal taken from `set`, -EAGAIN, -EINTR.
int signal_wait(u64 set, ns_t deadline, struct siginfo *info);

// -EINVAL -ENOMEM -EPERM
int signal_altstack(const struct sigstack *new, struct sigstack *old, uaddr_t sp);
// rt_sigreturn(2): restores the frame; the value for a0.
s64 signal_return(struct trapframe *frame);

// Process life: copies, resets (exec), frees.
int signal_fork(struct task *child, struct process *proc, u64 flags);
void signal_exec(struct process *p, struct sighand *fresh); // NULL: the old table, reset
void sigpending_flush(struct sigpending *pending);
void signal_init(void);

// ITIMER_*, alarm.
int itimer_set(int which, const struct itimerval *new, struct itimerval *old);
int itimer_get(int which, struct itimerval *out);
void itimer_fini(struct process *p);
void cpu_timers_tick(void); // thread_hooks.tick
// POSIX timers of the running process; times are left or absolute in the timer's clock. -EINVAL: no
// such.
s64 posix_timer_create(int clock, const struct sigevent *e); // id, -EAGAIN -EINVAL -EOPNOTSUPP
int posix_timer_set(s32 id, bool absolute, ns_t value, ns_t interval, ns_t *left,
                    ns_t *old_interval);
int posix_timer_get(s32 id, ns_t *left, ns_t *interval);
s64 posix_timer_overrun(s32 id);
int posix_timer_delete(s32 id);
