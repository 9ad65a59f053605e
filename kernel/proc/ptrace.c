// SPDX-License-Identifier: MIT
// The stops of a tracee, on its own way: signals, system calls, events, group stops (ptrace(2)).

#include "proc/ptrace.h"
#include "abi/errno.h"
#include "proc/trace.h"

// What ends a stop without the tracer. The end of a thread is itself a stop: only SIGKILL, then,
// goes on.
static bool stop_must_end(const struct task *t, bool ending)
{
    const struct process *p = t->proc;

    if (!ending)
        return task_must_die(t);
    return load_relaxed(&p->killed) ||
           (load_acquire(&p->group_exit) && load_relaxed(&p->group_exit_status) == SIGKILL);
}

// Any stop is what PTRACE_INTERRUPT asked for.
static void stop_take_trap(struct task *t)
{
    irqflags_t flags = spin_lock_irqsave(&t->proc->siglock);

    store_relaxed(&t->stop_pending, t->stop_pending & ~STOP_TRAP);
    spin_unlock_irqrestore(&t->proc->siglock, flags);
}

// Sleeps until the tracer, or a kill, ends the stop; what is set then stays until stop_leave.
static void stop_park(struct task *t, bool ending)
{
    for (;;) {
        sched_set_state(THREAD_STOPPED);
        if (!load_acquire(&t->trace_stopped) || stop_must_end(t, ending) ||
            (load_relaxed(&t->trace_listens) && (load_relaxed(&t->stop_pending) & ~STOP_GROUP)))
            break;
        sched_switch();
    }
    sched_set_state(THREAD_RUNNING);
}

static void stop_leave(struct task *t)
{
    irqflags_t flags;

    spin_lock(&proctree_lock);
    if (t->trace_stopped && t->trace)
        t->trace->ready = false; // nothing to wait for any more
    store_relaxed(&t->trace_stopped, false);
    t->trace_listens = false;
    t->stop_info = NULL;
    spin_unlock(&proctree_lock);
    flags = spin_lock_irqsave(&t->proc->siglock);
    if (task_has_signal(t)) // one to the process may have passed it by
        atomic_fetch_or(&t->thread->arch.work, WORK_SIGNAL);
    spin_unlock_irqrestore(&t->proc->siglock, flags);
    arch_fpu_drop(&t->thread->arch); // the tracer may have changed it
}

// Stops with a code that is a signal, an event above it. False: nobody traces the thread. `sig` is
// what the thread goes on with if the tracer ends before it has seen the stop.
static bool trace_stop(struct task *t, int code, struct siginfo *info, u64 message, int sig)
{
    bool ending = code >> 8 == PTRACE_EVENT_EXIT;

    arch_fpu_save(&t->thread->arch);
    spin_lock(&proctree_lock);
    t->resume_signal = stop_must_end(t, ending) ? 0 : sig;
    if (!t->trace || stop_must_end(t, ending)) {
        spin_unlock(&proctree_lock);
        return t->resume_signal != sig;
    }
    stop_take_trap(t);
    t->stop_info = info;
    t->trace->message = message;
    store_relaxed(&t->trace_stopped, true);
    sched_set_state(THREAD_STOPPED); // what the tracer will see
    trace_report_locked(t->trace, CLD_TRAPPED, code << 8 | 0x7f);
    spin_unlock(&proctree_lock);
    stop_park(t, ending);
    stop_leave(t);
    return true;
}

// PTRACE_O_*, TRACE_SEIZED of the tracer; 0: none, or nobody.
static u32 trace_options(const struct task *t)
{
    u32 options;

    spin_lock(&proctree_lock);
    options = t->trace ? t->trace->options : 0;
    spin_unlock(&proctree_lock);
    return options;
}

int trace_signal(struct task *t, int sig, struct siginfo *info)
{
    if (!trace_stop(t, sig, info, 0, sig))
        return sig;
    sig = t->resume_signal;
    if (sig && info->si_signo != sig)
        siginfo_user(info, sig, SI_USER); // written by a tracer that ended before it resumed
    if (!sig || !(t->blocked & SIGMASK(sig)))
        return sig;
    signal_send_task(t, sig, info); // later
    return 0;
}

static void stop_info_own(struct siginfo *info, int code)
{
    siginfo_user(info, SIGTRAP, code);
}

// Tells the news of group stops as they are with siglock: later ones are another trap.
void trace_trap(struct task *t)
{
    struct process *p = t->proc;
    u32 options = trace_options(t);
    struct siginfo info;
    irqflags_t flags = spin_lock_irqsave(&p->siglock);
    int sig = p->stopped || p->stop_count ? p->stop_signal : SIGTRAP;
    int code = sig | PTRACE_EVENT_STOP << 8;

    store_relaxed(&t->stop_pending, t->stop_pending & STOP_GROUP);
    spin_unlock_irqrestore(&p->siglock, flags);
    stop_info_own(&info, code);
    info.si_signo = sig;
    if (options & TRACE_SEIZED)
        trace_stop(t, code, &info, 0, 0);
    else
        trace_stop(t, sig, NULL, 0, 0);
}

static void trace_syscall(u64 message)
{
    struct task *t = task_self();
    int code = SIGTRAP | (trace_options(t) & PTRACE_O_TRACESYSGOOD ? 0x80 : 0);
    struct siginfo info;

    stop_info_own(&info, code);
    if (trace_stop(t, code, &info, message, 0) && t->resume_signal)
        signal_send_task(t, t->resume_signal, NULL);
}

// The tracer may choose another call; -1 is none, with the result that it leaves in a0.
bool trace_syscall_begin(struct trapframe *frame)
{
    frame->x[FRAME_A0] = -ENOSYS;
    trace_syscall(TRACE_MESSAGE_ENTRY);
    if ((s64)frame->x[FRAME_A7] == -1 || signal_fatal_pending())
        return false;
    frame->x[FRAME_A0] = frame->orig_a0;
    return true;
}

void trace_syscall_end(void)
{
    trace_syscall(TRACE_MESSAGE_EXIT);
}

void trace_event(int event, u64 message)
{
    struct task *t = task_self();
    int code = SIGTRAP | event << 8;
    struct siginfo info;

    if (!(trace_options(t) & BIT(event)))
        return;
    stop_info_own(&info, code);
    trace_stop(t, code, &info, message, 0);
}

void trace_exec(pid_t old_tid)
{
    struct task *t = task_self();
    u32 options = trace_options(t);
    struct siginfo info;

    if (options & PTRACE_O_TRACEEXEC) {
        trace_event(PTRACE_EVENT_EXEC, old_tid);
    } else if (!(options & TRACE_SEIZED) && task_is_traced(t)) {
        siginfo_user(&info, SIGTRAP, SI_USER);
        signal_send_task(t, SIGTRAP, &info);
    }
}
