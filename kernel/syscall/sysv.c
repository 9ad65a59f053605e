// SPDX-License-Identifier: MIT
// System V shared memory, semaphores, message queues: svipc(7).
#include "ipc/sysv.h"
#include "mm/slab.h"
#include "syscall/args.h"

static pid_t self_pid(void)
{
    return process_self()->pid->id;
}

// What a call that returns an index or id gives, after its result is copied out.
static s64 result_out(s64 ret, uaddr_t dst, const void *src, size_t size)
{
    int err = ret < 0 ? 0 : copy_to_user(dst, src, size);

    return err ? err : ret;
}

/* Shared memory */

s64 sys_shmget(u64 key, u64 size, u64 flags)
{
    return shm_get((s32)key, size, (u32)flags, self_pid());
}

s64 sys_shmat(u64 id, u64 addr, u64 flags)
{
    return shm_attach((s32)id, addr, (u32)flags, self_pid());
}

s64 sys_shmdt(u64 addr)
{
    return shm_detach(addr, self_pid());
}

static s64 shm_limits(uaddr_t to)
{
    struct shminfo64 limits = {.shmmax = load_relaxed(&ipc_limits.shmmax),
                               .shmmin = 1,
                               .shmmni = load_relaxed(&ipc_limits.shmmni),
                               .shmseg = load_relaxed(&ipc_limits.shmmni),
                               .shmall = load_relaxed(&ipc_limits.shmall)};

    return result_out(shm_info(NULL), to, &limits, sizeof(limits));
}

s64 sys_shmctl(u64 id, u64 cmd, u64 arg)
{
    struct shmid64_ds ds;
    struct shm_info info;

    if ((s32)id < 0)
        return -EINVAL;
    switch ((u32)cmd) {
    case IPC_INFO:
        return shm_limits(arg);
    case SHM_INFO:
        return result_out(shm_info(&info), arg, &info, sizeof(info));
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY:
        return result_out(shm_stat((s32)id, (u32)cmd != IPC_STAT, (u32)cmd == SHM_STAT_ANY, &ds),
                          arg, &ds, sizeof(ds));
    case IPC_SET:
        return copy_from_user(&ds, arg, sizeof(ds)) ?: shm_set((s32)id, &ds.shm_perm);
    case IPC_RMID:
        return shm_remove((s32)id);
    case SHM_LOCK:
    case SHM_UNLOCK:
        return shm_lock((s32)id, (u32)cmd == SHM_LOCK, process_limit(RLIMIT_MEMLOCK) > 0);
    default:
        return -EINVAL;
    }
}

/* Semaphores */

#define OPS_FAST 8

s64 sys_semget(u64 key, u64 count, u64 flags)
{
    return (s32)count < 0 ? -EINVAL : sem_get((s32)key, (u32)count, (u32)flags);
}

static s64 operate(s32 id, uaddr_t from, u32 n, ns_t deadline)
{
    struct sembuf fast[OPS_FAST], *ops = fast;
    s64 ret;

    if (n < 1 || id < 0)
        return -EINVAL;
    if (n > SEM_OPS_MAX)
        return -E2BIG;
    if (n > OPS_FAST)
        ops = kmalloc(n * sizeof(*ops), 0);
    if (!ops)
        return -ENOMEM;
    ret = copy_from_user(ops, from, n * sizeof(*ops));
    if (!ret)
        ret = sem_operate(id, ops, n, deadline, self_pid(), &process_self()->sem_undos);
    if (ops != fast)
        kfree(ops);
    return ret;
}

s64 sys_semop(u64 id, u64 ops, u64 n)
{
    return operate((s32)id, ops, (u32)n, NS_NEVER);
}

s64 sys_semtimedop(u64 id, u64 ops, u64 n, u64 timeout)
{
    ns_t deadline;
    int err = deadline_arg(timeout, &deadline);

    return err ? err : operate((s32)id, ops, (u32)n, deadline);
}

// GETALL, SETALL.
static s64 all_values(s32 id, bool set, uaddr_t at)
{
    s64 n = sem_count(id), size = n * sizeof(u16);
    u16 *values SCOPED(memory_end) = n < 0 ? NULL : kmalloc(size, ALLOC_ZERO);

    if (!values)
        return n < 0 ? n : -ENOMEM;
    if (set)
        return copy_from_user(values, at, size) ?: sem_set_all(id, values, n, self_pid());
    return sem_get_all(id, values, n) ?: copy_to_user(at, values, size);
}

s64 sys_semctl(u64 id, u64 number, u64 cmd, u64 arg)
{
    struct semid64_ds ds;
    struct seminfo info;

    if ((s32)id < 0)
        return -EINVAL;
    switch ((u32)cmd) {
    case IPC_INFO:
    case SEM_INFO:
        return result_out(sem_info(&info, (u32)cmd == SEM_INFO), arg, &info, sizeof(info));
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
        return result_out(sem_stat((s32)id, (u32)cmd != IPC_STAT, (u32)cmd == SEM_STAT_ANY, &ds),
                          arg, &ds, sizeof(ds));
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
        return sem_get_one((s32)id, (u32)number, (int)cmd);
    case SETVAL:
        return sem_set_value((s32)id, (u32)number, (s32)arg, self_pid());
    case GETALL:
    case SETALL:
        return all_values((s32)id, (u32)cmd == SETALL, arg);
    case IPC_SET:
        return copy_from_user(&ds, arg, sizeof(ds)) ?: sem_set((s32)id, &ds.sem_perm);
    case IPC_RMID:
        return sem_remove((s32)id);
    default:
        return -EINVAL;
    }
}

/* Message queues */

s64 sys_msgget(u64 key, u64 flags)
{
    return msg_get((s32)key, (u32)flags);
}

// Not restarted after a handler, whatever the handler's flags say.
static s64 interrupted(s64 ret)
{
    return ret == -EINTR ? -ERESTARTNOHAND : ret;
}

s64 sys_msgsnd(u64 id, u64 message, u64 size, u64 flags)
{
    return interrupted(msg_send((s32)id, message, size, (u32)flags, self_pid()));
}

s64 sys_msgrcv(u64 id, u64 message, u64 size, u64 type, u64 flags)
{
    return interrupted(msg_receive((s32)id, message, size, (s64)type, (u32)flags, self_pid()));
}

s64 sys_msgctl(u64 id, u64 cmd, u64 arg)
{
    struct msqid64_ds ds;
    struct msginfo info;

    if ((s32)id < 0)
        return -EINVAL;
    switch ((u32)cmd) {
    case IPC_INFO:
    case MSG_INFO:
        return result_out(msg_info(&info, (u32)cmd == MSG_INFO), arg, &info, sizeof(info));
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY:
        return result_out(msg_stat((s32)id, (u32)cmd != IPC_STAT, (u32)cmd == MSG_STAT_ANY, &ds),
                          arg, &ds, sizeof(ds));
    case IPC_SET:
        return copy_from_user(&ds, arg, sizeof(ds)) ?: msg_set((s32)id, &ds);
    case IPC_RMID:
        return msg_remove((s32)id);
    default:
        return -EINVAL;
    }
}
