// SPDX-License-Identifier: MIT
// Delivering signals on the way to user mode: handlers, default actions, restart of system calls.

#include "abi/errno.h"
#include "abi/syscall.h"
#include "proc/ptrace.h"
#include "proc/rseq.h"

// Tells every thread to stop; each parks in task_stop on its way out. A stop is under way already,
// or in effect, if the thread's tracer had it go on: then all are counted anew. Nobody could
// continue an orphan that the terminal stops.
static __attribute__((noinline)) void stop_begin_locked(struct process *p, int sig)
{
    struct task *t;

    if (sig != SIGSTOP && p->group && p->group->outside == 0)
        return;
    if (!p->stopped)
        p->stop_signal = sig;
    p->stop_count = p->task_count;
    LIST_FOR_EACH (t, &p->tasks, link) {
        store_relaxed(&t->stop_pending, t->stop_pending | STOP_GROUP);
        task_signal_wake(t, false);
        sched_wake(t->thread, 1 << THREAD_STOPPED); // not out of the stop before this one yet
    }
}

bool task_stop_count_locked(struct task *t)
{
    struct process *p = t->proc;
    bool before = p->stopped;

    if (!(t->stop_pending & STOP_GROUP))
        return false;
    store_relaxed(&t->stop_pending, t->stop_pending & ~STOP_GROUP);
    if (!p->stop_count || --p->stop_count)
        return false;
    p->stopped = true;
    return !before;
}

// Unless the opposite signal has come meanwhile: then its event, the later one, stands.
void process_report(struct process *p, bool stopped)
{
    spin_lock(&proctree_lock);
    if (load_relaxed(&p->stopped) == stopped)
        process_event_locked(p, stopped ? CLD_STOPPED : CLD_CONTINUED,
                             stopped ? p->stop_signal : SIGCONT);
    spin_unlock(&proctree_lock);
}

static inline bool syscall_runs_again(s64 result, const struct k_sigaction *handler)
{
    return result == -ERESTARTNOINTR || (result == -ERESTARTSYS && (handler->flags & SA_RESTART));
}

// The registers say already that it runs again (see syscall_restart_shown): unless the tracer has
// put the thread elsewhere, a handler may undo that.
static __attribute__((noinline)) void syscall_restart_unshown(struct trapframe *frame,
                                                              const struct k_sigaction *handler)
{
    struct arch_thread *self = arch_self();
    s64 result = -(s64)self->in_syscall;

    self->in_syscall = 0;
    if (!handler || syscall_runs_again(result, handler) || frame->pc != frame->tval)
        return;
    frame->x[FRAME_A0] = (u64)-EINTR;
    frame->pc += 4;
}

// A call that a signal interrupted: run it again, or let it fail with EINTR (see enum in signal.h).
static inline void syscall_restart(struct trapframe *frame, const struct k_sigaction *handler)
{
    struct arch_thread *self = arch_self();
    s64 result = (s64)frame->x[FRAME_A0];

    if (unlikely(self->in_syscall > 1)) {
        syscall_restart_unshown(frame, handler);
        return;
    }
    if (!self->in_syscall || result > -ERESTARTSYS || result < -ERESTART_RESTARTBLOCK)
        return;
    self->in_syscall = 0;
    if (handler && !syscall_runs_again(result, handler)) {
        frame->x[FRAME_A0] = (u64)-EINTR;
        return;
    }
    frame->x[FRAME_A0] = frame->orig_a0;
    frame->pc -= 4;
    if (result == -ERESTART_RESTARTBLOCK)
        frame->x[FRAME_A7] = SYS_restart_syscall;
}

// A tracer may change the registers, so it is shown a call as it is to be run again. in_syscall
// keeps the result meanwhile, and tval the pc.
static void syscall_restart_shown(void)
{
    struct arch_thread *self = arch_self();
    struct trapframe *frame = arch_frame(self);
    s64 result = (s64)frame->x[FRAME_A0];

    if (self->in_syscall != 1 || result > -ERESTARTSYS || result < -ERESTART_RESTARTBLOCK)
        return;
    syscall_restart(frame, NULL);
    frame->tval = frame->pc;
    self->in_syscall = -result;
}

