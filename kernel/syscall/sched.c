// SPDX-License-Identifier: MIT
// Scheduling parameters.

#include "syscall/sched.h"
#include "abi/capability.h"
#include "arch/smp.h"
#include "syscall/args.h"

bool sched_may_change_locked(const struct thread *t)
{
    const struct cred *self = thread_self()->cred, *other = t->cred;

    return self->euid == other->uid || self->euid == other->euid ||
           cred_capable(self, CAP_SYS_NICE);
}

bool sched_may_be_nice(const struct thread *t, int nice)
{
    return 20 - nice <= (s64)MIN(t->proc->limits[RLIMIT_NICE].rlim_cur, 40UL) ||
           cred_capable(thread_self()->cred, CAP_SYS_NICE);
}

int sched_thread_begin(pid_t tid, bool change, struct thread **out)
{
    struct task *t;
    int err = -ESRCH;

    spin_lock(&proctree_lock);
    t = tid ? task_find(tid) : task_self();
    if (t) {
        *out = t->thread;
        err = change && !sched_may_change_locked(t->thread) ? -EPERM : 0;
    }
    if (err)
        spin_unlock(&proctree_lock);
    return err;
}

s64 sched_thread_end(s64 result)
{
    spin_unlock(&proctree_lock);
    return result;
}

s64 sys_sched_yield(void)
{
    sched_yield();
    return 0;
}

s64 sys_sched_getaffinity(u64 tid, u64 size, u64 mask)
{
    struct thread *t;
    u64 bits;
    int err;

    if ((u32)size < sizeof(bits) || (size & (sizeof(u64) - 1)))
        return -EINVAL;
    err = sched_thread_begin((s32)tid, false, &t);
    if (err)
        return err;
    bits = sched_thread_end(t->affinity & (hart_count < 64 ? (1UL << hart_count) - 1 : ~0UL));
    return put_user_u64(mask, bits) ? -EFAULT : (s64)sizeof(bits);
}

s64 sys_sched_setaffinity(u64 tid, u64 size, u64 mask)
{
    struct thread *t;
    u64 bits = 0;
    int err;

    if (copy_from_user(&bits, mask, MIN((u32)size, sizeof(bits))))
        return -EFAULT;
    err = sched_thread_begin((s32)tid, true, &t);
    if (err)
        return err;
    thread_get(t);
    sched_thread_end(0);
    err = sched_set_affinity(t, bits);
    thread_put(t);
    return err;
}

// Sets the nice value; tells it, as 1..40 so that an error is not taken for a value, if set is
// NULL.
static s64 nice_of(struct thread *t, const int *set)
{
    if (!set)
        return 20 - t->nice;
    if (!sched_may_change_locked(t))
        return -EPERM;
    if (*set < t->nice && !sched_may_be_nice(t, *set))
        return -EACCES;
    sched_set_nice(t, *set);
    return 0;
}

// With the answers so far: the highest value, or, of setting, the last error.
static s64 nice_join(s64 before, s64 one, bool setting)
{
    if (!setting)
        return MAX(before, one);
    return one < 0 || before == -ESRCH ? one : before;
}

// The threads of a process, or those that are the user's.
static s64 nice_of_threads_locked(struct process *p, const uid_t *uid, const int *set, s64 result)
{
    irqflags_t flags = spin_lock_irqsave(&p->siglock);
    struct task *t;

    LIST_FOR_EACH (t, &p->tasks, link)
        if (!uid || t->thread->cred->uid == *uid)
            result = nice_join(result, nice_of(t->thread, set), set);
    spin_unlock_irqrestore(&p->siglock, flags);
    return result;
}

static s64 nice_of_group(pid_t id, const int *set)
{
    s64 result = -ESRCH;
    struct process *p;
    struct group *g;

    spin_lock(&proctree_lock);
    g = id ? group_find(id) : process_self()->group;
    if (g)
        LIST_FOR_EACH (p, &g->members, group_node)
            result = nice_of_threads_locked(p, NULL, set, result);
    spin_unlock(&proctree_lock);
    return result;
}

static s64 nice_of_user(uid_t uid, const int *set)
{
    s64 result = -ESRCH;
    struct process *p;
    pid_t id = 1;

    uid = uid ?: thread_self()->cred->uid;
    for (; (p = process_next(&id)); id++) {
        spin_lock(&proctree_lock);
        result = nice_of_threads_locked(p, &uid, set, result);
        spin_unlock(&proctree_lock);
        process_put(p);
    }
    return result;
}

static s64 nice_call(int which, s32 who, const int *set)
{
    struct thread *t;

    if ((u32)which > PRIO_USER)
        return -EINVAL;
    if (which != PRIO_PROCESS)
        return which == PRIO_PGRP ? nice_of_group(who, set) : nice_of_user((uid_t)who, set);
    return sched_thread_begin(who, false, &t) ?: sched_thread_end(nice_of(t, set));
}

s64 sys_getpriority(u64 which, u64 who)
{
    return nice_call((int)which, (s32)who, NULL);
}

s64 sys_setpriority(u64 which, u64 who, u64 value)
{
    int nice = CLAMP((s32)value, PRIO_MIN, PRIO_MAX - 1);

    return nice_call((int)which, (s32)who, &nice);
}

s64 sys_getcpu(u64 cpu, u64 node, u64 unused)
{
    if (cpu && put_user_u32(cpu, hart_index()))
        return -EFAULT;
    return node && put_user_u32(node, 0) ? -EFAULT : 0;
}
