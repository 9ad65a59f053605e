// SPDX-License-Identifier: MIT
// Process groups and sessions (POSIX.1-2017, 3.296 and 3.343).

#include "abi/errno.h"
#include "mm/slab.h"
#include "proc/proc_private.h"

struct group *group_create(struct pid *pid, struct session *s)
{
    struct group *g = kmalloc(sizeof(*g), 0);

    if (!g)
        return NULL;
    *g = (struct group){.pid = pid, .refs = {1}, .session = s};
    list_init(&g->members);
    return g;
}

struct group *session_create(struct process *leader)
{
    struct session *s = kmalloc(sizeof(*s), 0);
    struct group *g = s ? group_create(leader->pid, s) : NULL;

    if (g)
        *s = (struct session){.pid = leader->pid, .refs = {1}, .leader = leader};
    else
        kfree(s);
    return g;
}

// Ids are in use by what carries them. A session is published with its first group.
void group_publish_locked(struct group *g, struct session *s)
{
    g->session = s;
    g->pid->group = g;
    pid_use_begin_locked(g->pid);
    if (s->pid->session == s) {
        ref_get(&s->refs);
        return;
    }
    s->pid->session = s; // the creator's reference becomes the group's
    pid_use_begin_locked(s->pid);
}

void session_put_locked(struct session *s)
{
    if (!ref_put(&s->refs))
        return;
    s->pid->session = NULL;
    pid_use_end_locked(s->pid);
    kfree(s);
}

void group_put_locked(struct group *g)
{
    if (!ref_put(&g->refs))
        return;
    g->pid->group = NULL;
    pid_use_end_locked(g->pid);
    session_put_locked(g->session);
    kfree(g);
}

bool group_is_orphaned_locked(const struct group *g)
{
    assert(lock_held(&proctree_lock));
    return g->outside == 0;
}

void group_orphaned_locked(struct group *g)
{
    struct process *m;
    bool stopped = false;

    LIST_FOR_EACH (m, &g->members, group_node)
        stopped = stopped || m->stopped;
    if (!stopped)
        return;
    signal_send_group_locked(g, SIGHUP, NULL);
    signal_send_group_locked(g, SIGCONT, NULL);
}

// Moves p to group g; its children's standing changes with it.
static void group_move_locked(struct process *p, struct group *g)
{
    struct group *old = p->group;
    struct process *child;
    bool last = tree_detach_locked(p);
    irqflags_t flags;

    LIST_FOR_EACH (child, &p->children, sibling)
        tree_detach_locked(child);
    list_remove(&p->group_node);
    flags = spin_lock_irqsave(&p->siglock);
    p->group = g;
    spin_unlock_irqrestore(&p->siglock, flags);
    ref_get(&g->refs);
    list_insert_tail(&g->members, &p->group_node);
    tree_attach_locked(p);
    LIST_FOR_EACH (child, &p->children, sibling)
        tree_attach_locked(child);
    if (last && old->outside == 0)
        group_orphaned_locked(old);
    group_put_locked(old);
}

// Who may be moved where: setpgid(2).
static int setpgid_check_locked(struct process *p, pid_t pid, pid_t pgid)
{
    struct process *self = process_self();
    struct group *g = group_find(pgid);

    if (!p || (p != self && p->parent != self))
        return -ESRCH;
    if (p->pid->id != pid)
        return -EINVAL; // of another of its threads
    if (p->group->session != self->group->session)
        return -EPERM;
    if (p != self && p->execs)
        return -EACCES;
    if (p->group->session->leader == p)
        return -EPERM;
    if (pgid != p->pid->id && (!g || g->session != self->group->session))
        return -EPERM;
    return 0;
}

int process_setpgid(pid_t pid, pid_t pgid)
{
    struct group *fresh;
    struct process *p;
    struct pid *target;
    int err;

    pid = pid ?: process_self()->pid->id;
    pgid = pgid ?: pid;
    if (pgid < 0)
        return -EINVAL;
    fresh = group_create(NULL, NULL);
    if (!fresh)
        return -ENOMEM;
    spin_lock(&proctree_lock);
    p = process_find_any(pid);
    err = setpgid_check_locked(p, pid, pgid);
    target = err ? NULL : pid_find(pgid);
    if (target && !target->group) {
        fresh->pid = target;
        group_publish_locked(fresh, p->group->session);
        group_move_locked(p, fresh);
        group_put_locked(fresh);
        fresh = NULL;
    } else if (target && target->group != p->group) {
        group_move_locked(p, target->group);
    }
    spin_unlock(&proctree_lock);
    kfree(fresh);
    return err;
}

static s64 family_id(pid_t pid, bool session)
{
    struct process *p;
    s64 ret = -ESRCH;

    spin_lock(&proctree_lock);
    p = pid ? process_find_any(pid) : process_self();
    if (p)
        ret = session ? p->group->session->pid->id : p->group->pid->id;
    spin_unlock(&proctree_lock);
    return ret;
}

s64 process_getpgid(pid_t pid)
{
    return family_id(pid, false);
}

s64 process_getsid(pid_t pid)
{
    return family_id(pid, true);
}

s64 process_setsid(void)
{
    struct process *p = process_self();
    struct group *g = session_create(p);
    s64 ret = p->pid->id;

    if (!g)
        return -ENOMEM;
    spin_lock(&proctree_lock);
    if (p->pid->group) {
        ret = -EPERM;
    } else {
        group_publish_locked(g, g->session);
        group_move_locked(p, g);
        group_put_locked(g);
    }
    spin_unlock(&proctree_lock);
    if (ret < 0) {
        kfree(g->session);
        kfree(g);
    }
    return ret;
}
