// SPDX-License-Identifier: MIT
// The first process.

#include "abi/errno.h"
#include "base/panic.h"
#include "mm/slab.h"
#include "proc/proc_private.h"

#define TASK_LIMIT 8192 // a quarter of all ids

static void limits_default(struct process *p)
{
    for (int i = 0; i < RLIM_NLIMITS; i++)
        p->limits[i] = (struct rlimit64){RLIM_INFINITY, RLIM_INFINITY};
    p->limits[RLIMIT_STACK].rlim_cur = 8UL << 20;
    p->limits[RLIMIT_CORE].rlim_cur = 0;
    p->limits[RLIMIT_NOFILE] = (struct rlimit64){1024, 4096};
    p->limits[RLIMIT_MEMLOCK] = (struct rlimit64){8UL << 20, 8UL << 20};
    p->limits[RLIMIT_NPROC] = (struct rlimit64){TASK_LIMIT, TASK_LIMIT};
    p->limits[RLIMIT_SIGPENDING] = (struct rlimit64){TASK_LIMIT, TASK_LIMIT};
    p->limits[RLIMIT_MSGQUEUE] = (struct rlimit64){819200, 819200};
    p->limits[RLIMIT_NICE] = (struct rlimit64){0, 0};
    p->limits[RLIMIT_RTPRIO] = (struct rlimit64){0, 0};
}

static int init_family(struct process *p)
{
    struct group *g = session_create(p);

    if (!g)
        return -ENOMEM;
    spin_lock(&proctree_lock);
    group_publish_locked(g, g->session);
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
        err = task_create(&task, p, pid, thread) ?: fdtable_create(&thread->files)
                  ?: fs_context_create(&thread->fs);
    if (!err)
        err = (p->sighand = sighand_create()) ? 0 : -ENOMEM;
    if (err)
        return err;
    thread->tid = pid->id;
    p->exit_signal = SIGCHLD;
    init_process = p;
    limits_default(p);
    return user_charge(task, 0) ?: init_family(p) ?: process_exec(NULL, path, path, 0, 0, 0);
}
