// SPDX-License-Identifier: MIT
// Job control (POSIX.1-2017, 11.1.3 and 11.1.4): controlling terminals and foreground groups.
//
// A terminal and a session point at each other, or neither does; both pointers, and the foreground
// group, are under proctree_lock. The terminal holds references to both. Open files outlive the
// loss of the terminal: whoever still has one may go on using it.
#include "abi/capability.h"
#include "abi/errno.h"
#include "arch/uaccess.h"
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
    if (tty)
        ref_get(&tty->refs);
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
            // Another thread may take it: this one begins its call again.
            atomic_fetch_or(&arch_self()->work, (u32)WORK_SIGNAL);
            err = -ERESTARTSYS;
        }
    }
    spin_unlock(&proctree_lock);
    return err;
}

static void foreground_set_locked(struct tty *tty, struct group *g)
{
    struct group *old = tty->foreground;

    if (g)
        group_get(g);
    store_relaxed(&tty->foreground, g);
    if (old)
        group_put_locked(old);
}

static void tty_release_locked(struct tty *tty)
{
    struct session *s = tty->session;

    foreground_set_locked(tty, NULL);
    tty->session = NULL;
    if (s) {
        s->tty = NULL;
        session_put_locked(s);
        tty_put(tty);
    }
}

// What was the foreground when the session's terminal was hung up is forgotten; it hears of that
// when the leader exits.
static void session_forget_locked(struct session *s, bool signal)
{
    struct group *g = s->hung_up;

    s->hung_up = NULL;
    if (g && signal) {
        signal_send_group_locked(g, SIGHUP, NULL);
        signal_send_group_locked(g, SIGCONT, NULL);
    }
    if (g)
        group_put_locked(g);
}

// The other end is gone: the leader hears of it, and the session has no terminal any more.
void tty_hangup_session(struct tty *tty)
{
    struct session *s;

    spin_lock(&proctree_lock);
    s = tty->session;
    if (s && s->leader) {
        signal_send_process(s->leader, SIGHUP, NULL);
        signal_send_process(s->leader, SIGCONT, NULL);
        session_forget_locked(s, false);
        s->hung_up = tty->foreground;
        if (s->hung_up)
            group_get(s->hung_up);
    }
    tty_release_locked(tty);
    spin_unlock(&proctree_lock);
}

// -EPERM: not a session leader, or it has a terminal, or another session has this one, or it is
// not the caller's to read.
static int tty_may_acquire_locked(struct tty *tty, bool reads, bool steal)
{
    struct session *s = session_self_locked();
    bool admin = cred_capable(thread_self()->cred, CAP_SYS_ADMIN);

    if (load_relaxed(&tty->hung)) // set before tty_hangup_session waits for our lock
        return -EIO;
    if (s->leader != process_self() || s->tty || (tty->session && !(steal && admin)))
        return -EPERM;
    return reads || admin ? 0 : -EPERM;
}

int tty_acquire(struct tty *tty, bool reads, bool steal)
{
    struct process *p = process_self();
    struct session *s;
    int err = 0;

    if (!p)
        return -EPERM;
    spin_lock(&proctree_lock);
    s = session_self_locked();
    if (s->tty != tty || s->leader != p)
        err = tty_may_acquire_locked(tty, reads, steal);
    if (!err && s->tty != tty) {
        tty_release_locked(tty);
        session_forget_locked(s, false);
        tty->session = s;
        ref_get(&s->refs);
        s->tty = tty;
        ref_get(&tty->refs);
        foreground_set_locked(tty, p->group);
    }
    spin_unlock(&proctree_lock);
    return err;
}

// The session's terminal is nobody's from now on; its foreground group hears of it.
static void tty_leave_locked(struct session *s)
{
    struct tty *tty = s->tty;

    if (tty && tty->foreground) {
        signal_send_group_locked(tty->foreground, SIGHUP, NULL);
        signal_send_group_locked(tty->foreground, SIGCONT, NULL);
    }
    if (tty)
        tty_release_locked(tty);
}

static void leader_exits_locked(struct session *s)
{
    tty_leave_locked(s);
    session_forget_locked(s, true);
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
    else
        tty_leave_locked(s);
    spin_unlock(&proctree_lock);
    return err;
}

int tty_get_owner(struct tty *tty, bool session, bool must, uaddr_t out)
{
    int ret = -ENOTTY;

    spin_lock(&proctree_lock);
    if (must && session_self_locked()->tty != tty)
        ret = -ENOTTY;
    else if (!session)
        ret = tty->foreground ? tty->foreground->pid->id : 0;
    else if (tty->session)
        ret = tty->session->pid->id;
    spin_unlock(&proctree_lock);
    return ret < 0 ? ret : put_user_u32(out, ret);
}

int tty_set_foreground(struct tty *tty, pid_t pgid)
{
    struct group *g;
    int err = 0;

    if (pgid < 0)
        return -EINVAL;
    spin_lock(&proctree_lock);
    g = group_find(pgid);
    if (session_self_locked()->tty != tty)
        err = -ENOTTY;
    else if (!g)
        err = -ESRCH;
    else if (g->session != tty->session)
        err = -EPERM;
    else
        foreground_set_locked(tty, g);
    spin_unlock(&proctree_lock);
    return err;
}

static void tty_describe_locked(struct session *s, u32 *dev, pid_t *foreground)
{
    struct tty *tty = s->tty;

    if (!tty)
        return;
    *dev = tty->dev;
    if (tty->foreground)
        *foreground = tty->foreground->pid->id;
}

void tty_job_init(void)
{
    session_tty_hook = tty_describe_locked;
    session_leader_exit_hook = leader_exits_locked;
}
