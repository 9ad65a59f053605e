// SPDX-License-Identifier: MIT
// The first process.

#include "abi/errno.h"
#include "base/panic.h"
#include "mm/slab.h"
#include "proc/proc_private.h"

#define STACK_LIMIT   (8UL << 20)
#define NOFILE_SOFT   1024
#define NOFILE_HARD   4096
#define MEMLOCK_LIMIT (8UL << 20)
#define TASK_LIMIT    (PID_LIMIT / 4)
#define PID_LIMIT     32768

static void limits_default(struct process *p)
{
    for (int i = 0; i < RLIM_NLIMITS; i++)
        p->limits[i] = (struct rlimit64){RLIM_INFINITY, RLIM_INFINITY};
    p->limits[RLIMIT_STACK].rlim_cur = STACK_LIMIT;
    p->limits[RLIMIT_CORE].rlim_cur = 0;
    p->limits[RLIMIT_NOFILE] = (struct rlimit64){NOFILE_SOFT, NOFILE_HARD};
    p->limits[RLIMIT_MEMLOCK] = (struct rlimit64){MEMLOCK_LIMIT, MEMLOCK_LIMIT};
    p->limits[RLIMIT_NPROC] = (struct rlimit64){TASK_LIMIT, TASK_LIMIT};
    p->limits[RLIMIT_SIGPENDING] = (struct rlimit64){TASK_LIMIT, TASK_LIMIT};
    p->limits[RLIMIT_MSGQUEUE] = (struct rlimit64){819200, 819200};
    p->limits[RLIMIT_NICE] = (struct rlimit64){0, 0};
    p->limits[RLIMIT_RTPRIO] = (struct rlimit64){0, 0};
}

static int init_family(struct process *p)
{
    struct session *s;
    struct group *g;
    int err = session_create(&s, p->pid, p);

    if (err)
        return err;
    err = group_create(&g, p->pid, s);
    if (err)
        return err;
    spin_lock(&proctree_lock);
    group_publish_locked(g, s);
    p->group = g;
    process_link(p, NULL);
    p->pid->task = task_self();
    spin_unlock(&proctree_lock);
    list_insert_tail(&p->tasks, &task_self()->link);
    p->task_count = 1;
    return 0;
}

// Called on the thread that becomes pid 1. Memory running out here ends the boot.
int process_start_init(const char *path)
{
    struct thread *thread = thread_self();
    struct process *p = NULL;
    struct task *task;
    struct pid *pid;
    int err = pid_alloc(&pid);

    verify(!err && pid->id == 1);
    err = process_create(&p, pid);
    if (!err)
        err = task_create(&task, p, pid, thread);
    if (!err)
        err = (p->sighand = sighand_create()) ? 0 : -ENOMEM;
    if (!err)
        err = fdtable_create(&thread->files);
    if (!err)
        err = fs_context_create(&thread->fs);
    if (err)
        return err;
    thread->tid = pid->id;
    p->exit_signal = SIGCHLD;
    init_process = p;
    limits_default(p);
    err = user_charge(p, 0);
    if (!err)
        err = init_family(p);
    return err ? err : process_exec(NULL, path, 0, 0, 0);
}
