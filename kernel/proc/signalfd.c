// SPDX-License-Identifier: MIT
// signalfd(2): signals that are read.
//
// A read takes what is pending for the caller, whoever made the descriptor. Who waits sleeps on the
// file's queue; a signal_watch leads there from a process whose threads have waited. It is made at
// the first poll or waiting read, and goes with the process or with the file.
#include "proc/signalfd.h"
#include "abi/errno.h"
#include "abi/eventfd.h"
#include "mm/slab.h"
#include "proc/proc_private.h"
#include "vfs/poll.h"
#include "vfs/pseudo.h"

#define UNREADABLE (SIGMASK(SIGKILL) | SIGMASK(SIGSTOP))
#define READABLE   (POLLIN | POLLRDNORM)

struct signalfd {
    u64 mask; // (a) signals that are read
    struct wait_queue queue;
    struct hlist processes; // (watch_mutex) signal_watch.in_file
};

struct signal_watch {
    struct hnode in_process; // (watch_mutex and siglock)
    struct hnode in_file;    // (watch_mutex)
    struct process *proc;    // (c)
    struct signalfd *fd;     // (c)
};

static struct mutex watch_mutex = MUTEX_INIT(watch_mutex, RANK_NONE); // outside of siglock
static const struct file_ops signalfd_ops;

bool file_is_signalfd(const struct file *f)
{
    return f->ops == &signalfd_ops;
}

/* Watches */

void signalfd_wake_locked(struct process *p, int sig)
{
    struct signal_watch *w;

    HLIST_FOR_EACH (w, &p->signalfds, in_process)
        if (load_relaxed(&w->fd->mask) & SIGMASK(sig))
            wake_key(&w->fd->queue, READABLE);
}

static void watch_free(struct signal_watch *w)
{
    irqflags_t flags = spin_lock_irqsave(&w->proc->siglock);

    hlist_remove(&w->in_process);
    spin_unlock_irqrestore(&w->proc->siglock, flags);
    hlist_remove(&w->in_file);
    kfree(w);
}

void signalfd_leave(struct process *p)
{
    mutex_lock(&watch_mutex);
    while (p->signalfds.first)
        watch_free(container_of(p->signalfds.first, struct signal_watch, in_process));
    mutex_unlock(&watch_mutex);
}

// Looks along both lists at once, so as far as the shorter: many files of one process and many
// processes of one file cost nothing.
static bool watch_exists(const struct process *p, const struct signalfd *s)
{
    const struct hnode *a = p->signalfds.first, *b = s->processes.first;

    for (; a && b; a = a->next, b = b->next)
        if (container_of(a, struct signal_watch, in_process)->fd == s ||
            container_of(b, struct signal_watch, in_file)->proc == p)
            return true;
    return false;
}

// From now on signals of the running process wake who waits for s. -ENOMEM.
static int watch_self(struct signalfd *s)
{
    struct process *p = process_self();
    struct signal_watch *w = NULL;
    irqflags_t flags;
    bool exists;

    mutex_lock(&watch_mutex);
    exists = watch_exists(p, s);
    if (!exists && (w = kmalloc(sizeof(*w), 0))) {
        w->proc = p;
        w->fd = s;
        hlist_insert(&s->processes, &w->in_file);
        flags = spin_lock_irqsave(&p->siglock);
        hlist_insert(&p->signalfds, &w->in_process);
        spin_unlock_irqrestore(&p->siglock, flags);
    }
    mutex_unlock(&watch_mutex);
    return exists || w ? 0 : -ENOMEM;
}

/* Reading */

static bool signals_pending(const struct signalfd *s)
{
    const struct task *t = task_self();

    return (load_relaxed(&t->pending.set) | load_relaxed(&t->proc->pending.set)) &
           load_relaxed(&s->mask);
}

// Signals of faults and of children have codes of their own with these numbers.
static bool siginfo_is_sigio(const struct siginfo *info)
{
    return info->si_code == SI_SIGIO || (info->si_code >= POLL_IN && info->si_code <= POLL_HUP &&
                                         !signal_has_codes(info->si_signo));
}

