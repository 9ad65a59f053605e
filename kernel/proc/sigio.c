// SPDX-License-Identifier: MIT
// SIGIO: what becomes ready in a file with O_ASYNC is told by signal (fcntl(2), F_SETOWN).
//
// Entries on the file's queues call sigio_woken, as an epoll's do. A queue's lock is no place to
// send signals from: a worker does it, so the signal may come a little after the event, and stands
// for all events since the last. The file and its queued work have a reference each; the file's end
// clears s->file.
#include "proc/sigio.h"
#include "abi/errno.h"
#include "abi/poll.h"
#include "mm/slab.h"
#include "proc/proc_private.h"
#include "sync/mutex.h"
#include "sync/workqueue.h"
#include "vfs/poll.h"
#include "vfs/user.h"

#define ANY_EVENT (~0U) // the waker did not say
#define IN_BITS   (POLLIN | POLLRDNORM)
#define OUT_BITS  (POLLOUT | POLLWRNORM | POLLWRBAND)

struct sigio {
    struct ref refs;
    struct mutex mutex;
    struct file *file; // (mutex) not referenced; NULL: it has gone
    struct pid *owner; // (mutex) NULL: nobody is told
    s32 type;          // (mutex) F_OWNER_*
    uid_t uid, euid;   // (mutex) of who named the owner
    s32 signal;        // (mutex) 0: SIGIO without siginfo
    s32 fd;            // (mutex)
    u32 events;        // (a) POLL*, since the work last looked
    struct work work;
    struct poll_watches watches; // (mutex) while O_ASYNC
};

static void owner_set_locked(struct sigio *s, struct pid *p)
{
    if (p)
        p->refs++;
    if (s->owner)
        pid_put_locked(s->owner);
    s->owner = p;
}

static void sigio_put(struct sigio *s)
{
    if (!ref_put(&s->refs))
        return;
    spin_lock(&proctree_lock);
    owner_set_locked(s, NULL);
    spin_unlock(&proctree_lock);
    kfree(s);
}

/* Telling */

// With the rights of who named the owner.
static bool permitted_locked(const struct sigio *s, const struct process *p)
{
    uid_t uid, suid;

    process_uids_locked(p, &uid, &suid);
    return !s->euid || s->euid == suid || s->euid == uid || s->uid == suid || s->uid == uid;
}

// To one thread of p, or to all of it if t is NULL.
static void process_tell_locked(const struct sigio *s, struct process *p, struct task *t, int code,
                                u32 band)
{
    struct siginfo info;
    int err = -EAGAIN;

    if (!permitted_locked(s, p))
        return;
    if (s->signal) {
        siginfo_kernel(&info, s->signal, signal_has_codes(s->signal) ? SI_SIGIO : code);
        info.si_band = band;
        info.si_fd = s->fd;
        err = t ? signal_send_task(t, s->signal, &info) : signal_send_process(p, s->signal, &info);
    }
    if (err && t)
        signal_send_task(t, SIGIO, NULL);
    else if (err)
        signal_send_process(p, SIGIO, NULL);
}

static void owner_tell(const struct sigio *s, int code, u32 band)
{
    struct pid *owner = s->owner;
    struct process *p;

    spin_lock(&proctree_lock);
    if (s->type == F_OWNER_PGRP && owner->group) {
        LIST_FOR_EACH (p, &owner->group->members, group_node)
            process_tell_locked(s, p, NULL, code, band);
    } else if (s->type == F_OWNER_TID && owner->task) {
        process_tell_locked(s, owner->task->proc, owner->task, code, band);
    } else if (s->type == F_OWNER_PID && owner->process) {
        process_tell_locked(s, owner->process, NULL, code, band);
    }
    spin_unlock(&proctree_lock);
}

static void sigio_tell(const struct sigio *s, u32 events)
{
    if (events == ANY_EVENT)
        events = file_poll(s->file, NULL);
    if (events & (IN_BITS | POLLHUP | POLLRDHUP))
        owner_tell(s, POLL_IN, IN_BITS);
    if (events & (OUT_BITS | POLLERR))
        owner_tell(s, POLL_OUT, OUT_BITS);
    if (events & POLLPRI)
        owner_tell(s, POLL_PRI, POLLPRI | POLLRDBAND);
}

static void sigio_work(struct work *w)
{
    struct sigio *s = container_of(w, struct sigio, work);
    u32 events = atomic_xchg(&s->events, 0U);

    mutex_lock(&s->mutex);
    if (s->file && s->owner && load_relaxed(&s->file->flags) & O_ASYNC)
        sigio_tell(s, events);
    mutex_unlock(&s->mutex);
    sigio_put(s);
}

static bool sigio_woken(struct wait_entry *wait, u64 key)
{
    struct sigio *s = poll_watch_owner(wait);
    u32 events = key ? (u32)key : ANY_EVENT;

    if (!events || atomic_fetch_or(&s->events, events))
        return false; // wake_next: nothing is new; or the work is on its way
    ref_get(&s->refs);
    work_queue_nested(&s->work);
    return false;
}

/* Setting */

static struct sigio *sigio_of(struct file *f)
{
    struct sigio *s = load_acquire(&f->sigio), *none = NULL;