// By the first thread that goes on.
static void process_report_continued(struct process *p)
{
    irqflags_t flags = spin_lock_irqsave(&p->siglock);
    bool continued = p->continued;

    p->continued = false;
    spin_unlock_irqrestore(&p->siglock, flags);
    if (continued)
        process_report(p, false);
}

static __attribute__((noinline)) void signal_trap(struct task *t)
{
    syscall_restart_shown();
    trace_trap(t);
    process_report_continued(t->proc);
}

// Parks until SIGCONT, or until a stop that began after it needs this thread to be counted again.
static __attribute__((noinline)) void task_stop(struct task *t)
{
    struct process *p = t->proc;
    irqflags_t flags = spin_lock_irqsave(&p->siglock);
    bool last = task_stop_count_locked(t);

    spin_unlock_irqrestore(&p->siglock, flags);
    if (last) {
        sched_set_state(THREAD_STOPPED); // what the parent will see
        process_report(p, true);
    }
    while (!task_is_traced(t)) {
        sched_set_state(THREAD_STOPPED);
        if (task_must_die(t) || load_relaxed(&t->stop_pending) ||
            !(load_relaxed(&p->stopped) || load_relaxed(&p->stop_count)))
            break;
        sched_switch();
    }
    sched_set_state(THREAD_RUNNING);
    if (task_is_traced(t) && !task_must_die(t))
        signal_trap(t);
    else
        process_report_continued(p);
}

struct delivery {
    struct siginfo info;
    struct k_sigaction action;
    u64 mask; // blocked before
};

// A handler will run; its mask is in force from now on. Whether there is more to deliver.
static bool signal_handler_begin_locked(struct task *t, struct delivery *d)
{
    u64 own = d->action.flags & SA_NODEFER ? 0 : SIGMASK(d->info.si_signo), before = t->blocked;
    struct process *p = t->proc;

    store_relaxed(&t->blocked, before | d->action.mask | own);
    d->mask = before;
    if (likely(!(t->pending.set | p->pending.set | t->stop_pending)))
        return false;
    signal_pass_on_locked(p, t->blocked & ~before & ~t->awaited);
    return task_has_pending(t) || t->stop_pending; // it need not end
}

// The tracer's choice, made without the lock: the signal to deliver, or 0.
static __attribute__((noinline)) int signal_ask(struct task *t, int sig, struct delivery *d,
                                                irqflags_t flags)
{
    spin_unlock_irqrestore(&t->proc->siglock, flags);
    syscall_restart_shown();
    sig = trace_signal(t, sig, &d->info);
    spin_lock_irqsave(&t->proc->siglock);
    return sig;
}

// Takes signals up to one with a handler (true), or to one that stops or ends the thread; what has
// no effect is passed over.
static bool signal_next(struct task *t, struct delivery *d)
{
    struct process *p = t->proc;
    irqflags_t flags = spin_lock_irqsave(&p->siglock);
    bool found = false, more = false;
    enum disposition effect;
    int sig;

    while (!found && !t->stop_pending && !task_must_die(t) &&
           (sig = signal_dequeue_locked(t, ~t->blocked, &d->info))) {
        if (unlikely(task_is_traced(t)) && sig != SIGKILL) {
            sig = signal_ask(t, sig, d, flags);
            if (!sig || task_must_die(t))
                continue;
        }
        sighand_take_locked(p, sig, &d->action);
        effect = signal_disposition(p, sig, d->action.handler);
        found = effect == SIGNAL_HANDLED;
        if (likely(found))
            more = signal_handler_begin_locked(t, d);
        else if (effect == SIGNAL_ENDS && core_begin_locked(t, sig))
            break;
        else if (effect == SIGNAL_ENDS)
            process_kill_all_locked(p, sig, NULL);
        else if (effect == SIGNAL_STOPS)
            stop_begin_locked(p, sig);
    }
    if (likely(!(found ? more : task_has_signal(t))))
        atomic_fetch_and(&arch_self()->work, ~(u32)WORK_SIGNAL);
    spin_unlock_irqrestore(&p->siglock, flags);
    return found;
}

