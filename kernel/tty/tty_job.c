// SPDX-License-Identifier: MIT
// Job control (POSIX.1-2017, 11.1.3 and 11.1.4): controlling terminals and foreground groups.
//
// A terminal and a session point at each other, or neither does; both pointers, and the foreground
// group, are under proctree_lock. The terminal holds references to both, which are put only after
// the lock is released. Open files outlive a hangup: whoever still has one may go on using it.
#include "abi/capability.h"
#include "abi/errno.h"
#include "proc/signal.h"
#include "tty/tty.h"

static struct session *session_self_locked(void)
{
    return process_self()->group->session;
}

struct tty *tty_controlling(void)
{
    struct tty *tty = NULL;

    if (!process_self())
        return NULL;
    spin_lock(&proctree_lock);
    tty = session_self_locked()->tty;
    spin_unlock(&proctree_lock);
    return tty;
}

void tty_signal(struct tty *tty, int sig)
{
    spin_lock(&proctree_lock);
    if (tty->foreground)
        signal_send_group_locked(tty->foreground, sig, NULL);
    spin_unlock(&proctree_lock);
}

// Unlocked read of the foreground group: the usual caller is in it, and then nothing else matters.
static bool tty_in_foreground(struct tty *tty)
{
    struct process *p = process_self();

    return !p || load_relaxed(&tty->foreground) == load_relaxed(&p->group);
}

int tty_check_background(struct tty *tty, int sig)
{
    bool exempt;
    int err = 0;

    if (tty_in_foreground(tty))
        return 0;
    exempt = signal_ignored_or_blocked(sig);
    if (exempt && sig == SIGTTOU)
        return 0;
    spin_lock(&proctree_lock);
    if (session_self_locked()->tty == tty && tty->foreground &&
        process_self()->group != tty->foreground) {
        err = -EIO;
        if (!exempt && !group_is_orphaned_locked(process_self()->group)) {
            signal_send_group_locked(process_self()->group, sig, NULL);
            err = -ERESTARTSYS;
        }
    }
    spin_unlock(&proctree_lock);
    return err;
}

// What a terminal held, to be put without the lock.
struct tty_owner {
    struct session *session;
    struct group *foreground;
};

static struct tty_owner tty_release_locked(struct tty *tty)
{
    struct tty_owner old = {tty->session, tty->foreground};

    if (tty->session)
        tty->session->tty = NULL;
    tty->session = NULL;
    store_relaxed(&tty->foreground, NULL);
    return old;
}

static void tty_owner_put(struct tty_owner *old)
{
    if (old->foreground)
        group_put(old->foreground);
    if (old->session)
        session_put(old->session);
}

// -EPERM: not a session leader, or it has a terminal, or another session has this one.
static int tty_may_acquire_locked(struct tty *tty, bool steal)
{
    struct session *s = session_self_locked();

    if (s->leader != process_self() || s->tty)
        return -EPERM;
    if (tty->session && !(steal && cred_capable(thread_self()->cred, CAP_SYS_ADMIN)))
        return -EPERM;
    return 0;
}

int tty_acquire(struct tty *tty, bool steal)
{
    struct process *p = process_self();
    struct tty_owner old = {NULL, NULL};
    int err;

    if (!p)
        return -EPERM;
    spin_lock(&proctree_lock);
    err = session_self_locked()->tty == tty && session_self_locked()->leader == p
              ? -EALREADY
              : tty_may_acquire_locked(tty, steal);
    if (!err) {
        old = tty_release_locked(tty);
        tty->session = session_self_locked();
        ref_get(&tty->session->refs);
        tty->session->tty = tty;
        group_get(p->group);
        store_relaxed(&tty->foreground, p->group);
    }
    spin_unlock(&proctree_lock);
    tty_owner_put(&old);
    return err == -EALREADY ? 0 : err;
}

// The terminal is nobody's from now on; its foreground group hears of it.
static void tty_leave(struct session *s, struct tty *tty)
{
    struct tty_owner old = {NULL, NULL};

    spin_lock(&proctree_lock);
    if (s)
        tty = s->tty;
    if (tty && tty->foreground) {
        signal_send_group_locked(tty->foreground, SIGHUP, NULL);
        signal_send_group_locked(tty->foreground, SIGCONT, NULL);
    }
    if (tty)
        old = tty_release_locked(tty);
    spin_unlock(&proctree_lock);
    tty_owner_put(&old);
}

void tty_hangup(struct tty *tty)
{
    tty_leave(NULL, tty);
}

static void tty_leader_exits(struct session *s)
{
    tty_leave(s, NULL);
}

// A session has one controlling terminal for all its processes: only its leader can give it up.
int tty_disown(struct tty *tty)
{
    struct session *s;
    int err = 0;

    spin_lock(&proctree_lock);
    s = session_self_locked();
    if (s->tty != tty)
        err = -ENOTTY;
    else if (s->leader != process_self())
        err = -EPERM;
    spin_unlock(&proctree_lock);
    if (!err)
        tty_leave(s, NULL);
    return err;
}

s64 tty_foreground(struct tty *tty)
{
    s64 ret = -ENOTTY;

    spin_lock(&proctree_lock);
    if (session_self_locked()->tty == tty)
        ret = tty->foreground ? tty->foreground->pid->id : 0;
    spin_unlock(&proctree_lock);
    return ret;
}

s64 tty_session(struct tty *tty)
{
    s64 ret = -ENOTTY;

    spin_lock(&proctree_lock);
    if (session_self_locked()->tty == tty)
        ret = tty->session->pid->id;
    spin_unlock(&proctree_lock);
    return ret;
}

// tcsetpgrp(3): a group of the caller's session; -ENOTTY -ESRCH -EPERM -EINVAL.
int tty_set_foreground(struct tty *tty, pid_t pgid)
{
    struct group *old = NULL;
    struct pid *pid;
    int err = 0;

    if (pgid < 0)
        return -EINVAL;
    spin_lock(&proctree_lock);
    pid = pid_find(pgid);
    if (session_self_locked()->tty != tty)
        err = -ENOTTY;
    else if (!pid || !pid->group)
        err = -ESRCH;
    else if (pid->group->session != tty->session)
        err = -EPERM;
    if (!err) {
        old = tty->foreground;
        group_get(pid->group);
        store_relaxed(&tty->foreground, pid->group);
    }
    spin_unlock(&proctree_lock);
    if (old)
        group_put(old);
    return err;
}

void tty_job_init(void)
{
    session_leader_exit_hook = tty_leader_exits;
}
