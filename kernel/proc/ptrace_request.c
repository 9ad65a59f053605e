// SPDX-License-Identifier: MIT
// What a tracer asks of its tracees (ptrace(2)).
//
// Most requests need the thread in a stop. They look at it, or change it, under proctree_lock, and
// copy to and from the caller's memory before and after. Memory of a tracee is reached through a
// reference to its space: it may have been killed meanwhile, and nobody minds.

#include "abi/errno.h"
#include "abi/uio.h"
#include "arch/uaccess.h"
#include "lib/string.h"
#include "proc/ptrace.h"
#include "proc/trace.h"

static_assert(sizeof(struct user_regs_struct) == offsetof(struct trapframe, status),
              "trap frames begin like NT_PRSTATUS");

// The caller's tracee with proctree_lock held, or NULL without: -ESRCH. `stopped`: in a stop.
static struct trace *tracee_lock(pid_t tid, bool stopped)
{
    struct task *t;

    spin_lock(&proctree_lock);
    t = task_find(tid);
    if (t && t->trace && t->trace->tracer == process_self() &&
        (!stopped || (t->trace_stopped && !t->trace_listens)))
        return t->trace;
    spin_unlock(&proctree_lock);
    return NULL;
}

static void tracee_unlock(void)
{
    spin_unlock(&proctree_lock);
}

/* Going on */

// The stop will end with a signal, or 0; another than the stop's own comes from the tracer.
static void resume_with_locked(struct task *t, int sig)
{
    t->resume_signal = sig;
    if (sig && t->stop_info && t->stop_info->si_signo != sig)
        siginfo_user(t->stop_info, sig, SI_USER);
}

static void resume_locked(struct trace *tr, int sig)
{
    struct task *t = tr->task;

    resume_with_locked(t, sig);
    tr->ready = false;
    store_release(&t->trace_stopped, false);
    sched_wake(t->thread, 1 << THREAD_STOPPED);
}

static s64 trace_resume(pid_t tid, bool syscalls, u64 sig)
{
    struct trace *tr;
    u32 *work;

    tr = tracee_lock(tid, true);
    if (!tr)
        return -ESRCH;
    if (sig > 64) {
        tracee_unlock();
        return -EIO;
    }
    work = &tr->task->thread->arch.work;
    if (syscalls)
        atomic_fetch_or(work, WORK_PTRACE);
    else
        atomic_fetch_and(work, ~(u32)WORK_PTRACE);
    resume_locked(tr, sig);
    tracee_unlock();
    return 0;
}

static s64 trace_detach(pid_t tid, u64 sig)
{
    struct trace *tr = tracee_lock(tid, true);

    if (!tr)
        return -ESRCH;
    if (sig > 64) {
        tracee_unlock();
        return -EIO;
    }
    resume_with_locked(tr->task, (int)sig);
    trace_unlink_locked(tr);
    tracee_unlock();
    trace_free(tr);
    return 0;
}

static s64 trace_kill(pid_t tid)
{
    struct trace *tr = tracee_lock(tid, false);

    if (!tr)
        return -ESRCH;
    signal_send_task(tr->task, SIGKILL, NULL);
    tracee_unlock();
    return 0;
}

// Only of those by PTRACE_SEIZE.
static s64 trace_interrupt(pid_t tid)
{
    struct trace *tr = tracee_lock(tid, false);
    irqflags_t flags;
    struct task *t;
    s64 err = -EIO;

    if (!tr)
        return -ESRCH;
    t = tr->task;
    if (tr->options & TRACE_SEIZED) {
        flags = spin_lock_irqsave(&t->proc->siglock);
        store_relaxed(&t->stop_pending, t->stop_pending | STOP_TRAP);
        task_signal_wake(t, false);
        sched_wake(t->thread, 1 << THREAD_STOPPED);
        spin_unlock_irqrestore(&t->proc->siglock, flags);
        err = 0;
    }
    tracee_unlock();
    return err;
}

static s64 trace_listen(pid_t tid)
{
    struct trace *tr = tracee_lock(tid, true);
    struct task *t;
    s64 err = -EIO;

    if (!tr)
        return -ESRCH;
    t = tr->task;
    if ((tr->options & TRACE_SEIZED) && t->stop_info &&
        t->stop_info->si_code >> 8 == PTRACE_EVENT_STOP) {
        tr->ready = false;
        store_release(&t->trace_listens, true);
        sched_wake(t->thread, 1 << THREAD_STOPPED); // something may have come already
        err = 0;
    }
    tracee_unlock();
    return err;
}

/* Memory */

static ssize_t tracee_access(pid_t tid, uaddr_t at, u64 *word, bool write)
{
    struct trace *tr = tracee_lock(tid, true);
    struct vm_space *space;
    bool hidden;
    ssize_t n;

    if (!tr)
        return -ESRCH;
    hidden = load_relaxed(&tr->proc->dumpable) != DUMPABLE_OWNER && !tr->capable;
    space = hidden ? NULL : process_space_get(tr->proc);
    tracee_unlock();
    if (!space)
        return hidden ? -EIO : -ESRCH;
    n = vm_access(space, at, word, sizeof(*word), write, true);
    vm_space_put(space);
    return n == sizeof(*word) ? 0 : -EIO;
}

