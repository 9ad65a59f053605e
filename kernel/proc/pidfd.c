// SPDX-License-Identifier: MIT
// pidfd_open(2): a descriptor holds a reference to the process, whose id may be another's once it
// is reaped. Its queue is exit_wait, which is also woken when threads end.
#include "proc/pidfd.h"
#include "abi/errno.h"
#include "proc/proc_private.h"
#include "vfs/poll.h"
#include "vfs/pseudo.h"

static const struct file_ops pidfd_ops;

struct process *file_pidfd_process(const struct file *f)
{
    return f->ops == &pidfd_ops ? f->private : NULL;
}

int pidfd_process_get(const struct file *f, struct process **out)
{
    *out = file_pidfd_process(f);
    if (!*out)
        return procfs_process_get(f, out);
    process_ref(*out);
    return 0;
}

static u32 pidfd_poll(struct file *f, struct poll_table *table)
{
    struct process *p = f->private;
    u32 state;

    poll_wait(table, &p->exit_wait);
    state = load_relaxed(&p->state);
    if (state == PROCESS_ALIVE)
        return 0;
    return POLLIN | POLLRDNORM | (state == PROCESS_DEAD ? POLLHUP : 0);
}

static void pidfd_release(struct file *f)
{
    process_put(f->private);
}

static void pidfd_show(struct file *f, struct text *t)
{
    struct process *p = f->private;
    pid_t id = load_relaxed(&p->state) == PROCESS_DEAD ? -1 : p->pid->id;

    text_printf(t, "Pid:\t%d\nNSpid:\t%d\n", id, id);
}

static const struct file_ops pidfd_ops = {
    .poll = pidfd_poll,
    .release = pidfd_release,
    .show = pidfd_show,
};

int pidfd_create(struct process *p, u32 flags, struct file **out)
{
    int err = file_create_anon(&pidfd_ops, "anon_inode:[pidfd]", NULL,
                               O_RDWR | (flags & O_NONBLOCK), p, out);

    if (!err)
        process_ref(p);
    return err;
}

int pidfd_send(struct process *p, int sig, const struct siginfo *info)
{
    int err;

    spin_lock(&proctree_lock);
    err = p->state == PROCESS_DEAD ? -ESRCH : signal_kill_one_locked(p, sig, info);
    spin_unlock(&proctree_lock);
    return err;
}

int pidfd_take(struct process *p, int fd, struct file **out)
{
    struct fdtable *files;
    irqflags_t flags;
    struct task *t;
    int err = 0;

    *out = NULL;
    spin_lock(&proctree_lock);
    flags = spin_lock_irqsave(&p->siglock);
    t = list_first(&p->tasks, struct task, link);
    files = t ? t->thread->files : NULL;
    if (!t)
        err = -ESRCH;
    else if (!process_may_access_locked(p, false))
        err = -EPERM;
    else if (!files || !(*out = fd_get_shared(files, (u32)fd, 0)))
        err = files ? -EBADF : -ESRCH;
    spin_unlock_irqrestore(&p->siglock, flags);
    spin_unlock(&proctree_lock);
    return err;
}
