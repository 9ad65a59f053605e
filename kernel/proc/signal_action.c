// SPDX-License-Identifier: MIT
// Signal actions, masks, alternate stacks and synchronous waiting (POSIX.1-2017, 2.4).

#include "abi/errno.h"
#include "lib/bitmap.h"
#include "mm/slab.h"
#include "proc/proc_private.h"

#define UNBLOCKABLE (SIGMASK(SIGKILL) | SIGMASK(SIGSTOP))

int signal_action(int sig, const struct k_sigaction *new, struct k_sigaction *old)
{
    struct process *p = process_self();
    struct k_sigaction *slot;
    struct task *t;
    irqflags_t flags;

    if (sig < 1 || sig > 64 || (new && (SIGMASK(sig) & UNBLOCKABLE)))
        return -EINVAL;
    slot = &p->sighand->action[sig - 1];
    flags = spin_lock_irqsave(&p->siglock);
    spin_lock_nested(&p->sighand->lock);
    if (old)
        *old = *sighand_action(p->sighand, sig);
    if (new) {
        *slot = *new;
        slot->mask &= ~UNBLOCKABLE;
        store_release(&p->sighand->set, p->sighand->set | SIGMASK(sig));
    }
    spin_unlock(&p->sighand->lock);
    // Ignoring a signal discards pending ones.
    if (new &&signal_disposition(p, sig, new->handler) == SIGNAL_IGNORED) {
        signal_clear_locked(&p->pending, SIGMASK(sig));
        LIST_FOR_EACH (t, &p->tasks, link)
            signal_clear_locked(&t->pending, SIGMASK(sig));
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    return 0;
}

// What the thread closes itself to and was to take goes to others.
void signal_set_mask(u64 mask)
{
    struct task *t = task_self();
    struct process *p = t->proc;
    irqflags_t flags = spin_lock_irqsave(&p->siglock);
    u64 before = t->blocked;

    store_relaxed(&t->blocked, mask & ~UNBLOCKABLE);
    if (unlikely(p->pending.set))
        signal_pass_on_locked(p, t->blocked & ~before & ~t->awaited);
    if (task_has_signal(t))
        atomic_fetch_or(&t->thread->arch.work, WORK_SIGNAL);
    spin_unlock_irqrestore(&p->siglock, flags);
}

void signal_set_temporary_mask(u64 mask)
{
    struct task *t = task_self();

    t->saved_mask = t->blocked;
    signal_set_mask(mask);
    atomic_fetch_or(&t->thread->arch.work, WORK_RESTORE);
}

void signal_restore_mask(void)
{
    struct task *t = task_self();

    if (!(load_relaxed(&t->thread->arch.work) & WORK_RESTORE))
        return;
    atomic_fetch_and(&t->thread->arch.work, ~(u32)WORK_RESTORE);
    signal_set_mask(t->saved_mask);
}

u64 signal_pending_set(void)
{
    struct task *t = task_self();

    return (load_relaxed(&t->pending.set) | load_relaxed(&t->proc->pending.set)) & t->blocked;
}

bool signal_ignored_or_blocked(int sig)
{
    struct task *t = task_self();

    return (t->blocked & SIGMASK(sig)) || sighand_action(t->proc->sighand, sig)->handler == SIG_IGN;
}

// Takes one of `set`, or has them wake the thread from now on. Of those that woke it before, what
// it does not take is for others.
static int signal_take_or_await(struct task *t, u64 set, struct siginfo *info)
{
    irqflags_t flags = spin_lock_irqsave(&t->proc->siglock);
    int sig = signal_dequeue_locked(t, set, info);
    u64 before = t->awaited;

    t->awaited = sig ? 0 : set;
    signal_pass_on_locked(t->proc, before & ~t->awaited & t->blocked);
    spin_unlock_irqrestore(&t->proc->siglock, flags);
    return sig;
}

// The wanted signals stay blocked, so they are kept even if ignored; `awaited` has them wake the
// thread.
int signal_wait(u64 set, ns_t deadline, struct siginfo *info)
{
    struct task *t = task_self();
    struct wait_queue queue;
    int sig = 0, err;

    set &= ~UNBLOCKABLE;
    *info = (struct siginfo){0};
    wait_queue_init(&queue);
    err = wait_event(&queue, (sig = signal_take_or_await(t, set, info)), WAIT_INTERRUPTIBLE,
                     deadline);
    if (sig)
        return sig;
    signal_take_or_await(t, 0, info);
    return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
}

// One that is off while it is used is not known then: its user may use it again.
bool on_altstack(const struct task *t, uaddr_t sp)
{
    return !(t->altstack.ss_flags & SS_AUTODISARM) && sp > t->altstack.ss_sp &&
           sp - t->altstack.ss_sp <= t->altstack.ss_size;
}

int signal_altstack(const struct sigstack *new, struct sigstack *old, uaddr_t sp)
{
    struct task *t = task_self();
    bool active = on_altstack(t, sp);
    s32 mode;

    if (old) {
        *old = t->altstack;
        if (!t->altstack.ss_size)
            old->ss_flags = SS_DISABLE;
        else if (active)
            old->ss_flags |= SS_ONSTACK;
    }
    if (!new)
        return 0;
    if (active)
        return -EPERM;
    mode = new->ss_flags & ~(s32)SS_AUTODISARM;
    if (mode == SS_DISABLE) {
        t->altstack = (struct sigstack){0};
        return 0;
    }
    if (mode && mode != SS_ONSTACK)
        return -EINVAL;
    if (new->ss_size < MINSIGSTKSZ)
        return -ENOMEM;
    t->altstack = *new;
    t->altstack.ss_flags &= SS_AUTODISARM;
    return 0;
}

struct sighand *sighand_create(void)
{
    struct sighand *h = kmalloc(sizeof(*h), 0);

    if (!h)
        return NULL;
    ref_init(&h->refs, 1);
    spin_init(&h->lock, RANK_SIGNAL);
    h->set = 0;
    h->shared = false;
    return h;
}

void sighand_take_shared_locked(struct sighand *h, int sig, struct k_sigaction *out)
{
    spin_lock_nested(&h->lock);
    sighand_take_own_locked(h, sig, out);
    spin_unlock(&h->lock);
}

// `to` may be `from`. `reset`: only that signals are ignored is kept.
static void sighand_copy(struct sighand *to, const struct sighand *from, bool reset)
{
    u64 set = 0;

    for (u64 left = from->set; left; left &= left - 1) {
        unsigned i = bit_lowest(left);

        if (reset && from->action[i].handler != SIG_IGN)
            continue;
        to->action[i] = reset ? (struct k_sigaction){.handler = SIG_IGN} : from->action[i];
        set |= BIT(i);
    }
    to->set = set;
}

// What a new thread or process starts with: its own pending set, shared or copied actions.
int signal_fork(struct task *child, struct process *proc, u64 flags)
{
    struct process *self = process_self();
    irqflags_t irq;

    child->blocked = task_self()->blocked;
    child->personality = task_self()->personality;
    if (!(flags & CLONE_VM) || (flags & CLONE_VFORK))
        child->altstack = task_self()->altstack;
    if (flags & CLONE_THREAD)
        return 0;
    if (flags & CLONE_SIGHAND) {
        irq = spin_lock_irqsave(&self->siglock); // no thread is reading what it believes its own
        proc->sighand = self->sighand;
        self->sighand->shared = true;
        ref_get(&self->sighand->refs);
        spin_unlock_irqrestore(&self->siglock, irq);
        return 0;
    }
    proc->sighand = sighand_create();
    if (!proc->sighand)
        return -ENOMEM;
    irq = spin_lock_irqsave(&self->sighand->lock);
    sighand_copy(proc->sighand, self->sighand, flags & CLONE_CLEAR_SIGHAND);
    spin_unlock_irqrestore(&self->sighand->lock, irq);
    return 0;
}

// execve: handlers are reset, ignored signals stay ignored.
void signal_exec(struct process *p, struct sighand *fresh)
{
    struct sighand *old = p->sighand;
    irqflags_t flags;

    spin_lock(&proctree_lock); // others find the table under this lock, or under siglock
    flags = spin_lock_irqsave(&p->siglock);
    sighand_copy(fresh ?: old, old, true);
    p->sighand = fresh ?: old;
    spin_unlock_irqrestore(&p->siglock, flags);
    spin_unlock(&proctree_lock);
    if (fresh && ref_put(&old->refs))
        kfree(old);
    task_self()->altstack = (struct sigstack){0};
}
