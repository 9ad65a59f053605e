// SPDX-License-Identifier: MIT
// Scheduling parameters.

#include "abi/capability.h"
#include "arch/smp.h"
#include "sched/runq.h"
#include "syscall/args.h"

static bool may_change_locked(const struct thread *t)
{
    const struct cred *self = thread_self()->cred, *other = t->cred;

    return self->euid == other->uid || self->euid == other->euid ||
           cred_capable(self, CAP_SYS_NICE);
}

// The thread with this id (0: the caller), which cannot go away until proctree_lock, taken if this
// succeeds, is given back. -EINVAL, -ESRCH, -EPERM (only if it is to be changed).
static int thread_begin(pid_t tid, bool change, struct thread **out)
{
    struct task *t;
    int err = -ESRCH;

    if (tid < 0)
        return -EINVAL;
    spin_lock(&proctree_lock);
    t = tid ? task_find(tid) : task_self();
    if (t) {
        *out = t->thread;
        err = change && !may_change_locked(t->thread) ? -EPERM : 0;
    }
    if (err)
        spin_unlock(&proctree_lock);
    return err;
}

static s64 thread_end(s64 result)
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
    err = thread_begin((s32)tid, false, &t);
    if (err)
        return err;
    bits = thread_end(t->affinity & (hart_count < 64 ? (1UL << hart_count) - 1 : ~0UL));
    return put_user_u64(mask, bits) ? -EFAULT : (s64)sizeof(bits);
}

s64 sys_sched_setaffinity(u64 tid, u64 size, u64 mask)
{
    struct thread *t;
    u64 bits = 0;

    if (copy_from_user(&bits, mask, MIN((u32)size, sizeof(bits))))
        return -EFAULT;
    return thread_begin((s32)tid, true, &t) ?: thread_end(sched_set_affinity(t, bits));
}

struct policy {
    enum sched_policy class;
    int priority;
};

static s64 policy_set(pid_t tid, const struct policy *p)
{
    struct thread *t;

    return thread_begin(tid, true, &t) ?: thread_end(sched_set_policy(t, p->class, p->priority));
}

static s64 policy_get(pid_t tid, struct policy *out)
{
    struct thread *t;
    int err = thread_begin(tid, false, &t);

    if (err)
        return err;
    *out = (struct policy){t->policy, t->rt_priority};
    return thread_end(0);
}

// The policies by their numbers, and their priorities.
static const struct policy_kind {
    bool known;
    u8 class; // enum sched_policy
    u8 lowest, highest;
} kinds[] = {
    [SCHED_NORMAL] = {true, SCHED_CLASS_FAIR, 0, 0},
    [SCHED_FIFO] = {true, SCHED_CLASS_RT_FIFO, 1, 99},
    [SCHED_RR] = {true, SCHED_CLASS_RT_RR, 1, 99},
    [SCHED_BATCH] = {true, SCHED_CLASS_FAIR, 0, 0},
    [SCHED_IDLE] = {true, SCHED_CLASS_IDLE, 0, 0},
};

static const struct policy_kind *kind_of(int policy)
{
    return (u32)policy < ARRAY_SIZE(kinds) && kinds[policy].known ? &kinds[policy] : NULL;
}

static int policy_from_abi(int policy, int priority, struct policy *out)
{
    const struct policy_kind *k = kind_of(policy);

    if (!k || priority < k->lowest || priority > k->highest)
        return -EINVAL;
    *out = (struct policy){k->class, priority};
    return k->highest && !cred_capable(thread_self()->cred, CAP_SYS_NICE) ? -EPERM : 0;
}

static int policy_to_abi(const struct policy *p)
{
    int policy = SCHED_NORMAL;

    while (kinds[policy].class != p->class)
        policy++;
    return policy;
}

s64 sys_sched_setscheduler(u64 tid, u64 policy, u64 param)
{
    struct policy p;
    u32 priority;

    if ((s32)policy < 0)
        return -EINVAL;
    if (get_user_u32(&priority, param))
        return -EFAULT;
    return policy_from_abi((s32)policy & ~SCHED_RESET_ON_FORK, (s32)priority, &p)
               ?: policy_set((s32)tid, &p);
}

s64 sys_sched_getscheduler(u64 tid)
{
    struct policy p;

    return policy_get((s32)tid, &p) ?: policy_to_abi(&p);
}

s64 sys_sched_setparam(u64 tid, u64 param)
{
    struct policy old, p;
    u32 priority;

    if (get_user_u32(&priority, param))
        return -EFAULT;
    return policy_get((s32)tid, &old)
               ?: policy_from_abi(policy_to_abi(&old), (s32)priority, &p)
               ?: policy_set((s32)tid, &p);
}

s64 sys_sched_getparam(u64 tid, u64 param)
{
    struct policy p;
    s64 err = policy_get((s32)tid, &p);

    if (err)
        return err;
    return put_user_u32(param, p.priority) ? -EFAULT : 0;
}

s64 sys_sched_rr_get_interval(u64 tid, u64 out)
{
    struct policy p;
    s64 err = policy_get((s32)tid, &p);

    if (err)
        return err;
    return timespec_result(out, p.class == SCHED_CLASS_RT_RR     ? RUNQ_RR_SLICE
                                : p.class == SCHED_CLASS_RT_FIFO ? 0
                                                                 : RUNQ_SLICE);
}

s64 sys_sched_get_priority_max(u64 policy)
{
    const struct policy_kind *k = kind_of((s32)policy);

    return k ? k->highest : -EINVAL;
}

s64 sys_sched_get_priority_min(u64 policy)
{
    const struct policy_kind *k = kind_of((s32)policy);

    return k ? k->lowest : -EINVAL;
}

// Sets the nice value; tells it, as 1..40 so that an error is not taken for a value, if set is
// NULL.
static s64 nice_of(struct thread *t, const int *set)
{
    if (!set)
        return 20 - t->nice;
    if (!may_change_locked(t))
        return -EPERM;
    if (*set < t->nice && !cred_capable(thread_self()->cred, CAP_SYS_NICE))
        return -EACCES;
    sched_set_nice(t, *set);
    return 0;
}

// The main threads of a process group, or of a user's processes; the best (highest) answer, or the
// first error.
static s64 nice_of_many(int which, s32 who, const int *set)
{
    uid_t uid = who ? (uid_t)who : thread_self()->cred->uid;
    pid_t group = who ? who : (pid_t)process_getpgid(0), id = 1;
    struct process *p;
    s64 best = -ESRCH, one;

    for (; (p = process_next(&id)); id++) {
        bool match;

        spin_lock(&proctree_lock);
        match = p->group && p->pid->task &&
                (which == PRIO_PGRP ? p->group->pid->id == group
                                    : p->pid->task->thread->cred->uid == uid);
        one = match ? nice_of(p->pid->task->thread, set) : -ESRCH;
        spin_unlock(&proctree_lock);
        process_put(p);
        if (match && (one > best || best == -ESRCH))
            best = one;
    }
    return best;
}

static s64 nice_call(int which, s32 who, const int *set)
{
    struct thread *t;

    if ((u32)which > PRIO_USER)
        return -EINVAL;
    if (which != PRIO_PROCESS)
        return nice_of_many(which, who, set);
    return thread_begin(who, false, &t) ?: thread_end(nice_of(t, set));
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