static s64 trace_peek(pid_t tid, uaddr_t at, uaddr_t to)
{
    u64 word;
    s64 err = tracee_access(tid, at, &word, false);

    return err ? err : put_user_u64(to, word);
}

/* Registers */

static size_t regset_size(u64 type)
{
    return type == NT_PRSTATUS  ? sizeof(struct user_regs_struct)
           : type == NT_PRFPREG ? sizeof(struct riscv_d_state)
                                : 0;
}

void regset_read(const struct task *t, u64 type, struct regset *set)
{
    const struct fpu_state *fpu = &t->thread->arch.fpu;

    memset(set, 0, sizeof(*set));
    if (type == NT_PRSTATUS) {
        memcpy(&set->general, arch_frame(&t->thread->arch), sizeof(set->general));
    } else {
        memcpy(set->fp.f, fpu->f, sizeof(fpu->f));
        set->fp.fcsr = fpu->fcsr;
    }
}

static void regset_write(struct task *t, u64 type, const struct regset *set)
{
    struct fpu_state *fpu = &t->thread->arch.fpu;

    if (type == NT_PRSTATUS) {
        memcpy(arch_frame(&t->thread->arch), &set->general, sizeof(set->general));
    } else {
        memcpy(fpu->f, set->fp.f, sizeof(fpu->f));
        fpu->fcsr = set->fp.fcsr;
    }
}

static int regset_swap(pid_t tid, u64 type, struct regset *set, const struct regset *new,
                       size_t new_size)
{
    struct trace *tr = tracee_lock(tid, true);

    if (!tr)
        return -ESRCH;
    regset_read(tr->task, type, set);
    if (new) {
        memcpy(set, new, new_size); // the rest stays
        regset_write(tr->task, type, set);
    }
    tracee_unlock();
    return 0;
}

// PTRACE_GETREGSET, PTRACE_SETREGSET: `type` NT_*, at `uiov` a struct iovec.
static s64 trace_regset(pid_t tid, u64 type, uaddr_t uiov, bool write)
{
    size_t size = regset_size(type);
    struct regset set, new;
    struct iovec iov;
    s64 err;

    if (copy_from_user(&iov, uiov, sizeof(iov)))
        return -EFAULT;
    if (!size || iov.iov_len % sizeof(u64))
        return -EINVAL;
    iov.iov_len = MIN(iov.iov_len, size);
    if (write && copy_from_user(&new, iov.iov_base, iov.iov_len))
        return -EFAULT;
    err = regset_swap(tid, type, &set, write ? &new : NULL, iov.iov_len);
    if (!err && !write)
        err = copy_to_user(iov.iov_base, &set, iov.iov_len);
    return err ? err : copy_to_user(uiov, &iov, sizeof(iov));
}

/* What the stop is */

static u8 syscall_op(const struct trace *tr)
{
    const struct siginfo *info = tr->task->stop_info;

    if (!info || info->si_code != (SIGTRAP | 0x80))
        return PTRACE_SYSCALL_INFO_NONE;
    return tr->message == TRACE_MESSAGE_ENTRY ? PTRACE_SYSCALL_INFO_ENTRY
                                              : PTRACE_SYSCALL_INFO_EXIT;
}

// The number of bytes that count.
static size_t syscall_info(const struct trace *tr, struct ptrace_syscall_info *out)
{
    const struct trapframe *f = arch_frame(&tr->task->thread->arch);

    *out = (struct ptrace_syscall_info){.op = syscall_op(tr),
                                        .arch = AUDIT_ARCH_RISCV64,
                                        .instruction_pointer = f->pc,
                                        .stack_pointer = f->x[FRAME_SP]};
    if (out->op == PTRACE_SYSCALL_INFO_NONE)
        return offsetof(struct ptrace_syscall_info, entry);
    if (out->op == PTRACE_SYSCALL_INFO_ENTRY) {
        out->entry.nr = f->x[FRAME_A7];
        out->entry.args[0] = f->orig_a0;
        memcpy(&out->entry.args[1], &f->x[FRAME_A1], 5 * sizeof(u64));
        return offsetof(struct ptrace_syscall_info, entry) + sizeof(out->entry);
    }
    out->exit.rval = (s64)f->x[FRAME_A0];
    out->exit.is_error = out->exit.rval < 0 && out->exit.rval >= -4095;
    return offsetof(struct ptrace_syscall_info, exit.is_error) + 1;
}

static s64 trace_syscall_info(pid_t tid, u64 size, uaddr_t to)
{
    struct trace *tr = tracee_lock(tid, true);
    struct ptrace_syscall_info info;
    size_t n;

    if (!tr)
        return -ESRCH;
    n = syscall_info(tr, &info);
    tracee_unlock();
    return copy_to_user(to, &info, MIN(n, size)) ? -EFAULT : (s64)n;
}