    if (s)
        return s;
    s = kmalloc(sizeof(*s), ALLOC_ZERO);
    if (!s)
        return NULL;
    ref_init(&s->refs, 1);
    mutex_init(&s->mutex, RANK_EPOLL);
    work_init(&s->work, sigio_work);
    s->file = f;
    if (atomic_cas(&f->sigio, none, s))
        return s;
    kfree(s);
    return load_acquire(&f->sigio);
}

static int async_begin(struct sigio *s, int fd)
{
    u32 ready;
    int err;

    err = poll_watches_begin(&s->watches, s->file, s, sigio_woken, false, &ready);
    if (err) {
        poll_watches_end(&s->watches);
        return err;
    }
    s->fd = fd;
    file_flags_change(s->file, 0, O_ASYNC);
    return 0;
}

int sigio_set_async(struct file *f, int fd, bool on)
{
    struct sigio *s;
    int err = 0;

    if (!f->ops->signals)
        return -ENOTTY;
    s = sigio_of(f);
    if (!s)
        return -ENOMEM;
    mutex_lock(&s->mutex);
    if (on && !(load_relaxed(&f->flags) & O_ASYNC)) {
        err = async_begin(s, fd);
    } else if (!on && load_relaxed(&f->flags) & O_ASYNC) {
        poll_watches_end(&s->watches);
        file_flags_change(f, O_ASYNC, 0);
    }
    mutex_unlock(&s->mutex);
    return err;
}

static void sigio_end(struct file *f)
{
    struct sigio *s = f->sigio;

    mutex_lock(&s->mutex);
    poll_watches_end(&s->watches);
    s->file = NULL;
    mutex_unlock(&s->mutex);
    sigio_put(s);
}

static int owner_set(struct file *f, s32 type, pid_t id)
{
    const struct cred *c = thread_self()->cred;
    struct sigio *s = sigio_of(f);
    struct pid *p;

    if (!s)
        return -ENOMEM;
    mutex_lock(&s->mutex);
    spin_lock(&proctree_lock);
    p = id > 0 ? pid_find(id) : NULL;
    if (p || !id) {
        owner_set_locked(s, p);
        s->type = type;
        s->uid = c->uid;
        s->euid = c->euid;
    }
    spin_unlock(&proctree_lock);
    mutex_unlock(&s->mutex);
    return p || !id ? 0 : -ESRCH;
}

static bool owner_lives_locked(const struct pid *p, s32 type)
{
    if (type == F_OWNER_PGRP)
        return p->group != NULL;
    return type == F_OWNER_PID ? p->process != NULL : p->task != NULL;
}

static struct f_owner_ex owner_get(struct file *f)
{
    struct sigio *s = load_acquire(&f->sigio);
    struct f_owner_ex o = {.type = F_OWNER_TID};

    if (!s)
        return o;
    mutex_lock(&s->mutex);
    spin_lock(&proctree_lock);
    o.type = s->type;
    if (s->owner && owner_lives_locked(s->owner, s->type))
        o.pid = s->owner->id;
    spin_unlock(&proctree_lock);
    mutex_unlock(&s->mutex);
    return o;
}

static s64 owner_set_ex(struct file *f, uaddr_t from)
{
    struct f_owner_ex o;

    if (copy_from_user(&o, from, sizeof(o)))
        return -EFAULT;
    if (o.type < F_OWNER_TID || o.type > F_OWNER_PGRP)
        return -EINVAL;
    return owner_set(f, o.type, o.pid);
}

static s64 owner_get_ex(struct file *f, uaddr_t to)
{
    struct f_owner_ex o = owner_get(f);

    return copy_to_user(to, &o, sizeof(o)) ? -EFAULT : 0;
}

static s64 owner_get_number(struct file *f)
{
    struct f_owner_ex o = owner_get(f);

    return o.type == F_OWNER_PGRP ? -o.pid : o.pid;
}

static s64 signal_set(struct file *f, u64 sig)
{
    struct sigio *s;

    if (sig > _NSIG)
        return -EINVAL;
    s = sigio_of(f);
    if (!s)
        return -ENOMEM;
    mutex_lock(&s->mutex);
    s->signal = (s32)sig;
    mutex_unlock(&s->mutex);
    return 0;
}

static s64 signal_get(struct file *f)
{
    struct sigio *s = load_acquire(&f->sigio);

    return s ? load_relaxed(&s->signal) : 0;
}

s64 sigio_fcntl(struct file *f, u32 command, u64 arg)
{
    switch (command) {
    case F_SETOWN:
        if ((s32)arg == INT32_MIN)
            return -EINVAL;
        return (s32)arg < 0 ? owner_set(f, F_OWNER_PGRP, -(s32)arg)
                            : owner_set(f, F_OWNER_PID, (s32)arg);
    case F_GETOWN:
        return owner_get_number(f);
    case F_SETOWN_EX:
        return owner_set_ex(f, arg);
    case F_GETOWN_EX:
        return owner_get_ex(f, arg);
    case F_SETSIG:
        return signal_set(f, arg);
    default:
        return signal_get(f);
    }
}

void sigio_init(void)
{
    file_sigio_end_hook = sigio_end;
}
