// SPDX-License-Identifier: MIT
// Resource limits, and how many processes a user has.

#include "abi/capability.h"
#include "abi/errno.h"
#include "proc/proc_private.h"
#include "vfs/user.h"

static u64 tasks; // (a) of all users

u64 threads_max = THREADS_MAX;

static int user_add(uid_t uid, u64 limit)
{
    int err = user_count_add(uid, USER_PROCESSES, 1, limit);

    if (!err)
        atomic_fetch_add(&tasks, 1UL);
    return err;
}

// Capable users are counted but not held to the limit.
int user_charge(struct task *t, uid_t uid)
{
    bool held = process_self() && uid && user_is_limited();

    if (load_relaxed(&tasks) >= load_relaxed(&threads_max))
        return -EAGAIN;
    t->charged_uid = uid;
    t->proc->uid = uid;
    return user_add(uid, held ? process_limit(RLIMIT_NPROC) : RLIM_INFINITY);
}

u64 threads_count(void)
{
    return load_relaxed(&tasks);
}

void user_uncharge(uid_t uid)
{
    if (uid == UID_NONE)
        return;
    user_count_sub(uid, USER_PROCESSES, 1);
    atomic_fetch_sub(&tasks, 1UL);
}

bool user_is_beyond(uid_t uid)
{
    return uid && user_count_exceeds(uid, USER_PROCESSES, process_limit(RLIMIT_NPROC));
}

// Counted under the new user without regard to its limit, as set*id(2) does: exec looks at that. If
// memory for the count is out the thread stays with its old user.
void process_user_changed(uid_t to)
{
    struct task *t = task_self();
    bool beyond = user_is_beyond(to);

    if (t->charged_uid == to || user_add(to, RLIM_INFINITY))
        return;
    user_uncharge(t->charged_uid);
    t->charged_uid = to;
    t->beyond_limit = beyond;
    store_relaxed(&t->proc->uid, to);
}

u64 process_limit(unsigned resource)
{
    return load_relaxed(&process_self()->limits[resource].rlim_cur);
}

static int limit_change_locked(struct process *p, unsigned resource, const struct rlimit64 *new)
{
    struct rlimit64 *slot = &p->limits[resource];

    if (new->rlim_cur > new->rlim_max)
        return -EINVAL;
    if (resource == RLIMIT_NOFILE && new->rlim_max > FDTABLE_MAX)
        return -EPERM;
    if (new->rlim_max > slot->rlim_max && !cred_capable(thread_self()->cred, CAP_SYS_RESOURCE))
        return -EPERM;
    *slot = *new;
    return 0;
}

static bool prlimit_permitted_locked(const struct process *p)
{
    const struct cred *self = thread_self()->cred;

    return p == process_self() || cred_capable(self, CAP_SYS_RESOURCE) ||
           process_is_of_locked(p, self->uid, self->gid);
}

int process_prlimit(pid_t pid, unsigned resource, const struct rlimit64 *new, struct rlimit64 *old)
{
    struct process *p;
    irqflags_t flags;
    int err = 0;

    if (resource >= RLIM_NLIMITS)
        return -EINVAL;
    spin_lock(&proctree_lock);
    p = pid ? process_find_any(pid) : process_self();
    if (!p) {
        err = -ESRCH;
    } else if (!prlimit_permitted_locked(p)) {
        err = -EPERM;
    } else {
        flags = spin_lock_irqsave(&p->siglock);
        if (old)
            *old = p->limits[resource];
        if (new)
            err = limit_change_locked(p, resource, new);
        spin_unlock_irqrestore(&p->siglock, flags);
    }
    spin_unlock(&proctree_lock);
    return err;
}
