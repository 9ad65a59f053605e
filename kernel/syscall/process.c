// SPDX-License-Identifier: MIT
// Calls on processes and threads.

#include "abi/fcntl.h"
#include "abi/futex.h"
#include "abi/limits.h"
#include "abi/rseq.h"
#include "abi/wait.h"
#include "ipc/futex.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/pidfd.h"
#include "proc/rseq.h"
#include "syscall/args.h"

s64 sys_getpid(void)
{
    return process_self()->pid->id;
}

s64 sys_getppid(void)
{
    return load_relaxed(&process_self()->parent_pid);
}

s64 sys_gettid(void)
{
    return thread_self()->tid;
}

static s64 clone_act(const struct clone_args *args)
{
    unsigned tries = 0;
    s64 pid;

    do
        pid = process_clone(args, arch_frame(arch_self()));
    while (vm_try_again(pid, &tries));
    return pid;
}

// riscv64 argument order: flags, stack, parent_tid, tls, child_tid. The stack is given by its top.
s64 sys_clone(u64 flags, u64 stack, u64 parent_tid, u64 tls, u64 child_tid)
{
    struct clone_args args = {
        .flags = (u32)flags & ~CSIGNAL,
        .exit_signal = flags & CSIGNAL,
        .stack = stack,
        .pidfd = flags & CLONE_PIDFD ? parent_tid : 0,
        .parent_tid = parent_tid,
        .child_tid = child_tid,
        .tls = tls,
    };

    return clone_act(&args);
}

s64 sys_unshare(u64 flags)
{
    return process_unshare(flags);
}

#define CLONE_KNOWN (0xffffffff | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP)

static bool clone3_args_fit(const struct clone_args *a)
{
    if (a->flags & (~CLONE_KNOWN | CSIGNAL | CLONE_DETACHED))
        return false;
    if (!a->stack != !a->stack_size || !a->set_tid != !a->set_tid_size)
        return false;
    return !(a->flags & (CLONE_THREAD | CLONE_PARENT)) || !a->exit_signal;
}

s64 sys_clone3(u64 uargs, u64 size)
{
    struct clone_args args;
    int err = struct_arg(&args, sizeof(args), uargs, size, CLONE_ARGS_SIZE_VER0);

    if (err)
        return err;
    return clone3_args_fit(&args) ? clone_act(&args) : -EINVAL;
}

static s64 exec_at(u64 dirfd, u64 name, u64 argv, u64 envp, u32 flags)
{
    struct path_arg a SCOPED(path_arg_fini);
    int err = path_arg_init(&a, dirfd, name, flags & AT_EMPTY_PATH);
    char *shown SCOPED(memory_end) = NULL;
    unsigned tries = 0;

    if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        return -EINVAL;
    if (!err && (int)dirfd != AT_FDCWD && path_arg_start(&a)) {
        shown = kmalloc(PATH_MAX, 0);
        if (!shown)
            return -ENOMEM;
        snformat(shown, PATH_MAX, "/dev/fd/%d%s%s", (int)dirfd, *a.name ? "/" : "", a.name);
    }
    if (!err) {
        do
            err = process_exec(path_arg_start(&a), a.name, shown ?: a.name, argv, envp, flags);
        while (vm_try_again(err, &tries));
    }
    return err;
}

s64 sys_execve(u64 name, u64 argv, u64 envp)
{
    return exec_at(AT_FDCWD, name, argv, envp, 0);
}

s64 sys_execveat(u64 dirfd, u64 name, u64 argv, u64 envp, u64 flags)
{
    return exec_at(dirfd, name, argv, envp, (u32)flags);
}

s64 sys_exit(u64 status)
{
    task_exit((s32)status);
}

s64 sys_exit_group(u64 status)
{
    process_exit_group((s32)status);
}