static void info_fill(struct signalfd_siginfo *out, const struct siginfo *info)
{
    *out = (struct signalfd_siginfo){
        .ssi_signo = info->si_signo, .ssi_errno = info->si_errno, .ssi_code = info->si_code};
    if (siginfo_is_sigio(info)) {
        out->ssi_band = (u32)info->si_band;
        out->ssi_fd = info->si_fd;
        return;
    }
    if (info->si_code == SI_TIMER) {
        out->ssi_tid = info->si_timerid;
        out->ssi_overrun = info->si_overrun;
    } else {
        out->ssi_pid = info->si_pid;
        out->ssi_uid = info->si_uid;
    }
    if (info->si_code < 0 && info->si_code != SI_TKILL) {
        out->ssi_ptr = info->si_value;
        out->ssi_int = (s32)info->si_value;
    } else if (info->si_signo == SIGCHLD && info->si_code > 0) {
        out->ssi_status = info->si_status;
        out->ssi_utime = info->si_utime;
        out->ssi_stime = info->si_stime;
    }
}

static int signal_take(const struct signalfd *s, struct siginfo *info)
{
    struct task *t = task_self();
    irqflags_t flags = spin_lock_irqsave(&t->proc->siglock);
    int sig = signal_dequeue_locked(t, load_relaxed(&s->mask), info);

    spin_unlock_irqrestore(&t->proc->siglock, flags);
    return sig;
}

static int signals_wait(struct file *f, struct signalfd *s)
{
    if (f->flags & O_NONBLOCK)
        return -EAGAIN;
    return watch_self(s) ?: wait_event(&s->queue, signals_pending(s), WAIT_INTERRUPTIBLE, NS_NEVER);
}

// As many as are there and fit; waits for the first.
static ssize_t signalfd_read(struct file *f, struct uio *u, loff_t *pos)
{
    struct signalfd *s = f->private;
    struct signalfd_siginfo out;
    struct siginfo info;
    ssize_t done = 0;
    int err = u->left < sizeof(out) ? -EINVAL : 0;

    while (!err && u->left >= sizeof(out)) {
        if (signal_take(s, &info)) {
            info_fill(&out, &info);
            err = uio_put(u, &out, sizeof(out));
            done += err ? 0 : sizeof(out);
        } else if (done) {
            break;
        } else {
            err = signals_wait(f, s);
        }
    }
    return done ? done : err;
}

static u32 signalfd_poll(struct file *f, struct poll_table *table)
{
    struct signalfd *s = f->private;

    if (table && watch_self(s))
        return POLLERR;
    poll_wait(table, &s->queue);
    return signals_pending(s) ? READABLE : 0;
}

/* Life */

static void signalfd_release(struct file *f)
{
    struct signalfd *s = f->private;

    mutex_lock(&watch_mutex);
    while (s->processes.first)
        watch_free(container_of(s->processes.first, struct signal_watch, in_file));
    mutex_unlock(&watch_mutex);
    kfree(s);
}

static void signalfd_show(struct file *f, struct text *t)
{
    const struct signalfd *s = f->private;

    text_printf(t, "sigmask:\t%016lx\n", load_relaxed(&s->mask));
}

static const struct file_ops signalfd_ops = {
    .read = signalfd_read,
    .poll = signalfd_poll,
    .release = signalfd_release,
    .show = signalfd_show,
};

void signalfd_set_mask(struct file *f, u64 mask)
{
    struct signalfd *s = f->private;

    store_relaxed(&s->mask, mask & ~UNREADABLE);
    wake_key(&s->queue, READABLE);
}

int signalfd_create(u64 mask, u32 flags, struct file **out)
{
    struct signalfd *s = kmalloc(sizeof(*s), ALLOC_ZERO);
    int err;

    if (!s)
        return -ENOMEM;
    s->mask = mask & ~UNREADABLE;
    wait_queue_init(&s->queue);
    err = file_create_anon(&signalfd_ops, "anon_inode:[signalfd]", NULL,
                           O_RDWR | (flags & SFD_NONBLOCK), s, out);
    if (err)
        kfree(s);
    return err;
}
