// SPDX-License-Identifier: MIT
// Scheduling parameters.

#include "abi/capability.h"
#include "arch/smp.h"
#include "syscall/args.h"

// Runs fn on the thread with this id (0: the caller) while it cannot go away; -ESRCH, -EPERM, or
// fn's result.
static s64 with_thread(pid_t tid, bool change, s64 (*fn)(struct thread *t, void *arg), void *arg)
{
    const struct cred *self = thread_self()->cred;
    struct task *t;
    s64 ret = -ESRCH;

    if (tid < 0)
        return -EINVAL;
    spin_lock(&proctree_lock);
    t = tid ? task_find(tid) : task_self();
    if (t) {
        const struct cred *other = t->thread->cred;

        if (change && self->euid != other->uid && self->euid != other->euid &&
            !cred_capable(self, CAP_SYS_NICE))
            ret = -EPERM;
        else
            ret = fn(t->thread, arg);
    }
    spin_unlock(&proctree_lock);
    return ret;
}

s64 sys_sched_yield(void)
{
    sched_yield();
    return 0;
}

static s64 get_affinity(struct thread *t, void *arg)
{
    *(u64 *)arg = t->affinity & (hart_count < 64 ? (1UL << hart_count) - 1 : ~0UL);
    return 0;
}

static s64 set_affinity(struct thread *t, void *arg)
{
    return sched_set_affinity(t, *(u64 *)arg);
}

s64 sys_sched_getaffinity(u64 tid, u64 size, u64 mask)
{
    u64 bits;
    s64 err;

    if ((u32)size < sizeof(bits) || (size & (sizeof(u64) - 1)))
        return -EINVAL;
    err = with_thread((s32)tid, false, get_affinity, &bits);
    if (err)
        return err;
    return put_user_u64(mask, bits) ? -EFAULT : (s64)sizeof(bits);
}

s64 sys_sched_setaffinity(u64 tid, u64 size, u64 mask)
{
    u64 bits = 0;

    if (copy_from_user(&bits, mask, MIN((u32)size, sizeof(bits))))
        return -EFAULT;
    return with_thread((s32)tid, true, set_affinity, &bits);
}

struct policy {
    enum sched_policy class;
    int priority;
};

static s64 set_policy(struct thread *t, void *arg)
{
    const struct policy *p = arg;

    return sched_set_policy(t, p->class, p->priority);
}

static s64 get_policy(struct thread *t, void *arg)
{
    *(struct policy *)arg = (struct policy){t->policy, t->rt_priority};
    return 0;
}

static int policy_from_abi(int policy, int priority, struct policy *out)
{
    bool rt = policy == SCHED_FIFO || policy == SCHED_RR;

    if (rt ? priority < 1 || priority > 99 : priority != 0)
        return -EINVAL;
    out->priority = priority;
    switch (policy) {
    case SCHED_FIFO:
        out->class = SCHED_CLASS_RT_FIFO;
        break;
    case SCHED_RR:
        out->class = SCHED_CLASS_RT_RR;
        break;
    case SCHED_IDLE:
        out->class = SCHED_CLASS_IDLE;
        break;
    case SCHED_NORMAL:
    case SCHED_BATCH:
        out->class = SCHED_CLASS_FAIR;
        break;
    default:
        return -EINVAL;
    }
    return rt && !cred_capable(thread_self()->cred, CAP_SYS_NICE) ? -EPERM : 0;
}

static int policy_to_abi(const struct policy *p)
{
    static const int abi[] = {[SCHED_CLASS_FAIR] = SCHED_NORMAL,
                              [SCHED_CLASS_RT_FIFO] = SCHED_FIFO,
                              [SCHED_CLASS_RT_RR] = SCHED_RR,
                              [SCHED_CLASS_IDLE] = SCHED_IDLE};

    return abi[p->class];
}

s64 sys_sched_setscheduler(u64 tid, u64 policy, u64 param)
{
    struct policy p;
    u32 priority;
    int err;

    if ((s32)policy < 0)
        return -EINVAL;
    if (get_user_u32(&priority, param))
        return -EFAULT;
    err = policy_from_abi((s32)policy & ~SCHED_RESET_ON_FORK, (s32)priority, &p);
    return err ? err : with_thread((s32)tid, true, set_policy, &p);
}

s64 sys_sched_getscheduler(u64 tid)
{
    struct policy p;
    s64 err = with_thread((s32)tid, false, get_policy, &p);

    return err ? err : policy_to_abi(&p);
}

s64 sys_sched_setparam(u64 tid, u64 param)
{
    struct policy old, p;
    u32 priority;
    s64 err;

    if (get_user_u32(&priority, param))
        return -EFAULT;
    err = with_thread((s32)tid, false, get_policy, &old);
    if (!err)
        err = policy_from_abi(policy_to_abi(&old), (s32)priority, &p);
    return err ? err : with_thread((s32)tid, true, set_policy, &p);
}

s64 sys_sched_getparam(u64 tid, u64 param)
{
    struct policy p;
    s64 err = with_thread((s32)tid, false, get_policy, &p);

    if (err)
        return err;
    return put_user_u32(param, p.priority) ? -EFAULT : 0;
}

static s64 priority_bound(int policy, int rt)
{
    if (policy == SCHED_FIFO || policy == SCHED_RR)
        return rt;
    return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE ? 0 : -EINVAL;
}

s64 sys_sched_get_priority_max(u64 policy)
{
    return priority_bound((s32)policy, 99);
}

s64 sys_sched_get_priority_min(u64 policy)
{
    return priority_bound((s32)policy, 1);
}

static s64 get_nice(struct thread *t, void *arg)
{
    return 20 - t->nice; // 1..40, so that an error is told from a value
}

static s64 set_nice(struct thread *t, void *arg)
{
    int nice = *(int *)arg;

    if (nice < t->nice && !cred_capable(thread_self()->cred, CAP_SYS_NICE))
        return -EACCES;
    sched_set_nice(t, nice);
    return 0;
}

// The main threads of a process group, or of a user's processes; the best (highest) answer, or the
// first error.
static s64 with_many(int which, s32 who, s64 (*fn)(struct thread *t, void *arg), void *arg)
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
        one = match ? fn(p->pid->task->thread, arg) : -ESRCH;
        spin_unlock(&proctree_lock);
        process_put(p);
        if (match && (one > best || best == -ESRCH))
            best = one;
    }
    return best;
}

s64 sys_getpriority(u64 which, u64 who)
{
    if ((u32)which > PRIO_USER)
        return -EINVAL;
    return (u32)which == PRIO_PROCESS ? with_thread((s32)who, false, get_nice, NULL)
                                      : with_many((int)which, (s32)who, get_nice, NULL);
}

s64 sys_setpriority(u64 which, u64 who, u64 value)
{
    int nice = CLAMP((s32)value, PRIO_MIN, PRIO_MAX - 1);

    if ((u32)which > PRIO_USER)
        return -EINVAL;
    return (u32)which == PRIO_PROCESS ? with_thread((s32)who, true, set_nice, &nice)
                                      : with_many((int)which, (s32)who, set_nice, &nice);
}

s64 sys_getcpu(u64 cpu, u64 node, u64 unused)
{
    if (cpu && put_user_u32(cpu, hart_index()))
        return -EFAULT;
    return node && put_user_u32(node, 0) ? -EFAULT : 0;
}