s64 sys_wait4(u64 pid, u64 status, u64 options, u64 usage)
{
    struct wait_args a = {.options = (u32)options | WEXITED};
    struct wait_result r;
    s64 found;

    if ((u32)options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
        return -EINVAL;
    if ((u32)pid == 1U << 31)
        return -ESRCH; // no group has its absolute value
    if ((s32)pid == -1) {
        a.type = P_ALL;
    } else if ((s32)pid > 0) {
        a.type = P_PID;
        a.id = (s32)pid;
    } else {
        a.type = P_PGID;
        a.id = (s32)pid ? -(s32)pid : process_getpgid(0);
    }
    found = process_wait(&a, &r);
    if (found != 1)
        return found;
    if (status && put_user_u32(status, r.status))
        return -EFAULT;
    return optional_result(0, usage, &r.usage, sizeof(r.usage)) ?: r.pid;
}

static void waitid_info(struct siginfo *info, const struct wait_result *r)
{
    memset(info, 0, sizeof(*info));
    info->si_signo = SIGCHLD;
    info->si_code = r->code;
    info->si_pid = r->pid;
    info->si_uid = r->uid;
    if (r->code == CLD_EXITED)
        info->si_status = r->exit_code;
    else if (r->code == CLD_STOPPED || r->code == CLD_TRAPPED)
        info->si_status = r->status >> 8; // with PTRACE_EVENT_* above the signal
    else if (r->code == CLD_CONTINUED)
        info->si_status = SIGCONT;
    else
        info->si_status = WTERMSIG(r->status);
}

// Makes a wait for a pidfd one for its process.
static int wait_pidfd(struct wait_args *a, const struct file *f)
{
    struct process *p = f ? file_pidfd_process(f) : NULL;

    if (!p)
        return a->id < 0 ? -EINVAL : -EBADF;
    a->type = P_PID;
    a->process = p;
    a->id = p->pid->id;
    a->options |= f->flags & O_NONBLOCK ? WNOHANG : 0;
    return 0;
}

s64 sys_waitid(u64 type, u64 id, u64 uinfo, u64 options, u64 usage)
{
    struct wait_args a = {.type = (int)type, .id = (s32)id, .options = (u32)options};
    struct file *f SCOPED(file_end) = a.type == P_PIDFD && a.id >= 0 ? fd_get(a.id) : NULL;
    struct siginfo info = {0};
    struct wait_result r;
    s64 found;

    if ((u32)options &
        ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
        return -EINVAL;
    if (!((u32)options & (WEXITED | WSTOPPED | WCONTINUED)) || (u32)type > P_PIDFD)
        return -EINVAL;
    if (a.type == P_PIDFD && (found = wait_pidfd(&a, f)))
        return found;
    if (a.type == P_PGID && !a.id)
        a.id = process_getpgid(0);
    if (a.type != P_ALL && a.id <= 0)
        return -EINVAL;
    found = process_wait(&a, &r);
    if (found < 0)
        return found;
    if (!found && !((u32)options & WNOHANG))
        return -EAGAIN; // a pidfd with O_NONBLOCK
    if (found)
        waitid_info(&info, &r);
    return optional_result(0, uinfo, &info, sizeof(info))
               ?: optional_result(0, found ? usage : 0, &r.usage, sizeof(r.usage));
}

s64 sys_set_tid_address(u64 address)
{
    task_self()->clear_child_tid = address;
    return thread_self()->tid;
}

#define ROBUST_HEAD_SIZE 24

s64 sys_set_robust_list(u64 head, u64 size)
{
    if (size != ROBUST_HEAD_SIZE)
        return -EINVAL;
    store_relaxed(&task_self()->robust_list, head);
    return 0;
}

s64 sys_get_robust_list(u64 tid, u64 head, u64 size)
{
    struct task *t;
    u64 list = 0;
    int err = -ESRCH;

    spin_lock(&proctree_lock);
    t = (s32)tid ? task_find((s32)tid) : task_self();
    if (t) {
        list = load_relaxed(&t->robust_list);
        err = process_may_access_locked(t->proc, false) ? 0 : -EPERM;
    }
    spin_unlock(&proctree_lock);
    return err ?: put_user_u64(size, ROBUST_HEAD_SIZE) ?: put_user_u64(head, list);
}

s64 sys_rseq(u64 area, u64 length, u64 flags, u64 signature)
{
    if ((u32)flags == RSEQ_FLAG_UNREGISTER)
        return rseq_unregister(area, (u32)length, (u32)signature);
    return (u32)flags ? -EINVAL : rseq_register(area, (u32)length, (u32)signature);
}

static s64 futex_wait_again(struct task *t);

// A wait with a time-out is restarted until the same deadline.
static s64 futex_wait_call(uaddr_t addr, u32 value, u32 bitset, bool private_only, ns_t deadline)
{
    struct task *t = task_self();
    s64 err = futex_wait(addr, value, bitset, private_only, deadline);

    if (err != -EINTR)
        return err;
    if (deadline == NS_NEVER)
        return -ERESTARTSYS;
    t->restart = futex_wait_again;
    t->restart_deadline = deadline;
    t->restart_args[0] = addr;
    t->restart_args[1] = value;
    t->restart_args[2] = bitset;
    t->restart_args[3] = private_only;
    return -ERESTART_RESTARTBLOCK;
}

static s64 futex_wait_again(struct task *t)
{
    return futex_wait_call(t->restart_args[0], t->restart_args[1], t->restart_args[2],
                           t->restart_args[3], t->restart_deadline);
}

// FUTEX_WAIT takes a relative time-out, FUTEX_LOCK_PI one of the real-time clock, the others that
// wait an absolute one of either clock.
static int futex_deadline(uaddr_t timeout, u32 op, ns_t *deadline)
{
    bool real = (op & FUTEX_CLOCK_REALTIME) || (op & FUTEX_CMD_MASK) == FUTEX_LOCK_PI;
    ns_t ns = NS_NEVER;
    int err;

    if ((op & FUTEX_CMD_MASK) == FUTEX_WAIT)
        return deadline_arg(timeout, deadline);
    err = timeout ? timespec_arg(timeout, &ns) : 0;
    *deadline = real ? deadline_wall(ns) : ns;
    return err;
}

// The operations besides waiting and waking.
static __attribute__((noinline)) s64 futex_rare(uaddr_t addr, u32 op, u32 value, u64 timeout,
                                                uaddr_t addr2, u32 value3)
{
    bool private_only = op & FUTEX_PRIVATE_FLAG;
    ns_t deadline;

    switch (op & ~FUTEX_PRIVATE_FLAG) {
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
        if ((s32)value < 0 || (s32)timeout < 0)
            return -EINVAL;
        return futex_requeue(addr, addr2, value, timeout,
                             (op & FUTEX_CMD_MASK) == FUTEX_CMP_REQUEUE ? &value3 : NULL,
                             private_only);
    case FUTEX_WAKE_OP:
        return futex_wake_op(addr, addr2, value, timeout, value3, private_only);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
    case FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME:
        return futex_deadline(timeout, op, &deadline)
                   ?: futex_lock_pi(addr, private_only, false, deadline);
    case FUTEX_TRYLOCK_PI:
        return futex_lock_pi(addr, private_only, true, NS_NEVER);
    case FUTEX_UNLOCK_PI:
        return futex_unlock_pi(addr, private_only);
    case FUTEX_WAIT_REQUEUE_PI:
    case FUTEX_WAIT_REQUEUE_PI | FUTEX_CLOCK_REALTIME:
        return futex_deadline(timeout, op, &deadline)
                   ?: futex_wait_requeue_pi(addr, value, addr2, private_only, deadline);
    case FUTEX_CMP_REQUEUE_PI:
        if (value != 1 || (s32)timeout < 0)
            return -EINVAL;
        return futex_cmp_requeue_pi(addr, addr2, timeout, value3, private_only);
    default:
        return -ENOSYS;
    }
}

s64 sys_futex(u64 addr, u64 op, u64 value, u64 timeout, u64 addr2, u64 value3)
{
    bool private_only = op & FUTEX_PRIVATE_FLAG;
    ns_t deadline;
    s64 err;

    switch ((u32)op & ~FUTEX_PRIVATE_FLAG) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
    case FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME:
        err = futex_deadline(timeout, (u32)op, &deadline);
        if (err)
            return err;
        if (((u32)op & FUTEX_CMD_MASK) == FUTEX_WAIT)
            value3 = FUTEX_BITSET_MATCH_ANY;
        return futex_wait_call(addr, value, value3, private_only, deadline);
    case FUTEX_WAKE:
        return futex_wake(addr, value, FUTEX_BITSET_MATCH_ANY, private_only);
    case FUTEX_WAKE_BITSET:
        return futex_wake(addr, value, value3, private_only);
    default:
        return futex_rare(addr, op, value, timeout, addr2, value3);
    }
}

s64 sys_setpgid(u64 pid, u64 pgid)
{
    return process_setpgid((s32)pid, (s32)pgid);
}

s64 sys_getpgid(u64 pid)
{
    return process_getpgid((s32)pid);
}

s64 sys_getsid(u64 pid)
{
    return process_getsid((s32)pid);
}

s64 sys_setsid(void)
{
    return process_setsid();
}
