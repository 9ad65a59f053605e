// SPDX-License-Identifier: MIT
// The calls of mq_overview(7).
#include "fs/mqueue/mqueue.h"
#include "syscall/args.h"
#include "vfs/socket.h"

/* Names */

static s64 open_reserved(const char *name, u32 flags, mode_t mode, const struct mq_attr *attr)
{
    int fd = fd_reserve(0, process_limit(RLIMIT_NOFILE), true);
    struct file *f;
    int err;

    if (fd < 0)
        return fd;
    err = mqueue_open(name, flags, mode, attr, &f);
    if (err) {
        fd_unreserve(fd);
        return err;
    }
    fd_install(fd, f);
    return fd;
}

s64 sys_mq_open(u64 uname, u64 flags, u64 mode, u64 uattr)
{
    char *name SCOPED(memory_end) = NULL;
    struct mq_attr attr;
    s64 err = optional_arg(&attr, uattr, sizeof(attr)) ?: string_arg(uname, &name);

    if (err || !*name)
        return err ?: -ENOENT;
    return open_reserved(name, (u32)flags, (mode_t)mode, uattr ? &attr : NULL);
}

s64 sys_mq_unlink(u64 uname)
{
    char *name SCOPED(memory_end) = NULL;

    return string_arg(uname, &name) ?: *name ? mqueue_unlink(name) : -ENOENT;
}

/* Messages */

// Of an absolute time that may be absent.
static int mq_deadline_arg(uaddr_t timeout, ns_t *deadline)
{
    int err = timeout ? timespec_arg(timeout, deadline) : 0;

    *deadline = timeout ? deadline_wall(*deadline) : NS_NEVER;
    return err;
}

static struct file *queue_get(u64 fd, u32 mode)
{
    struct file *f = fd_get((int)fd);

    if (f && file_is_mqueue(f) && (f->mode & mode) == mode)
        return f;
    file_end(&f);
    return NULL;
}

s64 sys_mq_timedsend(u64 fd, u64 message, u64 size, u64 priority, u64 timeout)
{
    ns_t deadline;
    int err = mq_deadline_arg(timeout, &deadline);

    if (err || (u32)priority >= MQ_PRIO_MAX)
        return err ?: -EINVAL;

    struct file *f SCOPED(file_end) = queue_get(fd, FILE_F_WRITE);

    return f ? restartable(mqueue_send(f, message, size, (u32)priority, deadline)) : -EBADF;
}

s64 sys_mq_timedreceive(u64 fd, u64 to, u64 size, u64 priority, u64 timeout)
{
    ns_t deadline;
    int err = mq_deadline_arg(timeout, &deadline);

    if (err)
        return err;

    struct file *f SCOPED(file_end) = queue_get(fd, FILE_F_READ);

    return f ? restartable(mqueue_receive(f, to, size, priority, deadline)) : -EBADF;
}

/* Notification */

// A program that was begun meanwhile did not ask for the signal.
static void watch_end(const struct mqueue_watch *w, bool arrived)
{
    struct siginfo info;

    if (arrived && w->notify == SIGEV_SIGNAL && w->signo && w->execs == w->owner->execs) {
        siginfo_user(&info, w->signo, SI_MESGQ);
        info.si_value = w->value;
        (void)signal_send_process(w->owner, w->signo, &info); // one too many is lost
    }
    process_put(w->owner);
}

// SIGEV_THREAD is told through a netlink socket. There are none, so it can be no such descriptor.
static int cookie_check(const struct sigevent *e)
{
    u8 cookie[NOTIFY_COOKIE_LEN];

    if (copy_from_user(cookie, e->sigev_value, sizeof(cookie)))
        return -EFAULT;

    struct file *f SCOPED(file_end) = fd_get(e->sigev_signo);

    if (!f)
        return -EBADF;
    return file_socket(f) ? -EINVAL : -ENOTSOCK;
}

static int event_check(const struct sigevent *e)
{
    switch (e->sigev_notify) {
    case SIGEV_NONE:
        return 0;
    case SIGEV_SIGNAL:
        return e->sigev_signo < 0 || e->sigev_signo > _NSIG ? -EINVAL : 0;
    case SIGEV_THREAD:
        return cookie_check(e);
    default:
        return -EINVAL;
    }
}

static int watch_begin(struct file *f, const struct sigevent *e)
{
    struct process *p = process_self();
    struct mqueue_watch w = {.owner = p,
                             .end = watch_end,
                             .notify = e->sigev_notify,
                             .signo = e->sigev_signo,
                             .value = e->sigev_value,
                             .pid = p->pid->id,
                             .execs = p->execs};
    int err;

    process_ref(p);
    err = mqueue_watch(f, &w);
    if (err)
        process_put(p);
    return err;
}

s64 sys_mq_notify(u64 fd, u64 event)
{
    struct sigevent e;
    int err = optional_arg(&e, event, sizeof(e)) ?: event ? event_check(&e) : 0;

    if (err)
        return err;

    struct file *f SCOPED(file_end) = queue_get(fd, 0);

    if (!f)
        return -EBADF;
    if (event)
        return watch_begin(f, &e);
    mqueue_unwatch(f);
    return 0;
}

/* Attributes */

s64 sys_mq_getsetattr(u64 fd, u64 new, u64 old)
{
    struct mq_attr attr, was;

    if (optional_arg(&attr, new, sizeof(attr)))
        return -EFAULT;
    if (new &&attr.mq_flags & ~(s64)O_NONBLOCK)
        return -EINVAL;

    struct file *f SCOPED(file_end) = queue_get(fd, 0);

    if (!f)
        return -EBADF;
    mqueue_attr(f, &was);
    if (new) {
        file_flags_change(f, O_NONBLOCK, (u32)attr.mq_flags);
        mqueue_touch(f);
    }
    return optional_result(0, old, &was, sizeof(was));
}
