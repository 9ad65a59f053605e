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

    if (tid < 0)
        return -EINVAL;
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
