// SPDX-License-Identifier: MIT
// What /proc shows of communication and of pseudo-terminals: sysvipc(5), and limits that can be
// set.
#include "fs/mqueue/mqueue.h"
#include "fs/pseudo/devpts.h"
#include "proc/procfs_ipc_private.h"

int proc_write_ipc_limit(const char *s, const struct proc_place *p)
{
    u64 most = p->entry->arg == &ipc_limits.shmmni || p->entry->arg == &ipc_limits.msgmni
                   ? IPC_IDS_MAX
                   : (u64)INT64_MAX;

    return proc_write_number(s, 0, p->entry->arg == &ipc_limits.shmmax ? SHM_LIMIT : most,
                             p->entry->arg);
}

int proc_show_sem_limits(struct text *t, const struct proc_place *p)
{
    text_printf(t, "%d\t%d\t%d\t%d\n", SEM_SET_MAX, SEM_ALL_MAX, SEM_OPS_MAX, SEM_SET_MAX);
    return 0;
}

static int show_shm(struct text *t, const struct proc_place *p)
{
    return shm_show(t);
}

static int show_sem(struct text *t, const struct proc_place *p)
{
    return sem_show(t);
}

static int show_msg(struct text *t, const struct proc_place *p)
{
    return msg_show(t);
}

const struct proc_entry proc_sysvipc_entries[] = {
    {"msg", S_IFREG | 0444, .show = show_msg},
    {"sem", S_IFREG | 0444, .show = show_sem},
    {"shm", S_IFREG | 0444, .show = show_shm},
    {0},
};

static int write_pty_max(const char *s, const struct proc_place *p)
{
    return proc_write_number(s, 0, DEVPTS_MAX, &devpts_max);
}

const struct proc_entry proc_pty_entries[] = {
    {"max", S_IFREG | 0644, .show = proc_show_number, .write = write_pty_max, .arg = &devpts_max},
    {"nr", S_IFREG | 0444, .show = proc_show_number, .arg = &devpts_count},
    {0},
};

static int write_mqueue(const char *s, const struct proc_place *p)
{
    u64 *n = p->entry->arg;

    if (n == &mqueue_limits.queues_max)
        return proc_write_number(s, 0, INT32_MAX, n);
    if (n == &mqueue_limits.msg_max || n == &mqueue_limits.msg_default)
        return proc_write_number(s, 1, MQUEUE_MESSAGES_MAX, n);
    return proc_write_number(s, MQUEUE_SIZE_MIN, MQUEUE_SIZE_MAX, n);
}

#define MQUEUE(name)                                                            \
    {                                                                           \
#name, S_IFREG | 0644, .show = proc_show_number, .write = write_mqueue, \
                               .arg = &mqueue_limits.name                       \
    }

const struct proc_entry proc_mqueue_entries[] = {
    MQUEUE(msg_default), MQUEUE(msg_max),    MQUEUE(msgsize_default),
    MQUEUE(msgsize_max), MQUEUE(queues_max), {0},
};
