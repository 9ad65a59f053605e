// SPDX-License-Identifier: MIT
// The calls of epoll(7).
#include "ipc/epoll.h"
#include "arch/mmu.h"
#include "syscall/args.h"

#define NS_PER_MS  1000000UL
#define EVENTS_MAX (INT32_MAX / sizeof(struct epoll_event))

s64 sys_epoll_create1(u64 flags)
{
    struct file *f;
    int err;

    if ((u32)flags & ~EPOLL_CLOEXEC)
        return -EINVAL;
    err = epoll_create(&f);
    return err ?: fd_add(f, flags & EPOLL_CLOEXEC);
}

s64 sys_epoll_ctl(u64 epoll_fd, u64 op, u64 fd, u64 uevent)
{
    bool has_event = (int)op != EPOLL_CTL_DEL;
    struct epoll_event event;

    if (has_event && copy_from_user(&event, uevent, sizeof(event)))
        return -EFAULT;

    struct file *epoll SCOPED(file_end) = fd_get((int)epoll_fd);
    struct file *f SCOPED(file_end) = fd_get((int)fd);

    if (!epoll || !f)
        return -EBADF;
    return epoll_control(epoll, (int)op, (int)fd, f, has_event ? &event : NULL);
}

static s64 wait_call(u64 fd, uaddr_t events, s32 max, ns_t deadline)
{
    struct file *f SCOPED(file_end) = fd_get((int)fd);

    if (max <= 0 || (u32)max > EVENTS_MAX)
        return -EINVAL;
    if (events > USER_TOP || max * sizeof(struct epoll_event) > USER_TOP - events)
        return -EFAULT;
    if (!f)
        return -EBADF;
    return file_is_epoll(f) ? epoll_wait(f, events, max, deadline) : -EINVAL;
}

// If a signal ended the wait, the temporary mask stays until it is delivered.
static s64 masked_wait(u64 fd, uaddr_t events, s32 max, ns_t deadline, uaddr_t mask, u64 size)
{
    s64 n = temporary_mask_arg(mask, size);

    if (n)
        return n;
    n = wait_call(fd, events, max, deadline);
    if (mask && n != -EINTR)
        signal_restore_mask();
    return n;
}

s64 sys_epoll_pwait(u64 fd, u64 events, u64 max, u64 timeout, u64 mask, u64 size)
{
    s32 ms = (s32)timeout;
    ns_t deadline = ms < 0 ? NS_NEVER : ms ? clock_monotonic() + ms * NS_PER_MS : 0;

    return masked_wait(fd, events, (s32)max, deadline, mask, size);
}

s64 sys_epoll_pwait2(u64 fd, u64 events, u64 max, u64 timeout, u64 mask, u64 size)
{
    ns_t deadline;

    return deadline_arg(timeout, &deadline)
               ?: masked_wait(fd, events, (s32)max, deadline, mask, size);
}
