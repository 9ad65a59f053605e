// SPDX-License-Identifier: MIT
// Resource limits, and how many processes a user has.

#include "abi/capability.h"
#include "abi/errno.h"
#include "lib/hash.h"
#include "lib/hlist.h"
#include "mm/slab.h"
#include "proc/proc_private.h"

#define USER_BUCKETS 64

struct user {
    struct hnode node; // (users_lock)
    uid_t uid;         // (c)
    u64 processes;     // (users_lock) threads, and zombies
};

static struct spinlock users_lock = SPINLOCK_INIT(RANK_SIGNAL);
static struct hlist users[USER_BUCKETS]; // (users_lock)
static u64 tasks;                        // (users_lock) of all users; read without

u64 threads_max = THREADS_MAX;

static struct user *user_find_locked(uid_t uid)
{
    struct user *u;

    HLIST_FOR_EACH (u, &users[hash_u64(uid) % USER_BUCKETS], node)
        if (u->uid == uid)
            return u;
    return NULL;
}

static int user_add(uid_t uid, u64 limit)
{
    struct user *u;
    int err = 0;

    spin_lock(&users_lock);
    u = user_find_locked(uid);
    if (!u && (u = kmalloc(sizeof(*u), 0))) {
        u->uid = uid;
        u->processes = 0;
        hlist_insert(&users[hash_u64(uid) % USER_BUCKETS], &u->node);
    }
    if (!u)
        err = -ENOMEM;
    else if (u->processes >= limit)
        err = -EAGAIN;
    else
        u->processes++;
    store_relaxed(&tasks, tasks + !err);
    spin_unlock(&users_lock);
    return err;
}

// Capable users are counted but not held to the limit.
int user_charge(struct task *t, uid_t uid)
{
    const struct cred *cred = thread_self()->cred;
    bool capable = cred_capable(cred, CAP_SYS_RESOURCE) || cred_capable(cred, CAP_SYS_ADMIN);
    bool held = process_self() && uid && !capable;

    if (load_relaxed(&tasks) >= load_relaxed(&threads_max))
        return -EAGAIN;
    t->charged_uid = uid;
    t->proc->uid = uid;
    return user_add(uid, held ? process_limit(RLIMIT_NPROC) : RLIM_INFINITY);
}

void user_uncharge(uid_t uid)
{
    struct user *u;

    spin_lock(&users_lock);
    u = user_find_locked(uid);
    store_relaxed(&tasks, tasks - 1);
    if (u && --u->processes == 0 && uid) {
        hlist_remove(&u->node);
        kfree(u);
    }
    spin_unlock(&users_lock);
}

// Counted under the new user without regard to its limit, as set*id(2) does; if memory for the
// count is out the thread stays with its old user.
void process_user_changed(uid_t to)
{
    struct task *t = task_self();

    if (t->charged_uid == to || user_add(to, RLIM_INFINITY))
        return;
    user_uncharge(t->charged_uid);
    t->charged_uid = to;
    store_relaxed(&t->proc->uid, to);
}

u64 process_limit(unsigned resource)
{
    return load_relaxed(&process_self()->limits[resource].rlim_cur);
}

// The space keeps copies of the limits that faults and mappings look at.
void limits_copy(struct vm_space *space, const struct process *p)
{
    store_relaxed(&space->limit_as, p->limits[RLIMIT_AS].rlim_cur);
    store_relaxed(&space->limit_data, p->limits[RLIMIT_DATA].rlim_cur);
    store_relaxed(&space->limit_stack, p->limits[RLIMIT_STACK].rlim_cur);
}

static int limit_change_locked(struct process *p, unsigned resource, const struct rlimit64 *new)
{
    struct rlimit64 *slot = &p->limits[resource];

    if (new->rlim_cur > new->rlim_max)
        return -EINVAL;
    if (new->rlim_max > slot->rlim_max && !cred_capable(thread_self()->cred, CAP_SYS_RESOURCE))
        return -EPERM;
    *slot = *new;
    if (p->space)
        limits_copy(p->space, p);
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
    p = pid ? process_find(pid) : process_self();
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