static void signal_handle(struct trapframe *frame, struct task *t, struct delivery *d)
{
    u32 *work = &arch_self()->work;
    int sig = d->info.si_signo;
    u64 mask = d->mask;

    if (load_relaxed(work) & WORK_RESTORE) {
        atomic_fetch_and(work, ~(u32)WORK_RESTORE);
        mask = t->saved_mask;
    }
    if (likely(arch_self()->in_syscall))
        syscall_restart(frame, &d->action);
    else
        rseq_signal(frame);
    if (!signal_frame_push(frame, sig, &d->info, &d->action, mask))
        return;
    // There is no stack for this handler; if it was SIGSEGV's own, nothing can handle it.
    signal_set_mask(d->mask);
    if (sig == SIGSEGV)
        signal_action(SIGSEGV, &(struct k_sigaction){.handler = SIG_DFL}, NULL);
    signal_force(SIGSEGV, SI_KERNEL, 0);
}

static void NORETURN signal_end(struct task *t, const struct siginfo *info)
{
    syscall_restart_shown();
    core_join(t, info);
    task_exit(0);
}

static void signal_deliver(struct trapframe *frame)
{
    struct task *t = task_self();
    struct delivery d;

    do {
        if (signal_next(t, &d))
            signal_handle(frame, t, &d);
        else if (task_must_die(t) || load_relaxed(&t->proc->core_dumps))
            signal_end(t, &d.info);
        else if (t->stop_pending & STOP_GROUP)
            task_stop(t);
        else if (t->stop_pending)
            signal_trap(t);
        else
            break;
    } while (load_relaxed(&arch_self()->work) & WORK_SIGNAL);
}

// That another thread is to run, or has.
static void hart_work(struct trapframe *frame, u32 work)
{
    if (work & WORK_RESCHED)
        up_reschedule();
    if (work & WORK_RSEQ)
        rseq_resume(frame);
}

void up_exit_work(struct trapframe *frame)
{
    u32 work = load_relaxed(&arch_self()->work);

    if (unlikely(work & (WORK_RESCHED | WORK_RSEQ)))
        hart_work(frame, work);
    if (!process_self())
        return;
    if (work & WORK_SIGNAL)
        signal_deliver(frame);
    work = load_relaxed(&arch_self()->work);
    if (work & (WORK_SIGNAL | WORK_RESCHED | WORK_RSEQ))
        return;
    syscall_restart(frame, NULL);
    if (work & WORK_RESTORE)
        signal_restore_mask();
}

// RISC-V privileged specification, table of scause exception codes.
#define CAUSE_ILLEGAL    2
#define CAUSE_BREAK      3
#define CAUSE_MISALIGNED (BIT(0) | BIT(4) | BIT(6)) // fetch, load, store

void up_user_trap(struct trapframe *frame, int error)
{
    if (error == -EINTR || signal_fatal_pending())
        return;
    if (error == -ENOMEM || error == -EIO || error == -ENOSPC)
        signal_force(SIGBUS, error == -ENOMEM ? BUS_OBJERR : BUS_ADRERR, frame->tval);
    else if (error)
        signal_force(SIGSEGV, error == -EACCES ? SEGV_ACCERR : SEGV_MAPERR, frame->tval);
    else if (frame->cause == CAUSE_ILLEGAL)
        signal_force(SIGILL, ILL_ILLOPC, frame->pc);
    else if (frame->cause == CAUSE_BREAK)
        signal_force(SIGTRAP, TRAP_BRKPT, frame->pc);
    else if (CAUSE_MISALIGNED >> frame->cause & 1)
        signal_force(SIGBUS, BUS_ADRALN, frame->tval);
    else // access faults: no memory or device answers there
        signal_force(SIGSEGV, SEGV_ACCERR, frame->tval);
}
