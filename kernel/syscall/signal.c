// SPDX-License-Identifier: MIT
// Calls on signals.

#include "syscall/args.h"

// Sets are 64 bits; the size is passed along and must be right.
#define SIGSET_SIZE sizeof(u64)

static s64 send_thread(pid_t group, pid_t id, int sig)
{
    struct siginfo info;

    siginfo_user(&info, sig, SI_TKILL);
    return id <= 0 ? -EINVAL : signal_tgkill(group, id, sig, &info);
}

s64 sys_kill(u64 pid, u64 sig)
{
    struct siginfo info;

    if ((u32)pid == 1U << 31)
        return -ESRCH; // no group has its absolute value
    siginfo_user(&info, (s32)sig, SI_USER);
    return signal_kill((s32)pid, (s32)sig, &info);
}

s64 sys_tkill(u64 tid, u64 sig)
{
    return send_thread(0, (s32)tid, (s32)sig);
}

s64 sys_tgkill(u64 tgid, u64 tid, u64 sig)
{
    return (s32)tgid <= 0 ? -EINVAL : send_thread((s32)tgid, (s32)tid, (s32)sig);
}

int siginfo_check(const struct siginfo *info, pid_t to)
{
    bool posing = info->si_code >= 0 || info->si_code == SI_TKILL;

    return posing && to != thread_self()->tid ? -EPERM : 0;
}

static int siginfo_arg(struct siginfo *info, pid_t to, int sig, u64 uinfo)
{
    if (copy_from_user(info, uinfo, sizeof(*info)))
        return -EFAULT;
    info->si_signo = sig;
    return siginfo_check(info, to);
}

s64 sys_rt_sigqueueinfo(u64 pid, u64 sig, u64 uinfo)
{
    struct siginfo info;
    int err = siginfo_arg(&info, (s32)pid, (s32)sig, uinfo);

    if (err)
        return err;
    return (s32)pid <= 0 ? -ESRCH : signal_kill((s32)pid, (s32)sig, &info);
}

s64 sys_rt_tgsigqueueinfo(u64 tgid, u64 tid, u64 sig, u64 uinfo)
{
    struct siginfo info;
    int err = siginfo_arg(&info, (s32)tid, (s32)sig, uinfo);

    if (err != -EFAULT && ((s32)tgid <= 0 || (s32)tid <= 0))
        return -EINVAL;
    return err ?: signal_tgkill((s32)tgid, (s32)tid, (s32)sig, &info);
}

s64 sys_rt_sigaction(u64 sig, u64 new, u64 old, u64 size)
{
    struct k_sigaction action, previous;
    int err;

    if (size != SIGSET_SIZE)
        return -EINVAL;
    if (optional_arg(&action, new, sizeof(action)))
        return -EFAULT;
    err = signal_action((s32)sig, new ? &action : NULL, old ? &previous : NULL);
    return optional_result(err, old, &previous, sizeof(previous));
}

s64 sys_rt_sigprocmask(u64 how, u64 new, u64 old, u64 size)
{
    u64 mask = task_self()->blocked, set = 0;

    if (size != SIGSET_SIZE)
        return -EINVAL;
    if (new) {
        if (get_user_u64(&set, new))
            return -EFAULT;
        if ((s32)how == SIG_BLOCK)
            signal_set_mask(mask | set);
        else if ((s32)how == SIG_UNBLOCK)
            signal_set_mask(mask & ~set);
        else if ((s32)how == SIG_SETMASK)
            signal_set_mask(set);
        else
            return -EINVAL;
    }
    return old && put_user_u64(old, mask) ? -EFAULT : 0;
}

s64 sys_rt_sigpending(u64 set, u64 size)
{
    u64 pending = signal_pending_set();

    if (size > SIGSET_SIZE)
        return -EINVAL;
    return copy_to_user(set, &pending, size);
}

s64 sys_rt_sigsuspend(u64 mask, u64 size)
{
    struct wait_queue never;
    u64 set;

    if (size != SIGSET_SIZE)
        return -EINVAL;
    if (get_user_u64(&set, mask))
        return -EFAULT;
    wait_queue_init(&never);
    signal_set_temporary_mask(set);
    wait_event(&never, false, WAIT_INTERRUPTIBLE, NS_NEVER);
    return -ERESTARTNOHAND;
}

s64 sys_rt_sigtimedwait(u64 set, u64 uinfo, u64 timeout, u64 size)
{
    struct siginfo info;
    ns_t deadline;
    u64 wanted;
    int sig;

    if (size != SIGSET_SIZE)
        return -EINVAL;
    if (get_user_u64(&wanted, set))
        return -EFAULT;
    sig = deadline_arg(timeout, &deadline);
    if (sig)
        return sig;
    sig = signal_wait(wanted, deadline, &info);
    if (sig > 0 && uinfo && copy_to_user(uinfo, &info, sizeof(info)))
        return -EFAULT;
    return sig;
}

s64 sys_rt_sigreturn(void)
{
    return signal_return(arch_frame(arch_self()));
}

s64 sys_sigaltstack(u64 new, u64 old)
{
    uaddr_t sp = arch_frame(arch_self())->x[FRAME_SP];
    struct sigstack stack, previous;
    int err;

    if (optional_arg(&stack, new, sizeof(stack)))
        return -EFAULT;
    err = signal_altstack(new ? &stack : NULL, old ? &previous : NULL, sp);
    return optional_result(err, old, &previous, sizeof(previous));
}

s64 sys_restart_syscall(void)
{
    struct task *t = task_self();
    s64 (*restart)(struct task * task) = t->restart;

    t->restart = NULL;
    return restart ? restart(t) : -EINTR;
}