// -EINVAL in a group stop without PTRACE_SEIZE, which has none.
static s64 trace_siginfo(pid_t tid, uaddr_t at, bool write)
{
    struct siginfo info = {0};
    struct siginfo *stop;
    struct trace *tr;
    s64 err = 0;

    if (write && copy_from_user(&info, at, sizeof(info)))
        return -EFAULT;
    tr = tracee_lock(tid, true);
    if (!tr)
        return -ESRCH;
    stop = tr->task->stop_info;
    if (!stop)
        err = -EINVAL;
    else if (write)
        *siginfo_used(stop) = *siginfo_used(&info);
    else
        *siginfo_used(&info) = *siginfo_used(stop);
    tracee_unlock();
    return err || write ? err : copy_to_user(at, &info, sizeof(info));
}

static s64 trace_message(pid_t tid, uaddr_t to)
{
    struct trace *tr = tracee_lock(tid, true);
    u64 message;

    if (!tr)
        return -ESRCH;
    message = tr->message;
    tracee_unlock();
    return put_user_u64(to, message);
}

// A call that waits with another mask shows the one that comes back.
static u64 mask_swap(struct task *t, const u64 *new)
{
    bool saved = load_relaxed(&t->thread->arch.work) & WORK_RESTORE;
    irqflags_t flags = spin_lock_irqsave(&t->proc->siglock);
    u64 old = saved ? t->saved_mask : t->blocked;

    if (new) {
        t->saved_mask = *new;
        store_relaxed(&t->blocked, *new);
        atomic_fetch_or(&t->thread->arch.work, WORK_SIGNAL);
    }
    spin_unlock_irqrestore(&t->proc->siglock, flags);
    return old;
}

static s64 trace_mask(pid_t tid, u64 size, uaddr_t at, bool write)
{
    struct trace *tr;
    u64 mask = 0;

    if (size != sizeof(mask))
        return -EINVAL;
    if (write && get_user_u64(&mask, at))
        return -EFAULT;
    mask &= ~(SIGMASK(SIGKILL) | SIGMASK(SIGSTOP));
    tr = tracee_lock(tid, true);
    if (!tr)
        return -ESRCH;
    mask = mask_swap(tr->task, write ? &mask : NULL);
    tracee_unlock();
    return write ? 0 : put_user_u64(at, mask);
}

static s64 trace_set_options(pid_t tid, u64 options)
{
    struct trace *tr = tracee_lock(tid, true);
    s64 err = options & ~(u64)TRACE_OPTIONS ? -EINVAL : 0;

    if (!tr)
        return -ESRCH;
    if (!err)
        tr->options = (tr->options & TRACE_SEIZED) | (u32)options;
    tracee_unlock();
    return err;
}

/* Decoding */

static s64 request_stopped(s64 request, pid_t tid, u64 addr, u64 data)
{
    switch (request) {
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
        return trace_peek(tid, addr, data);
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
        return tracee_access(tid, addr, &data, true);
    case PTRACE_CONT:
    case PTRACE_SYSCALL:
        return trace_resume(tid, request == PTRACE_SYSCALL, data);
    case PTRACE_DETACH:
        return trace_detach(tid, data);
    case PTRACE_LISTEN:
        return trace_listen(tid);
    case PTRACE_GETREGSET:
    case PTRACE_SETREGSET:
        return trace_regset(tid, (u32)addr, data, request == PTRACE_SETREGSET);
    case PTRACE_GETSIGINFO:
    case PTRACE_SETSIGINFO:
        return trace_siginfo(tid, data, request == PTRACE_SETSIGINFO);
    case PTRACE_GETSIGMASK:
    case PTRACE_SETSIGMASK:
        return trace_mask(tid, addr, data, request == PTRACE_SETSIGMASK);
    case PTRACE_GETEVENTMSG:
        return trace_message(tid, data);
    case PTRACE_GET_SYSCALL_INFO:
        return trace_syscall_info(tid, addr, data);
    case PTRACE_SETOPTIONS:
        return trace_set_options(tid, data);
    default:
        return -EIO; // PTRACE_SINGLESTEP, too: the machine has none
    }
}

s64 trace_request(s64 request, s32 tid, u64 addr, u64 data)
{
    struct trace *tr;

    switch (request) {
    case PTRACE_TRACEME:
        return trace_me();
    case PTRACE_ATTACH:
        return trace_attach(tid, false, 0);
    case PTRACE_SEIZE:
        return addr ? -EIO : trace_attach(tid, true, data);
    case PTRACE_KILL:
        return trace_kill(tid);
    case PTRACE_INTERRUPT:
        return trace_interrupt(tid);
    default:
        tr = tracee_lock(tid, true);
        if (!tr)
            return -ESRCH;
        tracee_unlock();
        return request_stopped(request, tid, addr, data);
    }
}
