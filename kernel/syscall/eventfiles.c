// SPDX-License-Identifier: MIT
// The calls of timerfd, signalfd and pidfd.
#include "abi/capability.h"
#include "abi/eventfd.h"
#include "abi/wait.h"
#include "ipc/timerfd.h"
#include "proc/pidfd.h"
#include "proc/signalfd.h"
#include "syscall/args.h"

/* timerfd */

static int timer_clock(int clock, bool *real)
{
    *real = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM;
    switch (clock) {
    case CLOCK_REALTIME_ALARM: // the machine never sleeps so that it would have to be woken
    case CLOCK_BOOTTIME_ALARM:
        return cred_capable(thread_self()->cred, CAP_WAKE_ALARM) ? 0 : -EPERM;
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
        return 0;
    default:
        return -EINVAL;
    }
}

s64 sys_timerfd_create(u64 clock, u64 flags)
{
    struct file *f = NULL;
    bool real;
    int err = (u32)flags & ~(TFD_CLOEXEC | TFD_NONBLOCK) ? -EINVAL : timer_clock((int)clock, &real);

    err = err ?: timerfd_create((int)clock, real, (u32)flags, &f);
    return err ?: fd_add(f, flags & TFD_CLOEXEC);
}

s64 sys_timerfd_settime(u64 fd, u64 flags, u64 new, u64 old)
{
    ns_t value, interval, left, old_interval;
    int err = itimerspec_arg(new, &value, &interval);

    if (err)
        return err;
    if ((u32)flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
        return -EINVAL;

    struct file *f SCOPED(file_end) = fd_get((int)fd);

    if (!f)
        return -EBADF;
    if (!file_is_timerfd(f))
        return -EINVAL;
    err = timerfd_set(f, (u32)flags, value, interval, &left, &old_interval);
    return err || !old ? err : itimerspec_result(old, left, old_interval);
}

s64 sys_timerfd_gettime(u64 fd, u64 out)
{
    struct file *f SCOPED(file_end) = fd_get((int)fd);
    ns_t left, interval;

    if (!f)
        return -EBADF;
    if (!file_is_timerfd(f))
        return -EINVAL;
    timerfd_get(f, &left, &interval);
    return itimerspec_result(out, left, interval);
}

/* signalfd */

s64 sys_signalfd4(u64 fd, u64 umask, u64 size, u64 flags)
{
    u64 mask;
    int err;

    if (size != sizeof(mask))
        return -EINVAL;
    if (copy_from_user(&mask, umask, sizeof(mask)))
        return -EFAULT;
    if ((u32)flags & ~(SFD_CLOEXEC | SFD_NONBLOCK))
        return -EINVAL;
    if ((int)fd == -1) {
        struct file *made = NULL;

        err = signalfd_create(mask, (u32)flags, &made);
        return err ?: fd_add(made, flags & SFD_CLOEXEC);
    }

    struct file *f SCOPED(file_end) = fd_get((int)fd);

    if (!f)
        return -EBADF;
    if (!file_is_signalfd(f))
        return -EINVAL;
    signalfd_set_mask(f, mask);
    return (int)fd;
}

/* pidfd */

s64 sys_pidfd_open(u64 pid, u64 flags)
{
    struct file *f = NULL;
    struct process *p;
    bool thread;
    int err;

    if ((u32)flags & ~O_NONBLOCK || (s32)pid <= 0)
        return -EINVAL;
    p = process_get((s32)pid);
    if (!p) {
        thread = spin_read(&proctree_lock, task_find((s32)pid) != NULL);
        return thread ? -EINVAL : -ESRCH; // not the first of its process
    }
    err = pidfd_create(p, (u32)flags, &f);
    process_put(p);
    return err ?: fd_add(f, true);
}

static int signal_info(struct siginfo *info, const struct process *p, int sig, uaddr_t uinfo)
{
    siginfo_user(info, sig, SI_USER);
    if (!uinfo)
        return 0;
    if (copy_from_user(info, uinfo, sizeof(*info)))
        return -EFAULT;
    if (info->si_signo != sig)
        return -EINVAL;
    return siginfo_check(info, p->pid->id);
}

s64 sys_pidfd_send_signal(u64 fd, u64 sig, u64 uinfo, u64 flags)
{
    struct file *f SCOPED(file_end) = fd_get((int)fd);
    struct siginfo info;
    struct process *p;
    int err;

    if ((u32)flags)
        return -EINVAL;
    err = f ? pidfd_process_get(f, &p) : -EBADF;
    if (err)
        return err;
    err = signal_info(&info, p, (s32)sig, uinfo);
    if (!err)
        err = (s32)sig < 0 || (s32)sig > 64 ? -EINVAL : pidfd_send(p, (s32)sig, &info);
    process_put(p);
    return err;
}

s64 sys_pidfd_getfd(u64 pidfd, u64 fd, u64 flags)
{
    struct file *f SCOPED(file_end) = fd_get((int)pidfd), *taken = NULL;
    struct process *p = f ? file_pidfd_process(f) : NULL;

    if ((u32)flags)
        return -EINVAL;
    if (!p)
        return -EBADF;
    return pidfd_take(p, (int)fd, &taken) ?: fd_add(taken, true);
}
