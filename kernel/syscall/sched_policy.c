// SPDX-License-Identifier: MIT
// Policies and their parameters: sched_setscheduler, sched_setparam, sched_setattr and what tells
// them.
//
// Every change is a struct sched_attr, as sched(7) has it: policy_set() checks it against the
// thread and does it.

#include "abi/capability.h"
#include "abi/sched.h"
#include "sched/runq.h"
#include "syscall/args.h"
#include "syscall/sched.h"

#define POLICY_KEEP (-1) // as sched_attr.sched_policy: the one it has, and its reset on fork

#define FLAGS_CLAMP 0x60U // SCHED_FLAG_UTIL_CLAMP_*
#define FLAGS_KNOWN 0x7fU // SCHED_FLAG_*

// The policies by their numbers, and their priorities.
static const struct policy_kind {
    bool known, settable;
    u8 class; // enum sched_policy
    u8 flags; // THREAD_BATCH
    u8 lowest, highest;
} kinds[] = {
    [SCHED_NORMAL] = {true, true, SCHED_CLASS_FAIR, 0, 0, 0},
    [SCHED_FIFO] = {true, true, SCHED_CLASS_RT_FIFO, 0, 1, 99},
    [SCHED_RR] = {true, true, SCHED_CLASS_RT_RR, 0, 1, 99},
    [SCHED_BATCH] = {true, true, SCHED_CLASS_FAIR, THREAD_BATCH, 0, 0},
    [SCHED_IDLE] = {true, true, SCHED_CLASS_IDLE, 0, 0, 0},
    [SCHED_DEADLINE] = {true, false, 0, 0, 0, 0},
};

static const struct policy_kind *kind_of(int policy)
{
    return (u32)policy < ARRAY_SIZE(kinds) && kinds[policy].known ? &kinds[policy] : NULL;
}

static bool policy_is_fair(int policy)
{
    return policy == SCHED_NORMAL || policy == SCHED_BATCH;
}

static bool policy_resets(const struct thread *t)
{
    return t->policy_flags & THREAD_RESET_ON_FORK;
}

static struct sched_attr policy_get_locked(const struct thread *t)
{
    struct sched_attr a = {.sched_policy = thread_policy(t)};

    a.sched_flags = policy_resets(t) ? SCHED_FLAG_RESET_ON_FORK : 0;
    if (kinds[a.sched_policy].highest)
        a.sched_priority = t->own_priority;
    else
        a.sched_nice = t->nice;
    return a;
}

static s64 policy_get(pid_t tid, struct sched_attr *out)
{
    struct thread *t;
    int err = tid < 0 ? -EINVAL : sched_thread_begin(tid, false, &t);

    if (err)
        return err;
    *out = policy_get_locked(t);
    return sched_thread_end(0);
}

/* Setting */

static int attr_check(const struct sched_attr *a)
{
    const struct policy_kind *k = kind_of(a->sched_policy);

    if (!k || !k->settable || a->sched_flags & ~(u64)FLAGS_KNOWN ||
        a->sched_priority > k->highest || a->sched_priority < k->lowest)
        return -EINVAL;
    return a->sched_flags & FLAGS_CLAMP ? -EOPNOTSUPP : 0;
}

// What needs CAP_SYS_NICE, unless RLIMIT_NICE and RLIMIT_RTPRIO of the thread's process allow it.
static bool policy_permitted(const struct thread *t, const struct sched_attr *a)
{
    u64 limit = t->proc->limits[RLIMIT_RTPRIO].rlim_cur;
    int policy = a->sched_policy;

    if (cred_capable(thread_self()->cred, CAP_SYS_NICE))
        return true;
    if (policy_is_fair(policy) && a->sched_nice < t->nice && !sched_may_be_nice(t, a->sched_nice))
        return false;
    if (kinds[policy].highest &&
        ((policy != thread_policy(t) && !limit) ||
         (a->sched_priority > t->own_priority && a->sched_priority > limit)))
        return false;
    if (t->policy == SCHED_CLASS_IDLE && policy != SCHED_IDLE && !sched_may_be_nice(t, t->nice))
        return false;
    return sched_may_change_locked(t) &&
           (!policy_resets(t) || a->sched_flags & SCHED_FLAG_RESET_ON_FORK);
}

static void policy_apply(struct thread *t, const struct sched_attr *a)
{
    const struct policy_kind *k = &kinds[a->sched_policy];
    u8 reset = a->sched_flags & SCHED_FLAG_RESET_ON_FORK ? THREAD_RESET_ON_FORK : 0;

    if (a->sched_flags & SCHED_FLAG_KEEP_PARAMS) { // Linux takes the policy for one of them
        sched_set_policy(t, t->policy, t->own_priority, (t->policy_flags & THREAD_BATCH) | reset);
        return;
    }
    if (policy_is_fair(a->sched_policy) && a->sched_nice != t->nice)
        sched_set_nice(t, a->sched_nice);
    sched_set_policy(t, k->class, a->sched_priority, k->flags | reset);
}

static int policy_set_locked(struct thread *t, struct sched_attr *a)
{
    struct sched_attr now = policy_get_locked(t);
    int err;

    if (a->sched_policy == (u32)POLICY_KEEP) {
        a->sched_policy = now.sched_policy;
        a->sched_flags = (a->sched_flags & ~(u64)SCHED_FLAG_RESET_ON_FORK) | now.sched_flags;
    }
    if (a->sched_flags & SCHED_FLAG_KEEP_PARAMS) {
        a->sched_priority = now.sched_priority;
        a->sched_nice = t->nice;
    }
    err = attr_check(a);
    if (err)
        return err;
    if (!policy_permitted(t, a))
        return -EPERM;
    policy_apply(t, a);
    return 0;
}

static s64 policy_set(pid_t tid, struct sched_attr *a)
{
    struct thread *t;

    if (tid < 0)
        return -EINVAL;
    return sched_thread_begin(tid, false, &t) ?: sched_thread_end(policy_set_locked(t, a));
}

// With the nice value that it has; `policy` with SCHED_RESET_ON_FORK.
static s64 scheduler_set(u64 tid, s32 policy, uaddr_t param)
{
    struct sched_attr a = {.sched_policy = policy, .sched_flags = 0};
    struct thread *t;

    if (!param || (s32)tid < 0)
        return -EINVAL;
    if (get_user_u32(&a.sched_priority, param))
        return -EFAULT;
    if (policy != POLICY_KEEP && policy & SCHED_RESET_ON_FORK) {
        a.sched_flags = SCHED_FLAG_RESET_ON_FORK;
        a.sched_policy = policy & ~SCHED_RESET_ON_FORK;
    }
    if (sched_thread_begin((s32)tid, false, &t))
        return -ESRCH;
    a.sched_nice = t->nice;
    return sched_thread_end(policy_set_locked(t, &a));
}

s64 sys_sched_setscheduler(u64 tid, u64 policy, u64 param)
{
    return (s32)policy < 0 ? -EINVAL : scheduler_set(tid, (s32)policy, param);
}

s64 sys_sched_setparam(u64 tid, u64 param)
{
    return scheduler_set(tid, POLICY_KEEP, param);
}

// As struct_arg(), but the struct has its size in it, 0 is the first, and a bad one is answered
// with ours.
static s64 attr_arg(struct sched_attr *a, uaddr_t src)
{
    u32 size;
    s64 err;

    if (get_user_u32(&size, src))
        return -EFAULT;
    size = size ? size : SCHED_ATTR_SIZE_VER0;
    err = size < SCHED_ATTR_SIZE_VER0 ? -E2BIG : struct_arg(a, sizeof(*a), src, size, 0);
    if (err == -E2BIG)
        return put_user_u32(src, sizeof(*a)) ? -EFAULT : err;
    if (!err && a->sched_flags & FLAGS_CLAMP && size < SCHED_ATTR_SIZE_VER1)
        return -EINVAL;
    a->sched_nice = CLAMP(a->sched_nice, -20, 19);
    return err;
}

s64 sys_sched_setattr(u64 tid, u64 attr, u64 flags)
{
    struct sched_attr a;
    s64 err;

    if (!attr || (s32)tid < 0 || (u32)flags)
        return -EINVAL;
    err = attr_arg(&a, attr);
    if (err)
        return err;
    if ((s32)a.sched_policy < 0)
        return -EINVAL;
    if (a.sched_flags & SCHED_FLAG_KEEP_POLICY)
        a.sched_policy = POLICY_KEEP;
    return policy_set((s32)tid, &a);
}

/* Asking */

s64 sys_sched_getscheduler(u64 tid)
{
    struct sched_attr a;

    return policy_get((s32)tid, &a) ?: a.sched_policy | (a.sched_flags ? SCHED_RESET_ON_FORK : 0);
}

s64 sys_sched_getparam(u64 tid, u64 param)
{
    struct sched_attr a;
    s64 err = param ? policy_get((s32)tid, &a) : -EINVAL;

    if (err)
        return err;
    return put_user_u32(param, a.sched_priority) ? -EFAULT : 0;
}

s64 sys_sched_getattr(u64 tid, u64 attr, u64 size, u64 flags)
{
    struct sched_attr a;
    s64 err;

    if (!attr || (u32)size > PAGE_SIZE || (u32)size < SCHED_ATTR_SIZE_VER0 || (u32)flags)
        return -EINVAL;
    err = policy_get((s32)tid, &a);
    if (err)
        return err;
    a.size = MIN((u32)size, sizeof(a));
    return copy_to_user(attr, &a, a.size);
}

s64 sys_sched_rr_get_interval(u64 tid, u64 out)
{
    struct sched_attr a;
    s64 err = policy_get((s32)tid, &a);

    if (err)
        return err;
    return timespec_result(out, a.sched_policy == SCHED_RR     ? RUNQ_RR_SLICE
                                : a.sched_policy == SCHED_FIFO ? 0
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
